/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdtab.c - see fdtab.h.
 *
 * A number in a process (a slot) stands for an open file description, which
 * has the position and the flags, and that for an inode.  Slots are listed by
 * /proc/self/fd; what an inode is, fstat(2) tells, or, for the objects that
 * have none of their own, the text of the link in /proc.  Whether two slots
 * share an open file is asked with kcmp(2), which also orders them, so that a
 * few thousand need only some ten questions each.  Where that call is refused
 * (filters of containers do so), the flag O_NONBLOCK of one slot is turned
 * over and looked for in the other: it is part of what is shared.
 *
 * The look is a picture of one moment, taken while nobody else runs.  A caller
 * that wants it kept right over calls must follow these itself.
 */
#include "agent/fdtab.h"
#include "agent/fdclass.h"
#include "agent/own.h"
#include "agent/procfs.h"
#include "agent/sys.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/kcmp.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include <stddef.h>

#define SPARE      64 /* slots for what is opened between counting and looking */

/* ---- memory ---- */

#define CHUNKS     12
#define CHUNK_SIZE (64ul << 10) /* of the first; each is twice the one before */

/* What a look needs is taken from these from the start again. */
static struct chunk {
	char *start;
	unsigned long size;
} chunks[CHUNKS];
static unsigned int nr_chunks, chunk_now;
static unsigned long chunk_used;

