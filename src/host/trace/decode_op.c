/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are many calls: what their arguments are, and how many, another
 * argument says.
 */
#include "host/trace/decode_part.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

void put_persona(struct decoder *d, unsigned long persona)
{
	if (persona & 0xff || persona == 0xffffffff) {
		put_hex(d, persona);
		return;
	}
	put_text(d, "PER_LINUX");
	if (persona & 0x0040000)
		put_text(d, "|ADDR_NO_RANDOMIZE");
	if (persona & ~0x0040000ul) {
		put_char(d, '|');
		put_hex(d, persona & ~0x0040000ul);
	}
}

static void put_persona_arg(struct decoder *d, unsigned int i)
{
	put_persona(d, (unsigned int)d->args[i]);
}

/* ---- prctl(2), arch_prctl(2) ---- */

static void put_prctl_op(struct decoder *d, unsigned int i)
{
	put_flags(d, &wy_prctls, (unsigned int)d->args[i]);
}

static void put_prctl_arg(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	unsigned long value = d->args[i];

	switch ((unsigned int)d->args[0]) {
	case PR_SET_NAME:
		if (item_of(d, WY_ITEM_IN, i, &item))
			put_quoted_text(d, item.bytes, true);
		else
			put_address(d, value);
		break;
	case PR_GET_NAME:
		if (item_of(d, WY_ITEM_OUT, i, &item))
			put_quoted_text(d, item.bytes, false);
		else
			put_address(d, value);
		break;
	case PR_SET_PDEATHSIG: put_signal(d, (unsigned int)value); break;
	case PR_GET_PDEATHSIG:
	case PR_GET_CHILD_SUBREAPER: put_number_out(d, i); break;
	case PR_SET_DUMPABLE: put_flags(d, &wy_dump_modes, value); break;
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP: put_flags(d, &wy_caps, value); break;
	case PR_SET_SECCOMP:
		if (value == 1 || value == 2)
			put_text(d, value == 1 ? "SECCOMP_MODE_STRICT" : "SECCOMP_MODE_FILTER");
		else
			put_hex(d, value);
		break;
	case PR_SET_NO_NEW_PRIVS:
	case PR_SET_KEEPCAPS:
	case PR_SET_CHILD_SUBREAPER:
	case PR_SET_TIMERSLACK:
	case PR_SET_THP_DISABLE: put_ulong(d, value); break;
	case 0x53564d41: /* PR_SET_VMA */
		put_text(d, value ? "" : "PR_SET_VMA_ANON_NAME");
		if (value)
			put_hex(d, value);
		break;
	default: put_hex(d, value);
	}
}

static unsigned int prctl_args(unsigned int op)
{
	switch (op) {
	case PR_GET_DUMPABLE:
	case PR_GET_KEEPCAPS:
	case PR_GET_TIMING:
	case PR_GET_SECCOMP:
	case PR_GET_SECUREBITS:
	case PR_GET_TIMERSLACK:
	case PR_TASK_PERF_EVENTS_DISABLE:
	case PR_TASK_PERF_EVENTS_ENABLE: return 1;
	case PR_SET_NAME:
	case PR_GET_NAME:
	case PR_SET_PDEATHSIG:
	case PR_GET_PDEATHSIG:
	case PR_SET_DUMPABLE:
	case PR_SET_KEEPCAPS:
	case PR_SET_TIMERSLACK:
	case PR_SET_TIMING:
	case PR_SET_CHILD_SUBREAPER:
	case PR_GET_CHILD_SUBREAPER:
	case PR_GET_TID_ADDRESS:
	case PR_SET_SECUREBITS:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_SET_PTRACER: return 2;
	case PR_SET_SECCOMP: return 3;
	default: return 5;
	}
}

static void put_arch_prctl_arg(struct decoder *d, unsigned int i)
{
	unsigned int op = (unsigned int)d->args[0];
	unsigned long value;

	if ((op == 0x1003 || op == 0x1004) && arg_out(d, i, &value, sizeof(value))) {
		put_char(d, '[');
		put_address(d, value);
		put_char(d, ']');
	} else if (op == 0x1003 || op == 0x1004) {
		put_address(d, d->args[i]);
	} else {
		put_hex(d, d->args[i]);
	}
}

static void put_seccomp_flags(struct decoder *d, unsigned int i)
{
	if ((unsigned int)d->args[0] == 1) /* SECCOMP_SET_MODE_FILTER */
		put_flags(d, &wy_seccomp_flags, (unsigned int)d->args[i]);
	else
		put_hex(d, (unsigned int)d->args[i]);
}

