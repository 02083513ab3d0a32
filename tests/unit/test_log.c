/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A packet for each write(2): so a test sees how many there were. */
static int ends[2];

static int setup(void **state)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	log_set_fd(ends[1]);
	log_set_level(LOG_WARN);
	unsetenv("WAYLAY_LOG");
	return 0;
}

static int teardown(void **state)
{
	log_set_fd(STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void expect_write(const char *text)
{
	char got[4096];
	ssize_t n = recv(ends[0], got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, text);
}

static void expect_silence(void)
{
	char byte;

	assert_int_equal(recv(ends[0], &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_one_write_each(void **state)
{
	log_err("first %d", 1);
	log_warn("second");
	expect_write("waylay: first 1\n");
	expect_write("waylay: second\n");
	expect_silence();
}

static void test_levels(void **state)
{
	log_info("not at this level");
	expect_silence();
	log_more();
	assert_int_equal(log_get_level(), LOG_INFO);
	log_info("seen");
	log_debug("not yet");
	expect_write("waylay: seen\n");
	log_more();
	log_more();
	assert_int_equal(log_get_level(), LOG_DEBUG);
	log_debug("now");
	expect_write("waylay: now\n");
	log_set_level(LOG_ERR);
	log_warn("gone");
	log_err("stays");
	expect_write("waylay: stays\n");
	expect_silence();
}

static void test_environment(void **state)
{
	setenv("WAYLAY_LOG", "debug", 1);
	log_init();
	assert_int_equal(log_get_level(), LOG_DEBUG);
	setenv("WAYLAY_LOG", "err", 1);
	log_init();
	assert_int_equal(log_get_level(), LOG_ERR);
	setenv("WAYLAY_LOG", "", 1);
	log_init();
	assert_int_equal(log_get_level(), LOG_ERR);
	expect_silence();

	log_set_level(LOG_WARN);
	setenv("WAYLAY_LOG", "loud", 1);
	log_init();
	assert_int_equal(log_get_level(), LOG_WARN);
	expect_write("waylay: WAYLAY_LOG is 'loud', which is none of err, warn, info, debug\n");
}

static void test_errno(void **state)
{
	errno = ERANGE;
	assert_int_equal(log_errno(ENOENT, "cannot open %s", "x"), -ENOENT);
	assert_int_equal(log_errno(-EACCES, "cannot open %s", "y"), -EACCES);
	log_err("and this");
	assert_int_equal(errno, ERANGE);
	expect_write("waylay: cannot open x: No such file or directory\n");
	expect_write("waylay: cannot open y: Permission denied\n");
}

/* Too long a line is cut, and still is one line. */
static void test_long_line(void **state)
{
	char text[3 * LOG_LINE_MAX];
	char got[3 * LOG_LINE_MAX];
	ssize_t n;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 0;
	log_err("%s", text);
	n = recv(ends[0], got, sizeof(got), 0);
	assert_int_equal(n, LOG_LINE_MAX);
	assert_memory_equal(got, "waylay: aaa", 11);
	assert_int_equal(got[n - 2], 'a');
	assert_int_equal(got[n - 1], '\n');

	assert_int_equal(log_errno(EIO, "%s", text), -EIO);
	n = recv(ends[0], got, sizeof(got), 0);
	assert_int_equal(n, LOG_LINE_MAX);
	assert_int_equal(got[n - 1], '\n');
	expect_silence();
}

/* A reader that is gone must not hang or loop. */
static void test_nobody_there(void **state)
{
	log_set_fd(-1);
	log_err("into nothing");
	log_set_fd(ends[1]);
	expect_silence();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_write_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
