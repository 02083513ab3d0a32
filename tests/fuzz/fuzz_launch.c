/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader reads in a program that it has stopped: the stack and the program headers, of
 * any contents.  And the text by which an image that starts in userland is told what to do.
 *
 * The input is a page number and an offset for each of two mappings, then their bytes.
 */
#include <errno.h>
#include <stdlib.h>

#include "fuzz.h"
#include "launch/auxv.h"
#include "proto/userland.h"

#define STACK   0x7ffd00000000ul
#define HEADERS 0x400000ul

static struct input all;

int wy_remote_read(const struct wy_remote *r, unsigned long addr, void *buf, size_t len)
{
	unsigned long at = addr - (addr >= STACK ? STACK : HEADERS);

	if (at > all.left || len > all.left - at)
		return -EFAULT;
	memcpy(buf, all.data + at, len);
	return 0;
}

static void check_userland(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), again[WY_USERLAND_TEXT];
	struct wy_userland_info info;

	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	if (wy_userland_read(text, &info)) {
		check(strlen(text) == WY_USERLAND_TEXT - 1);
		wy_userland_write(again, &info);
		check(strcmp(again, text) == 0);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wy_remote remote = { .tid = 1 };
	struct wy_auxv auxv = { .phnum = 8 };
	struct wy_loads loads;
	unsigned int sp;

	check_userland(data, size);
	all = (struct input){ data, size };
	sp = take_number(&all);
	if (wy_auxv_read_stack(&remote, STACK + sp, &auxv) == 0) {
		check(auxv.phdr && auxv.pagesz == 4096);
	} else {
		auxv.phdr = HEADERS + take_number(&all);
		auxv.phnum = take_number(&all);
	}
	if (wy_loads_read(&remote, &auxv, &loads) == 0) {
		check(loads.low % 4096 == 0 && loads.high % 4096 == 0);
		check(auxv.phnum && auxv.phnum <= 64);
	}
	return 0;
}
