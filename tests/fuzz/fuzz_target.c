/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exec would run, of files with any contents: up to four files are cut from
 * the input, each named by a digit.
 *
 *	clang -fsanitize=fuzzer,address -Isrc tests/fuzz/fuzz_target.c src/proto/target.c
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/target.h"

#define FILES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *data;
	size_t len;
	int open;
} files[FILES];

static long fake_open(int dir, const char *path, int flags)
{
	size_t len = strnlen(path, WY_TARGET_PATH);
	int nr = len ? (unsigned char)path[len - 1] % FILES : 0;

	if (len == WY_TARGET_PATH)
		abort();
	if (len > 2)
		return -ENOENT;
	files[nr].open++;
	return nr;
}

static long fake_judge(int fd)
{
	return files[fd].len % 7 == 6 ? -EPERM : 0;
}

static long fake_read(int fd, void *buf, unsigned long len, unsigned long offset)
{
	if (files[fd].open <= 0)
		abort();
	if (offset >= files[fd].len)
		return 0;
	if (len > files[fd].len - offset)
		len = files[fd].len - offset;
	memcpy(buf, files[fd].data + offset, len);
	return (long)len;
}

static void fake_close(int fd)
{
	if (fd < 0 || --files[fd].open < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wy_target_io io = { fake_open, fake_judge, fake_read, fake_close };
	static struct wy_target t;
	long ret;

	for (int i = 0; i < FILES; i++) {
		size_t len = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);

		if (size >= 2) {
			data += 2;
			size -= 2;
		}
		files[i].len = len < size ? len : size;
		files[i].data = data;
		files[i].open = 0;
		data += files[i].len;
		size -= files[i].len;
	}
	ret = wy_target_find(&t, &io, 0, "0", 0, "0");
	if (ret > 0)
		abort();
	if (ret == 0)
		wy_target_close(&t, &io);
	for (int i = 0; i < FILES; i++) {
		if (files[i].open != 0)
			abort();
	}
	return 0;
}
