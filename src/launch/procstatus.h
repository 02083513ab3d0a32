/* SPDX-License-Identifier: Apache-2.0 */
/* procstatus.h - what /proc/PID/status says. */
#ifndef WY_LAUNCH_PROCSTATUS_H
#define WY_LAUNCH_PROCSTATUS_H

#include <stdbool.h>
#include <sys/types.h>

struct wy_proc_status {
	char state;  /* as proc(5): 'Z' a zombie, ... */
	pid_t group; /* the process that this thread is of */
	pid_t tracer;
	uid_t uid;             /* effective */
	int seccomp;           /* 0: none */
	unsigned long pending; /* signals that wait for any thread of the process */
	unsigned long ignored;
	bool has_memory; /* kernel threads and zombies have none */
};

/* Of a thread (any, by its id in /proc). Returns 0 or -errno: -ESRCH if there is none. */
int wy_proc_status(pid_t tid, struct wy_proc_status *ret);

#endif
