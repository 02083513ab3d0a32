/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/attach.h"

#include "base/cleanup.h"
#include "launch/auxv.h"
#include "launch/procstatus.h"
#include "launch/threads.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE             4096ul
#define MASK_LEN         8
#define STOP_PATIENCE_MS 2000
#define EXECS_MAX        100 /* programs that it executes while we try */
#define ROUND_MS         20
#define MAPS_LINE        (PATH_MAX + 128)

_Static_assert(sizeof(struct wy_regs) == WY_BOOT_REGS * sizeof(long), "boot.h");

/* A process whose threads are stopped, and the agent in it. */
struct process {
	const struct wy_inject_config *config;
	struct wy_threads threads;
	struct wy_stopped *first; /* makes calls for all; its remote.mem_fd writes for all */
	struct wy_attach_error *error;
	unsigned long region, region_len, boot, own_table;
	unsigned long ignored; /* signals that the program ignores */
};

static int fail(struct wy_attach_error *e, enum wy_attach_why why, int error, pid_t other)
{
	*e = (struct wy_attach_error){ .why = why, .error = error, .other = other };
	return error;
}

static int stop_all(struct process *p, long patience_ms)
{
	struct wy_threads *t = &p->threads;
	int err = wy_threads_stop(t, patience_ms);

	p->first = NULL;
	for (unsigned int i = 0; i < t->nr; i++) {
		struct wy_stopped *s = &t->thread[i];

		if (s->stopped && (!p->first || s->remote.tid == t->pid))
			p->first = s;
	}
	if (err == -ESTALE)
		return err;
	if (err == -ESRCH)
		return fail(p->error, WY_ATTACH_GONE, -ESRCH, 0);
	if (err == -EPERM) {
		struct wy_proc_status status;

		if (wy_proc_status(t->culprit, &status) == 0 && status.tracer)
			return fail(p->error, WY_ATTACH_TRACED, err, status.tracer);
		return fail(p->error, WY_ATTACH_DENIED, err, 0);
	}
	if (err == -ETIMEDOUT)
		return fail(p->error, WY_ATTACH_STUCK, err, t->culprit);
	return err ? fail(p->error, WY_ATTACH_FAILED, err, 0) : 0;
}

/* Is there an agent in it? */
static bool is_caught(pid_t pid)
{
	static char line[MAPS_LINE];
	cleanup_file FILE *maps = NULL;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "/memfd:waylay (deleted)"))
			return true;
	}
	return false;
}

/* ---- asking the agent ---- */

/* The answer is a breakpoint; what else may come. */
static int await_answer(struct wy_stopped *s, struct wy_regs *regs)
{
	pid_t tid = s->remote.tid;

	for (;;) {
		siginfo_t info;
		int status;
		pid_t got = waitpid(tid, &status, __WALL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || !WIFSTOPPED(status))
			break;
		if (status >> 16)
			s->remote.held_signal = 0; /* as in inject.c */
		else if (WSTOPSIG(status) == SIGSTOP)
			s->remote.held_signal = SIGSTOP;
		else if (WSTOPSIG(status) != SIGTRAP)
			return -EFAULT;
		else if (ptrace(PTRACE_GETSIGINFO, tid, 0, &info) == 0 && info.si_code == SI_KERNEL)
			return wy_regs_get(tid, regs);
		if (ptrace(PTRACE_CONT, tid, 0, 0) < 0)
			break;
	}
	wy_threads_lost(s);
	return -ESRCH;
}

static int put(struct process *p, size_t offset, const void *bytes, size_t len)
{
	return wy_remote_write(&p->first->remote, p->boot + offset, bytes, len);
}

static int get(const struct process *p, size_t offset, void *bytes, size_t len)
{
	return wy_remote_read(&p->first->remote, p->boot + offset, bytes, len);
}

