/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdslots.c - see fdslots.h.
 *
 * A table is a sparse mapping with a slot for each number that the process can
 * have.  A fork copies it with the memory.  A child that shares memory but not
 * descriptors (vfork, posix_spawn) gets a copy, from a few that are kept.
 */
#include "agent/fdslots.h"

#include "agent/lock.h"
#include "agent/own.h"
#include "agent/refork.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/sched.h>

#define SLOTS_MAX   (1u << 20)
#define SLOTS_LEAST 4096u
#define TABLES      16

/* ---- tables ---- */

static struct wy_files *tables[TABLES];

static unsigned long table_size(unsigned int slots)
{
	return (sizeof(struct wy_files) + slots * sizeof(struct wy_fd_now) + 4095) & ~4095ul;
}

static struct wy_files *map_table(void)
{
	struct {
		unsigned long now, most;
	} limit = { SLOTS_LEAST, SLOTS_LEAST };
	unsigned long slots;

	sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	slots = limit.most < SLOTS_MAX ? limit.most : SLOTS_MAX;
	for (; slots; slots = slots > SLOTS_LEAST ? SLOTS_LEAST : 0) {
		long at = sys_mmap(0, table_size((unsigned int)slots), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		struct wy_files *files = (struct wy_files *)at;

		if (WY_IS_ERROR(at))
			continue;
		wy_own_add((unsigned long)at, table_size((unsigned int)slots));
		files->max = (unsigned int)slots;
		return files;
	}
	return NULL;
}

/* One that nobody uses, empty; NULL. */
struct wy_files *wy_files_new(void)
{
	struct wy_files *files = NULL;

	wy_lock(WY_LOCK_FILES);
	for (int i = 0; i < TABLES && !files; i++) {
		if (!tables[i])
			tables[i] = map_table();
		if (!tables[i])
			break;
		if (!tables[i]->users)
			files = tables[i];
	}
	if (files) {
		__builtin_memset(files->slot, 0, files->top * sizeof(files->slot[0]));
		files->top = 0;
		files->users = 1;
	}
	wy_unlock(WY_LOCK_FILES);
	return files;
}

struct wy_files *wy_files_for_child(struct wy_files *files, unsigned long clone_flags)
{
	struct wy_files *copy;

	if (!files || !(clone_flags & CLONE_VM))
		return files; /* the child's memory is a copy, or there is nothing */
	if (clone_flags & CLONE_FILES) {
		__atomic_add_fetch(&files->users, 1, __ATOMIC_RELAXED);
		return files;
	}
	copy = wy_files_new();
	if (!copy)
		return NULL;
	copy->top = files->top < copy->max ? files->top : copy->max;
	__builtin_memcpy(copy->slot, files->slot, copy->top * sizeof(copy->slot[0]));
	return copy;
}

void wy_files_fork_child(struct wy_thread *t)
{
	/* A copy with threads (refork.h) has all of them in this one. */
	for (int i = 0; i < TABLES; i++) {
		if (tables[i])
			tables[i]->users = tables[i] == t->files ? 1 + wy_rest_count(t) : 0;
	}
}

void wy_files_put(struct wy_thread *t)
{
	struct wy_files *files = t->files;

	t->files = NULL;
	if (files)
		__atomic_sub_fetch(&files->users, 1, __ATOMIC_ACQ_REL);
}

/* ---- slots ---- */

bool wy_slot_is(const struct wy_files *files, long fd)
{
	return files && fd >= 0 && fd < files->max;
}

struct wy_fd_now wy_slot_get(const struct wy_files *files, long fd)
{
	struct wy_fd_now now = { 0 };

	if (wy_slot_is(files, fd))
		__atomic_load(&files->slot[fd], &now, __ATOMIC_ACQUIRE);
	return now;
}

static void raise_top(struct wy_files *files, long fd)
{
	unsigned int top = __atomic_load_n(&files->top, __ATOMIC_RELAXED);

	while (fd >= top && !__atomic_compare_exchange_n(&files->top, &top, (unsigned int)fd + 1,
							 false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Returns what was there. */
struct wy_fd_now wy_slot_set(struct wy_files *files, long fd, struct wy_fd_now now)
{
	struct wy_fd_now was = { 0 };

	if (!wy_slot_is(files, fd))
		return was;
	raise_top(files, fd);
	__atomic_exchange(&files->slot[fd], &now, &was, __ATOMIC_ACQ_REL);
	return was;
}

/* Sets it if nobody else has. */
bool wy_slot_set_first(struct wy_files *files, long fd, struct wy_fd_now now)
{
	struct wy_fd_now none = { 0 };

	if (!wy_slot_is(files, fd))
		return false;
	raise_top(files, fd);
	return __atomic_compare_exchange(&files->slot[fd], &none, &now, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE);
}

/* Makes it empty; returns what was there, to one of those who do so at once. */
struct wy_fd_now wy_slot_take(struct wy_files *files, long fd)
{
	struct wy_fd_now none = { 0 }, was = { 0 };

	if (wy_slot_is(files, fd) && wy_slot_get(files, fd).file)
		__atomic_exchange(&files->slot[fd], &none, &was, __ATOMIC_ACQ_REL);
	return was;
}

/* unshare(2): this thread goes on with a table of its own.  False: it had one already. */
bool wy_files_separate(struct wy_thread *t)
{
	struct wy_files *files = t->files;

	if (!files || __atomic_load_n(&files->users, __ATOMIC_RELAXED) == 1)
		return false;
	t->files = wy_files_for_child(files, CLONE_VM);
	__atomic_sub_fetch(&files->users, 1, __ATOMIC_ACQ_REL);
	return true;
}
