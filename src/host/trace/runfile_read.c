/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runfile_read.c - the reader of run files.
 *
 * A file may come from anywhere: every length in it is checked before it is
 * used.  When it is opened the reader goes once over all segments' heads, for
 * the clock and for how the run ended: both stand at the end, too.
 */
#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/trace/runfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define KNOWN WY_FILE_ZSTD

struct wy_run_reader {
	int fd;
	char *path;
	off_t at, begin; /* where the next segment is; where the first one is */
	bool truncated;
	bool quiet; /* of damage */
	ZSTD_DCtx *zstd;
	unsigned char *stored, *plain; /* WY_SEGMENT_LEN_MAX bytes each, and a bit */
	struct wy_clock clock;
	struct copy {
		unsigned char *at;
		size_t len;
	} first, last; /* of META */
};

#define STORED_MAX (WY_SEGMENT_LEN_MAX + 8)

void wy_run_reader_free(struct wy_run_reader *r)
{
	if (!r)
		return;
	close_fd(&r->fd);
	ZSTD_freeDCtx(r->zstd);
	free(r->path);
	free(r->stored);
	free(r->plain);
	free(r->first.at);
	free(r->last.at);
	free(r);
}

static int damaged(const struct wy_run_reader *r, const char *what)
{
	if (!r->quiet)
		log_err("%s is damaged at byte %lld: %s", r->path, (long long)r->at, what);
	return -EBADMSG;
}

static size_t filled(size_t len)
{
	return (len + 7) & ~7ul;
}

/* Reads the head of the next segment.  Returns 1, 0 at the end, or -errno. */
static int read_head(struct wy_run_reader *r, struct wy_segment *s)
{
	ssize_t n = pread_full(r->fd, s, sizeof(*s), r->at);

	if (n < 0)
		return log_errno((int)n, "cannot read %s", r->path);
	if ((size_t)n < sizeof(*s)) {
		r->truncated |= n > 0;
		return 0;
	}
	if (s->magic != WY_SEGMENT_MAGIC)
		return damaged(r, "there should be a segment");
	if (s->len > WY_SEGMENT_LEN_MAX || s->stored_len > WY_SEGMENT_LEN_MAX ||
	    (!s->compressed && s->len != s->stored_len))
		return damaged(r, "a segment has an impossible length");
	return 1;
}

/* Reads what the segment holds.  Returns 1, 0 at the end, or -errno. */
static int read_bytes(struct wy_run_reader *r, const struct wy_segment *s, struct wy_bytes *ret)
{
	size_t len = filled(s->stored_len);
	ssize_t n = pread_full(r->fd, r->stored, len, r->at + (off_t)sizeof(*s));

	if (n < 0)
		return log_errno((int)n, "cannot read %s", r->path);
	if ((size_t)n < len) {
		r->truncated = true;
		return 0;
	}
	if (wy_segment_sum(r->stored, len) != s->sum)
		return damaged(r, "a segment's sum is wrong");
	*ret = (struct wy_bytes){ r->stored, s->stored_len };
	if (!s->compressed)
		return 1;
	if (s->compressed != 1 || ZSTD_decompressDCtx(r->zstd, r->plain, WY_SEGMENT_LEN_MAX,
						      r->stored, s->stored_len) != s->len)
		return damaged(r, "a segment cannot be decompressed");
	*ret = (struct wy_bytes){ r->plain, s->len };
	return 1;
}

static int keep_meta(struct wy_run_reader *r, struct wy_bytes bytes)
{
	struct copy *copy = r->first.at ? &r->last : &r->first;

	free(copy->at);
	copy->at = malloc(bytes.len + 1);
	if (!copy->at)
		return -ENOMEM;
	memcpy(copy->at, bytes.at, bytes.len);
	copy->len = bytes.len;
	return 0;
}

static int survey_segment(struct wy_run_reader *r, const struct wy_segment *s)
{
	struct wy_file_clock clock;
	struct wy_bytes bytes;
	int err;

	if (s->kind != WY_SEGMENT_CLOCK && s->kind != WY_SEGMENT_META)
		return 1;
	err = read_bytes(r, s, &bytes);
	if (err <= 0)
		return err;
	if (s->kind == WY_SEGMENT_META)
		return keep_meta(r, bytes) < 0 ? -ENOMEM : 1;
	if (bytes.len >= sizeof(clock)) {
		memcpy(&clock, bytes.at, sizeof(clock));
		wy_clock_add(&r->clock, &clock);
	}
	return 1;
}

