/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frozen.c - see frozen.h.
 *
 * MADV_DONTNEED and its like make anonymous memory zero, but bring a file's old
 * bytes back: allocators count on the zeros.  So the place becomes fresh anonymous
 * memory.  mremap(2) wants one mapping, where now there may be several, and would
 * grow beyond the file: it is done by hand.  brk(2), munmap, mprotect, fork and so
 * on do what they did.  Where the file is still mapped is not kept in books: the
 * extents that were frozen tell whether there is something to ask, and
 * /proc/self/maps has the answer.
 */
#include "agent/frozen.h"
#include "agent/hot.h"
#include "agent/maps.h"
#include "agent/module.h"
#include "agent/op.h"
#include "agent/own.h"
#include "agent/seccomp.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctl.h>
#include <asm/mman.h>
#include <linux/mman.h>

#define PAGE                  4096ul
#define ZERO_BY_HAND          (16ul << 10)
#define REMAPS_MAX            4096u
#define IOVECS_MAX            1024ul

/* Linux 5.18, 6.13 */
#define MADV_DONTNEED_LOCKED_ 24
#define MADV_GUARD_INSTALL_   102
#ifndef __NR_process_madvise
#define __NR_process_madvise 440
#endif

WY_LARGE struct wy_frozen wy_frozen;

