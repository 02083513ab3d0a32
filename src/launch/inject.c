/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/inject.h"

#include "base/cleanup.h"
#include "launch/auxv.h"
#include "launch/handshake.h"
#include "launch/place.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PAGE                4096ul
#define MASK_LEN            8
#define FILES_ENOUGH        1024
#define ADDRESS_SPACE_LEAST (16ul << 20)

struct layout {
	unsigned long boot_off, arena_off, len;
};

static struct layout layout_of(const struct wy_image *image)
{
	struct layout l;

	l.boot_off = image->len;
	l.arena_off = l.boot_off + PAGE + WY_BOOT_STACK;
	l.len = l.arena_off + WY_ARENA_CODE + WY_ARENA_DATA;
	return l;
}

/* A program that was running before: our caller has stopped it, and lets it go. */
static bool is_attach(const struct wy_inject *in)
{
	return !(in->program.flags & WY_BOOT_EXEC);
}

/* The agent opens three files for a moment, which shall not fail for want of numbers. */
static void raise_files_limit(struct wy_inject *in)
{
	struct rlimit high;

	if (prlimit(in->remote.tid, RLIMIT_NOFILE, NULL, &in->files) < 0 ||
	    (in->files.rlim_cur >= FILES_ENOUGH && !is_attach(in)) ||
	    in->files.rlim_cur == in->files.rlim_max)
		return;
	high = in->files;
	high.rlim_cur = high.rlim_max;
	in->files_raised = prlimit(in->remote.tid, RLIMIT_NOFILE, &high, NULL) == 0;
}

static void restore_files_limit(struct wy_inject *in)
{
	if (in->files_raised)
		prlimit(in->remote.tid, RLIMIT_NOFILE, &in->files, NULL);
	in->files_raised = 0;
}

static int ignore_signal(struct wy_inject *in, unsigned long sig)
{
	/* Below its stack there is nothing yet. */
	unsigned long at = (wy_regs_sp(&in->saved) - 1024) & ~15ul;
	unsigned long action[4] = { (unsigned long)SIG_IGN };
	unsigned long arg[6] = { sig, at, 0, MASK_LEN };
	int err = wy_remote_write(&in->remote, at, action, sizeof(action));

	return err ? err :
		     wy_remote_call_untrapped(&in->remote, &in->saved, __NR_rt_sigaction, arg,
					      NULL);
}

/*
 * What the kernel has forgotten.  With the agent in the program, it is only
 * SIGTRAP that the kernel has to know of.
 */
static void ignore_signals(struct wy_inject *in, bool with_agent)
{
	unsigned long set = in->program.ignored &
			    (with_agent ? WY_SIG_BIT(SIGTRAP) : WY_SIGNALS_RESET);

	for (unsigned long sig = 1; in->remote.insn && sig <= 64; sig++) {
		if ((set & WY_SIG_BIT(sig)) && ignore_signal(in, sig) < 0)
			return;
	}
}

/* Gives the program back as it was, and lets it go.  error: why the agent is not in it, or 0. */
static enum wy_inject_result finish(struct wy_inject *in, int error)
{
	unsigned long mask = in->program.mask;
	pid_t pid = in->remote.tid;

	if (!is_attach(in))
		ignore_signals(in, !error);
	close_fd(&in->remote.mem_fd);
	restore_files_limit(in);
	in->error = error;
	if (in->remote.dead) {
		in->death = in->remote.death;
		return WY_INJECT_DEAD;
	}
	if (is_attach(in))
		return WY_INJECT_DONE;
	if (!error)
		mask &= ~WY_SIGNALS_STRIPPED;
	if (wy_regs_set(pid, &in->saved) < 0 ||
	    ptrace(PTRACE_SETSIGMASK, pid, MASK_LEN, &mask) < 0 ||
	    ptrace(PTRACE_DETACH, pid, 0, in->remote.held_signal) < 0) {
		in->error = -errno;
		return WY_INJECT_LOST;
	}
	return WY_INJECT_DONE;
}

