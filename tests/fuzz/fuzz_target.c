/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exec would run, of files with any contents: up to four files are cut from
 * the input, each named by a digit.
 */
#include <errno.h>

#include "fuzz.h"
#include "proto/target.h"

#define FILES 4

static struct {
	const uint8_t *data;
	size_t len;
	int open;
} files[FILES];

static long fake_open(int dir, const char *path, int flags)
{
	size_t len = strnlen(path, WY_TARGET_PATH);
	int nr = len ? (unsigned char)path[len - 1] % FILES : 0;

	check(len < WY_TARGET_PATH);
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
	check(files[fd].open > 0);
	if (offset >= files[fd].len)
		return 0;
	if (len > files[fd].len - offset)
		len = files[fd].len - offset;
	memcpy(buf, files[fd].data + offset, len);
	return (long)len;
}

static void fake_close(int fd)
{
	check(fd >= 0 && --files[fd].open >= 0);
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
	check(ret <= 0);
	if (ret == 0)
		wy_target_close(&t, &io);
	for (int i = 0; i < FILES; i++)
		check(files[i].open == 0);
	return 0;
}
