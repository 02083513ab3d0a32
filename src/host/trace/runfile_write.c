/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runfile_write.c - the writer of run files.
 *
 * It runs beside the program, maybe on the same processor, so its time counts.
 * A segment as it is costs the kernel's copy, some 25 ns for an event of 80
 * bytes; zstd at level 1 makes 4 bytes of them in some 70 ns more.  (Levels below 0
 * are not faster here: they find fewer of the long repeats that events are made
 * of, so there is more left to write.)  Most programs make less than WY_RUN_PLAIN
 * bytes, and zstd's tables alone cost as much as a small program: these bytes are
 * written as they are.  Of what is longer at most one part in COMPRESS_PART of all
 * time is spent on it, until the file has grown by PLAIN_MAX bytes; from then on
 * all is compressed.
 */
#include "base/cleanup.h"
#include "host/trace/runfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define LEVEL         1
#define COMPRESS_MIN  512u /* bytes; less is not worth it */
#define COMPRESS_PART 64
#define PLAIN_MAX     (256ul << 20)
#define BUFFER        (64u << 10)

struct wy_run_writer {
	int fd;
	bool can_cut; /* a file whose end can be moved */
	ZSTD_CCtx *zstd;
	unsigned char *packed; /* of packed_room bytes */
	size_t packed_room;
	uint64_t began_ns, packing_ns, plain_bytes, plain_min;
	uint64_t size;   /* of the file: where its last whole segment ends */
	uint64_t lost;   /* events */
	size_t buffered; /* bytes that wait */
	uint64_t buffered_events;
	unsigned char buffer[BUFFER];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Writes all parts, or none: what a failed write has left is cut off again.
 * Where that cannot be done (a pipe), nothing can follow it.
 */
static int put(struct wy_run_writer *w, struct iovec *part, int nr, uint64_t events)
{
	uint64_t size = w->size;
	int err = w->fd < 0 ? -EBADF : 0;

	while (!err && nr) {
		ssize_t n = writev(w->fd, part, nr);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : -EIO;
			break;
		}
		size += (uint64_t)n;
		while (nr && (size_t)n >= part->iov_len) {
			n -= (ssize_t)part->iov_len;
			part++;
			nr--;
		}
		if (nr) {
			part->iov_base = (char *)part->iov_base + n;
			part->iov_len -= (size_t)n;
		}
	}
	if (!err) {
		w->size = size;
		return 0;
	}
	w->lost += events;
	if (size != w->size && (!w->can_cut || ftruncate(w->fd, (off_t)w->size) < 0 ||
				lseek(w->fd, (off_t)w->size, SEEK_SET) < 0))
		close_fd(&w->fd);
	return err;
}

int wy_run_flush(struct wy_run_writer *w)
{
	struct iovec part = { w->buffer, w->buffered };
	int err = w->buffered ? put(w, &part, 1, w->buffered_events) : 0;

	w->buffered = 0;
	w->buffered_events = 0;
	return err;
}

int wy_run_create(struct wy_run_writer **ret, int fd, uint64_t plain)
{
	struct wy_run_writer *w = malloc(sizeof(*w));
	struct wy_file_head head = {
		.magic = WY_FILE_MAGIC,
		.version = WY_FILE_VERSION,
		.head_len = sizeof(head),
		.needs = WY_FILE_ZSTD,
	};
	struct iovec part = { &head, sizeof(head) };
	struct stat st;
	int err;

	if (!w) {
		close(fd);
		return -ENOMEM;
	}
	memset(w, 0, offsetof(struct wy_run_writer, buffer));
	w->fd = fd;
	w->plain_min = plain;
	w->can_cut = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	w->began_ns = now_ns();
	w->zstd = ZSTD_createCCtx();
	if (w->zstd)
		ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL);
	err = w->zstd ? put(w, &part, 1, 0) : -ENOMEM;
	if (err) {
		wy_run_close(w);
		return err;
	}
	*ret = w;
	return 0;
}

