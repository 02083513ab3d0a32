/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.h - puts the agent into a stopped program.
 *
 * The program is at the stop at the end of its execve(2): nothing of the new
 * image has run.  wy_inject_begin() maps and writes the agent and lets it run;
 * from then on every stop of the process is given to wy_inject_event() until
 * it says that it is done.  Then the program is detached and goes on from
 * where it was, with the agent or, when that failed, without it: every
 * register and the signal mask are as they were.
 *
 * Nothing here waits for the program but for the few microseconds of a
 * single-stepped system call, so that one thread can do this for many.
 */
#ifndef WY_LAUNCH_INJECT_H
#define WY_LAUNCH_INJECT_H

#include "launch/image.h"
#include "launch/remote.h"
#include "proto/boot.h"

#include <sys/resource.h>

struct wy_inject_config {
	const struct wy_image *image;
	int session_fd; /* -1: WY_BOOT_NO_SESSION */
	int image_fd; /* the image as a file that never changes; negative: it is written instead */
	/* Filters that were installed under waylay let calls pass that have it as last argument. */
	unsigned long token;
};

/* What the new image takes over from before its exec, and the loader cannot see. */
struct wy_inject_program {
	unsigned long flags;   /* WY_BOOT_EXEC, and perhaps WY_BOOT_FIRST; see attach.h */
	unsigned long mask;    /* the signal mask that it shall have */
	unsigned long ignored; /* of WY_SIGNALS_RESET, those that it shall ignore */
	unsigned long region;  /* where the agent must lie; 0: anywhere */
};

struct wy_inject {
	const struct wy_inject_config *config;
	struct wy_remote remote;
	struct wy_regs saved;
	struct wy_inject_program program;
	unsigned long region, region_len;
	unsigned long own_table; /* where the agent has struct wy_own_table; 0: it did not run */
	struct rlimit files;     /* what the program may open, if that was raised for a moment */
	int files_raised;
	int error; /* 0, or why the agent is not in the program: -errno */
	int death; /* wait status, when WY_INJECT_DEAD */
};

enum wy_inject_result {
	WY_INJECT_MORE, /* running: more stops will come */
	WY_INJECT_DONE, /* detached (not in an attach); error tells whether the agent is in */
	WY_INJECT_DEAD, /* gone, and taken from waitpid(2): status in death */
	WY_INJECT_LOST, /* as good as gone: waitpid(2) will say more */
};

/*
 * pid is in a ptrace stop at the end of its execve(2).  config must stay until
 * the end.  Until the program goes on, nearly all signals are blocked in it.
 * in->error is -ENOEXEC for a program that is not an x86-64 one, -EADDRINUSE when the agent
 * cannot lie where it must.
 */
enum wy_inject_result wy_inject_begin(struct wy_inject *in, const struct wy_inject_config *config,
				      pid_t pid, const struct wy_inject_program *program);

/* status: what waitpid(2) said of the process.  Never called after an end. */
enum wy_inject_result wy_inject_event(struct wy_inject *in, int status);

#endif