/* Has this thread do something (boot.h).  Returns its answer, or -ESRCH: it is gone. */
static int ask(struct process *p, struct wy_stopped *s, unsigned long what)
{
	unsigned long all = ~WY_SIG_BIT(SIGTRAP);
	struct wy_regs regs = s->regs;
	pid_t tid = s->remote.tid;
	int err;

	wy_regs_prepare_entry(&regs, p->region + p->config->image->entry,
			      p->boot + PAGE + WY_BOOT_STACK, p->boot);
	err = put(p, offsetof(struct wy_boot, ask), &what, sizeof(what));
	if (!err)
		err = put(p, offsetof(struct wy_boot, mask), &s->mask, sizeof(s->mask));
	if (!err)
		err = put(p, offsetof(struct wy_boot, regs), &s->regs, sizeof(s->regs));
	if (!err)
		err = wy_regs_set(tid, &regs);
	if (!err && (ptrace(PTRACE_SETSIGMASK, tid, MASK_LEN, &all) < 0 ||
		     ptrace(PTRACE_CONT, tid, 0, 0) < 0))
		err = -errno;
	if (!err)
		err = await_answer(s, &regs);
	if (!err)
		err = get(p, offsetof(struct wy_boot, mask), &s->mask, sizeof(s->mask));
	if (!err)
		err = get(p, offsetof(struct wy_boot, regs), &s->regs, sizeof(s->regs));
	if (err)
		return err;
	if (what == WY_ASK_JOIN || what == WY_ASK_RELEASE)
		wy_regs_keep_agent(&s->regs, &regs);
	p->own_table = wy_regs_arg(&regs, 1);
	return (int)(long)wy_regs_arg(&regs, 0);
}

/* The same of all; one that is gone meanwhile is no error. */
static int ask_all(struct process *p, unsigned long what)
{
	int err = 0;

	for (unsigned int i = 0; i < p->threads.nr && !err; i++) {
		struct wy_stopped *s = &p->threads.thread[i];

		if (s->stopped)
			err = ask(p, s, what);
		if (err == -ESRCH && s != p->first)
			err = 0;
	}
	return err;
}

/* ---- what the breakpoints have spoiled ---- */

/*
 * A breakpoint or a step makes the kernel forget that SIGTRAP is ignored.  This is the last call
 * before the program goes on, and makes none.  For its argument memory of the program is borrowed
 * that no thread looks at now.
 */
static void ignore_trap(struct process *p, unsigned long insn)
{
	struct wy_stopped *s = p->first;
	unsigned long action[4] = { (unsigned long)SIG_IGN }, old[4];
	unsigned long at = wy_regs_sp(&s->regs) & ~15ul;
	unsigned long arg[6] = { SIGTRAP, at, 0, MASK_LEN };

	if (!(p->ignored & WY_SIG_BIT(SIGTRAP)) || !s->stopped ||
	    wy_remote_read(&s->remote, at, old, sizeof(old)) < 0 ||
	    wy_remote_write(&s->remote, at, action, sizeof(action)) < 0)
		return;
	s->remote.insn = insn;
	wy_remote_call_untrapped(&s->remote, &s->regs, __NR_rt_sigaction, arg, NULL);
	wy_remote_write(&s->remote, at, old, sizeof(old));
	wy_threads_settle(s);
}

static unsigned long insn_of_agent(const struct process *p)
{
	return p->region + wy_image_find_code(p->config->image, WY_CALL_INSN, WY_CALL_INSN_LEN);
}

/* ---- out ---- */

/* Unmaps all that is the agent's.  No thread is in it, and none is armed. */
static int unmap(struct process *p)
{
	struct wy_stopped *s = p->first;
	struct wy_own_table own = { .nr = 1,
				    .range = { { p->region, p->region + p->region_len } } };
	struct wy_auxv auxv = { 0 };
	int err = 0;

	if (p->own_table)
		err = wy_remote_read(&s->remote, p->own_table, &own, sizeof(own));
	if (!err)
		err = wy_auxv_read_file(p->threads.pid, &auxv);
	if (!err)
		err = wy_remote_find_insn(&s->remote, auxv.vdso);
	for (unsigned long i = 0; !err && p->region && i < own.nr && i < WY_OWN_MAX; i++) {
		unsigned long arg[6] = { own.range[i].start,
					 own.range[i].end - own.range[i].start };
		long ret;

		err = wy_remote_call(&s->remote, &s->regs, __NR_munmap, arg, &ret);
		if (!err && ret < 0)
			err = (int)ret;
	}
	ignore_trap(p, s->remote.insn);
	return err;
}

static int take_out(struct process *p)
{
	int err = ask(p, p->first, WY_ASK_UNDO);

	if (err == -EBUSY)
		return fail(p->error, WY_ATTACH_SHARED, err, 0);
	if (err == -EPERM)
		return fail(p->error, WY_ATTACH_SECCOMP, err, 0);
	if (!err)
		err = ask_all(p, WY_ASK_RELEASE);
	if (!err)
		err = unmap(p);
	return err ? fail(p->error, err == -ESRCH ? WY_ATTACH_GONE : WY_ATTACH_FAILED, err, 0) : 0;
}

