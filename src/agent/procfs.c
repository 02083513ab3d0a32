/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/procfs.h"
#include "agent/sys.h"
#include <asm/fcntl.h>
#include <linux/fcntl.h>

struct entry { /* struct linux_dirent64 */
	unsigned long ino;
	long off;
	unsigned short len;
	unsigned char type;
	char name[];
};

long wy_proc_read(long fd, void *buf, unsigned long len, unsigned long *at)
{
	long got = sys4(__NR_pread64, fd, buf, len, *at);

	if (got > 0)
		*at += (unsigned long)got;
	return got;
}

long wy_dir_open(struct wy_dir *dir, const char *path)
{
	dir->len = dir->at = 0;
	dir->fd = sys3(__NR_open, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	dir->error = dir->fd < 0 ? dir->fd : 0;
	return dir->error;
}

static long parse_number(const char *text)
{
	long n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + *text - '0';
	return *text ? -1 : n;
}

long wy_dir_next_number(struct wy_dir *dir)
{
	for (;;) {
		const struct entry *e;
		long n;

		if (dir->at >= dir->len) {
			dir->len = sys3(__NR_getdents64, dir->fd, dir->buf, sizeof(dir->buf));
			dir->at = 0;
			if (dir->len <= 0) {
				dir->error = dir->len;
				return -1;
			}
		}
		e = (const struct entry *)(dir->buf + dir->at);
		dir->at += e->len;
		n = parse_number(e->name);
		if (n >= 0)
			return n;
	}
}

void wy_dir_close(struct wy_dir *dir)
{
	if (dir->fd >= 0)
		sys1(__NR_close, dir->fd);
}
