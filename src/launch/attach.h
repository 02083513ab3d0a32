/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - brings the agent into a process that runs, and takes it out again.
 *
 * All threads are stopped for that time (some milliseconds), and go on from where
 * they were.  Nobody is traced before or after it.
 *
 * Neither ever leaves a program half way: what fails is undone, and says why.  But if the
 * caller is killed in the middle of it, the program is lost.
 */
#ifndef WY_LAUNCH_ATTACH_H
#define WY_LAUNCH_ATTACH_H

#include "launch/inject.h"

enum wy_attach_why {
	WY_ATTACH_FAILED, /* the error says it */
	WY_ATTACH_GONE,   /* there is no such process, or it has just ended */
	WY_ATTACH_ZOMBIE, /* it has ended, and its parent has not asked for its status */
	WY_ATTACH_KERNEL, /* a thread of the kernel */
	WY_ATTACH_SELF,
	WY_ATTACH_TRACED,  /* by .other */
	WY_ATTACH_DENIED,  /* ptrace(2) is not allowed */
	WY_ATTACH_CAUGHT,  /* another waylay is in it */
	WY_ATTACH_FOREIGN, /* not x86-64 code */
	WY_ATTACH_SECCOMP, /* it is in a sandbox of the kernel's */
	WY_ATTACH_GS,      /* it uses the gs register */
	WY_ATTACH_STUCK,   /* thread .other does not stop, or does not come out of the agent */
	WY_ATTACH_SHARED,  /* another process runs in its memory */
};

struct wy_attach_error {
	enum wy_attach_why why;
	int error;
	pid_t other;
};

/* What a thread is blocked in as it is found. */
struct wy_blocked {
	pid_t pid, tid;
	long nr; /* -1: in no call, it runs */
	unsigned long arg[6];
};
typedef void (*wy_blocked_seen)(void *arg, const struct wy_blocked *blocked);

/*
 * Attaches to process pid; seen may be NULL.  It is called for each thread when it is sure that
 * nothing forbids to attach.  Returns 0, or -errno and why in *error; then the program is as it
 * was.
 */
int wy_attach(const struct wy_inject_config *config, pid_t pid, wy_blocked_seen seen, void *arg,
	      struct wy_attach_error *error);

/*
 * Takes the agent out of process pid, where struct wy_boot is at this address.  Returns 0, or
 * -errno and why in *error; then the agent works on.  WY_ATTACH_GONE: the process has ended, or
 * has executed a program without the agent.  meanwhile() is called now and then while threads do
 * not come out: they may want something from the host.
 */
int wy_detach(const struct wy_inject_config *config, pid_t pid, unsigned long boot,
	      long patience_ms, void (*meanwhile)(void *arg), void *arg,
	      struct wy_attach_error *error);

#endif
