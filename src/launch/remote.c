/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/remote.h"

#include "base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define STOPS_MAX 100 /* that a step may take: more, and something else is wrong */

int wy_remote_read(const struct wy_remote *r, unsigned long addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)addr, len };
	ssize_t n = process_vm_readv(r->tid, &local, 1, &remote, 1, 0);

	if (n == (ssize_t)len)
		return 0;
	return n < 0 ? -errno : -EFAULT;
}

/* Word by word: slow, but nothing forbids it to a tracer. */
static int poke(pid_t tid, unsigned long addr, const unsigned char *buf, size_t len)
{
	while (len) {
		size_t in_word = addr % 8, n = 8 - in_word < len ? 8 - in_word : len;
		unsigned long word = 0;

		if (n < 8) {
			errno = 0;
			word = (unsigned long)ptrace(PTRACE_PEEKDATA, tid, addr - in_word, 0);
			if (errno)
				return -errno;
		}
		memcpy((unsigned char *)&word + in_word, buf, n);
		if (ptrace(PTRACE_POKEDATA, tid, addr - in_word, word) < 0)
			return -errno;
		addr += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int wy_remote_write(struct wy_remote *r, unsigned long addr, const void *buf, size_t len)
{
	if (r->mem_fd < 0) {
		char path[40];

		snprintf(path, sizeof(path), "/proc/%d/mem", r->tid);
		r->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	}
	/* A kernel may forbid forced writes through this file to all but ptrace itself. */
	if (r->mem_fd >= 0 && pwrite(r->mem_fd, buf, len, (off_t)addr) == (ssize_t)len)
		return 0;
	return poke(r->tid, addr, buf, len);
}

/* Where in our own vDSO, which is the program's too, a system call is made; 0 if nowhere. */
static size_t vdso_insn_offset(void)
{
	static size_t found;
	const unsigned char *base = (const void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *eh = (const void *)base;

	if (found || !base)
		return found;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);

	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		const unsigned char *at;

		if (ph[i].p_type != PT_LOAD || !(ph[i].p_flags & PF_X))
			continue;
		at = memmem(base + ph[i].p_vaddr, ph[i].p_memsz, WY_CALL_INSN, WY_CALL_INSN_LEN);
		if (at)
			found = (size_t)(at - base);
	}
	return found;
}

/* Searches what the program has mapped to be executed. */
static int search_mappings(struct wy_remote *r)
{
	cleanup_file FILE *maps = NULL;
	char path[40], line[PATH_MAX + 128];
	static unsigned char buf[64 << 10];

	snprintf(path, sizeof(path), "/proc/%d/maps", r->tid);
	maps = fopen(path, "re");
	if (!maps)
		return -ENOENT;
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		char perms[5];

		if (sscanf(line, "%lx-%lx %4s", &start, &end, perms) != 3 || perms[2] != 'x' ||
		    strstr(line, "[vsyscall]"))
			continue;
		for (; start < end; start += sizeof(buf) - 1) {
			size_t len = end - start < sizeof(buf) ? end - start : sizeof(buf);
			const unsigned char *at;

			if (wy_remote_read(r, start, buf, len) < 0)
				break;
			at = memmem(buf, len, WY_CALL_INSN, WY_CALL_INSN_LEN);
			if (at) {
				r->insn = start + (size_t)(at - buf);
				return 0;
			}
		}
	}
	return -ENOENT;
}

int wy_remote_find_insn(struct wy_remote *r, unsigned long vdso)
{
	size_t off = vdso_insn_offset();
	unsigned char bytes[WY_CALL_INSN_LEN];

	if (vdso && off && wy_remote_read(r, vdso + off, bytes, sizeof(bytes)) == 0 &&
	    memcmp(bytes, WY_CALL_INSN, sizeof(bytes)) == 0) {
		r->insn = vdso + off;
		return 0;
	}
	return search_mappings(r);
}

/* Lets the thread go on until its next stop.  Returns 0 or -errno; -ESRCH when it died. */
static int go(struct wy_remote *r, enum __ptrace_request how, int *ret_status)
{
	pid_t got;

	if (ptrace(how, r->tid, 0, 0) < 0)
		return -errno;
	do
		got = waitpid(r->tid, ret_status, __WALL);
	while (got < 0 && errno == EINTR);
	if (got == r->tid && WIFSTOPPED(*ret_status)) {
		/* SIGSTOP cannot be blocked; SIGCONT, which makes a stop of its own, undoes it. */
		if (*ret_status >> 16)
			r->held_signal = 0;
		else if (WSTOPSIG(*ret_status) == SIGSTOP)
			r->held_signal = SIGSTOP;
		return 0;
	}
	if (got == r->tid) {
		r->dead = 1;
		r->death = *ret_status;
	}
	return -ESRCH;
}

static bool is_trap(int status)
{
	return status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP;
}

static bool trap_pending(pid_t tid)
{
	struct __ptrace_peeksiginfo_args args = { .nr = 8 };
	siginfo_t info[8];
	long n = ptrace(PTRACE_PEEKSIGINFO, tid, &args, info);

	for (long i = 0; i < n; i++) {
		if (info[i].si_signo == SIGTRAP)
			return true;
	}
	return false;
}

static int set_call(const struct wy_remote *r, const struct wy_regs *regs, long nr,
		    const unsigned long arg[6])
{
	unsigned long now_arg[6] = { arg[0], arg[1], arg[2], arg[3], arg[4], arg[5] };
	struct wy_regs now = *regs;

	if (!now_arg[5])
		now_arg[5] = r->token; /* of an anonymous mapping, too: its offset means nothing */
	wy_regs_prepare_call(&now, r->insn, nr, now_arg);
	return wy_regs_set(r->tid, &now);
}

int wy_remote_call_untrapped(struct wy_remote *r, const struct wy_regs *regs, long nr,
			     const unsigned long arg[6], long *ret_value)
{
	int status, err = set_call(r, regs, nr, arg);
	struct wy_regs now;

	/* Before the call and after it. */
	for (int stops = 0; !err && stops < 2;) {
		err = go(r, PTRACE_SYSCALL, &status);
		if (!err && status >> 16 == 0 && (WSTOPSIG(status) & 0x7f) == SIGTRAP)
			stops++;
	}
	if (!err && ret_value) {
		err = wy_regs_get(r->tid, &now);
		*ret_value = (long)wy_regs_result(&now);
	}
	return err;
}

int wy_remote_call(struct wy_remote *r, const struct wy_regs *regs, long nr,
		   const unsigned long arg[6], long *ret_value)
{
	struct wy_regs now;
	int status = 0, err;

	err = set_call(r, regs, nr, arg);
	if (err)
		return err;
	/*
	 * A stop may be another than the end of the step: see go().  Where the
	 * thread is tells whether the step was made; its trap may still be to
	 * come then, and must not be left behind.
	 */
	for (int n = 0; n < STOPS_MAX; n++) {
		err = go(r, PTRACE_SINGLESTEP, &status);
		if (!err)
			err = wy_regs_get(r->tid, &now);
		if (err)
			return err;
		if (wy_regs_pc(&now) != r->insn)
			break;
	}
	while (!is_trap(status) && trap_pending(r->tid)) {
		err = go(r, PTRACE_CONT, &status);
		if (err)
			return err;
	}
	if (wy_regs_pc(&now) != r->insn + WY_CALL_INSN_LEN)
		return -EIO;
	*ret_value = (long)wy_regs_result(&now);
	return 0;
}
