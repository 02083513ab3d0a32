/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results: errors, descriptors, and numbers that mean something.
 */
#include "host/trace/decode_part.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static bool makes_descriptor(const struct decoder *d)
{
	switch (d->row->effect) {
	case WY_FX_OPEN:
	case WY_FX_NEW:
	case WY_FX_SOCKET:
	case WY_FX_ACCEPT:
	case WY_FX_SIGNALFD:
	case WY_FX_DUP:
	case WY_FX_DUP2:
	case WY_FX_URING:
	case WY_FX_PIDFD_GETFD: return true;
	case WY_FX_FCNTL: return d->args[1] == 0 || d->args[1] == 1030;
	default: return false;
	}
}

static void put_error(struct decoder *d, unsigned int error)
{
	const char *text = strerrordesc_np((int)error);

	switch (error) {
	case 512: text = "To be restarted if SA_RESTART is set"; break;
	case 513: text = "To be restarted"; break;
	case 514: text = "To be restarted if no handler"; break;
	case 516: text = "Interrupted by signal"; break;
	default: break;
	}
	put_text(d, error >= 512 && error <= 516 ? "? " : "-1 ");
	put_errno(d, error);
	put_format(d, " (%s)", text ? text : "Unknown error");
}

static void put_named(struct decoder *d, const struct wy_flags *flags, unsigned long value)
{
	put_text(d, " (");
	put_flags(d, flags, value);
	put_char(d, ')');
}

/* A number that is flags, and their names: 0x800 (flags O_RDONLY|O_NONBLOCK). */
static void put_named_flags(struct decoder *d, const char *what, const struct wy_flags *flags,
			    unsigned long value)
{
	put_hex(d, value);
	if (!value)
		return;
	put_format(d, " (%s ", what);
	put_flags(d, flags, value);
	put_char(d, ')');
}

static bool put_fcntl_result(struct decoder *d, long ret)
{
	if (d->nr != SYS_fcntl)
		return false;
	switch ((unsigned int)d->args[1]) {
	case F_GETFD: put_named_flags(d, "flags", &wy_fd_flags, (unsigned long)ret); return true;
	case 1034: /* F_GET_SEALS */
		put_named_flags(d, "seals", &wy_seals, (unsigned long)ret);
		return true;
	case F_GETFL:
		put_hex(d, (unsigned long)ret);
		put_text(d, " (flags ");
		put_open_flags(d, (unsigned long)ret);
		put_char(d, ')');
		return true;
	case 1025: /* F_GETLEASE */
		put_hex(d, (unsigned long)ret);
		put_named(d, &wy_lease_types, (unsigned long)ret);
		return true;
	case 11: /* F_GETSIG */
		put_long(d, ret);
		if (ret) {
			put_text(d, " (");
			put_signal(d, (unsigned int)ret);
			put_char(d, ')');
		}
		return true;
	default: return false;
	}
}

static bool put_named_result(struct decoder *d, long ret)
{
	switch (d->nr) {
	case SYS_umask: put_octal(d, (unsigned long)ret); return true;
	case SYS_mmap:
	case SYS_mremap:
	case SYS_brk:
	case SYS_shmat: put_hex(d, (unsigned long)ret); return true;
	case SYS_sched_getscheduler:
		put_long(d, ret);
		put_named(d, &wy_policies, (unsigned long)ret & ~0x40000000ul);
		return true;
	case SYS_membarrier:
		if (d->args[0])
			return false;
		put_hex(d, (unsigned long)ret);
		if (ret)
			put_named(d, &wy_membarriers, (unsigned long)ret);
		return true;
	case SYS_personality:
		put_hex(d, (unsigned long)ret);
		put_text(d, " (");
		put_persona(d, (unsigned long)ret);
		put_char(d, ')');
		return true;
	case SYS_ioprio_get:
		put_long(d, ret);
		put_text(d, " (IOPRIO_PRIO_VALUE(");
		put_flags(d, &wy_io_classes, (unsigned long)ret >> 13);
		put_format(d, ", %lu))", (unsigned long)ret & 0x1fff);
		return true;
	case SYS_prctl:
		if ((unsigned int)d->args[0] != PR_GET_DUMPABLE)
			return false;
		put_long(d, ret);
		put_named(d, &wy_dump_modes, (unsigned long)ret);
		return true;
	default: return false;
	}
}

void put_result(struct decoder *d)
{
	long ret = d->v->e.ret;

	if (d->v->e.flags & WY_EVENT_NO_RETURN) {
		put_char(d, '?');
		return;
	}
	if (d->failed) {
		put_error(d, (unsigned int)-ret);
		return;
	}
	if (put_fcntl_result(d, ret) || put_wait_result(d, ret) || put_named_result(d, ret))
		return;
	if (makes_descriptor(d))
		put_fd_of(d, (int)ret);
	else
		put_long(d, ret);
}