/* Compresses if there is time for it.  Returns the length, 0: it stays as it is. */
static size_t pack(struct wy_run_writer *w, struct wy_bytes bytes)
{
	uint64_t now = now_ns();
	size_t room = ZSTD_compressBound(bytes.len), len;

	if (w->plain_bytes < w->plain_min)
		return 0;
	if (w->packing_ns > (now - w->began_ns) / COMPRESS_PART && w->plain_bytes < PLAIN_MAX)
		return 0;
	if (room > w->packed_room) {
		unsigned char *packed = realloc(w->packed, room);

		if (!packed)
			return 0;
		w->packed = packed;
		w->packed_room = room;
	}
	len = ZSTD_compress2(w->zstd, w->packed, w->packed_room, bytes.at, bytes.len);
	w->packing_ns += now_ns() - now;
	return ZSTD_isError(len) || len >= bytes.len ? 0 : len;
}

static int put_segment(struct wy_run_writer *w, struct wy_segment head, struct wy_bytes bytes,
		       uint64_t events)
{
	static const unsigned char zeros[8];
	struct iovec part[3];
	size_t packed_len, filling, whole;
	int err;

	if (bytes.len > WY_SEGMENT_LEN_MAX)
		return -EMSGSIZE;
	head.magic = WY_SEGMENT_MAGIC;
	head.len = (unsigned int)bytes.len;
	packed_len = bytes.len >= COMPRESS_MIN ? pack(w, bytes) : 0;
	if (packed_len) {
		head.compressed = 1;
		bytes = (struct wy_bytes){ w->packed, packed_len };
	} else {
		w->plain_bytes += bytes.len;
	}
	head.stored_len = (unsigned int)bytes.len;
	head.sum = wy_segment_sum(bytes.at, bytes.len);
	filling = -bytes.len & 7;
	whole = sizeof(head) + bytes.len + filling;
	if (whole > BUFFER - w->buffered) {
		err = wy_run_flush(w);
		if (err) {
			w->lost += events;
			return err;
		}
	}
	part[0] = (struct iovec){ &head, sizeof(head) };
	part[1] = (struct iovec){ (void *)bytes.at, bytes.len };
	part[2] = (struct iovec){ (void *)zeros, filling };
	if (whole > BUFFER / 2) {
		err = wy_run_flush(w);
		if (!err)
			return put(w, part, 3, events);
		w->lost += events;
		return err;
	}
	for (int i = 0; i < 3; i++) {
		if (part[i].iov_len)
			memcpy(w->buffer + w->buffered, part[i].iov_base, part[i].iov_len);
		w->buffered += part[i].iov_len;
	}
	w->buffered_events += events;
	return 0;
}

int wy_run_meta(struct wy_run_writer *w, struct wy_bytes text)
{
	return put_segment(w, (struct wy_segment){ .kind = WY_SEGMENT_META }, text, 0);
}

int wy_run_clock(struct wy_run_writer *w, const struct wy_file_clock *clock)
{
	return put_segment(w, (struct wy_segment){ .kind = WY_SEGMENT_CLOCK },
			   (struct wy_bytes){ (const unsigned char *)clock, sizeof(*clock) }, 0);
}

int wy_run_pass(struct wy_run_writer *w, uint64_t ticks)
{
	return put_segment(w, (struct wy_segment){ .kind = WY_SEGMENT_PASS },
			   (struct wy_bytes){ (const unsigned char *)&ticks, sizeof(ticks) }, 0);
}

int wy_run_events(struct wy_run_writer *w, int pid, int tid, unsigned int image,
		  struct wy_bytes events)
{
	struct wy_segment head = {
		.kind = WY_SEGMENT_EVENTS, .pid = pid, .tid = tid, .image = image
	};
	struct wy_bytes rest = events;
	struct wy_event_view v;
	uint64_t nr = 0;

	if (!events.len)
		return 0;
	while (wy_event_next(&rest, &v) > 0)
		nr++;
	return put_segment(w, head, events, nr);
}

uint64_t wy_run_lost(const struct wy_run_writer *w)
{
	return w->lost;
}

uint64_t wy_run_size(const struct wy_run_writer *w)
{
	return w->size + w->buffered;
}

int wy_run_close(struct wy_run_writer *w)
{
	int err;

	if (!w)
		return 0;
	err = wy_run_flush(w);
	if (w->fd >= 0 && close(w->fd) < 0 && !err)
		err = -errno;
	ZSTD_freeCCtx(w->zstd);
	free(w->packed);
	free(w);
	return err;
}