/* One try for each thread that is still in.  Returns how many are, or -errno. */
static int recover_some(struct process *p)
{
	int in = 0;

	for (unsigned int i = 0; i < p->threads.nr; i++) {
		struct wy_stopped *s = &p->threads.thread[i];
		int err;

		if (!s->stopped || s->out)
			continue;
		err = ask(p, s, WY_ASK_RECOVER);
		s->out = !err;
		if (err == -EAGAIN) {
			p->threads.culprit = s->remote.tid;
			in++;
		} else if (err && err != -ESRCH) {
			return err;
		}
	}
	return in;
}

/* The boot page says where everything is; it must be one of ours. */
static int find_agent(struct process *p)
{
	struct wy_boot boot = { 0 };
	int err = get(p, 0, &boot, sizeof(boot));

	if (!err && (boot.magic != WY_BOOT_MAGIC || boot.region > p->boot ||
		     p->boot - boot.region > boot.region_len))
		err = -ENOENT;
	p->region = boot.region;
	if (!err)
		return 0;
	/* It has executed another program: what looks like its first thread is another one. */
	if (p->first->remote.tid == p->threads.pid)
		wy_threads_lost(p->first);
	return fail(p->error, WY_ATTACH_GONE, -ESRCH, 0);
}

/*
 * Threads that are not out are let go on for a moment, again and again; also while others do not
 * stop: the parent of a vfork waits for its child, and that may wait for a lock of ours.
 */
static int bring_out(struct process *p, long patience_ms, void (*meanwhile)(void *arg), void *arg)
{
	long until = wy_now_ms() + patience_ms;

	for (;;) {
		int stuck = stop_all(p, ROUND_MS), in = 0;

		if (stuck == -ESTALE) /* and the agent with what was there */
			return fail(p->error, WY_ATTACH_GONE, -ESRCH, 0);
		if (stuck && stuck != -ETIMEDOUT)
			return stuck;
		if (p->first) {
			int err = find_agent(p);

			if (err)
				return err;
			in = recover_some(p);
		}
		if (in < 0)
			return fail(p->error, WY_ATTACH_FAILED, in, 0);
		if (!in && !stuck)
			return 0;
		if (wy_now_ms() >= until)
			return fail(p->error, WY_ATTACH_STUCK, -ETIMEDOUT, p->threads.culprit);
		meanwhile(arg);
		for (unsigned int i = 0; i < p->threads.nr; i++) {
			struct wy_stopped *s = &p->threads.thread[i];

			if (s->stopped && !s->out)
				wy_threads_step_on(s);
		}
	}
}

static void begin(struct process *p, const struct wy_inject_config *config, pid_t pid,
		  struct wy_attach_error *error)
{
	memset(p, 0, sizeof(*p));
	p->config = config;
	p->error = error;
	wy_threads_init(&p->threads, pid);
}

int wy_detach(const struct wy_inject_config *config, pid_t pid, unsigned long boot,
	      long patience_ms, void (*meanwhile)(void *arg), void *arg,
	      struct wy_attach_error *error)
{
	struct wy_proc_status status;
	struct process p;
	int err = wy_proc_status(pid, &status);

	if (err || !is_caught(pid))
		return fail(error, WY_ATTACH_GONE, err ? err : -ESRCH, 0);
	begin(&p, config, pid, error);
	p.boot = boot;
	p.ignored = status.ignored;
	err = bring_out(&p, patience_ms, meanwhile, arg);
	if (!err)
		err = take_out(&p);
	/* It stays in: calls that know their time are taken up again. */
	for (unsigned int i = 0; err && i < p.threads.nr; i++) {
		struct wy_stopped *s = &p.threads.thread[i];

		if (s->stopped && s->out)
			ask(&p, s, WY_ASK_JOIN);
	}
	wy_threads_go(&p.threads);
	return err;
}

/* ---- in ---- */

static int look_before(pid_t pid, struct wy_proc_status *status, struct wy_attach_error *e)
{
	int err = wy_proc_status(pid, status);

	if (err)
		return fail(e, err == -ESRCH ? WY_ATTACH_GONE : WY_ATTACH_FAILED, err, 0);
	if (pid == getpid())
		return fail(e, WY_ATTACH_SELF, -EINVAL, 0);
	/* (A zombie may be a first thread that has ended before others.) */
	if (!status->has_memory && status->state != 'Z')
		return fail(e, WY_ATTACH_KERNEL, -EPERM, 0);
	if (status->tracer)
		return fail(e, WY_ATTACH_TRACED, -EPERM, status->tracer);
	return is_caught(pid) ? fail(e, WY_ATTACH_CAUGHT, -EBUSY, 0) : 0;
}