void put_filter_program(struct decoder *d, struct wy_bytes bytes)
{
	struct {
		unsigned short len, pad[3];
		unsigned long filter;
	} prog;

	take(bytes, 0, &prog, sizeof(prog));
	put_format(d, "{len=%u, filter=", prog.len);
	put_address(d, prog.filter);
	put_char(d, '}');
}

/* Of seccomp(2), and of prctl(2)'s PR_SET_SECCOMP. */
static void put_filter(struct decoder *d, unsigned int i)
{
	bool sets = d->nr == SYS_seccomp ? (unsigned int)d->args[0] == 1 :
					   (unsigned int)d->args[0] == PR_SET_SECCOMP;
	struct wy_item_view item;

	if (sets && item_of(d, WY_ITEM_IN, i, &item) && item.bytes.len == 16)
		put_filter_program(d, item.bytes);
	else if (d->nr == SYS_seccomp || sets)
		put_address(d, d->args[i]);
	else
		put_hex(d, d->args[i]);
}

static void put_kcmp_arg(struct decoder *d, unsigned int i)
{
	if ((unsigned int)d->args[2] == 7) /* KCMP_EPOLL_TFD */
		put_address(d, d->args[i]);
	else
		put_hex(d, d->args[i]);
}

static void put_syslog_op(struct decoder *d, unsigned int i)
{
	static const char *const ops[] = { "CLOSE",       "OPEN",       "READ",
					   "READ_ALL",    "READ_CLEAR", "CLEAR",
					   "CONSOLE_OFF", "CONSOLE_ON", "CONSOLE_LEVEL",
					   "SIZE_UNREAD", "SIZE_BUFFER" };
	unsigned int op = (unsigned int)d->args[i];

	put_format(d, "%d /* SYSLOG_ACTION_%s */", (int)op,
		   op < sizeof(ops) / sizeof(ops[0]) ? ops[op] : "???");
}

/* ---- futex(2) ---- */

/* Which arguments an operation has: a bit each. */
static unsigned int futex_args(const struct decoder *d)
{
	switch ((unsigned int)d->args[1] & 0x7f) {
	case 0: return 0x0f;  /* WAIT */
	case 1:               /* WAKE */
	case 2: return 0x07;  /* FD */
	case 3:               /* REQUEUE */
	case 11: return 0x1f; /* WAIT_REQUEUE_PI */
	case 6:               /* LOCK_PI */
	case 13: return 0x0b; /* LOCK_PI2 */
	case 7:               /* UNLOCK_PI */
	case 8: return 0x03;  /* TRYLOCK_PI */
	case 9: return 0x2f;  /* WAIT_BITSET */
	case 10: return 0x27; /* WAKE_BITSET */
	default: return 0x3f;
	}
}

static void put_futex_op(struct decoder *d, unsigned int i)
{
	unsigned int op = (unsigned int)d->args[i], cmd = op & 0x7f;
	const char *name = wy_flag_name(&wy_futex_ops, cmd);

	if (!name) {
		put_format(d, "%#x /* FUTEX_??? */", op);
		return;
	}
	put_text(d, name);
	if (op & 0x80)
		put_text(d, cmd == 2 ? "|FUTEX_PRIVATE_FLAG" : "_PRIVATE");
	if (op & 0x100)
		put_text(d, "|FUTEX_CLOCK_REALTIME");
	if (op & ~0x1ffu)
		put_format(d, "|%#x", op & ~0x1ffu);
}

/* A time for those that wait, a number for the others. */
static void put_futex_timeout(struct decoder *d, unsigned int i)
{
	struct timespec64 t;

	switch ((unsigned int)d->args[1] & 0x7f) {
	case 0:
	case 6:
	case 9:
	case 11:
	case 13:
		if (arg_in(d, i, &t, sizeof(t)))
			put_timespec(d, &t);
		else
			put_address(d, d->args[i]);
		break;
	default:
		if (wy_flag_name(&wy_futex_ops, d->args[1] & 0x7f))
			put_ulong(d, (unsigned int)d->args[i]);
		else
			put_address(d, d->args[i]);
	}
}

