/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the lines of single events are; most calls are compared with strace's lines by
 * tests/e2e/trace/lines.py.  And the words that choose calls, errors and signals.
 */
#include "host/trace/decode.h"

#include "host/trace/names.h"
#include "host/trace/select.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static unsigned char items[4096];
static struct wy_event_view view;

static void call_is(long nr, long ret, unsigned long a0, unsigned long a1, unsigned long a2)
{
	view = (struct wy_event_view){ .pid = 1, .tid = 1 };
	view.e.kind = WY_EVENT_CALL;
	view.e.nr = (unsigned short)nr;
	view.e.ret = ret;
	view.e.arg[0] = (long)a0;
	view.e.arg[1] = (long)a1;
	view.e.arg[2] = (long)a2;
	view.items.at = items;
}

static void add_item(enum wy_item_what what, unsigned int index, const void *bytes, size_t len,
		     unsigned int flags)
{
	struct wy_item item = { (unsigned char)what, (unsigned char)index, (unsigned short)flags,
				(unsigned int)len };

	memcpy(items + view.items.len, &item, sizeof(item));
	memcpy(items + view.items.len + sizeof(item), bytes, len);
	view.items.len += sizeof(item) + ((len + 7) & ~7ul);
}

static void expect(const struct wy_decode *how, const struct wy_world *world, const char *line)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(wy_decode_call(out, how, world, &view), 0);
	fclose(out);
	assert_string_equal(text, line);
	free(text);
}

static const struct wy_decode plain = { .string_max = 32 };

static void strings_are_quoted_as_strace_does(void **state)
{
	struct wy_decode how = plain;

	call_is(SYS_write, 7, 1, 0x1000, 7);
	add_item(WY_ITEM_IN, 1,
		 "a\n\1"
		 "1\377\"\\",
		 7, 0);
	expect(&plain, NULL, "write(1, \"a\\n\\0011\\377\\\"\\\\\", 7) = 7");
	how.hex = 1;
	expect(&how, NULL, "write(1, \"\\x61\\x0a\\x01\\x31\\xff\\x22\\x5c\", 7) = 7");
	call_is(SYS_write, 3, 1, 0x1000, 3);
	add_item(WY_ITEM_IN, 1, "ab\t", 3, WY_ITEM_CUT);
	expect(&how, NULL, "write(1, \"ab\\t\"..., 3) = 3");
	how.hex = 2;
	expect(&how, NULL, "write(1, \"\\x61\\x62\\x09\"..., 3) = 3");
}

static void results_say_what_they_mean(void **state)
{
	struct wy_decode how = plain;

	call_is(SYS_close, -EBADF, 9, 0, 0);
	expect(&plain, NULL, "close(9) = -1 EBADF (Bad file descriptor)");
	how.column = 20;
	expect(&how, NULL, "close(9)            = -1 EBADF (Bad file descriptor)");
	call_is(SYS_read, -512, 0, 0x1000, 1);
	expect(&plain, NULL,
	       "read(0, 0x1000, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
	call_is(SYS_exit_group, 0, 3, 0, 0);
	view.e.flags = WY_EVENT_NO_RETURN;
	expect(&plain, NULL, "exit_group(3) = ?");
	call_is(400, -ENOSYS, 1, 0x20, 0);
	expect(&plain, NULL,
	       "syscall_0x190(0x1, 0x20, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)");
	call_is(SYS_brk, 0x5000, 0, 0, 0);
	expect(&plain, NULL, "brk(NULL) = 0x5000");
}

static void descriptors_have_their_files(void **state)
{
	struct wy_world *world = wy_world_new();
	struct wy_decode how = { .string_max = 32, .yy = 2 };
	struct wy_event_view file = { .pid = 1, .tid = 1 };
	struct wy_item_file second = { .file = 1 };

	file.e.kind = WY_EVENT_FILE;
	file.e.file = 1;
	file.e.class = WY_FD_DISK;
	file.e.arg[2] = 5;
	file.e.ret = -1;
	view.items = (struct wy_bytes){ items, 0 };
	add_item(WY_ITEM_PATH, 0, "/tmp/x", 6, 0);
	file.items = view.items;
	assert_int_equal(wy_world_apply(world, &file), 0);

	call_is(SYS_close, 0, 7, 0, 0); /* the event knows the file, whatever 7 is by now */
	view.e.file = 1;
	expect(&how, world, "close(7</tmp/x>) = 0");
	expect(&plain, world, "close(7) = 0");
	call_is(SYS_dup2, 8, 7, 8, 0);
	view.e.file = 1;
	add_item(WY_ITEM_FILE2, 0, &second, sizeof(second), 0);
	expect(&how, world, "dup2(7</tmp/x>, 8</tmp/x>) = 8");
	wy_world_free(world);
}

static void signals_say_where_they_come_from(void **state)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	call_is(0, 0, (unsigned long)SI_USER, 77, 5);
	view.e.kind = WY_EVENT_SIGNAL;
	view.e.nr = SIGINT;
	wy_decode_signal(out, &view);
	view.e.nr = SIGSEGV;
	view.e.arg[0] = 1;
	view.e.arg[1] = 0x10;
	wy_decode_signal(out, &view);
	fclose(out);
	assert_string_equal(text, "SIGINT {si_signo=SIGINT, si_code=SI_USER, si_pid=77, si_uid=5}"
				  "SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10}");
	free(text);
}

