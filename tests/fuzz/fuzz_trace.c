/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run files of any kind, through every format.  The first byte of the input says what the rest
 * is: a file as it is, or segments whose sums are made right here, so that what is in them is
 * looked at.  What is given out does not matter, but a reader that has come to the end says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "host/trace/export.h"
#include "host/trace/runfile.h"

static FILE *out;

struct all {
	struct wy_csv *ntrace, *wide;
	struct wy_pcapng *packets;
};

static int begin(void *arg, const struct wy_run *run)
{
	struct all *a = arg;

	a->ntrace = wy_csv_new(run, WY_CSV_NTRACE);
	a->wide = wy_csv_new(run, WY_CSV_WIDE);
	check(a->ntrace && a->wide);
	check(wy_json_head(run, out) == 0);
	return wy_pcapng_head(a->packets, run, out);
}

static int event(void *arg, const struct wy_run *run, const struct wy_event_view *v)
{
	struct all *a = arg;

	/* The calls of the JSON writer make JSON whatever is in the event. */
	check(wy_json_event(run, out, v) == 0);
	check(wy_csv_event(a->ntrace, out, v) == 0);
	check(wy_csv_event(a->wide, out, v) == 0);
	return wy_pcapng_event(a->packets, run, out, v);
}

static int end(void *arg, const struct wy_run *run)
{
	struct all *a = arg;

	check(wy_json_tail(run, out) == 0);
	wy_csv_tail(a->ntrace, out, -1);
	for (size_t i = 0; i < wy_tally_processes(run->tally); i++)
		wy_csv_tail(a->wide, out, (long)i);
	check(wy_report(run, out) == 0);
	return wy_pcapng_tail(a->packets, run, out);
}

static int survey(void *arg, const struct wy_run *run, const struct wy_event_view *v)
{
	return wy_pcapng_survey(arg, v);
}

static int surveyed(void *arg, const struct wy_run *run)
{
	return wy_pcapng_surveyed(arg, run);
}

static void write_all(int fd, const void *data, size_t len)
{
	check(write(fd, data, len) == (ssize_t)len);
}

static void write_segments(int fd, struct input *in)
{
	struct wy_file_head head = { WY_FILE_MAGIC, WY_FILE_VERSION, sizeof(head), 1, 0 };

	write_all(fd, &head, sizeof(head));
	while (in->left) {
		unsigned char say[4], bytes[4096] = { 0 };
		struct wy_segment s = { .magic = WY_SEGMENT_MAGIC };

		take_bytes(in, say, sizeof(say));
		s.kind = say[0] % 6;
		s.pid = say[1] % 8;
		s.tid = say[2] % 8;
		s.image = say[3] % 4;
		s.len = s.stored_len = take_number(in) % sizeof(bytes);
		take_bytes(in, bytes, s.len);
		s.sum = wy_segment_sum(bytes, s.len);
		write_all(fd, &s, sizeof(s));
		write_all(fd, bytes, (s.len + 7) & ~7ul);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct all a = { 0 };
	struct wy_play first = { NULL, survey, surveyed, NULL, true };
	struct wy_play second = { begin, event, end, &a, false };
	unsigned char mode;
	char path[32];
	int fd, err;

	if (!out) {
		log_set_fd(open("/dev/null", O_WRONLY));
		out = fopen("/dev/null", "w");
		check(out != NULL);
	}
	fd = memfd_create("run", 0);
	check(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	take_bytes(&in, &mode, 1);
	if (mode & 1)
		write_segments(fd, &in);
	else
		write_all(fd, in.data, in.left);
	a.packets = wy_pcapng_new();
	check(a.packets != NULL);
	first.arg = a.packets;
	err = wy_play(path, &first);
	check(err == 0 || err == -EINVAL || err == -EBADMSG);
	if (err != -EINVAL)
		check(wy_play(path, &second) == err);
	wy_csv_free(a.ntrace);
	wy_csv_free(a.wide);
	wy_pcapng_free(a.packets);
	close(fd);
	return 0;
}
