/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tracee.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void wy_tracee_answer(struct wy_exec_slot *slot, unsigned int state)
{
	__atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &slot->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

struct wy_tracee *wy_tracee_find(struct wy_follow *f, pid_t tid)
{
	struct wy_tracee *t = f->tracees;

	while (t && t->tid != tid)
		t = t->next;
	return t;
}

struct wy_tracee *wy_tracee_add(struct wy_follow *f, pid_t tid, enum wy_tracee_state state)
{
	struct wy_tracee *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->tid = tid;
	t->state = state;
	t->next = f->tracees;
	f->tracees = t;
	f->tracees_nr++;
	return t;
}

void wy_tracee_drop(struct wy_follow *f, struct wy_tracee *t)
{
	struct wy_tracee **at = &f->tracees;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	f->tracees_nr--;
	if (t->slot)
		wy_tracee_answer(t->slot, WY_EXEC_FREE);
	free(t);
}
