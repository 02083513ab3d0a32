/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as users write them. */
#include "base/addr.h"
#include "unit.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

/* What is read and then printed again. */
static void check(const char *text, enum addr_kind kind, const char *printed)
{
	char back[ADDR_TEXT_MAX];
	const char *why = NULL;
	struct addr a;

	assert_int_equal(addr_parse(&a, text, &why), 0);
	assert_null(why);
	assert_int_equal(a.kind, kind);
	addr_print(back, &a.sock, a.len);
	assert_string_equal(back, printed);
}

static void check_wrong(const char *text, const char *reason)
{
	struct addr a = { .fd = 77 };
	const char *why = NULL;

	assert_int_equal(addr_parse(&a, text, &why), -EINVAL);
	assert_non_null(why);
	if (!strstr(why, reason))
		fail_msg("'%s': \"%s\" has no \"%s\" in it", text, why, reason);
	assert_int_equal(a.fd, 77);
}

static void test_port_is_loopback(void **state)
{
	check("8080", ADDR_TCP, "127.0.0.1:8080");
	check(":8080", ADDR_TCP, "127.0.0.1:8080");
	check("0", ADDR_TCP, "127.0.0.1:0");
	check("65535", ADDR_TCP, "127.0.0.1:65535");
}

static void test_host(void **state)
{
	check("0.0.0.0:80", ADDR_TCP, "0.0.0.0:80");
	check("192.168.1.2:7", ADDR_TCP, "192.168.1.2:7");
	check("[::1]:80", ADDR_TCP, "[::1]:80");
	check("[2001:db8::7]:65535", ADDR_TCP, "[2001:db8::7]:65535");
}

static void test_unix(void **state)
{
	char path[128] = "unix:/", text[ADDR_TEXT_MAX];
	struct addr a;
	const char *why;

	check("unix:/run/a.sock", ADDR_UNIX, "unix:/run/a.sock");
	check("unix:with:colons:80", ADDR_UNIX, "unix:with:colons:80");
	check_wrong("unix:", "no path");
	/* the longest that fits, and one more */
	memset(path + 6, 'x', 106);
	path[5 + 107] = '\0';
	assert_int_equal(addr_parse(&a, path, &why), 0);
	addr_print(text, &a.sock, a.len);
	assert_string_equal(text, path);
	strcat(path, "y");
	check_wrong(path, "107 bytes");
}

static void test_fd(void **state)
{
	const char *why;
	struct addr a;

	assert_int_equal(addr_parse(&a, "fd:3", &why), 0);
	assert_int_equal(a.kind, ADDR_FD);
	assert_int_equal(a.fd, 3);
	check_wrong("fd:", "number");
	check_wrong("fd:x", "number");
	check_wrong("fd:-1", "number");
	check_wrong("fd:99999999999999999999", "number");
}

static void test_wrong(void **state)
{
	check_wrong("", "port");
	check_wrong(":", "port");
	check_wrong("localhost", "port");
	check_wrong("localhost:", "port");
	check_wrong("65536", "port");
	check_wrong("99999999999999999999999", "port");
	check_wrong("-1", "port");
	check_wrong("80 ", "port");
	check_wrong("127.0.0.1:http", "port");
	check_wrong("::1:80", "[ADDRESS]:PORT");
	check_wrong("[::1:80", "']'");
	check_wrong("[]:80", "IPv6");
	check_wrong("[127.0.0.1]:80", "IPv6");
	check_wrong("[:80", "']'");
}

static void test_long_host(void **state)
{
	char text[600];

	memset(text, 'a', sizeof(text));
	memcpy(text + 590, ":80", 4);
	check_wrong(text, "too long");
	memset(text, 'a', sizeof(text));
	memcpy(text + 256, ":80", 4);
	check_wrong(text, "too long");
}

static void test_print_unnamed(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char text[ADDR_TEXT_MAX];

	addr_print(text, &un, offsetof(struct sockaddr_un, sun_path));
	assert_string_equal(text, "unix:");
	addr_print(text, &un, 0);
	assert_string_equal(text, "an unknown address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_is_loopback),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_long_host),
		cmocka_unit_test(test_print_unnamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
