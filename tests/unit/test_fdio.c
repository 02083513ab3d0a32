/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdio.h"

#include "base/cleanup.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (1u << 20)

static char big[BIG], got[BIG + 1];

static int fill_big(void **state)
{
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 31 + i / 251);
	return 0;
}

static void *write_big(void *fd)
{
	long err = write_full(*(int *)fd, big, BIG);

	close(*(int *)fd);
	return (void *)err;
}

/* A pipe holds less than this: both sides have to come back for more. */
static void test_through_pipe(void **state)
{
	int ends[2];
	pthread_t writer;
	void *err;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_big, &ends[1]), 0);
	assert_int_equal(read_full(ends[0], got, sizeof(got)), BIG);
	assert_int_equal(pthread_join(writer, &err), 0);
	assert_null(err);
	assert_memory_equal(got, big, BIG);
	close(ends[0]);
}

static void test_exact(void **state)
{
	cleanup_fd int fd = memfd_create("test", 0);

	assert_true(fd >= 0);
	assert_int_equal(pwrite_full(fd, big, BIG, 7), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(pread_full(fd, got, 100, 7), 100);
	assert_memory_equal(got, big, 100);
	assert_int_equal(pread_full(fd, got, 100, 7 + BIG - 10), 10);
	assert_memory_equal(got, big + BIG - 10, 10);
	assert_int_equal(pread_full(fd, got, 100, 7 + BIG), 0);
	assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
	assert_int_equal(read_full(fd, got, 5), 5);
	assert_memory_equal(got, big, 5);
	assert_int_equal(read_full(fd, got, 0), 0);
}

static void test_errors(void **state)
{
	cleanup_fd int full = open("/dev/full", O_RDWR);
	cleanup_fd int null = open("/dev/null", O_RDONLY);

	assert_true(full >= 0 && null >= 0);
	assert_int_equal(write_full(full, "x", 1), -ENOSPC);
	assert_int_equal(pwrite_full(full, "x", 1, 0), -ENOSPC);
	assert_int_equal(write_full(null, "x", 1), -EBADF);
	assert_int_equal(read_full(-1, got, 1), -EBADF);
	assert_int_equal(pread_full(-1, got, 1, 0), -EBADF);
}

static void test_file(void **state)
{
	char path[] = "/tmp/waylay-test-XXXXXX";
	cleanup_fd int fd = mkstemp(path);
	cleanup_free char *text = NULL;
	size_t len;

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, big, BIG), 0);
	assert_int_equal(read_file(path, BIG, &text, &len), 0);
	assert_int_equal(len, BIG);
	assert_memory_equal(text, big, BIG);
	assert_int_equal(text[BIG], 0);
	free(text);
	text = NULL;
	assert_int_equal(read_file(path, BIG - 1, &text, &len), -EFBIG);
	assert_null(text);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(read_file(path, 10, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_file(path, 10, &text, &len), -ENOENT);
}

/* A file under /proc says that its size is 0. */
static void test_proc_file(void **state)
{
	cleanup_free char *text = NULL;
	size_t len;

	assert_int_equal(read_file("/proc/self/status", 1 << 20, &text, &len), 0);
	assert_true(len > 100);
	assert_int_equal(strlen(text), len);
	assert_non_null(strstr(text, "\nPid:"));
}

static void expect_long(const char *content, int err, long value)
{
	char path[] = "/tmp/waylay-test-XXXXXX";
	cleanup_fd int fd = mkstemp(path);
	long number = 77;

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, content, strlen(content)), 0);
	assert_int_equal(read_file_long(path, &number), err);
	assert_int_equal(number, value);
	assert_int_equal(unlink(path), 0);
}

static void test_long(void **state)
{
	expect_long("12\n", 0, 12);
	expect_long("-3", 0, -3);
	expect_long("0 \n", 0, 0);
	expect_long("", -EINVAL, 77);
	expect_long("\n", -EINVAL, 77);
	expect_long("12 13\n", -EINVAL, 77);
	expect_long("x\n", -EINVAL, 77);
	expect_long("99999999999999999999\n", -EINVAL, 77);
	assert_int_equal(read_file_long("/nonexistent", NULL), -ENOENT);
}

static void test_steal(void **state)
{
	int ends[2], kept;
	char *text = strdup("x"), *taken;

	assert_int_equal(pipe(ends), 0);
	{
		cleanup_fd int fd = ends[0];
		cleanup_fd int other = ends[1];

		kept = steal_fd(&fd);
		assert_int_equal(fd, -1);
		assert_int_equal(other, ends[1]);
		errno = ERANGE;
	}
	assert_int_equal(errno, ERANGE);
	assert_int_equal(kept, ends[0]);
	assert_int_equal(fcntl(kept, F_GETFD), 0);
	assert_int_equal(fcntl(ends[1], F_GETFD), -1);
	close_fd(&kept);
	assert_int_equal(kept, -1);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	close_fd(&kept);

	taken = steal_pointer(&text);
	assert_null(text);
	assert_string_equal(taken, "x");
	free(taken);
}

/* Two go through, without waiting: when there is no more room, that is an error. */
static void test_send_fds(void **state)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	char byte = 1;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int pair[2], ends[2], came[2], err;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(send_fds(pair[0], ends, 2), 0);
	assert_int_equal(recvmsg(pair[1], &msg, 0), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(control.head.cmsg_len, CMSG_LEN(2 * sizeof(int)));
	memcpy(came, CMSG_DATA(&control.head), sizeof(came));
	assert_int_equal(write(came[1], "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	while ((err = send_fds(pair[0], ends, 1)) == 0)
		;
	assert_int_equal(err, -EAGAIN);
	close(pair[1]);
	assert_int_equal(send_fds(pair[0], ends, 1), -ECONNRESET); /* it left some unread */
	assert_int_equal(send_fds(pair[0], ends, 1), -EPIPE);
	assert_int_equal(send_fds(pair[0], ends, SEND_FDS_MAX + 1), -EINVAL);
	for (int i = 0; i < 2; i++) {
		close(came[i]);
		close(ends[i]);
	}
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through_pipe), cmocka_unit_test(test_exact),
		cmocka_unit_test(test_errors),       cmocka_unit_test(test_file),
		cmocka_unit_test(test_proc_file),    cmocka_unit_test(test_long),
		cmocka_unit_test(test_steal),        cmocka_unit_test(test_send_fds),
	};

	return cmocka_run_group_tests(tests, fill_big, NULL);
}
