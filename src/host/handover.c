/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer cannot be replaced: so first every exec that is under way is
 * brought to its end.  Requests that come meanwhile stay in the mailbox, which
 * both processes share, and are the new one's first work.
 */
#include "host/handover.h"

#include "base/log.h"
#include "host/signals.h"
#include "host/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* for a seized thread to come to its exec */
#define LOOK_MIN_MS 20   /* between two looks whether anybody is left */
#define LOOK_MAX_MS 2000

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_bell(unsigned int *bell, unsigned int before, long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	syscall(SYS_futex, bell, FUTEX_WAIT, before, &t, NULL, 0);
}

void wy_handover_drain(struct wy_supervisor *v)
{
	unsigned int *bell = &v->session.mem->doorbell;
	long until = now_ms() + PATIENCE_MS;

	for (;;) {
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);
		long left = until - now_ms();

		wy_follow_poll(&v->follow, v->program.pid);
		if (!wy_follow_busy(&v->follow, left > 0) && wy_follow_give_up(&v->follow))
			return;
		wait_bell(bell, before, left > 0 ? left : 1);
	}
}

bool wy_handover_needed(struct wy_supervisor *v)
{
	return v->follow.tracees || wy_host_session_in_use(&v->session);
}

/* Both are at least 0, or the second is none. */
static void close_all_but(int keep, int keep_too)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned int low = (unsigned int)(keep_too >= 0 && keep_too < keep ? keep_too : keep);
	unsigned int high = (unsigned int)(keep_too > keep ? keep_too : keep);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (low > 3)
		syscall(SYS_close_range, 3u, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0u, 0);
}

__attribute__((noreturn)) static void detached(struct wy_supervisor *v)
{
	unsigned int *bell = &v->session.mem->doorbell;
	long pause = LOOK_MIN_MS;

	setsid();
	if (chdir("/") < 0)
		log_debug("cannot leave the current directory");
	close_all_but(v->session.fd, v->follow.config.image_fd);
	prctl(PR_SET_NAME, "waylay-follow", 0, 0, 0);
	wy_signals_plain(bell);
	wy_follow_take_over(&v->follow);
	wy_rendezvous_reopen(&v->follow.rendezvous, &v->session);
	wy_host_session_take_life(&v->session);
	for (;;) {
		unsigned int before = __atomic_load_n(bell, __ATOMIC_SEQ_CST);
		pid_t pid;
		int status;

		while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0)
			wy_follow_event(&v->follow, pid, status, &status);
		wy_follow_requests(&v->follow);
		if (!v->follow.tracees && !wy_host_session_in_use(&v->session))
			_exit(0);
		if (__atomic_load_n(bell, __ATOMIC_SEQ_CST) != before) {
			pause = LOOK_MIN_MS;
			continue;
		}
		wait_bell(bell, before, pause);
		pause = pause * 2 < LOOK_MAX_MS ? pause * 2 : LOOK_MAX_MS;
	}
}

int wy_handover_start(struct wy_supervisor *v)
{
	unsigned int *life = &v->session.mem->host_life, before;
	pid_t pid;

	wy_handover_drain(v);
	wy_host_session_leave_life(&v->session);
	before = __atomic_load_n(life, __ATOMIC_SEQ_CST) & ~FUTEX_OWNER_DIED;
	pid = fork();
	if (pid == 0)
		detached(v);
	if (pid < 0) {
		int err = errno;

		wy_host_session_take_life(&v->session);
		return log_errno(err, "programs that live on are no longer followed: cannot fork");
	}
	wy_signals_set_bell(&v->idle_bell);
	for (;;) {
		unsigned int now = __atomic_load_n(life, __ATOMIC_SEQ_CST);
		siginfo_t info = { 0 };

		/* An agent may have lost patience meanwhile. */
		if ((now & ~FUTEX_OWNER_DIED) != before)
			break;
		wait_bell(life, now, 1000);
		/* Killed before it began: its end is there to be seen. */
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == pid)
			break;
	}
	return 0;
}
