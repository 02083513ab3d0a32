/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations as users write them. */
#include "base/units.h"
#include "unit.h"

#include <errno.h>

static void size_is(const char *text, unsigned long bytes)
{
	unsigned long got = 1;

	assert_int_equal(size_parse(&got, text), 0);
	assert_int_equal(got, bytes);
}

static void duration_is(const char *text, unsigned long ms)
{
	unsigned long got = 1;

	assert_int_equal(duration_parse(&got, text), 0);
	assert_int_equal(got, ms);
}

static void test_sizes(void **state)
{
	size_is("0", 0);
	size_is("4096", 4096);
	size_is("17B", 17);
	size_is("64K", 64ul << 10);
	size_is("64M", 64ul << 20);
	size_is("1.5G", 1536ul << 20);
	size_is("2T", 2ul << 40);
	size_is("0.5K", 512);
	size_is("16777215T", 16777215ul << 40);
	size_is("18446744073709551615", -1ul);
}

static void test_durations(void **state)
{
	duration_is("0", 0);
	duration_is("10", 10000);
	duration_is("250ms", 250);
	duration_is("1.5s", 1500);
	duration_is("1.5m", 90000);
	duration_is("2h", 7200000);
	duration_is("7d", 604800000);
	duration_is("0.001s", 1);
	duration_is("1.2509", 1250);
}

static void test_wrong(void **state)
{
	static const char *const texts[] = { "",    " 1",  "1 ", "-1",   "+1",    ".5",
					     "1.",  "1.K", "K",  "1x",   "1Ki",   "0x10",
					     "1e3", "1,5", "ms", "1..5", "1.5.5", NULL };
	unsigned long got = 77;

	for (int i = 0; texts[i]; i++) {
		assert_int_equal(size_parse(&got, texts[i]), -EINVAL);
		assert_int_equal(duration_parse(&got, texts[i]), -EINVAL);
	}
	assert_int_equal(size_parse(&got, "1s"), -EINVAL);
	assert_int_equal(duration_parse(&got, "1M"), -EINVAL);
	assert_int_equal(size_parse(&got, "18446744073709551616"), -ERANGE);
	assert_int_equal(size_parse(&got, "16777216T"), -ERANGE);
	assert_int_equal(size_parse(&got, "99999999999999999999999"), -ERANGE);
	assert_int_equal(duration_parse(&got, "18446744073709551615"), -ERANGE);
	assert_int_equal(got, 77);
}

static void size_prints(unsigned long bytes, const char *text)
{
	char got[UNITS_TEXT_MAX];

	size_print(got, bytes);
	assert_string_equal(got, text);
}

static void duration_prints(unsigned long ms, const char *text)
{
	char got[UNITS_TEXT_MAX];

	duration_print(got, ms);
	assert_string_equal(got, text);
}

static void test_print(void **state)
{
	size_prints(0, "0 bytes");
	size_prints(1023, "1023 bytes");
	size_prints(1024, "1.0 KB");
	size_prints(512ul << 20, "512 MB");
	size_prints(1500ul << 20, "1.5 GB");
	size_prints((1ul << 30) - 1, "1.0 GB");
	size_prints(-1ul, "16 EB");
	duration_prints(0, "0 ms");
	duration_prints(999, "999 ms");
	duration_prints(1940, "1.9 s");
	duration_prints(9949, "9.9 s");
	duration_prints(75499, "75 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