static void unmap(struct wy_inject *in)
{
	unsigned long arg[6] = { in->region, in->region_len };
	long ignored;

	if (in->region)
		wy_remote_call(&in->remote, &in->saved, __NR_munmap, arg, &ignored);
}

/*
 * Executable memory is never writable, not even before: a program may have
 * forbidden itself that (PR_SET_MDWE), and the tracer can write it all the same.
 */
static int map_region(struct wy_inject *in, const struct layout *l, const struct wy_auxv *auxv)
{
	int err;

	in->region = in->program.region;
	err = wy_place_map(&in->remote, &in->saved, auxv, l->len, &in->region);
	if (err)
		in->region = 0;
	else
		in->region_len = l->len;
	return err;
}

static int write_text(struct wy_inject *in)
{
	const unsigned char *text;
	size_t at, len;
	int err = 0;

	for (unsigned int i = 0; !err && (text = wy_image_text(in->config->image, i, &at, &len));
	     i++)
		err = wy_remote_write(&in->remote, in->region + at, text, len);
	return err;
}

static int write_first_part(struct wy_inject *in, const struct layout *l,
			    const struct wy_auxv *auxv)
{
	const struct wy_image *image = in->config->image;
	struct wy_boot boot = {
		.magic = WY_BOOT_MAGIC,
		.flags = in->program.flags | (in->config->session_fd < 0 ? WY_BOOT_NO_SESSION : 0),
		.region = in->region,
		.region_len = in->region_len,
		.text_len = image->text_len,
		.arena_off = l->arena_off,
		.mask = in->program.mask,
		.ignored = in->program.ignored,
		.pid = is_attach(in) ? 0 : in->remote.tid,
		.hwcap2 = auxv->hwcap2,
		.vdso = auxv->vdso,
	};
	cleanup_free unsigned char *data = malloc(image->data_len);
	size_t len;
	const unsigned char *entry = wy_image_entry_page(image, &len);
	int err;

	if (!data)
		return -ENOMEM;
	wy_image_data(image, in->region, data);
	err = wy_remote_write(&in->remote, in->region + image->text_len, data, image->data_len);
	if (!err)
		err = wy_remote_write(&in->remote, in->region + image->entry, entry, len);
	if (!err)
		err = wy_remote_write(&in->remote, in->region + l->boot_off, &boot, sizeof(boot));
	return err;
}

static int run_agent(struct wy_inject *in, const struct layout *l)
{
	struct wy_regs regs = in->saved;
	unsigned long boot = in->region + l->boot_off;
	int err;

	wy_regs_prepare_entry(&regs, in->region + in->config->image->entry,
			      boot + PAGE + WY_BOOT_STACK, boot);
	err = wy_regs_set(in->remote.tid, &regs);
	if (!err && ptrace(PTRACE_CONT, in->remote.tid, 0, 0) < 0)
		err = -errno;
	return err;
}

/* The agent would fit, but the program might then not get what it needs. */
static int address_space_is_tight(pid_t pid)
{
	struct rlimit limit;

	return prlimit(pid, RLIMIT_AS, NULL, &limit) == 0 && limit.rlim_cur < ADDRESS_SPACE_LEAST;
}

enum wy_inject_result wy_inject_begin(struct wy_inject *in, const struct wy_inject_config *config,
				      pid_t pid, const struct wy_inject_program *program)
{
	struct layout l = layout_of(config->image);
	/* A breakpoint with SIGTRAP blocked would reset the program's action for it. */
	unsigned long all = ~(1ul << (SIGTRAP - 1));
	struct wy_auxv auxv;
	int err;

	memset(in, 0, sizeof(*in));
	in->config = config;
	in->program = *program;
	in->remote.tid = pid;
	in->remote.mem_fd = -1;
	in->remote.token = config->token;
	if (wy_regs_get(pid, &in->saved) < 0)
		return WY_INJECT_LOST;
	if (!wy_regs_are_64bit(&in->saved))
		return finish(in, -ENOEXEC);
	if (ptrace(PTRACE_SETSIGMASK, pid, MASK_LEN, &all) < 0)
		return WY_INJECT_LOST;
	raise_files_limit(in);
	err = is_attach(in) ? wy_auxv_read_file(pid, &auxv) :
			      wy_auxv_read_stack(&in->remote, wy_regs_sp(&in->saved), &auxv);
	if (!err)
		err = wy_remote_find_insn(&in->remote, auxv.vdso);
	if (!err && address_space_is_tight(pid))
		err = -ENOMEM;
	if (!err)
		err = map_region(in, &l, &auxv);
	if (!err)
		err = write_first_part(in, &l, &auxv);
	if (!err)
		err = run_agent(in, &l);
	if (!err)
		return WY_INJECT_MORE;
	if (err != -ESRCH)
		unmap(in);
	return finish(in, err);
}