static int survey(struct wy_run_reader *r)
{
	struct wy_segment s;
	int got;

	/* Damage is told of when it is come to: what stands before is good. */
	r->quiet = true;
	r->at = r->begin;
	while ((got = read_head(r, &s)) > 0) {
		got = survey_segment(r, &s);
		if (got <= 0)
			break;
		r->at += (off_t)(sizeof(s) + filled(s.stored_len));
	}
	r->at = r->begin;
	r->quiet = r->truncated = false;
	return got == -ENOMEM ? got : 0;
}

static int open_path(const char *path, char **ret_path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*ret_path = NULL;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		if (asprintf(ret_path, "%s/run.trc", path) < 0) {
			*ret_path = NULL;
			return log_errno(ENOMEM, "cannot open %s", path);
		}
		fd = open(*ret_path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return log_errno(errno, "cannot open %s", *ret_path ? *ret_path : path);
	if (!*ret_path)
		*ret_path = strdup(path);
	if (!*ret_path) {
		close(fd);
		return log_errno(ENOMEM, "cannot open %s", path);
	}
	return fd;
}

static int check_head(struct wy_run_reader *r)
{
	struct wy_file_head head;
	ssize_t n = pread_full(r->fd, &head, sizeof(head), 0);

	if (n < 0)
		return log_errno((int)n, "cannot read %s", r->path);
	if ((size_t)n < sizeof(head) || head.magic != WY_FILE_MAGIC) {
		log_err("%s is not a run file", r->path);
		return -EINVAL;
	}
	if (head.version != WY_FILE_VERSION || (head.needs & ~(unsigned long)KNOWN)) {
		log_err("%s is a run file of another version of waylay (format %u, needs 0x%lx)",
			r->path, head.version, head.needs);
		return -EINVAL;
	}
	if (head.head_len < sizeof(head) || head.head_len > 1 << 20 || head.head_len % 8) {
		log_err("%s is damaged: its head has an impossible length", r->path);
		return -EINVAL;
	}
	r->begin = head.head_len;
	return 0;
}

int wy_run_open(struct wy_run_reader **ret, const char *path)
{
	struct wy_run_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return log_errno(ENOMEM, "cannot open %s", path);
	r->fd = open_path(path, &r->path);
	err = r->fd < 0 ? r->fd : check_head(r);
	if (!err) {
		r->zstd = ZSTD_createDCtx();
		r->stored = malloc(STORED_MAX);
		r->plain = malloc(WY_SEGMENT_LEN_MAX);
		if (!r->zstd || !r->stored || !r->plain || survey(r) < 0)
			err = log_errno(ENOMEM, "cannot read %s", path);
	}
	if (err) {
		wy_run_reader_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

int wy_run_next(struct wy_run_reader *r, struct wy_run_segment *ret)
{
	struct wy_segment s;
	int got;

	while ((got = read_head(r, &s)) > 0) {
		got = read_bytes(r, &s, &ret->bytes);
		if (got <= 0)
			return got;
		r->at += (off_t)(sizeof(s) + filled(s.stored_len));
		if (s.kind != WY_SEGMENT_EVENTS && s.kind != WY_SEGMENT_PASS &&
		    s.kind != WY_SEGMENT_META)
			continue;
		ret->kind = (enum wy_segment_kind)s.kind;
		ret->pid = s.pid;
		ret->tid = s.tid;
		ret->image = s.image;
		return 1;
	}
	if (got == 0 && !r->last.at)
		r->truncated = true;
	return got;
}

void wy_run_be_quiet(struct wy_run_reader *r, bool quiet)
{
	r->quiet = quiet;
}

bool wy_run_truncated(const struct wy_run_reader *r)
{
	return r->truncated;
}

const struct wy_clock *wy_run_reader_clock(const struct wy_run_reader *r)
{
	return &r->clock;
}

struct wy_bytes wy_run_first_meta(const struct wy_run_reader *r)
{
	return (struct wy_bytes){ r->first.at, r->first.len };
}

struct wy_bytes wy_run_last_meta(const struct wy_run_reader *r)
{
	return (struct wy_bytes){ r->last.at, r->last.len };
}
