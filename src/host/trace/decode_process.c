/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: their making and end, limits, names, scheduling.
 */
#include "host/trace/decode_part.h"

#include <string.h>
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

void put_number_out(struct decoder *d, unsigned int i)
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

static void put_sched_attr(struct decoder *d, unsigned int i)
{
	struct {
		unsigned int size, policy;
		unsigned long flags;
		int nice;
		unsigned int priority;
		unsigned long runtime, deadline, period;
	} a;

	if (d->row->arg[i] == WY_ARG_SCHED_ATTR_IN ? !arg_in(d, i, &a, sizeof(a)) :
						     !arg_out(d, i, &a, sizeof(a))) {
		put_address(d, d->args[i]);
		return;
	}
	put_format(d, "{size=%u, sched_policy=", a.size);
	put_flags(d, &wy_policies, a.policy);
	put_text(d, ", sched_flags=");
	put_hex(d, a.flags);
	put_format(d, ", sched_nice=%d, sched_priority=%u", a.nice, a.priority);
	put_format(d, ", sched_runtime=%lu, sched_deadline=%lu, sched_period=%lu}", a.runtime,
		   a.deadline, a.period);
}

static void put_cap_header(struct decoder *d, unsigned int i)
{
	unsigned int header[2];

	if (!arg_in(d, i, header, sizeof(header))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{version=");
	switch (header[0]) {
	case 0x19980330: put_text(d, "_LINUX_CAPABILITY_VERSION_1"); break;
	case 0x20071026: put_text(d, "_LINUX_CAPABILITY_VERSION_2"); break;
	case 0x20080522: put_text(d, "_LINUX_CAPABILITY_VERSION_3"); break;
	default: put_format(d, "%#x /* _LINUX_CAPABILITY_VERSION_??? */", header[0]);
	}
	put_format(d, ", pid=%d}", (int)header[1]);
}

static void put_caps(struct decoder *d, unsigned long caps)
{
	bool first = true;

	if (!caps)
		put_char(d, '0');
	for (unsigned int cap = 0; cap < 64; cap++) {
		const char *name = wy_flag_name(&wy_caps, cap);

		if (!(caps >> cap & 1))
			continue;
		put_text(d, first ? "1<<" : "|1<<");
		first = false;
		if (name)
			put_text(d, name);
		else
			put_ulong(d, cap);
	}
}

static void put_cap_data(struct decoder *d, unsigned int i)
{
	static const char *const names[] = { "{effective=", ", permitted=", ", inheritable=" };
	unsigned int header[2], data[6];

	if (!d->args[i] ||
	    (d->row->arg[i] == WY_ARG_CAP_DATA_IN ? !arg_in(d, i, data, sizeof(data)) :
						    !arg_out(d, i, data, sizeof(data)))) {
		put_address(d, d->args[i]);
		return;
	}
	if (!arg_in(d, 0, header, sizeof(header)) || header[0] == 0x19980330)
		data[3] = data[4] = data[5] = 0; /* the first version has no upper halves */
	for (unsigned int k = 0; k < 3; k++) {
		put_text(d, names[k]);
		put_caps(d, data[k] | (unsigned long)data[k + 3] << 32);
	}
	put_char(d, '}');
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
	case WY_ARG_SCHED_ATTR_IN:
	case WY_ARG_SCHED_ATTR_OUT: return put_sched_attr;
	case WY_ARG_CAP_HEADER: return put_cap_header;
	case WY_ARG_CAP_DATA_IN:
	case WY_ARG_CAP_DATA_OUT: return put_cap_data;
	case WY_ARG_GROUPS_IN:
	case WY_ARG_GROUPS_OUT: return put_groups;
	default: return NULL;
	}
}
