/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arguments point to, as items: calls of this process with its own memory, read as the
 * agent would.
 */
#include "agent/capture.h"

#include "agent/usermem.h"
#include "host/trace/event.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- what the agent has otherwise ---- */

unsigned char wy_faults_may_be_blocked;

long wy_usermem_move(unsigned long to, unsigned long from, size_t len)
{
	struct iovec local = { (void *)to, len }, remote = { (void *)from, len };

	if (len == 0)
		return 0;
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

long copy_string_from_program(char *to, unsigned long from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (copy_from_program(to + i, from + i, 1))
			return -EFAULT;
		if (!to[i])
			return (long)i;
	}
	return -ENAMETOOLONG;
}

/* ---- calls ---- */

#define ROOM 16384

static struct captured {
	unsigned char before[8], room[ROOM], after[8];
	struct wy_event_view view;
	bool cut;
} got;

static struct wy_trace_settings settings = { .string_max = 32 };

static void capture(bool enter, unsigned long size, long ret, long nr, const long arg[6])
{
	struct wy_call call = { .nr = nr, .ret = ret };
	unsigned long len;

	memcpy(call.arg, arg, sizeof(call.arg));
	got.cut = false;
	memset(got.room, 0xaa, sizeof(got.room));
	len = (enter ? wy_capture_enter : wy_capture_leave)(got.room, size, &call, &settings,
							    &got.cut);
	assert_in_range(len, 0, size);
	assert_int_equal(len % 8, 0);
	for (unsigned long i = size & ~7ul; i < ROOM; i++)
		assert_int_equal(got.room[i], 0xaa);
	got.view.items = (struct wy_bytes){ got.room, len };
}

#define ENTER(nr, ...)      capture(true, ROOM, 0, nr, (const long[6]){ __VA_ARGS__ })
#define LEAVE(ret, nr, ...) capture(false, ROOM, ret, nr, (const long[6]){ __VA_ARGS__ })

static void expect(enum wy_item_what what, unsigned int index, const void *bytes, size_t len,
		   unsigned int flags)
{
	struct wy_item_view item;

	assert_true(wy_item_find(&got.view, what, index, &item));
	assert_int_equal(item.bytes.len, len);
	assert_memory_equal(item.bytes.at, bytes, len);
	assert_int_equal(item.flags, flags);
}

static unsigned int items(void)
{
	struct wy_bytes rest = got.view.items;
	struct wy_item_view item;
	unsigned int n = 0;

	while (wy_item_next(&rest, &item))
		n++;
	assert_int_equal(rest.len, 0);
	return n;
}

static void buffers_go_in_and_come_out(void **state)
{
	char text[100];

	memset(text, 'x', sizeof(text));
	assert_false(wy_captures_enter(SYS_read));
	assert_true(wy_captures_leave(SYS_read));
	ENTER(SYS_read, 3, (long)text, 100);
	assert_int_equal(items(), 0);
	LEAVE(5, SYS_read, 3, (long)text, 100);
	expect(WY_ITEM_OUT, 1, text, 5, 0);
	LEAVE(40, SYS_read, 3, (long)text, 100);
	expect(WY_ITEM_OUT, 1, text, 32, WY_ITEM_CUT);
	LEAVE(0, SYS_read, 3, (long)text, 100);
	expect(WY_ITEM_OUT, 1, text, 0, 0);
	LEAVE(-EAGAIN, SYS_read, 3, (long)text, 100);
	assert_int_equal(items(), 0);
	LEAVE(70, SYS_recvfrom, 3, (long)text, 10, MSG_TRUNC); /* more than there is room for */
	expect(WY_ITEM_OUT, 1, text, 10, 0);
	ENTER(SYS_write, 3, (long)text, 33);
	expect(WY_ITEM_IN, 1, text, 32, WY_ITEM_CUT);
	assert_int_equal(items(), 1);
	LEAVE(33, SYS_write, 3, (long)text, 33);
	assert_int_equal(items(), 0);
}