static bool add_chunk(unsigned long size)
{
	unsigned long len = CHUNK_SIZE << nr_chunks;
	long at;

	while (len < size)
		len *= 2;
	at = nr_chunks == CHUNKS ? -ENOMEM :
				   sys_mmap(0, len, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (WY_IS_ERROR(at))
		return false;
	wy_own_add((unsigned long)at, len);
	chunks[nr_chunks++] = (struct chunk){ (char *)at, len };
	return true;
}

void *wy_fdtab_room(unsigned long size)
{
	char *at;

	size = (size + 15) & ~15ul;
	while (chunk_now == nr_chunks || chunks[chunk_now].size - chunk_used < size) {
		if (chunk_now < nr_chunks) {
			chunk_now++;
			chunk_used = 0;
		}
		if (chunk_now == nr_chunks && !add_chunk(size))
			return NULL;
	}
	at = chunks[chunk_now].start + chunk_used;
	chunk_used += size;
	__builtin_memset(at, 0, size);
	return at;
}

/* ---- texts ---- */

const char *wy_text_after(const char *text, const char *word)
{
	while (*word) {
		if (*text++ != *word++)
			return NULL;
	}
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

const char *wy_text_number(const char *text, unsigned int base, unsigned long *ret)
{
	const char *start;
	unsigned long n = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	for (start = text;; text++) {
		unsigned int c = (unsigned char)*text;
		unsigned int digit = c - '0';

		if (digit > 9)
			digit = c - 'a' < 6 ? c - 'a' + 10 : base;
		if (digit >= base)
			break;
		n = n * base + digit;
	}
	*ret = n;
	return text == start ? NULL : text;
}

void wy_fdtab_path(char path[WY_FD_PATH_SIZE], const char *what, int fd)
{
	char digits[12];
	unsigned int n = (unsigned int)fd, nr = 0;

	for (const char *p = "/proc/self/"; *p; p++)
		*path++ = *p;
	while (*what)
		*path++ = *what++;
	*path++ = '/';
	do
		digits[nr++] = (char)('0' + n % 10);
	while (n /= 10);
	while (nr)
		*path++ = digits[--nr];
	*path = 0;
}

long wy_lines_open(struct wy_lines *l, int fd)
{
	char path[WY_FD_PATH_SIZE];

	wy_fdtab_path(path, "fdinfo", fd);
	l->at = l->end = 0;
	l->place = 0;
	l->fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
	return l->fd < 0 ? l->fd : 0;
}

/* Ends the line that starts at l->at, if there is a whole one. */
static char *whole_line(struct wy_lines *l)
{
	for (unsigned int i = l->at; i < l->end; i++) {
		if (l->text[i] == '\n') {
			char *line = l->text + l->at;

			l->text[i] = 0;
			l->at = i + 1;
			return line;
		}
	}
	return NULL;
}

char *wy_lines_next(struct wy_lines *l)
{
	for (;;) {
		char *line = whole_line(l);
		long len;

		if (line)
			return line;
		__builtin_memmove(l->text, l->text + l->at, l->end - l->at);
		l->end -= l->at;
		l->at = 0;
		len = sizeof(l->text) - 1 - l->end; /* a longer line comes in parts */
		if (len > 0 && l->fd >= 0)
			len = wy_proc_read(l->fd, l->text + l->end, (unsigned long)len, &l->place);
		if (len > 0 && l->fd >= 0) {
			l->end += (unsigned int)len;
			continue;
		}
		if (l->end) {
			l->text[l->end] = 0;
			l->end = 0;
			return l->text;
		}
		if (l->fd >= 0)
			sys1(__NR_close, l->fd);
		l->fd = -1;
		return NULL;
	}
}

/* ---- what is it? ---- */

static bool is_locked(int fd)
{
	struct wy_lines l;
	bool locked = false;
	const char *line;

	if (wy_lines_open(&l, fd) < 0)
		return false;
	while ((line = wy_lines_next(&l)))
		locked |= wy_text_after(line, "lock:") != NULL;
	return locked;
}

/* Takes down what a descriptor is.  -EBADF if there is none, which is so for no other reason. */
static long look(struct wy_fd_file *f, int fd)
{
	char path[WY_FD_PATH_SIZE], link[64];
	struct wy_fd_type type;
	struct stat st;
	long ret = sys2(__NR_fstat, fd, &st);

	if (ret == -EBADF)
		return ret;
	if (ret < 0)
		__builtin_memset(&st, 0, sizeof(st));
	*f = (struct wy_fd_file){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.mode = st.st_mode,
		.links = (unsigned int)st.st_nlink,
		.flags = (int)sys2(__NR_fcntl, fd, F_GETFL),
		.position = -1,
	};
	wy_fdtab_path(path, "fd", fd);
	ret = sys3(__NR_readlink, path, link, sizeof(link) - 1);
	link[ret < 0 ? 0 : ret] = 0;
	type = wy_fd_classify(fd, f->flags, &st, link);
	f->class = type.class;
	f->kind = type.kind;
	if (f->class == WY_FD_DISK || f->class == WY_FD_DIR) {
		ret = sys3(__NR_lseek, fd, 0, 1 /* SEEK_CUR */);
		f->position = ret < 0 ? -1 : ret;
		f->locked = is_locked(fd);
	}
	return 0;
}

/* ---- is it the same open file? ---- */

static bool no_kcmp;

/* 0: the same, 1: a stands before b in some fixed order, 2: behind it. */
static int compare(int pid, int a, int b)
{
	long ret = sys6(__NR_kcmp, pid, pid, KCMP_FILE, a, b, 0);

	if (ret < 0)
		no_kcmp = true;
	return (int)ret;
}

/* The same, by trying it out. */
static bool shares_flags(int a, int b)
{
	int flags = (int)sys2(__NR_fcntl, a, F_GETFL);
	bool before = flags & O_NONBLOCK, after;

	if (((int)sys2(__NR_fcntl, b, F_GETFL) & O_NONBLOCK ? 1 : 0) != before)
		return false;
	if (sys3(__NR_fcntl, a, F_SETFL, flags ^ O_NONBLOCK) < 0)
		return false;
	after = (int)sys2(__NR_fcntl, b, F_GETFL) & O_NONBLOCK;
	sys3(__NR_fcntl, a, F_SETFL, flags);
	return after != before;
}

/* Nobody minds if two slots of these are taken for two open files. */
static bool is_indifferent(const struct wy_fd_file *f)
{
	return f->class == WY_FD_PATH || f->class == WY_FD_TTY || f->class == WY_FD_DEV;
}

static int find_by_flags(const struct wy_fdtab *tab, const struct wy_fd_file *f, int fd)
{
	for (unsigned int i = 0; !is_indifferent(f) && i < tab->nr_files; i++) {
		const struct wy_fd_file *other = &tab->file[i];

		if (other->dev == f->dev && other->ino == f->ino && other->flags == f->flags &&
		    other->class == f->class && other->kind == f->kind &&
		    shares_flags(tab->slot[other->first].fd, fd))
			return (int)i;
	}
	return -1;
}

/*
 * The open file of a descriptor among those that were looked at before, or -1.
 * order: the files as kcmp(2) sorts them; *ret_at: where this one belongs.
 */
static int find_file(const struct wy_fdtab *tab, const unsigned int *order, int pid,
		     const struct wy_fd_file *f, int fd, unsigned int *ret_at)
{
	unsigned int low = 0, high = tab->nr_files;

	while (low < high && !no_kcmp) {
		unsigned int middle = (low + high) / 2, i = order[middle];

		switch (compare(pid, fd, tab->slot[tab->file[i].first].fd)) {
		case 0: return (int)i;
		case 1: high = middle; break;
		default: low = middle + 1; break;
		}
	}
	*ret_at = low;
	return no_kcmp ? find_by_flags(tab, f, fd) : -1;
}

/* ---- the table ---- */

/* Writes down the numbers that are open, at most max; returns how many there are, or -errno. */
static long list(struct wy_fd_slot *slot, unsigned long max)
{
	struct wy_dir dir;
	unsigned long nr = 0;
	long fd;

	wy_dir_open(&dir, "/proc/self/fd");
	while (!dir.error && (fd = wy_dir_next_number(&dir)) >= 0) {
		if (fd == dir.fd)
			continue;
		if (nr < max)
			slot[nr].fd = (int)fd;
		nr++;
	}
	wy_dir_close(&dir);
	return dir.error ? dir.error : (long)nr;
}

static void add_slot(struct wy_fdtab *tab, unsigned int *order, int pid, int fd)
{
	struct wy_fd_slot *s = &tab->slot[tab->nr_slots];
	struct wy_fd_file *f = &tab->file[tab->nr_files];
	unsigned int at = 0;
	int same;

	if (look(f, fd) < 0)
		return;
	same = find_file(tab, order, pid, f, fd, &at);
	*s = (struct wy_fd_slot){
		.fd = fd,
		.file = same < 0 ? tab->nr_files : (unsigned int)same,
		.next = -1,
		.close_on_exec = sys2(__NR_fcntl, fd, F_GETFD) & FD_CLOEXEC,
	};
	if (same < 0) {
		__builtin_memmove(order + at + 1, order + at,
				  (tab->nr_files - at) * sizeof(*order));
		order[at] = tab->nr_files++;
		f->first = tab->nr_slots;
	} else {
		struct wy_fd_slot *last = &tab->slot[tab->file[same].first];

		while (last->next >= 0)
			last = &tab->slot[last->next];
		last->next = (int)tab->nr_slots;
	}
	tab->nr_slots++;
}

long wy_fdtab_read(struct wy_fdtab *tab)
{
	int pid = (int)sys0(__NR_getpid);
	unsigned long max;
	unsigned int *order;
	long nr = list(NULL, 0);

	*tab = (struct wy_fdtab){ .generation = tab->generation + 1 };
	chunk_now = 0;
	chunk_used = 0;
	no_kcmp = false;
	if (nr < 0)
		return nr;
	max = (unsigned long)nr + SPARE;
	if (nr > WY_FDTAB_MAX)
		return -EMFILE;
	tab->slot = wy_fdtab_room(max * sizeof(*tab->slot));
	tab->file = wy_fdtab_room((max + 1) * sizeof(*tab->file));
	order = wy_fdtab_room((max + 1) * sizeof(*order));
	if (!tab->slot || !tab->file || !order)
		return -ENOMEM;
	nr = list(tab->slot, max);
	if (nr < 0 || (unsigned long)nr > max)
		return nr < 0 ? nr : -EMFILE;
	/* /proc lists them by number.  A slot is never written beyond the one that is read. */
	for (long i = 0; i < nr; i++)
		add_slot(tab, order, pid, tab->slot[i].fd);
	return 0;
}

unsigned int wy_fdtab_mark(struct wy_fdtab *tab, unsigned long dev, unsigned long ino,
			   unsigned int marks)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < tab->nr_files; i++) {
		struct wy_fd_file *f = &tab->file[i];

		if (f->dev != dev || f->ino != ino || f->class == WY_FD_EVENT ||
		    f->class == WY_FD_ANON || f->class == WY_FD_PATH)
			continue;
		f->marks |= marks;
		for (int s = (int)f->first; s >= 0; s = tab->slot[s].next)
			nr++;
	}
	return nr;
}

const struct wy_fd_slot *wy_fdtab_find(const struct wy_fdtab *tab, int fd)
{
	unsigned int low = 0, high = tab->nr_slots;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (tab->slot[middle].fd == fd)
			return &tab->slot[middle];
		if (tab->slot[middle].fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
