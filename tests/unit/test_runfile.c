/* SPDX-License-Identifier: Apache-2.0 */
/* Run files: what was written is read; what is cut off or damaged is told. */
#include "base/log.h"
#include "host/trace/meta.h"
#include "host/trace/runfile.h"
#include "trace_events.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_runfile.XXXXXX", path[64];
static struct events ev;

static int make_dir(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run.trc", dir);
	return 0;
}

static int remove_dir(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static struct wy_bytes text(const void *at, size_t len)
{
	return (struct wy_bytes){ at, len };
}

static void calls(unsigned int nr)
{
	ev.len = 0;
	for (unsigned int i = 0; i < nr; i++)
		event(&ev, (struct wy_event){ .kind = WY_EVENT_CALL, .time = i, .ret = i });
}

/* Two METAs, two clocks, 3 and 900 events (which are compressed), two passes. */
static void write_run(void)
{
	struct wy_run_writer *w;
	struct wy_meta first = { 0 };
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	assert_int_equal(wy_run_create(&w, fd, 0), 0);
	wy_meta_add(&first, "version", "1");
	wy_meta_addf(&first, "argv", "%s %d", "a", 7);
	wy_meta_add(&first, "argv", "");
	assert_false(first.failed);
	assert_int_equal(wy_run_meta(w, text(first.text, first.len)), 0);
	wy_meta_free(&first);
	assert_int_equal(wy_run_clock(w, &(struct wy_file_clock){ 1000, 5000, 100 }), 0);
	calls(3);
	assert_int_equal(wy_run_events(w, 10, 11, 2, events_bytes(&ev)), 0);
	assert_int_equal(wy_run_pass(w, 77), 0);
	calls(900);
	assert_int_equal(wy_run_events(w, 10, 12, 2, events_bytes(&ev)), 0);
	assert_int_equal(wy_run_pass(w, 99), 0);
	assert_int_equal(wy_run_clock(w, &(struct wy_file_clock){ 3000, 6000, 1100 }), 0);
	assert_int_equal(wy_run_meta(w, text("lost\0"
					     "5",
					     7)),
			 0);
	assert_int_equal(wy_run_lost(w), 0);
	assert_int_equal(wy_run_close(w), 0);
}

/* How many events there are until the end, or until the error, which is in *ret_err. */
static unsigned int count(struct wy_run_reader *r, int *ret_err)
{
	struct wy_run_segment s;
	struct wy_event_view v;
	unsigned int nr = 0;

	while ((*ret_err = wy_run_next(r, &s)) > 0) {
		if (s.kind == WY_SEGMENT_EVENTS) {
			while (wy_event_next(&s.bytes, &v) > 0)
				nr++;
		}
	}
	return nr;
}

static void test_whole(void **state)
{
	struct wy_run_reader *r;
	struct wy_run_segment s;
	struct wy_bytes meta;
	unsigned long ticks;
	struct stat st;
	int err;

	write_run();
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 10000); /* compressed */
	assert_int_equal(wy_run_open(&r, dir), 0);
	meta = wy_run_first_meta(r);
	assert_string_equal(wy_meta_get(meta, "argv"), "a 7");
	assert_int_equal(wy_meta_number(meta, "version"), 1);
	assert_null(wy_meta_get(meta, "lost"));
	assert_int_equal(wy_meta_number(wy_run_last_meta(r), "lost"), 5);
	/* two ticks are a nanosecond */
	assert_int_equal(wy_clock_span(wy_run_reader_clock(r), 100), 50);
	assert_int_equal(wy_clock_real(wy_run_reader_clock(r), 1200), 5100);
	assert_int_equal(wy_clock_real(wy_run_reader_clock(r), 800), 4900);

	assert_int_equal(wy_run_next(r, &s), 1);
	assert_int_equal(s.kind, WY_SEGMENT_META);
	assert_int_equal(wy_run_next(r, &s), 1);
	assert_int_equal(s.kind, WY_SEGMENT_EVENTS);
	assert_int_equal(s.pid, 10);
	assert_int_equal(s.tid, 11);
	assert_int_equal(s.image, 2);
	calls(3);
	assert_int_equal(s.bytes.len, ev.len);
	assert_memory_equal(s.bytes.at, ev.byte, ev.len);
	assert_int_equal(wy_run_next(r, &s), 1);
	assert_int_equal(s.kind, WY_SEGMENT_PASS);
	memcpy(&ticks, s.bytes.at, 8);
	assert_int_equal(ticks, 77);
	assert_int_equal(wy_run_next(r, &s), 1);
	calls(900);
	assert_int_equal(s.bytes.len, ev.len);
	assert_memory_equal(s.bytes.at, ev.byte, ev.len);
	assert_int_equal(count(r, &err), 0);
	assert_int_equal(err, 0);
	assert_false(wy_run_truncated(r));
	wy_run_reader_free(r);
}