static void put_futex_value3(struct decoder *d, unsigned int i)
{
	unsigned int cmd = (unsigned int)d->args[1] & 0x7f, value = (unsigned int)d->args[i];

	if (cmd == 9 || cmd == 10) {
		if (value == ~0u)
			put_text(d, "FUTEX_BITSET_MATCH_ANY");
		else
			put_hex(d, value);
	} else if (cmd == 5) {
		static const char *const ops[] = { "SET", "ADD", "OR", "ANDN", "XOR" };
		static const char *const cmps[] = { "EQ", "NE", "LT", "LE", "GT", "GE" };
		unsigned int op = value >> 28 & 7, cmp = value >> 24 & 15;

		put_text(d, value >> 31 ? "FUTEX_OP_OPARG_SHIFT<<28|" : "");
		put_format(d, op < 5 ? "FUTEX_OP_%s<<28" : "%s<<28", op < 5 ? ops[op] : "?");
		put_format(d, "|%#x<<12|", value >> 12 & 0xfff);
		put_format(d, cmp < 6 ? "FUTEX_OP_CMP_%s<<24" : "%s<<24",
			   cmp < 6 ? cmps[cmp] : "?");
		put_format(d, "|%#x", value & 0xfff);
	} else {
		put_ulong(d, value);
	}
}

/* ---- how many there are ---- */

static bool creates(unsigned long flags)
{
	return flags & 020000100; /* O_CREAT, or O_TMPFILE without its O_DIRECTORY */
}

static bool is_device(unsigned long mode)
{
	return (mode & 0170000) == 020000 || (mode & 0170000) == 060000;
}

static bool fcntl_has_arg(unsigned int cmd)
{
	switch (cmd) {
	case 1:    /* F_GETFD */
	case 3:    /* F_GETFL */
	case 9:    /* F_GETOWN */
	case 11:   /* F_GETSIG */
	case 1025: /* F_GETLEASE */
	case 1032: /* F_GETPIPE_SZ */
	case 1034: /* F_GET_SEALS */ return false;
	default: return true;
	}
}

static bool ioctl_has_arg(unsigned int cmd)
{
	switch (cmd) {
	case 0x5450: /* FIONCLEX */
	case 0x5451: /* FIOCLEX */
	case 0x5422: /* TIOCNOTTY */
	case 0x540c: /* TIOCEXCL */
	case 0x540d: /* TIOCNXCL */ return false;
	default: return true;
	}
}

static bool syslog_has_args(unsigned int op)
{
	return op == 2 || op == 3 || op == 4 || op == 8 || op > 10;
}

#define FIRST(n) ((1u << (n)) - 1)

unsigned int wy_shown_args(const struct decoder *d)
{
	const unsigned long *a = d->args;

	switch (d->nr) {
	case SYS_open: return FIRST(creates(a[1]) ? 3 : 2);
	case SYS_openat: return FIRST(creates(a[2]) ? 4 : 3);
	case SYS_mq_open: return FIRST(creates(a[1]) ? 4 : 2);
	case SYS_mknod: return FIRST(is_device(a[1]) ? 3 : 2);
	case SYS_mknodat: return FIRST(is_device(a[2]) ? 4 : 3);
	case SYS_fcntl: return FIRST(fcntl_has_arg((unsigned int)a[1]) ? 3 : 2);
	case SYS_ioctl: return FIRST(ioctl_has_arg((unsigned int)a[1]) ? 3 : 2);
	case SYS_mremap: return FIRST(a[3] & 6 ? 5 : 4); /* MREMAP_FIXED, MREMAP_DONTUNMAP */
	case SYS_futex: return futex_args(d);
	case SYS_arch_prctl:
		return FIRST((unsigned int)a[0] == 0x1011 ? 1 : 2); /* ARCH_GET_CPUID */
	case SYS_membarrier: return FIRST(a[1] & 1 ? 3 : 2);
	case SYS_prctl: return FIRST(prctl_args((unsigned int)a[0]));
	case SYS_kcmp: return FIRST((unsigned int)a[2] == 0 || (unsigned int)a[2] >= 7 ? 5 : 3);
	case SYS_syslog: return FIRST(syslog_has_args((unsigned int)a[0]) ? 3 : 1);
	case SYS_preadv2:
	case SYS_pwritev2: return 0x2f; /* no upper half of the offset: 64 bits do not need it */
	default: return FIRST(d->row->nr_args);
	}
}

printer *wy_op_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_PERSONALITY: return put_persona_arg;
	case WY_ARG_PRCTL_OP: return put_prctl_op;
	case WY_ARG_PRCTL_ARG: return put_prctl_arg;
	case WY_ARG_ARCH_PRCTL_ARG: return put_arch_prctl_arg;
	case WY_ARG_FUTEX_OP: return put_futex_op;
	case WY_ARG_FUTEX_TIMEOUT: return put_futex_timeout;
	case WY_ARG_FUTEX_VALUE3: return put_futex_value3;
	case WY_ARG_SECCOMP_FLAGS: return put_seccomp_flags;
	case WY_ARG_FPROG_IN: return put_filter;
	case WY_ARG_KCMP_ARG: return put_kcmp_arg;
	case WY_ARG_SYSLOG_OP: return put_syslog_op;
	default: return NULL;
	}
}
