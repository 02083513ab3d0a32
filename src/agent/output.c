/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - see output.h. */
#include "agent/output.h"
#include "agent/hot.h"
#include "agent/sys.h"
#include <asm/fcntl.h>
#include <linux/fcntl.h>

WY_HOT static unsigned long fds; /* bits; those from 64 on are not certain */
WY_HOT static bool certain;

void wy_output_begin(bool alone)
{
	certain = alone;
}

void wy_output_add(int fd)
{
	if (fd < 0 || fd >= 64)
		certain = false;
	else
		fds |= 1ul << fd;
}

/* The last descriptor is about to go. */
static void end(int fd)
{
	if (certain)
		sys2(__NR_shutdown, fd, 1 /* SHUT_WR */);
	certain = false;
}

static void close_one(int fd)
{
	if (fd < 0 || fd >= 64 || !(fds >> fd & 1))
		return;
	fds &= ~(1ul << fd);
	if (!fds)
		end(fd);
}

/* One that the kernel will refuse closes nothing. */
static void dup_one(int from, int to, int flags)
{
	if (from == to || flags & ~O_CLOEXEC || sys2(__NR_fcntl, from, F_GETFD) < 0)
		return;
	close_one(to);
	if (from < 64 && fds >> from & 1)
		wy_output_add(to);
}

void wy_output_look(const struct wy_call *call)
{
	if (!certain)
		return;
	switch ((int)call->nr) {
	case __NR_close: close_one((int)call->arg[0]); break;
	case __NR_dup2: dup_one((int)call->arg[0], (int)call->arg[1], 0); break;
	case __NR_dup3: dup_one((int)call->arg[0], (int)call->arg[1], (int)call->arg[2]); break;
	case __NR_fcntl:
		if ((int)call->arg[1] != F_DUPFD && (int)call->arg[1] != F_DUPFD_CLOEXEC)
			break;
		certain = false;
		break;
	case __NR_exit_group:
		if (fds)
			end(__builtin_ctzl(fds));
		break;
	case __NR_dup:
	case __NR_fork:
	case __NR_vfork:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_close_range:
	case __NR_execve:
	case __NR_execveat:
	case __NR_unshare:
	case __NR_clone:
	case __NR_clone3: certain = false; break;
	}
}

void wy_output_watch(struct wy_callset *calls)
{
	static const unsigned short wanted[] = {
		__NR_close,      __NR_dup,     __NR_dup2,     __NR_dup3,
		__NR_fcntl,      __NR_fork,    __NR_vfork,    __NR_clone,
		__NR_clone3,     __NR_unshare, __NR_execve,   __NR_execveat,
		__NR_exit_group, __NR_sendmsg, __NR_sendmmsg, __NR_close_range,
	};

	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		wy_callset_add(calls, wanted[i]);
}
