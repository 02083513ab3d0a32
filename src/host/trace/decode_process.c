/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: their making and end, limits, scheduling, what prctl(2) asks.
 */
#include "host/trace/decode_part.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- making them ---- */

static void put_clone_flags_and(struct decoder *d, unsigned long flags, unsigned int signal)
{
	if (flags || !signal)
		put_flags(d, &wy_clone_flags, flags);
	if (flags && signal)
		put_char(d, '|');
	if (signal)
		put_signal(d, signal);
}

static void put_clone_flags(struct decoder *d, unsigned int i)
{
	put_clone_flags_and(d, (unsigned int)d->args[i] & ~0xfful, d->args[i] & 0xff);
}

static void put_clone_args(struct decoder *d, unsigned int i)
{
	enum { FLAGS, PIDFD, CHILD_TID, PARENT_TID, SIGNAL, STACK, STACK_SIZE, TLS, WORDS };
	unsigned long a[WORDS];
	int tid;

	if (!arg_in(d, i, a, sizeof(a))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{flags=");
	put_flags(d, &wy_clone_flags, a[FLAGS]);
	if (a[FLAGS] & 0x1000)
		put_format(d, ", pidfd=%#lx", a[PIDFD]);
	if (a[FLAGS] & 0x1200000) {
		put_text(d, ", child_tid=");
		put_address(d, a[CHILD_TID]);
	}
	if (a[FLAGS] & 0x100000) {
		put_text(d, ", parent_tid=");
		put_address(d, a[PARENT_TID]);
	}
	put_text(d, ", exit_signal=");
	put_signal(d, (unsigned int)a[SIGNAL]);
	put_text(d, ", stack=");
	put_address(d, a[STACK]);
	put_text(d, ", stack_size=");
	put_hex(d, a[STACK_SIZE]);
	if (a[FLAGS] & 0x80000) {
		put_text(d, ", tls=");
		put_address(d, a[TLS]);
	}
	put_char(d, '}');
	if (!d->failed && arg_out(d, i, &tid, sizeof(tid)))
		put_format(d, " => {parent_tid=[%d]}", tid);
}

static void put_strings(struct decoder *d, unsigned int i)
{
	struct wy_bytes items = d->v->items;
	struct wy_item_view item;
	unsigned long count, shown = 0;

	if (!item_of(d, WY_ITEM_COUNT, i, &item) || !take(item.bytes, 0, &count, sizeof(count))) {
		put_address(d, d->args[i]);
		return;
	}
	if (d->row->arg[i] == WY_ARG_ENVP) {
		put_address(d, d->args[i]);
		put_format(d, " /* %lu %s */", count, count == 1 ? "var" : "vars");
		return;
	}
	put_char(d, '[');
	while (wy_item_next(&items, &item)) {
		if (item.what != WY_ITEM_STRING)
			continue;
		put_text(d, shown++ ? ", " : "");
		put_quoted(d, item.bytes, item.flags & WY_ITEM_CUT);
	}
	put_text(d, shown == count ? "]" : shown ? ", ...]" : "...]");
}

/* ---- their end ---- */

static void put_status(struct decoder *d, unsigned int i)
{
	int s;

	if (!arg_out(d, i, &s, sizeof(s))) {
		put_address(d, d->args[i]);
	} else if (WIFEXITED(s)) {
		put_format(d, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(s));
	} else if (WIFCONTINUED(s)) {
		put_text(d, "[{WIFCONTINUED(s)}]");
	} else if (WIFSTOPPED(s)) {
		put_text(d, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		put_signal(d, (unsigned int)WSTOPSIG(s));
		put_text(d, "}]");
	} else {
		put_text(d, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
		put_signal(d, (unsigned int)WTERMSIG(s));
		put_text(d, WCOREDUMP(s) ? " && WCOREDUMP(s)}]" : "}]");
	}
}

static void put_rusage(struct decoder *d, unsigned int i)
{
	struct timespec64 t[2];
	struct wy_item_view item;

	if (!item_of(d, WY_ITEM_OUT, i, &item) || !take(item.bytes, 0, t, sizeof(t))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{ru_utime=");
	put_timeval(d, &t[0]);
	put_text(d, ", ru_stime=");
	put_timeval(d, &t[1]);
	put_text(d, ", ...}");
}

/* ---- limits, names, numbers ---- */

static void put_limit(struct decoder *d, unsigned long limit)
{
	if (limit == ~0ul)
		put_text(d, "RLIM64_INFINITY");
	else if (limit > 1024 && limit % 1024 == 0)
		put_format(d, "%lu*1024", limit / 1024);
	else
		put_ulong(d, limit);
}

static void put_rlimit(struct decoder *d, unsigned int i)
{
	unsigned long lim[2];

	if (d->row->arg[i] == WY_ARG_RLIMIT_IN ? !arg_in(d, i, lim, sizeof(lim)) :
						 !arg_out(d, i, lim, sizeof(lim))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{rlim_cur=");
	put_limit(d, lim[0]);
	put_text(d, ", rlim_max=");
	put_limit(d, lim[1]);
	put_char(d, '}');
}

static void put_utsname(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	char name[130];

	if (!item_of(d, WY_ITEM_OUT, i, &item) || !take(item.bytes, 0, name, sizeof(name))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{sysname=");
	put_quoted_text(d, (struct wy_bytes){ item.bytes.at, 65 }, false);
	put_text(d, ", nodename=");
	put_quoted_text(d, (struct wy_bytes){ item.bytes.at + 65, 65 }, false);
	put_text(d, ", ...}");
}

static void put_sysinfo(struct decoder *d, unsigned int i)
{
	struct {
		unsigned long uptime, loads[3], ram[4], swap[2];
		unsigned short procs, pad;
		unsigned long high[2];
		unsigned int unit;
	} s;

	if (!arg_out(d, i, &s, sizeof(s))) {
		put_address(d, d->args[i]);
		return;
	}
	put_format(d, "{uptime=%lu, loads=[%lu, %lu, %lu], totalram=%lu, freeram=%lu", s.uptime,
		   s.loads[0], s.loads[1], s.loads[2], s.ram[0], s.ram[1]);
	put_format(d, ", sharedram=%lu, bufferram=%lu, totalswap=%lu, freeswap=%lu", s.ram[2],
		   s.ram[3], s.swap[0], s.swap[1]);
	put_format(d, ", procs=%u, totalhigh=%lu, freehigh=%lu, mem_unit=%u}", s.procs, s.high[0],
		   s.high[1], s.unit);
}

static void put_number_out(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	long wide;
	int narrow;

	if (!item_of(d, WY_ITEM_OUT, i, &item) && !item_of(d, WY_ITEM_IN, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	if (take(item.bytes, 0, &wide, sizeof(wide))) {
		if (d->row->arg[i] == WY_ARG_LONG_OUT_HEX)
			put_address(d, (unsigned long)wide);
		else
			put_long(d, wide);
	} else if (take(item.bytes, 0, &narrow, sizeof(narrow))) {
		put_format(d, d->row->arg[i] == WY_ARG_UINT_OUT ? "%u" : "%d",
			   (unsigned int)narrow);
	}
	put_char(d, ']');
}

static void put_cpus(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	bool first = true;

	if (!item_of(d, WY_ITEM_IN, i, &item) && !item_of(d, WY_ITEM_OUT, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	for (size_t cpu = 0; cpu < item.bytes.len * 8; cpu++) {
		if (!(item.bytes.at[cpu / 8] >> cpu % 8 & 1))
			continue;
		put_format(d, first ? "%zu" : " %zu", cpu);
		first = false;
	}
	put_char(d, ']');
}

static void put_groups(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	unsigned int gid;

	if (!d->args[i] || (int)d->args[0] < 0 || d->args[0] > 65536 ||
	    (!item_of(d, WY_ITEM_IN, i, &item) && !item_of(d, WY_ITEM_OUT, i, &item))) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	for (size_t at = 0; take(item.bytes, at, &gid, sizeof(gid)); at += sizeof(gid)) {
		put_text(d, at ? ", " : "");
		put_uid(d, gid);
	}
	put_text(d, item.flags & WY_ITEM_CUT ? ", ...]" : "]");
}

static void put_persona(struct decoder *d, unsigned long persona)
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

/* ---- results, and how many arguments there are ---- */

static void put_named(struct decoder *d, const struct wy_flags *flags, unsigned long value)
{
	put_text(d, " (");
	put_flags(d, flags, value);
	put_char(d, ')');
}

bool put_process_result(struct decoder *d, long ret)
{
	switch (d->nr) {
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
		put_hex(d, (unsigned long)ret);
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
	case SYS_membarrier: return FIRST(a[1] & 1 ? 3 : 2);
	case SYS_prctl: return FIRST(prctl_args((unsigned int)a[0]));
	case SYS_kcmp: return FIRST((unsigned int)a[2] == 0 || (unsigned int)a[2] >= 7 ? 5 : 3);
	case SYS_syslog: return FIRST(syslog_has_args((unsigned int)a[0]) ? 3 : 1);
	case SYS_preadv2:
	case SYS_pwritev2: return 0x2f; /* no upper half of the offset: 64 bits do not need it */
	default: return FIRST(d->row->nr_args);
	}
}

printer *wy_process_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_CLONE_FLAGS: return put_clone_flags;
	case WY_ARG_CLONE_ARGS: return put_clone_args;
	case WY_ARG_ARGV:
	case WY_ARG_ENVP: return put_strings;
	case WY_ARG_STATUS_OUT: return put_status;
	case WY_ARG_RUSAGE_OUT:
	case WY_ARG_RUSAGE_WAIT: return put_rusage;
	case WY_ARG_RLIMIT_IN:
	case WY_ARG_RLIMIT_OUT: return put_rlimit;
	case WY_ARG_UTSNAME_OUT: return put_utsname;
	case WY_ARG_SYSINFO_OUT: return put_sysinfo;
	case WY_ARG_INT_OUT:
	case WY_ARG_UINT_OUT:
	case WY_ARG_LONG_OUT:
	case WY_ARG_LONG_OUT_HEX:
	case WY_ARG_SCHED_PARAM_IN:
	case WY_ARG_SCHED_PARAM_OUT: return put_number_out;
	case WY_ARG_CPUSET_IN:
	case WY_ARG_CPUSET_OUT: return put_cpus;
	case WY_ARG_GROUPS_IN:
	case WY_ARG_GROUPS_OUT: return put_groups;
	case WY_ARG_PERSONALITY: return put_persona_arg;
	case WY_ARG_PRCTL_OP: return put_prctl_op;
	case WY_ARG_PRCTL_ARG: return put_prctl_arg;
	case WY_ARG_ARCH_PRCTL_ARG: return put_arch_prctl_arg;
	case WY_ARG_FUTEX_OP: return put_futex_op;
	case WY_ARG_SYSLOG_OP: return put_syslog_op;
	case WY_ARG_FUTEX_TIMEOUT: return put_futex_timeout;
	case WY_ARG_FUTEX_VALUE3: return put_futex_value3;
	default: return NULL;
	}
}
