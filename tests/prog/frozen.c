/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frozen.c - a filter with a hundred megabytes of memory, which does all that
 * allocators do with it after its first line of input (see frozen.h).
 */
#include "frozen.h"

int main(void)
{
	char line[256];

	frozen_prepare(0);
	must(read(0, line, sizeof(line)) >= 0);
	frozen_checks(0);
	return 0;
}
