/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ids.h"

#include "agent/gate.h"
#include "agent/hot.h"
#include "agent/refork.h"
#include "agent/sys.h"
#include <linux/ioprio.h>
#include <linux/resource.h>

static int template, group;
WY_HOT static int server; /* 0: nobody has gone on */

void wy_ids_stopped(const struct wy_thread *t)
{
	template = t->pid;
	group = (int)sys1(__NR_getpgid, 0);
}

void wy_ids_gone_on(const struct wy_thread *t)
{
	server = t->pid;
}

bool wy_ids_is_server(const struct wy_thread *t)
{
	return t->pid == server;
}

/* A libc that remembers its threads' ids sends signals to the template's threads: not so. */
static void alias_signalled(struct wy_call *call)
{
	bool has_group = (int)call->nr != __NR_tkill;
	int at = has_group ? 1 : 0, tid = wy_refork_tid((int)call->arg[at]);

	if (!tid || tid == (int)call->arg[at])
		return;
	if (has_group && (int)call->arg[0] != template && (int)call->arg[0] != server)
		return;
	wy_call_record(call);
	if (has_group)
		call->arg[0] = server;
	call->arg[at] = tid;
}

/* Which argument of a call about scheduling is a thread's id. */
static int scheduled(const struct wy_call *call)
{
	switch ((int)call->nr) {
	case __NR_getpriority:
	case __NR_setpriority: return call->arg[0] == PRIO_PROCESS ? 1 : -1;
	case __NR_ioprio_get:
	case __NR_ioprio_set: return call->arg[0] == IOPRIO_WHO_PROCESS ? 1 : -1;
	}
	return 0;
}

/* Else it would be a thread of the template that gets another priority, or other processors. */
static void alias_scheduled(struct wy_call *call)
{
	int at = scheduled(call), tid;

	if (at < 0 || (int)call->arg[at] <= 0)
		return;
	tid = wy_refork_tid((int)call->arg[at]);
	if (!tid || tid == (int)call->arg[at])
		return;
	wy_call_record(call);
	call->arg[at] = tid;
}

/*
 * A copy that signals the process that it was copied from (a shell's $$), or all of its group, in
 * which the template and all other copies are, means itself.
 */
static void alias_process(struct wy_call *call)
{
	int pid = (int)call->arg[0];

	if (template == server || (pid != 0 && pid != template && pid != -group))
		return;
	wy_call_record(call);
	call->arg[0] = server;
}

void wy_ids_look(struct wy_call *call)
{
	bool is_server = wy_ids_is_server(call->thread);

	switch ((int)call->nr) {
	case __NR_kill:
	case __NR_rt_sigqueueinfo: alias_process(call); break;
	case __NR_tkill:
	case __NR_tgkill:
	case __NR_rt_tgsigqueueinfo:
		if (is_server)
			alias_signalled(call);
		break;
	case __NR_sched_setparam:
	case __NR_sched_getparam:
	case __NR_sched_setscheduler:
	case __NR_sched_getscheduler:
	case __NR_sched_rr_get_interval:
	case __NR_sched_setaffinity:
	case __NR_sched_getaffinity:
	case __NR_sched_setattr:
	case __NR_sched_getattr:
	case __NR_getpriority:
	case __NR_setpriority:
	case __NR_ioprio_get:
	case __NR_ioprio_set:
		if (is_server)
			alias_scheduled(call);
		break;
	}
}

void wy_ids_watch(struct wy_callset *calls)
{
	/* clang-format off */
	static const unsigned short wanted[] = {
		__NR_tkill, __NR_tgkill, __NR_rt_tgsigqueueinfo, __NR_kill, __NR_rt_sigqueueinfo,
		__NR_sched_setparam, __NR_sched_getparam, __NR_sched_setscheduler,
		__NR_sched_getscheduler, __NR_sched_rr_get_interval, __NR_sched_setaffinity,
		__NR_sched_getaffinity, __NR_sched_setattr, __NR_sched_getattr,
		__NR_getpriority, __NR_setpriority, __NR_ioprio_get, __NR_ioprio_set,
	};
	/* clang-format on */

	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		wy_callset_add(calls, wanted[i]);
}
