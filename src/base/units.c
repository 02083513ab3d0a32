/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	unsigned long factor;
};

/*
 * Reads "12" or "1.5" and then one of the units, times its factor.  Three
 * places after the point count, which no factor of these makes inexact.
 */
static int parse(unsigned long *ret, const char *text, const struct unit *units)
{
	unsigned long whole = 0, thousandths = 0, place = 100, value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(whole, 10ul, &whole) ||
		    __builtin_add_overflow(whole, (unsigned long)(*text - '0'), &whole))
			return -ERANGE;
	}
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++, place /= 10)
			thousandths += (unsigned long)(*text - '0') * place;
	}
	for (; units->name; units++) {
		if (strcmp(text, units->name) != 0)
			continue;
		/* Half a byte is none. */
		if (__builtin_mul_overflow(whole, units->factor, &value) ||
		    __builtin_add_overflow(value,
					   units->factor / 1000 * thousandths +
						   units->factor % 1000 * thousandths / 1000,
					   &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int size_parse(unsigned long *ret_bytes, const char *text)
{
	static const struct unit units[] = {
		{ "", 1 },          { "B", 1 },          { "K", 1ul << 10 }, { "KB", 1ul << 10 },
		{ "M", 1ul << 20 }, { "MB", 1ul << 20 }, { "G", 1ul << 30 }, { "GB", 1ul << 30 },
		{ "T", 1ul << 40 }, { "TB", 1ul << 40 }, { "k", 1ul << 10 }, { "m", 1ul << 20 },
		{ "g", 1ul << 30 }, { NULL, 0 },
	};

	return parse(ret_bytes, text, units);
}

int duration_parse_ns(unsigned long *ret_ns, const char *text)
{
	static const struct unit units[] = {
		{ "ns", 1 },           { "us", 1000 },       { "ms", 1000000 },
		{ "s", 1000000000ul }, { "", 1000000000ul }, { NULL, 0 },
	};

	return parse(ret_ns, text, units);
}

int duration_parse(unsigned long *ret_ms, const char *text)
{
	static const struct unit units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600ul * 1000 },
		{ "d", 86400ul * 1000 },
		{ NULL, 0 },
	};

	return parse(ret_ms, text, units);
}

void size_print(char text[UNITS_TEXT_MAX], unsigned long bytes)
{
	static const char *const names[] = { "KB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	int i = -1;

	while (value >= 1023.5 && i < 5) {
		value /= 1024;
		i++;
	}
	if (i < 0)
		snprintf(text, UNITS_TEXT_MAX, "%lu bytes", bytes);
	else
		snprintf(text, UNITS_TEXT_MAX, value < 9.95 ? "%.1f %s" : "%.0f %s", value,
			 names[i]);
}

void duration_print(char text[UNITS_TEXT_MAX], unsigned long ms)
{
	if (ms < 1000)
		snprintf(text, UNITS_TEXT_MAX, "%lu ms", ms);
	else if (ms < 9950)
		snprintf(text, UNITS_TEXT_MAX, "%.1f s", (double)ms / 1000);
	else
		snprintf(text, UNITS_TEXT_MAX, "%lu s", (ms + 500) / 1000);
}
