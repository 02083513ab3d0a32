/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/select.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* strace's groups: bits of the table, or calls by name. */
static const struct {
	const char *name;
	const char *calls[4];
	unsigned int bits;
	bool old; /* also without its % */
} groups[] = {
	{ "file", {}, WY_GROUP_FILE, true },
	{ "desc", {}, WY_GROUP_DESC, true },
	{ "network", {}, WY_GROUP_NET, true },
	{ "net", {}, WY_GROUP_NET, false },
	{ "process", {}, WY_GROUP_PROCESS, true },
	{ "signal", {}, WY_GROUP_SIGNAL, true },
	{ "ipc", {}, WY_GROUP_IPC, true },
	{ "memory", {}, WY_GROUP_MEMORY, true },
	{ "creds", {}, WY_GROUP_CREDS, false },
	{ "clock", {}, WY_GROUP_CLOCK, false },
	{ "pure", {}, WY_GROUP_PURE, false },
	{ "%stat", {}, WY_GROUP_STAT, false },
	{ "stat", { "stat" }, 0, false },
	{ "lstat", { "lstat" }, 0, false },
	{ "fstat", { "fstat", "newfstatat", "statx" }, 0, false },
	{ "%statfs", { "statfs", "fstatfs", "ustat" }, 0, false },
	{ "statfs", { "statfs" }, 0, false },
	{ "fstatfs", { "fstatfs" }, 0, false },
};

static void add(unsigned int nr, unsigned long *set)
{
	set[nr / 64] |= 1ul << (nr % 64);
}

static bool add_name(const char *name, unsigned long *set)
{
	for (unsigned int nr = 0; *name && nr < WY_CALL_ROWS; nr++) {
		if (strcmp(wy_call_rows[nr].name, name) == 0) {
			add(nr, set);
			return true;
		}
	}
	return false;
}

static bool add_number(const char *word, unsigned long *set)
{
	char *end;
	unsigned long nr = strtoul(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end || nr >= WY_CALL_ROWS)
		return false;
	add((unsigned int)nr, set);
	return true;
}

static bool add_group(const char *name, bool old, unsigned long *set)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (strcmp(groups[i].name, name) != 0 || (old && !groups[i].old))
			continue;
		for (unsigned int nr = 0; nr < WY_CALL_ROWS; nr++) {
			if (wy_call_rows[nr].groups & groups[i].bits)
				add(nr, set);
		}
		for (size_t k = 0; k < 4 && groups[i].calls[k]; k++)
			add_name(groups[i].calls[k], set);
		return true;
	}
	return false;
}

static bool add_matching(const char *expression, unsigned long *set)
{
	regex_t regex;

	if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB))
		return false;
	for (unsigned int nr = 0; nr < WY_CALL_ROWS; nr++) {
		const char *name = wy_call_rows[nr].name;

		if (*name && regexec(&regex, name, 0, NULL, 0) == 0)
			add(nr, set);
	}
	regfree(&regex);
	return true;
}

static bool add_word(const char *word, unsigned long *set)
{
	if (*word == '?')
		return add_word(word + 1, set) || word[1];
	if (*word == '%')
		return add_group(word + 1, false, set);
	if (*word == '/')
		return add_matching(word + 1, set);
	if (strcmp(word, "all") == 0) {
		memset(set, 0xff, WY_CALL_ROWS / 8);
		return true;
	}
	return strcmp(word, "none") == 0 || add_name(word, set) || add_number(word, set) ||
	       add_group(word, true, set);
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
		if (!add_word(word, set)) { /* NOLINT(*unix.Malloc): of the copy */
			log_err("trace: there is no %s '%s'",
				strpbrk(word, "=<>") ? "condition" : "system call", word);
			return -EINVAL;
		}
	}
	for (int i = 0; invert && i < WY_CALL_ROWS / 64; i++)
		set[i] = ~set[i];
	return 0;
}
