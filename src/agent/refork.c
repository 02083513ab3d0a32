/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refork.c - see refork.h.
 *
 * The program did not ask for this fork, so its libc does not know of it: what
 * libc does in a child after its own fork(2) is done here.  That is the thread
 * id that glibc keeps in memory (where it told the kernel to clear it at the
 * end) and the list of robust mutexes.  musl names another word to the kernel,
 * a lock: nothing may be written there, which is why the old id must stand
 * where the new one is put.
 */
#include "agent/refork.h"
#include "agent/fault.h"
#include "agent/lock.h"
#include "agent/usermem.h"
#include <linux/sched.h>

void wy_refork_prepare(struct wy_refork *r, unsigned long tid_address)
{
	r->tid_address = tid_address;
	r->tid = (int)sys0(__NR_gettid);
	if (sys3(__NR_get_robust_list, 0, &r->robust_list, &r->robust_len) < 0)
		r->robust_list = 0;
}

static void restore(const struct wy_refork *r, int tid)
{
	int stands;

	if (r->robust_list)
		sys2(__NR_set_robust_list, r->robust_list, r->robust_len);
	if (!r->tid_address)
		return;
	sys1(__NR_set_tid_address, r->tid_address);
	if (copy_from_program(&stands, r->tid_address, sizeof(stands)) == 0 && stands == r->tid)
		copy_to_program(r->tid_address, &tid, sizeof(tid));
}

long wy_refork(struct wy_thread *t, const struct wy_refork *r, unsigned long flags)
{
	long ret;

	wy_thread_block_signals(t);
	wy_lock_all();
	ret = sys6(__NR_clone, flags | 17 /* SIGCHLD */, 0, 0, 0, 0, 0);
	if (ret) {
		wy_unlock_all();
		return ret;
	}
	wy_thread_is_process(t);
	restore(r, t->tid);
	return 0;
}
