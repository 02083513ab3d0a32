/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/select.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int wy_errno_of(const char *name)
{
	for (int nr = 1; nr < 4096; nr++) {
		const char *known = strerrorname_np(nr);

		if (known && strcmp(known, name) == 0)
			return nr;
	}
	return 0;
}

static bool add_name(const char *name, unsigned long set[WY_CALL_ROWS / 64])
{
	for (unsigned int nr = 0; nr < WY_CALL_ROWS; nr++) {
		if (strcmp(wy_call_rows[nr].name, name) != 0)
			continue;
		set[nr / 64] |= 1ul << (nr % 64);
		return true;
	}
	return false;
}

int wy_calls_select(const char *spec, unsigned long set[WY_CALL_ROWS / 64])
{
	bool invert = *spec == '!';
	cleanup_free char *copy = strdup(spec + invert);
	char *list = copy, *word;

	if (!copy)
		return -ENOMEM;
	memset(set, 0, WY_CALL_ROWS / 8);
	while ((word = strsep(&list, ","))) {
		if (!add_name(word, set)) {
			log_err("trace: there is no system call '%s'", word);
			return -EINVAL;
		}
	}
	for (int i = 0; invert && i < WY_CALL_ROWS / 64; i++)
		set[i] = ~set[i];
	return 0;
}