/* Is there a thread that the agent cannot live with? */
static int look_at_threads(struct process *p)
{
	for (unsigned int i = 0; i < p->threads.nr; i++) {
		const struct wy_stopped *s = &p->threads.thread[i];
		struct wy_proc_status status;

		if (!s->stopped)
			continue;
		if (!wy_regs_are_64bit(&s->regs))
			return fail(p->error, WY_ATTACH_FOREIGN, -ENOEXEC, 0);
		if (wy_regs_use_gs(&s->regs))
			return fail(p->error, WY_ATTACH_GS, -ENOTSUP, s->remote.tid);
		if (wy_proc_status(s->remote.tid, &status) == 0 && status.seccomp)
			return fail(p->error, WY_ATTACH_SECCOMP, -EPERM, s->remote.tid);
	}
	return 0;
}

static void tell(const struct process *p, wy_blocked_seen seen, void *arg)
{
	for (unsigned int i = 0; seen && i < p->threads.nr; i++) {
		const struct wy_stopped *s = &p->threads.thread[i];
		struct wy_blocked b = { .pid = p->threads.pid, .tid = s->remote.tid };

		if (!s->stopped)
			continue;
		if (!wy_regs_in_call(&s->regs, &b.nr, b.arg))
			b.nr = -1;
		seen(arg, &b);
	}
}

/* Runs the agent's start in the first thread. */
static int bring_in(struct process *p)
{
	struct wy_stopped *s = p->first;
	struct wy_inject_program program = { .flags = 0, .ignored = p->ignored & WY_SIGNALS_RESET };
	struct wy_inject in;
	enum wy_inject_result result;

	if (!s)
		return fail(p->error, WY_ATTACH_GONE, -ESRCH, 0);
	program.mask = s->mask;
	result = wy_inject_begin(&in, p->config, s->remote.tid, &program);
	while (result == WY_INJECT_MORE) {
		int status;
		pid_t got = waitpid(s->remote.tid, &status, __WALL);

		if (got == s->remote.tid)
			result = wy_inject_event(&in, status);
		else if (errno != EINTR)
			result = WY_INJECT_LOST;
	}
	if (result != WY_INJECT_DONE) {
		wy_threads_lost(s);
		return fail(p->error, WY_ATTACH_GONE, -ESRCH, 0);
	}
	s->remote.held_signal = in.remote.held_signal;
	p->region = in.region;
	p->region_len = in.region_len;
	p->boot = in.region + p->config->image->len;
	p->own_table = in.own_table;
	if (in.error)
		unmap(p);
	return in.error ? fail(p->error, WY_ATTACH_FAILED, in.error, 0) : 0;
}

int wy_attach(const struct wy_inject_config *config, pid_t pid, wy_blocked_seen seen, void *arg,
	      struct wy_attach_error *error)
{
	struct wy_proc_status status;
	struct process p;
	int err = look_before(pid, &status, error);

	if (err)
		return err;
	begin(&p, config, pid, error);
	p.ignored = status.ignored;
	for (int tries = 0; (err = stop_all(&p, STOP_PATIENCE_MS)) == -ESTALE; tries++) {
		wy_threads_go(&p.threads);
		if (tries == EXECS_MAX)
			return fail(error, WY_ATTACH_FAILED, -EAGAIN, 0);
		if (wy_proc_status(pid, &status))
			return fail(error, WY_ATTACH_GONE, -ESRCH, 0);
		p.ignored = status.ignored;
	}
	if (error->why == WY_ATTACH_GONE && err && status.state == 'Z')
		fail(error, WY_ATTACH_ZOMBIE, err, 0);
	if (!err)
		err = look_at_threads(&p);
	if (!err) {
		tell(&p, seen, arg);
		err = bring_in(&p);
	}
	if (!err) {
		err = ask_all(&p, WY_ASK_JOIN);
		if (err) {
			take_out(&p);
			fail(error, err == -ESRCH ? WY_ATTACH_GONE : WY_ATTACH_FAILED, err, 0);
		} else {
			ignore_trap(&p, insn_of_agent(&p));
		}
	}
	wy_threads_go(&p.threads);
	return err;
}