/* The agent waits for what will not come: its sockets must not stay in the program. */
static void close_sockets(struct wy_inject *in, const struct wy_regs *regs)
{
	unsigned long one[6] = { wy_regs_arg(regs, 0) }, other[6] = { wy_regs_arg(regs, 1) };
	long ignored;

	if (wy_remote_call(&in->remote, &in->saved, __NR_close, one, &ignored) == 0)
		wy_remote_call(&in->remote, &in->saved, __NR_close, other, &ignored);
}

/* A stop of the agent's own making.  Its registers are in regs. */
static enum wy_inject_result agent_stop(struct wy_inject *in, const struct wy_regs *regs)
{
	int err;

	switch (wy_regs_result(regs)) {
	case WY_TRAP_SESSION:
		err = wy_handshake_send(in->remote.tid, (int)wy_regs_arg(regs, 1),
					in->config->session_fd, in->config->image_fd);
		if (err) {
			close_sockets(in, regs);
			return finish(in, err);
		}
		if (ptrace(PTRACE_CONT, in->remote.tid, 0, 0) < 0)
			return WY_INJECT_LOST;
		return WY_INJECT_MORE;
	case WY_TRAP_TEXT:
		err = write_text(in);
		if (err)
			return finish(in, err);
		if (ptrace(PTRACE_CONT, in->remote.tid, 0, 0) < 0)
			return WY_INJECT_LOST;
		return WY_INJECT_MORE;
	case WY_TRAP_READY:
		err = (int)(long)wy_regs_arg(regs, 0);
		in->own_table = wy_regs_arg(regs, 1);
		if (!err)
			wy_regs_keep_agent(&in->saved, regs);
		/* By now only the agent's own text may make system calls without being caught. */
		if (!err)
			in->remote.insn = in->region + wy_image_find_code(in->config->image,
									  WY_CALL_INSN,
									  WY_CALL_INSN_LEN);
		return finish(in, err);
	}
	return finish(in, -EPROTO);
}

/* A breakpoint, and no trap of another kind or from elsewhere. */
static bool is_breakpoint(pid_t pid, int status)
{
	siginfo_t info;

	return status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP &&
	       ptrace(PTRACE_GETSIGINFO, pid, 0, &info) == 0 && info.si_code == SI_KERNEL;
}

enum wy_inject_result wy_inject_event(struct wy_inject *in, int status)
{
	struct wy_regs regs;
	pid_t pid = in->remote.tid;

	if (!WIFSTOPPED(status)) {
		in->remote.dead = 1;
		in->remote.death = status;
		return finish(in, -ESRCH);
	}
	if (status >> 16)
		in->remote.held_signal = 0; /* SIGCONT: what was to stop it is void */
	else if (WSTOPSIG(status) == SIGSTOP)
		in->remote.held_signal = SIGSTOP;
	else if (WSTOPSIG(status) != SIGTRAP)
		/* The agent has failed in its own start: the program shall not pay for it. */
		return finish(in, -EFAULT);
	if (is_breakpoint(pid, status)) {
		if (wy_regs_get(pid, &regs) < 0)
			return WY_INJECT_LOST;
		return agent_stop(in, &regs);
	}
	return ptrace(PTRACE_CONT, pid, 0, 0) < 0 ? WY_INJECT_LOST : WY_INJECT_MORE;
}
