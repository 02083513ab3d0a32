/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/fdabout.h"

#include "agent/fdtab.h"
#include "agent/hot.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <stddef.h>

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

/*
 * Names of directories in which a thread that is alone opens files, by the number of the open
 * file.  Walks through trees open all files so, and a link of /proc for each of them would cost
 * more than all else that is recorded of it.
 */
#define DIRS    16u
#define DIR_MAX 248
static struct dir {
	unsigned int file; /* 0: none */
	unsigned int len;
	char name[DIR_MAX];
} dirs[DIRS];

void wy_fd_forget_names(void)
{
	for (unsigned int i = 0; i < DIRS; i++)
		dirs[i].file = 0;
}

void wy_fd_keep_dir(const struct wy_about *a, unsigned int file)
{
	struct dir *d = &dirs[file % DIRS];

	if (a->link[0] != '/' || a->len > DIR_MAX || !wy_thread_alone())
		return;
	d->file = file;
	d->len = (unsigned int)a->len;
	__builtin_memcpy(d->name, a->link, d->len);
}

/* The name of the directory into a->link. */
static bool name_dir(struct wy_about *a, const struct wy_opened *how)
{
	const struct dir *d = &dirs[how->dir % DIRS];

	if (how->dir_fd == AT_FDCWD) {
		/* Not kept: a process with the same one may change it. */
		a->len = sys2(__NR_getcwd, a->link, DIR_MAX + 1) - 1;
		return a->len > 0 && a->link[0] == '/';
	}
	if (d->file != how->dir) {
		wy_fd_read_link(a, how->dir_fd);
		wy_fd_keep_dir(a, how->dir);
		return d->file == how->dir;
	}
	__builtin_memcpy(a->link, d->name, d->len);
	a->len = d->len;
	return true;
}

/* Is what has this name what was opened, and not a link to it? */
static bool is_itself(const struct wy_about *a, const struct wy_opened *how)
{
	struct stat st;

	return sys4(__NR_newfstatat, how->dir_fd, how->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == a->st.st_dev && st.st_ino == a->st.st_ino;
}

/* The link of a file in a directory. */
static bool compose_name(struct wy_about *a, const struct wy_opened *how)
{
	if (!how->len || (how->followed && !is_itself(a, how)) || !name_dir(a, how))
		return false;
	if (a->len > 1) /* not the root */
		a->link[a->len++] = '/';
	__builtin_memcpy(a->link + a->len, how->name, how->len);
	a->len += how->len;
	a->link[a->len] = 0;
	return true;
}
_Static_assert(DIR_MAX + 1 + WY_OPENED_NAME < WY_LINK_MAX, "a composed name");

void wy_fd_read_link(struct wy_about *a, long fd)
{
	char path[WY_FD_PATH_SIZE];

	wy_fdtab_path(path, "fd", (int)fd);
	a->len = sys3(__NR_readlink, path, a->link, sizeof(a->link) - 1);
	if (a->len < 0)
		a->len = 0;
	a->link[a->len] = 0;
}

bool wy_fd_ask(long fd, struct wy_about *a, bool link, const struct wy_opened *how)
{
	static const struct wy_opened unknown;
	bool plain;

	if (sys2(__NR_fstat, fd, &a->st) < 0)
		return false;
	if (!how)
		how = &unknown;
	/* A device's open may change its flags. */
	plain = S_ISREG(a->st.st_mode) || S_ISDIR(a->st.st_mode);
	a->flags = plain && how->flags ? how->flags : (int)sys2(__NR_fcntl, fd, F_GETFL);
	a->len = 0;
	a->link[0] = 0;
	if (!(a->flags & O_PATH) && wy_fd_told_by_mode(&a->st, &a->type) && !link)
		return true;
	/* A socket's link says its inode only. */
	if (a->flags & O_PATH || !S_ISSOCK(a->st.st_mode)) {
		if (!find_name(a, how->path) && !(plain && compose_name(a, how))) {
			wy_fd_read_link(a, fd);
			keep_name(a, how->path);
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
