/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.c - stands in for libFuzzer where there is none: gives a harness every file of the
 * folders that are named, and some changed copies of each.  Options (-...) are passed over.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fdio.h"
#include "fuzz.h"

#define COPIES 200

/* xorshift: always the same ones */
static unsigned int next(void)
{
	static unsigned int x = 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void try_file(const char *path)
{
	char *bytes;
	size_t len;

	if (read_file(path, 1 << 20, &bytes, &len) < 0) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	LLVMFuzzerTestOneInput((uint8_t *)bytes, len);
	for (int i = 0; len && i < COPIES; i++) {
		for (unsigned int n = next() % 4; n; n--)
			bytes[next() % len] = (char)next();
		LLVMFuzzerTestOneInput((uint8_t *)bytes, next() % 4 ? len : next() % len);
	}
	free(bytes);
}

int main(int argc, char **argv)
{
	unsigned int files = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = argv[i][0] == '-' ? NULL : opendir(argv[i]);
		struct dirent *e;

		while (dir && (e = readdir(dir))) {
			char path[PATH_MAX + NAME_MAX + 2];

			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			try_file(path);
			files++;
		}
		if (dir)
			closedir(dir);
	}
	printf("%u files, each with %d changed copies\n", files, COPIES);
	return files == 0;
}