/* Was any of it frozen?  (It may be something else by now.) */
static bool touches(unsigned long start, unsigned long end)
{
	unsigned int lo = 0, hi = wy_frozen.nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (wy_frozen.extent[mid].end <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < wy_frozen.nr && wy_frozen.extent[lo].start < end;
}

static bool is_frozen(const struct wy_map *map)
{
	return map->inode == wy_frozen.inode && map->dev_major == wy_frozen.dev_major &&
	       map->dev_minor == wy_frozen.dev_minor && !(map->flags & WY_MAP_SHARED);
}

/* A range of whole pages of the program; false: the kernel will refuse it. */
static bool is_range(unsigned long start, unsigned long len, unsigned long *ret_end)
{
	if (start % PAGE || !len || !wy_user_range_ok(start, len))
		return false;
	*ret_end = (start + len + PAGE - 1) & -PAGE;
	return true;
}

static long map_fresh(unsigned long start, unsigned long len, int prot, int flags)
{
	long ret;

	flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	ret = sys6(__NR_mmap, start, len, prot, flags, -1, 0);
	if (ret == -ENOMEM) /* it may have been promised less than is asked for now */
		ret = sys6(__NR_mmap, start, len, prot, flags | MAP_NORESERVE, -1, 0);
	return ret;
}

static unsigned int remaps;

/* What is frozen in [start, end) becomes fresh memory.  Returns 0 or -errno. */
static long refresh(const struct wy_maps_query *q, unsigned long start, unsigned long end)
{
	struct wy_map map;
	long ret;

	for (; start < end; start = map.end) {
		ret = wy_maps_at(q, start, &map);
		if (ret < 0)
			return ret == -ENOENT ? 0 : ret;
		if (map.start > start)
			start = map.start;
		if (start >= end || !is_frozen(&map))
			continue;
		ret = map_fresh(start, (map.end < end ? map.end : end) - start,
				wy_map_protection(map.flags), MAP_FIXED);
		if (WY_IS_ERROR(ret))
			return ret;
		__atomic_add_fetch(&remaps, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static bool is_discarding(int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_DONTNEED_LOCKED_:
	case MADV_GUARD_INSTALL_: return true;
	}
	return false;
}

/* A mapping for a few pages would cost more than the pages, and mappings are limited. */
static bool by_hand(const struct wy_map *map, unsigned long start, unsigned long end, int advice)
{
	return map->start <= start && end <= map->end && is_frozen(map) &&
	       map->flags & WY_MAP_WRITE && advice != MADV_GUARD_INSTALL_ &&
	       (end - start <= ZERO_BY_HAND ||
		__atomic_load_n(&remaps, __ATOMIC_RELAXED) > REMAPS_MAX);
}

static long zero_by_hand(unsigned long start, unsigned long end, int advice)
{
	static const char zeros[PAGE];
	long ret;

	if (advice == MADV_FREE)
		advice = MADV_DONTNEED;
	/* It judges (is it locked?), and gives back what this copy has written. */
	ret = wy_call_as_program(__NR_madvise, (long)start, (long)(end - start), advice, 0, 0, 0);
	for (; !ret && start < end; start += PAGE)
		ret = copy_to_program(start, zeros, PAGE) < 0 ? -EAGAIN : 0;
	return ret;
}

static enum wy_verdict look_madvise(struct wy_call *call)
{
	unsigned long start = (unsigned long)call->arg[0], end;
	int advice = (int)call->arg[2];
	struct wy_maps_query q;
	struct wy_map map;
	long ret;

	if (!is_discarding(advice) || !is_range(start, (unsigned long)call->arg[1], &end) ||
	    !touches(start, end))
		return WY_PASS;
	ret = wy_maps_open(&q);
	if (ret < 0) /* not told apart from what is no longer frozen: nothing is done */
		return wy_answer(call, -EAGAIN);
	ret = wy_maps_at(&q, start, &map);
	if (ret == 0 && by_hand(&map, start, end, advice)) {
		wy_maps_close(&q);
		return wy_answer(call, zero_by_hand(start, end, advice));
	}
	ret = refresh(&q, start, end);
	wy_maps_close(&q);
	return ret < 0 ? wy_answer(call, -EAGAIN) : WY_PASS;
}

/* ---- process_madvise(2) ---- */

struct iovec_ { /* struct iovec */
	unsigned long start, len;
};

/* Linux 6.13, which also is the first to let a process discard its own memory by this call. */
struct pidfd_info_ {
	unsigned long mask, cgroup;
	unsigned int pid, tgid, rest[10];
};
#define PIDFD_GET_INFO_   _IOWR(0xff, 11, struct pidfd_info_)
#define PIDFD_SELF_FIRST_ (-10001)
#define PIDFD_SELF_LAST_  (-10000)

static bool is_self(int pidfd)
{
	struct pidfd_info_ info = { .mask = 1 };

	if (pidfd >= PIDFD_SELF_FIRST_ && pidfd <= PIDFD_SELF_LAST_)
		return true;
	return sys3(__NR_ioctl, pidfd, PIDFD_GET_INFO_, &info) == 0 &&
	       info.tgid == (unsigned int)sys0(__NR_getpid);
}

static enum wy_verdict look_process_madvise(struct wy_call *call)
{
	unsigned long at = (unsigned long)call->arg[1], nr = (unsigned long)call->arg[2], end;
	struct wy_maps_query q = { .fd = -1 };
	struct iovec_ iov;
	long ret = 0;

	if (!is_discarding((int)call->arg[3]) || nr > IOVECS_MAX || call->arg[4] ||
	    !is_self((int)call->arg[0]))
		return WY_PASS;
	for (; !ret && nr--; at += sizeof(iov)) {
		if (copy_from_program(&iov, at, sizeof(iov)) < 0)
			break;
		if (!is_range(iov.start, iov.len, &end) || !touches(iov.start, end))
			continue;
		if (q.fd < 0)
			ret = wy_maps_open(&q);
		if (!ret)
			ret = refresh(&q, iov.start, end);
	}
	wy_maps_close(&q);
	return ret < 0 ? wy_answer(call, -EAGAIN) : WY_PASS;
}

/* ---- mremap(2) ---- */

struct move {
	unsigned long old, old_len, new_len, to; /* to: MREMAP_FIXED */
	unsigned long flags;
	int prot;
};

/* One mapping before it was frozen?  Fills in its protection.  Returns 0 or -EFAULT. */
static long check_old(const struct wy_maps_query *q, struct move *m)
{
	unsigned long at = m->old, end = m->old + m->old_len;
	struct wy_map map;

	for (; at < end; at = map.end) {
		if (wy_maps_at(q, at, &map) < 0 || map.start > at || map.flags & WY_MAP_SHARED ||
		    (map.inode && !is_frozen(&map)) ||
		    (at > m->old && wy_map_protection(map.flags) != m->prot))
			return -EFAULT;
		m->prot = wy_map_protection(map.flags);
	}
	return 0;
}

/* Copies what is not zero: the memory at `to` is fresh. */
static long copy_not_zero(unsigned long to, unsigned long from, unsigned long len)
{
	unsigned long buf[64];

	for (unsigned long at = 0; at < len; at += sizeof(buf)) {
		unsigned long any = 0;

		if (copy_from_program(buf, from + at, sizeof(buf)) < 0)
			return -EFAULT;
		for (unsigned int i = 0; i < sizeof(buf) / sizeof(buf[0]); i++)
			any |= buf[i];
		if (any && copy_to_program(to + at, buf, sizeof(buf)) < 0)
			return -EFAULT;
	}
	return 0;
}

/* The same of anonymous memory, much of which may never have been there. */
static long copy_anonymous(long pagemap, unsigned long to, unsigned long from, unsigned long len)
{
	unsigned long word[64];
	long ret = 0;

	for (unsigned long at = 0; !ret && at < len;) {
		unsigned long pages = (len - at) / PAGE;
		long n;

		if (pages > sizeof(word) / sizeof(word[0]))
			pages = sizeof(word) / sizeof(word[0]);
		n = sys4(__NR_pread64, pagemap, word, pages * 8, (from + at) / PAGE * 8);
		if (n != (long)pages * 8)
			return copy_not_zero(to + at, from + at, len - at);
		for (unsigned long i = 0; !ret && i < pages; i++, at += PAGE) {
			if (word[i] & (WY_PAGEMAP_PRESENT | WY_PAGEMAP_SWAPPED))
				ret = copy_not_zero(to + at, from + at, PAGE);
		}
	}
	return ret;
}

static long copy_old(const struct wy_maps_query *q, const struct move *m, unsigned long to)
{
	unsigned long len = m->old_len < m->new_len ? m->old_len : m->new_len;
	long pagemap = sys3(__NR_open, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	struct wy_map map;
	long ret = 0;

	for (unsigned long at = 0, part; !ret && at < len; at += part) {
		ret = wy_maps_at(q, m->old + at, &map);
		if (ret < 0)
			break;
		part = map.end - (m->old + at);
		if (part > len - at)
			part = len - at;
		if (is_frozen(&map))
			ret = copy_not_zero(to + at, m->old + at, part);
		else
			ret = copy_anonymous(pagemap, to + at, m->old + at, part);
	}
	if (pagemap >= 0)
		sys1(__NR_close, pagemap);
	return ret;
}

static long move_away(const struct wy_maps_query *q, const struct move *m)
{
	unsigned long own_start, own_end;
	long to, ret = 0;

	if (m->flags & MREMAP_FIXED) {
		if (m->to % PAGE || !wy_user_range_ok(m->to, m->new_len) ||
		    (m->to < m->old + m->old_len && m->old < m->to + m->new_len))
			return -EINVAL;
		if (wy_own_touches(m->to, m->new_len, &own_start, &own_end))
			return -ENOMEM;
	}
	to = map_fresh(0, m->new_len, PROT_READ | PROT_WRITE, 0);
	if (WY_IS_ERROR(to))
		return -ENOMEM;
	if (!(m->prot & PROT_READ))
		ret = sys3(__NR_mprotect, m->old, m->old_len, PROT_READ);
	if (!ret)
		ret = copy_old(q, m, (unsigned long)to);
	if (!ret && m->prot != (PROT_READ | PROT_WRITE))
		ret = sys3(__NR_mprotect, to, m->new_len, m->prot);
	if (!ret && m->flags & MREMAP_FIXED) {
		wy_module_forget(m->to, m->new_len);
		ret = wy_call_as_program(__NR_mremap, to, (long)m->new_len, (long)m->new_len,
					 MREMAP_MAYMOVE | MREMAP_FIXED, (long)m->to, 0);
		if (!WY_IS_ERROR(ret)) {
			to = ret;
			ret = 0;
		}
	}
	if (ret) {
		sys2(__NR_munmap, to, m->new_len);
		if (!(m->prot & PROT_READ))
			sys3(__NR_mprotect, m->old, m->old_len, m->prot);
		return -ENOMEM;
	}
	if (!(m->flags & MREMAP_DONTUNMAP))
		sys2(__NR_munmap, m->old, m->old_len);
	else
		map_fresh(m->old, m->old_len, m->prot, MAP_FIXED);
	return to;
}

static long resize(const struct wy_maps_query *q, struct move *m)
{
	long ret = check_old(q, m);

	if (ret < 0)
		return ret;
	if (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return move_away(q, m);
	if (m->new_len <= m->old_len) {
		if (m->new_len < m->old_len)
			ret = sys2(__NR_munmap, m->old + m->new_len, m->old_len - m->new_len);
		return ret < 0 ? ret : (long)m->old;
	}
	ret = map_fresh(m->old + m->old_len, m->new_len - m->old_len, m->prot, MAP_FIXED_NOREPLACE);
	if (ret == (long)(m->old + m->old_len))
		return (long)m->old;
	if (!WY_IS_ERROR(ret)) /* a kernel before 4.17 */
		sys2(__NR_munmap, ret, m->new_len - m->old_len);
	return m->flags & MREMAP_MAYMOVE ? move_away(q, m) : -ENOMEM;
}

static enum wy_verdict look_mremap(struct wy_call *call)
{
	struct move m = {
		.old = (unsigned long)call->arg[0],
		.new_len = ((unsigned long)call->arg[2] + PAGE - 1) & -PAGE,
		.flags = (unsigned long)call->arg[3],
		.to = (unsigned long)call->arg[4],
	};
	struct wy_maps_query q;
	struct wy_map map;
	unsigned long end;
	long ret;

	if (!is_range(m.old, (unsigned long)call->arg[1], &end) || !touches(m.old, end))
		return WY_PASS;
	m.old_len = end - m.old;
	/* The kernel knows what is wrong with it. */
	if (!m.new_len || m.flags & ~7ul /* MAYMOVE, FIXED, DONTUNMAP */ ||
	    (m.flags & ~1ul && !(m.flags & MREMAP_MAYMOVE)) ||
	    (m.flags & MREMAP_DONTUNMAP && m.old_len != m.new_len))
		return WY_PASS;
	ret = wy_maps_open(&q);
	if (ret < 0)
		return wy_answer(call, -ENOMEM);
	ret = wy_maps_at(&q, m.old, &map);
	if (ret == 0 && map.start <= m.old && end <= map.end && !is_frozen(&map)) {
		wy_maps_close(&q);
		return WY_PASS; /* one mapping, and no longer ours */
	}
	ret = resize(&q, &m);
	wy_maps_close(&q);
	return wy_answer(call, ret);
}

void wy_frozen_watch(struct wy_callset *calls)
{
	wy_callset_add(calls, __NR_madvise);
	wy_callset_add(calls, __NR_process_madvise);
	wy_callset_add(calls, __NR_mremap);
}

enum wy_verdict wy_frozen_look(struct wy_call *call)
{
	if (!wy_frozen.nr)
		return WY_PASS;
	switch ((int)call->nr) {
	case __NR_madvise: return look_madvise(call);
	case __NR_process_madvise: return look_process_madvise(call);
	case __NR_mremap: return look_mremap(call);
	}
	return WY_PASS;
}