static void strings_and_bad_addresses(void **state)
{
	char path[6000];
	const char *argv[] = { "a", "long and longer and longer and longer", NULL };
	unsigned long two = 2;

	ENTER(SYS_openat, -100, (long)"/etc/passwd");
	expect(WY_ITEM_IN, 1, "/etc/passwd", 11, 0);
	memset(path, 'p', sizeof(path));
	ENTER(SYS_openat, -100, (long)path);
	expect(WY_ITEM_IN, 1, path, 4095, WY_ITEM_CUT);
	ENTER(SYS_openat, -100, 1);
	assert_int_equal(items(), 0);
	assert_false(got.cut);
	ENTER(SYS_openat, -100, -1);
	assert_int_equal(items(), 0);
	ENTER(SYS_execve, (long)"/bin/x", (long)argv, (long)(argv + 1));
	expect(WY_ITEM_IN, 0, "/bin/x", 6, 0);
	expect(WY_ITEM_COUNT, 1, &two, 8, 0);
	expect(WY_ITEM_STRING, 0, "a", 1, 0);
	expect(WY_ITEM_STRING, 1, argv[1], 32, WY_ITEM_CUT);
	two = 1;
	expect(WY_ITEM_COUNT, 2, &two, 8, 0);
	assert_int_equal(items(), 5);
}

static void addresses_have_the_length_that_the_call_gives(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };
	int len = 5;

	ENTER(SYS_connect, 3, (long)&un, 6);
	expect(WY_ITEM_IN, 1, &un, 6, 0);
	ENTER(SYS_accept, 3, (long)&un, (long)&len);
	expect(WY_ITEM_IN, 2, &len, 4, 0);
	LEAVE(4, SYS_accept, 3, (long)&un, (long)&len);
	expect(WY_ITEM_OUT, 1, &un, 5, 0);
	expect(WY_ITEM_OUT, 2, &len, 4, 0);
	LEAVE(4, SYS_accept, 3, 0, 0);
	assert_int_equal(items(), 0);
}

static void messages_with_all_their_parts(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };
	char a[] = "first", b[] = "second";
	struct iovec iov[] = { { a, 5 }, { b, 6 } };
	char control[24] = "control";
	struct msghdr hdr = { &un, 5, iov, 2, control, sizeof(control), 0 };
	struct mmsghdr many[2] = { { hdr, 5 }, { hdr, 7 } };

	ENTER(SYS_sendmsg, 3, (long)&hdr, 0);
	expect(WY_ITEM_IN, 1, &hdr, 56, 0);
	expect(WY_ITEM_NAME, 0, &un, 5, 0);
	expect(WY_ITEM_IOV, 0, iov, 32, 0);
	expect(WY_ITEM_DATA, 0, a, 5, 0);
	expect(WY_ITEM_DATA, 1, b, 6, 0);
	expect(WY_ITEM_CONTROL, 0, control, 24, 0);
	LEAVE(8, SYS_recvmsg, 3, (long)&hdr, 0);
	expect(WY_ITEM_DATA, 0, a, 5, 0);
	expect(WY_ITEM_DATA, 1, b, 3, 0); /* as many as the result says */
	LEAVE(8, SYS_readv, 3, (long)iov, 2);
	expect(WY_ITEM_OUT, 1, iov, 32, 0);
	expect(WY_ITEM_DATA, 1, b, 3, 0);
	LEAVE(2, SYS_recvmmsg, 3, (long)many, 2, 0, 0);
	expect(WY_ITEM_MESSAGE, 1, &many[1], 64, 0);
	LEAVE(1, SYS_sendmmsg, 3, (long)many, 2, 0);
	expect(WY_ITEM_MESSAGE, 0, &many[0], 64, 0);
	assert_int_equal(items(), 6);
}

