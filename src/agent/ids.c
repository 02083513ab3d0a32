/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ids.h"

#include "agent/gate.h"
#include "agent/hot.h"
#include "agent/refork.h"
#include "agent/sys.h"
#include <linux/ioprio.h>
#include <linux/resource.h>

/* include/linux/posix-timers_types.h: the low three bits of such a clock */
#define CLOCK_OF        3
#define CLOCK_OF_FD     3
#define CLOCK_OF_THREAD 4

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

/* Else it would be a thread of the template that gets another priority, or other processors. */
static void alias_thread(struct wy_call *call, int at)
{
	int old = (int)call->arg[at], tid = old > 0 ? wy_refork_tid(old) : 0;

	if (!tid || tid == old)
		return;
	wy_call_record(call);
	call->arg[at] = tid;
}

/* getpriority(2) and ioprio_get(2): `one` asks about one thread. */
static void alias_chosen(struct wy_call *call, int one)
{
	if ((int)call->arg[0] == one)
		alias_thread(call, 1);
}

/* clock_getcpuclockid(3): the clock of a thread or process has its id in it. */
static void alias_clock(struct wy_call *call)
{
	int clock = (int)call->arg[0], old = ~(clock >> 3), id = 0;

	if (clock >= 0 || (clock & CLOCK_OF) == CLOCK_OF_FD || old <= 0)
		return;
	if (clock & CLOCK_OF_THREAD)
		id = wy_refork_tid(old);
	else if (old == template)
		id = server;
	if (!id || id == old)
		return;
	wy_call_record(call);
	call->arg[0] = (int)((unsigned int)~id << 3) | (clock & 7);
}

/* A process, and by its own id only. */
static void alias_named(struct wy_call *call)
{
	if (template == server || (int)call->arg[0] != template)
		return;
	wy_call_record(call);
	call->arg[0] = server;
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

enum how {
	NOT,
	SIGNALS_PROCESS,
	NAMES_PROCESS,
	SIGNALS_THREAD,
	OF_THREAD,
	PRIORITY,
	IO_PRIORITY,
	CLOCK
};
static unsigned char how[WY_CALLS_MAX];

void wy_ids_look(struct wy_call *call)
{
	enum how what = (enum how)how[wy_call_row(call->nr)];

	/* What it has started has ids of its own, but for the one of who has started it. */
	if (what > NAMES_PROCESS && !wy_ids_is_server(call->thread))
		return;
	switch (what) {
	case NOT: break;
	case SIGNALS_PROCESS: alias_process(call); break;
	case NAMES_PROCESS: alias_named(call); break;
	case SIGNALS_THREAD: alias_signalled(call); break;
	case OF_THREAD: alias_thread(call, 0); break;
	case PRIORITY: alias_chosen(call, PRIO_PROCESS); break;
	case IO_PRIORITY: alias_chosen(call, IOPRIO_WHO_PROCESS); break;
	case CLOCK: alias_clock(call); break;
	}
}

void wy_ids_watch(struct wy_callset *calls)
{
	static const struct {
		unsigned short nr;
		unsigned char how;
	} rows[] = {
		{ __NR_kill, SIGNALS_PROCESS },
		{ __NR_rt_sigqueueinfo, SIGNALS_PROCESS },
		{ __NR_prlimit64, NAMES_PROCESS },
		{ __NR_pidfd_open, NAMES_PROCESS },
		{ __NR_process_vm_readv, NAMES_PROCESS },
		{ __NR_process_vm_writev, NAMES_PROCESS },
		{ __NR_tkill, SIGNALS_THREAD },
		{ __NR_tgkill, SIGNALS_THREAD },
		{ __NR_rt_tgsigqueueinfo, SIGNALS_THREAD },
		{ __NR_sched_setparam, OF_THREAD },
		{ __NR_sched_getparam, OF_THREAD },
		{ __NR_sched_setscheduler, OF_THREAD },
		{ __NR_sched_getscheduler, OF_THREAD },
		{ __NR_sched_rr_get_interval, OF_THREAD },
		{ __NR_sched_setaffinity, OF_THREAD },
		{ __NR_sched_getaffinity, OF_THREAD },
		{ __NR_sched_setattr, OF_THREAD },
		{ __NR_sched_getattr, OF_THREAD },
		{ __NR_getpriority, PRIORITY },
		{ __NR_setpriority, PRIORITY },
		{ __NR_ioprio_get, IO_PRIORITY },
		{ __NR_ioprio_set, IO_PRIORITY },
		{ __NR_clock_gettime, CLOCK },
		{ __NR_clock_getres, CLOCK },
		{ __NR_clock_nanosleep, CLOCK },
		{ __NR_timer_create, CLOCK },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		how[rows[i].nr] = rows[i].how;
		wy_callset_add(calls, rows[i].nr);
	}
}
