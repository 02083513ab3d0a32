/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/fdabout.h"

#include "agent/fdtab.h"
#include "agent/hot.h"
#include "agent/sys.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

/*
 * Names that were read, by the file and the absolute name that it was opened by: a link of /proc
 * costs some microseconds, and servers open the same files again and again.  An entry is valid if
 * its key is the same before and after it was read.
 */
#define NAMES    64u
#define NAME_MAX 104
#define WRITING  1ul /* no hint is so */
static struct name {
	unsigned long key; /* 0: none; WRITING: somebody has it in hand */
	unsigned long dev, ino;
	unsigned int len;
	char text[NAME_MAX];
} names[NAMES] WY_LARGE;

static bool find_name(struct wy_about *a, unsigned long hint)
{
	struct name *n = &names[hint % NAMES];

	if (!hint || __atomic_load_n(&n->key, __ATOMIC_ACQUIRE) != hint || n->dev != a->st.st_dev ||
	    n->ino != a->st.st_ino || n->len > NAME_MAX)
		return false;
	a->len = n->len;
	__builtin_memcpy(a->link, n->text, n->len);
	a->link[a->len] = 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&n->key, __ATOMIC_RELAXED) == hint;
}

static void keep_name(const struct wy_about *a, unsigned long hint)
{
	struct name *n = &names[hint % NAMES];
	unsigned long key = __atomic_load_n(&n->key, __ATOMIC_RELAXED);

	/* Who cannot have the entry at once leaves it. */
	if (!hint || a->len <= 0 || a->len > NAME_MAX || key == WRITING ||
	    !__atomic_compare_exchange_n(&n->key, &key, WRITING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	n->dev = a->st.st_dev;
	n->ino = a->st.st_ino;
	n->len = (unsigned int)a->len;
	__builtin_memcpy(n->text, a->link, n->len);
	__atomic_store_n(&n->key, hint, __ATOMIC_RELEASE);
}

void wy_fd_read_link(struct wy_about *a, long fd)
{
	char path[WY_FD_PATH_SIZE];

	wy_fdtab_path(path, "fd", (int)fd);
	a->len = sys3(__NR_readlink, path, a->link, sizeof(a->link) - 1);
	if (a->len < 0)
		a->len = 0;
	a->link[a->len] = 0;
}

bool wy_fd_ask(long fd, struct wy_about *a, bool link, unsigned long hint)
{
	if (sys2(__NR_fstat, fd, &a->st) < 0)
		return false;
	a->flags = (int)sys2(__NR_fcntl, fd, F_GETFL);
	a->len = 0;
	a->link[0] = 0;
	if (!(a->flags & O_PATH) && wy_fd_told_by_mode(&a->st, &a->type) && !link)
		return true;
	/* A socket's link says its inode only. */
	if (a->flags & O_PATH || (a->st.st_mode & S_IFMT) != S_IFSOCK) {
		if (!find_name(a, hint)) {
			wy_fd_read_link(a, fd);
			keep_name(a, hint);
		}
	}
	a->type = wy_fd_classify((int)fd, a->flags, &a->st, a->link);
	return true;
}

bool wy_fd_is_open(long fd)
{
	return sys2(__NR_fcntl, fd, F_GETFD) != -EBADF;
}

unsigned char wy_fd_mark(const struct stat *st)
{
	return (unsigned char)(1 + ((st->st_dev ^ st->st_ino) * 0x9e3779b97f4a7c15ul >> 57));
}