static void what_another_argument_says(void **state)
{
	long words[32] = { 7, 8 };
	struct pollfd fds[2] = { { 1, POLLIN, POLLIN }, { 2, POLLOUT, 0 } };

	ENTER(SYS_fcntl, 3, 3 /* F_GETFL */, (long)words);
	assert_int_equal(items(), 0);
	ENTER(SYS_fcntl, 3, 6 /* F_SETLK */, (long)words);
	expect(WY_ITEM_IN, 2, words, 32, 0);
	LEAVE(0, SYS_fcntl, 3, 6, (long)words);
	assert_int_equal(items(), 0);
	LEAVE(0, SYS_ioctl, 3, 0x5413 /* TIOCGWINSZ */, (long)words);
	expect(WY_ITEM_OUT, 2, words, 8, 0);
	ENTER(SYS_futex, (long)words, 0, 1, (long)words);
	expect(WY_ITEM_IN, 3, words, 16, 0);
	ENTER(SYS_futex, (long)words, 1, 1, (long)words);
	assert_int_equal(items(), 0);
	LEAVE(-EINTR, SYS_nanosleep, 0, (long)words);
	expect(WY_ITEM_OUT, 1, words, 16, 0);
	LEAVE(0, SYS_nanosleep, 0, (long)words);
	assert_int_equal(items(), 0);
	LEAVE(1, SYS_poll, (long)fds, 2, 0);
	expect(WY_ITEM_OUT, 0, fds, 16, 0);
	LEAVE(0, SYS_poll, (long)fds, 2, 0);
	assert_int_equal(items(), 0);
	LEAVE(0, SYS_wait4, -1, (long)words, 1, (long)words);
	assert_int_equal(items(), 0);
}

static void what_does_not_fit_is_cut(void **state)
{
	static const char text[64];

	for (unsigned long size = 0; size < 48; size++) {
		capture(true, size, 0, SYS_write, (const long[6]){ 1, (long)text, 20 });
		assert_int_equal(items(), size >= 32);
		assert_int_equal(got.cut, size < 32);
	}
	for (unsigned long size = 0; size < 48; size++) {
		capture(true, size, 0, SYS_chdir, (const long[6]){ (long)"0123456789" });
		assert_int_equal(items(), size >= 24);
		assert_int_equal(got.cut, size < 24);
	}
}

/* Any call, any arguments, any room: nothing is written beside it, and it is items. */
static void anything(void **state)
{
	unsigned char *pages =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int seed = 1;

	assert_true(pages != MAP_FAILED);
	assert_int_equal(munmap(pages + 2 * 4096, 4096), 0);
	for (unsigned int i = 0; i < 2 * 4096; i += 8) { /* numbers, and addresses of it */
		unsigned long word = rand_r(&seed) % 3 ?
					     (unsigned long)rand_r(&seed) % 64 :
					     (unsigned long)pages + rand_r(&seed) % 9000;

		memcpy(pages + i, &word, 8);
	}
	for (int round = 0; round < 40000; round++) {
		long arg[6];

		for (int i = 0; i < 6; i++) {
			switch (rand_r(&seed) % 6) {
			case 0: arg[i] = rand_r(&seed) % 16; break;
			case 1: arg[i] = -1 - rand_r(&seed) % 3; break;
			case 2: arg[i] = (long)pages + 2 * 4096 - rand_r(&seed) % 64; break;
			case 3: arg[i] = (long)rand_r(&seed) << (rand_r(&seed) % 33); break;
			default: arg[i] = (long)pages + rand_r(&seed) % 8192;
			}
		}
		settings.string_max = rand_r(&seed) % 4 ? 32 : (unsigned int)rand_r(&seed);
		capture(round & 1, rand_r(&seed) % 2 ? ROOM : (unsigned long)rand_r(&seed) % ROOM,
			rand_r(&seed) % 300 - 20, rand_r(&seed) % 520, arg);
		items();
	}
	settings.string_max = 32;
	munmap(pages, 2 * 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_go_in_and_come_out),
		cmocka_unit_test(strings_and_bad_addresses),
		cmocka_unit_test(addresses_have_the_length_that_the_call_gives),
		cmocka_unit_test(messages_with_all_their_parts),
		cmocka_unit_test(what_another_argument_says),
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