/* Cut at any place: what is whole is read, and no more. */
static void test_cut(void **state)
{
	struct wy_run_reader *r;
	struct stat st;
	unsigned int last = 0, nr;
	int err;

	write_run();
	assert_int_equal(stat(path, &st), 0);
	for (off_t len = st.st_size - 1; len >= (off_t)sizeof(struct wy_file_head); len--) {
		assert_int_equal(truncate(path, len), 0);
		assert_int_equal(wy_run_open(&r, path), 0);
		nr = count(r, &err);
		assert_int_equal(err, 0);
		assert_true(wy_run_truncated(r));
		assert_true(nr == 0 || nr == 3 || nr == 903);
		assert_true(len == st.st_size - 1 || nr <= last);
		last = nr;
		wy_run_reader_free(r);
	}
	assert_int_equal(last, 0);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(wy_run_open(&r, path), -EINVAL);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(wy_run_open(&r, path), -EINVAL);
}

/* Any changed byte is noticed, or is in what no reader needs. */
static void test_damaged(void **state)
{
	struct wy_run_reader *r;
	struct stat st;
	int err, fd;
	unsigned char byte;
	unsigned int noticed = 0;

	write_run();
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x41;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		err = wy_run_open(&r, path);
		if (!err) {
			count(r, &err);
			/* the end may seem to be further off */
			noticed += err < 0 || wy_run_truncated(r);
			wy_run_reader_free(r);
		} else {
			assert_int_equal(err, -EINVAL);
			noticed++;
		}
		byte ^= 0x41;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
	/* Not: `has`, and of eight segments kind, pid, tid and image. */
	assert_true(noticed >= (unsigned int)st.st_size - 8 - 8 * 14);
}

static void test_foreign(void **state)
{
	struct wy_run_reader *r;
	struct wy_file_head head = { WY_FILE_MAGIC, WY_FILE_VERSION + 1, sizeof(head) };
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
	assert_int_equal(wy_run_open(&r, path), -EINVAL);
	head.version = WY_FILE_VERSION;
	head.needs = 1ul << 40;
	assert_int_equal(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(wy_run_open(&r, path), -EINVAL);
	close(fd);
	assert_int_equal(wy_run_open(&r, "/nowhere/at/all"), -ENOENT);
	assert_int_equal(wy_run_open(&r, "/bin/sh"), -EINVAL);
	assert_int_equal(wy_run_open(&r, "/dev"), -ENOENT);
}

/* The disk is full: what is there stays good, what is lost is counted, and it goes on later. */
static void test_full(void **state)
{
	struct rlimit old, limit;
	struct wy_run_writer *w;
	struct wy_run_reader *r;
	unsigned int lost = 0, written = 0, failed = 0;
	int err, fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ 100000, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(wy_run_create(&w, fd, 0), 0);
	calls(700);
	/* not to be compressed */
	srandom(1);
	for (unsigned int i = 0; i < ev.len; i++) {
		if (i % 64 >= 24 && i % 64 != 28 && i % 64 != 29)
			ev.byte[i] = (unsigned char)random();
	}
	for (unsigned int i = 0; i < 6; i++) {
		err = wy_run_events(w, 1, 1, 1, events_bytes(&ev));
		failed += err == -EFBIG;
		assert_true(err == 0 || err == -EFBIG);
	}
	err = wy_run_flush(w);
	setrlimit(RLIMIT_FSIZE, &old);
	lost = (unsigned int)wy_run_lost(w);
	assert_true(failed >= 2);
	assert_true(lost >= 700 && lost % 700 == 0);
	calls(5);
	assert_int_equal(wy_run_events(w, 1, 1, 1, events_bytes(&ev)), 0);
	assert_int_equal(wy_run_close(w), 0);
	assert_int_equal(wy_run_open(&r, path), 0);
	written = count(r, &err);
	assert_int_equal(err, 0);
	assert_int_equal(written, 6 * 700 - lost + 5);
	wy_run_reader_free(r);
}

static void test_meta(void **state)
{
	static const char bad[] = "a\0b\0c";
	struct wy_bytes bytes = text(bad, sizeof(bad));
	const char *name, *value;

	assert_true(wy_meta_next(&bytes, &name, &value));
	assert_string_equal(value, "b");
	assert_false(wy_meta_next(&bytes, &name, &value)); /* c has no value */
	bytes = text(bad, 3);
	assert_false(wy_meta_next(&bytes, &name, &value)); /* b has no end */
	bytes = text(bad, 0);
	assert_false(wy_meta_next(&bytes, &name, &value));
	assert_int_equal(wy_meta_number(text(bad, sizeof(bad)), "c"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),   cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged), cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_full),    cmocka_unit_test(test_meta),
	};

	/* Their lines are not what is looked at here. */
	log_set_fd(open("/dev/null", O_WRONLY));
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
