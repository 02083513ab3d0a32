/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct json j;
static FILE *out;
static char *text;
static size_t len;

static int setup(void **state)
{
	out = open_memstream(&text, &len);
	if (!out)
		return -1;
	json_init(&j, out);
	return 0;
}

static int teardown(void **state)
{
	fclose(out);
	free(text);
	return 0;
}

static void test_nesting(void **state)
{
	json_object_open(&j);
	json_key(&j, "version");
	json_number(&j, 1);
	json_key(&j, "calls");
	json_object_open(&j);
	json_key(&j, "read");
	json_object_open(&j);
	json_key(&j, "count");
	json_unsigned(&j, 18446744073709551615ull);
	json_key(&j, "errors");
	json_number(&j, -9223372036854775807ll - 1);
	json_object_close(&j);
	json_key(&j, "write");
	json_null(&j);
	json_object_close(&j);
	json_key(&j, "empty");
	json_array_open(&j);
	json_array_close(&j);
	json_key(&j, "list");
	json_array_open(&j);
	json_bool(&j, true);
	json_bool(&j, false);
	json_object_open(&j);
	json_object_close(&j);
	json_string(&j, "x");
	json_string(&j, NULL);
	json_double(&j, 1.25, 2);
	json_double(&j, NAN, 2);
	json_double(&j, -INFINITY, 2);
	json_array_close(&j);
	json_object_close(&j);
	assert_int_equal(json_finish(&j), 0);
	assert_string_equal(text,
			    "{\"version\":1,\"calls\":{\"read\":{\"count\":18446744073709551615,"
			    "\"errors\":-9223372036854775808},\"write\":null},\"empty\":[],"
			    "\"list\":[true,false,{},\"x\",null,1.25,null,null]}\n");
}

static void check_string(const char *bytes, size_t bytes_len, const char *json)
{
	void *state = NULL;

	assert_int_equal(setup(&state), 0);
	json_bytes(&j, bytes, bytes_len);
	assert_int_equal(json_finish(&j), 0);
	assert_int_equal(text[len - 1], '\n');
	text[len - 1] = 0;
	assert_string_equal(text, json);
	teardown(&state);
}

#define CHECK_STRING(bytes, json) check_string(bytes, sizeof(bytes) - 1, json)

static void test_strings(void **state)
{
	CHECK_STRING("", "\"\"");
	CHECK_STRING("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	CHECK_STRING("\n\t\r\0\x1f\x7f", "\"\\n\\t\\u000d\\u0000\\u001f\\u007f\"");
	/* valid: the first and the last of each length */
	CHECK_STRING("\xc2\x80\xdf\xbf", "\"\xc2\x80\xdf\xbf\"");
	CHECK_STRING("\xe0\xa0\x80\xef\xbf\xbf", "\"\xe0\xa0\x80\xef\xbf\xbf\"");
	CHECK_STRING("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
	/* not UTF-8: stray, cut short, overlong, surrogate, too high, not a first byte */
	CHECK_STRING("\x80"
		     "a",
		     "\"\\ufffda\"");
	CHECK_STRING("\xc3", "\"\\ufffd\"");
	CHECK_STRING("\xe2\x82", "\"\\ufffd\\ufffd\"");
	CHECK_STRING("\xe2(a", "\"\\ufffd(a\"");
	CHECK_STRING("\xc0\x80", "\"\\ufffd\\ufffd\"");
	CHECK_STRING("\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	CHECK_STRING("\xf0\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	CHECK_STRING("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	CHECK_STRING("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	CHECK_STRING("\xff\xfe", "\"\\ufffd\\ufffd\"");
}

/* Keys are strings too. */
static void test_key_is_escaped(void **state)
{
	json_object_open(&j);
	json_key(&j, "a\"\n");
	json_number(&j, 0);
	json_object_close(&j);
	assert_int_equal(json_finish(&j), 0);
	assert_string_equal(text, "{\"a\\\"\\n\":0}\n");
}

static void test_nothing(void **state)
{
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_two_documents(void **state)
{
	json_number(&j, 1);
	json_number(&j, 2);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_left_open(void **state)
{
	json_object_open(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_wrong_closer(void **state)
{
	json_object_open(&j);
	json_array_close(&j);
	json_object_close(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_closed_too_often(void **state)
{
	json_object_open(&j);
	json_object_close(&j);
	json_object_close(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_value_without_key(void **state)
{
	json_object_open(&j);
	json_number(&j, 1);
	json_object_close(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_key_without_value(void **state)
{
	json_object_open(&j);
	json_key(&j, "a");
	json_object_close(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_key_in_array(void **state)
{
	json_array_open(&j);
	json_key(&j, "a");
	json_number(&j, 1);
	json_array_close(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_too_deep(void **state)
{
	for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
		json_array_open(&j);
	for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
		json_array_close(&j);
	assert_int_equal(json_finish(&j), -EINVAL);
}

static void test_full_disk(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	json_init(&j, full);
	json_number(&j, 1);
	assert_int_equal(json_finish(&j), -EIO);
	fclose(full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nesting),
		cmocka_unit_test(test_strings),
		TEST(test_key_is_escaped),
		TEST(test_nothing),
		TEST(test_two_documents),
		TEST(test_left_open),
		TEST(test_wrong_closer),
		TEST(test_closed_too_often),
		TEST(test_value_without_key),
		TEST(test_key_without_value),
		TEST(test_key_in_array),
		TEST(test_too_deep),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
