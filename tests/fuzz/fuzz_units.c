/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a size and as a duration, and any number of them printed. */
#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "fuzz.h"

/* A number alone is the smallest unit, or a thousand of it, as exactly as it can be said. */
static void check_whole(const char *text, int err, unsigned long value, unsigned long factor)
{
	unsigned long whole;
	char *end;

	if (text[strspn(text, "0123456789")] || !*text)
		return;
	errno = 0;
	whole = strtoul(text, &end, 10);
	if (errno == ERANGE || whole > -1ul / factor)
		check(err == -ERANGE);
	else
		check(err == 0 && value == whole * factor);
}

/* What is taken begins with a digit, and is said in digits, one point and one unit. */
static void check_taken(const char *text, int err)
{
	check(err == 0 || err == -EINVAL || err == -ERANGE);
	if (err == 0) {
		check(*text >= '0' && *text <= '9');
		text += strspn(text, "0123456789");
		text += *text == '.';
		text += strspn(text, "0123456789");
		check(strlen(text) <= 2 && !strpbrk(text, " +-."));
	}
}

static void check_print(unsigned long n)
{
	char text[UNITS_TEXT_MAX];

	memset(text, 'x', sizeof(text));
	size_print(text, n);
	check(memchr(text, 0, sizeof(text)) && *text >= '0' && *text <= '9' && strchr(text, ' '));
	memset(text, 'x', sizeof(text));
	duration_print(text, n);
	check(memchr(text, 0, sizeof(text)) && *text >= '0' && *text <= '9' && strchr(text, ' '));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of just this length: a look beyond the end is found */
	char *text = calloc(1, size + 1);
	unsigned long value = 4711, number = 0;
	int err;

	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	err = size_parse(&value, text);
	check_taken(text, err);
	check_whole(text, err, value, 1);
	check(err == 0 || value == 4711);
	if (err == 0)
		check_print(value);
	value = 4711;
	err = duration_parse(&value, text);
	check_taken(text, err);
	check_whole(text, err, value, 1000);
	check(err == 0 || value == 4711);
	if (err == 0)
		check_print(value);
	free(text);
	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	check_print(number);
	return 0;
}