static void a_line_has_an_end(void **state)
{
	static unsigned char big[300 << 10];
	struct wy_item item = { WY_ITEM_IN, 1, 0, sizeof(big) - sizeof(item) };
	struct wy_decode how = { .hex = 2 };
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	call_is(SYS_write, 1, 1, 0x1000, 1);
	memcpy(big, &item, sizeof(item));
	view.items = (struct wy_bytes){ big, sizeof(big) };
	assert_int_equal(wy_decode_call(out, &how, NULL, &view), -ENOMEM);
	fclose(out);
	assert_in_range(len, 1 << 19, 1 << 20);
	free(text);
}

static void calls_are_chosen_by_words(void **state)
{
	static const struct {
		const char *spec;
		long in, out; /* one that is, one that is not among them */
	} cases[] = {
		{ "read,write", SYS_write, SYS_close },
		{ "!read,write", SYS_close, SYS_read },
		{ "%net", SYS_connect, SYS_read },
		{ "network", SYS_connect, SYS_read },
		{ "file", SYS_openat, SYS_read },
		{ "%desc,%memory", SYS_brk, SYS_kill },
		{ "/^open", SYS_openat, SYS_read },
		{ "all", SYS_read, -1 },
		{ "none", -1, SYS_read },
		{ "?nosuch,read", SYS_read, SYS_write },
		{ "%stat", SYS_stat, SYS_lstat },
		{ "%%stat", SYS_lstat, SYS_read },
		{ "%fstat", SYS_statx, SYS_stat },
		{ "3", SYS_close, SYS_read },
		{ "%pure", SYS_getpid, SYS_read },
	};
	static const char *const wrong[] = {
		"nosuch", "read,", "", "%nosuch", "/(", "512", "%", "?"
	};
	unsigned long set[WY_CALL_ROWS / 64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(wy_calls_select(cases[i].spec, set), 0);
		if (cases[i].in >= 0)
			assert_true(set[cases[i].in / 64] >> cases[i].in % 64 & 1);
		if (cases[i].out >= 0)
			assert_false(set[cases[i].out / 64] >> cases[i].out % 64 & 1);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(wy_calls_select(wrong[i], set), -EINVAL);
}

static void errors_and_signals_have_names(void **state)
{
	char buf[16];

	assert_string_equal(wy_errno_name(ENOENT), "ENOENT");
	assert_string_equal(wy_errno_name(512), "ERESTARTSYS");
	assert_null(wy_errno_name(0));
	assert_null(wy_errno_name(4000));
	assert_int_equal(wy_errno_of("EAGAIN"), EAGAIN);
	assert_int_equal(wy_errno_of("EWOULDBLOCK"), EAGAIN);
	assert_int_equal(wy_errno_of("ENOSUCH"), 0);
	assert_string_equal(wy_signal_name(SIGINT, buf), "SIGINT");
	assert_string_equal(wy_signal_name(34, buf), "SIGRT_2");
	assert_null(wy_signal_name(0, buf));
	assert_null(wy_signal_name(65, buf));
	assert_int_equal(wy_signal_of("INT"), SIGINT);
	assert_int_equal(wy_signal_of("SIGINT"), SIGINT);
	assert_int_equal(wy_signal_of("64"), 64);
	assert_int_equal(wy_signal_of("65"), 0);
	assert_int_equal(wy_signal_of(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_quoted_as_strace_does),
		cmocka_unit_test(results_say_what_they_mean),
		cmocka_unit_test(descriptors_have_their_files),
		cmocka_unit_test(signals_say_where_they_come_from),
		cmocka_unit_test(a_line_has_an_end),
		cmocka_unit_test(calls_are_chosen_by_words),
		cmocka_unit_test(errors_and_signals_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
