/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer by ptrace(2) that prints through our table of calls, our capturing and our decoder:
 * so what they print can be laid beside what strace prints, with no agent in between.
 *
 *	decode_tracer OUTPUT PROGRAM [ARG...]
 *
 * One process at a time is looked at; forked ones run free.
 */
#include "agent/capture.h"
#include "agent/usermem.h"
#include "host/trace/decode.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t tracee;

unsigned char wy_faults_may_be_blocked;

long wy_usermem_move(unsigned long to, unsigned long from, size_t len)
{
	struct iovec local = { (void *)to, len }, remote = { (void *)from, len };

	if (len == 0)
		return 0;
	return process_vm_readv(tracee, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

long copy_string_from_program(char *to, unsigned long from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (copy_from_program(to + i, from + i, 1))
			return -EFAULT;
		if (!to[i])
			return (long)i;
	}
	return -ENAMETOOLONG;
}

static struct {
	unsigned char bytes[128 << 10];
	unsigned long len;
} items;

static const struct wy_trace_settings settings = { .string_max = 32 };
static struct wy_call call;

static void entered(const struct user_regs_struct *regs)
{
	struct wy_item *args = (struct wy_item *)items.bytes;
	bool cut = false;

	call = (struct wy_call){ .nr = (long)regs->orig_rax,
				 .arg = { (long)regs->rdi, (long)regs->rsi, (long)regs->rdx,
					  (long)regs->r10, (long)regs->r8, (long)regs->r9 } };
	*args = (struct wy_item){ .what = WY_ITEM_ARGS, .len = 16 };
	memcpy(items.bytes + sizeof(*args), &call.arg[4], 16);
	items.len = sizeof(*args) + 16;
	items.len += wy_capture_enter(items.bytes + items.len, sizeof(items.bytes) - items.len,
				      &call, &settings, &cut);
}

static void print(FILE *out, bool returned, long ret)
{
	struct wy_event_view v = { .pid = tracee, .tid = tracee };
	const struct wy_decode how = { .string_max = settings.string_max, .column = 40 };
	bool cut = false;

	call.ret = ret;
	if (returned)
		items.len += wy_capture_leave(items.bytes + items.len,
					      sizeof(items.bytes) - items.len, &call, &settings,
					      &cut);
	v.e = (struct wy_event){ .kind = WY_EVENT_CALL,
				 .nr = (unsigned short)call.nr,
				 .ret = ret,
				 .flags = returned ? 0 : WY_EVENT_NO_RETURN };
	memcpy(v.e.arg, call.arg, sizeof(v.e.arg));
	v.items = (struct wy_bytes){ items.bytes, items.len };
	wy_decode_call(out, &how, NULL, &v);
	putc('\n', out);
}

int main(int argc, char **argv)
{
	struct user_regs_struct regs;
	bool inside = false;
	int status, signal = 0;
	FILE *out;

	if (argc < 3)
		return 2;
	out = fopen(argv[1], "we");
	tracee = out ? fork() : -1;
	if (tracee < 0)
		return 2;
	if (tracee == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	waitpid(tracee, &status, 0);
	ptrace(PTRACE_SETOPTIONS, tracee, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, tracee, NULL, (long)signal) ||
		    waitpid(tracee, &status, 0) != tracee)
			return 2;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		signal = WSTOPSIG(status);
		if (signal != (SIGTRAP | 0x80)) {
			if (signal == SIGTRAP)
				signal = 0; /* of an exec */
			continue;
		}
		signal = 0;
		ptrace(PTRACE_GETREGS, tracee, NULL, &regs);
		if (inside)
			print(out, true, (long)regs.rax);
		else
			entered(&regs);
		inside = !inside;
	}
	if (inside)
		print(out, false, 0);
	return fclose(out) ? 2 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
