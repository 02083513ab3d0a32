/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most things have a size that their type says: one table.  The others are
 * strings, things whose length stands in another argument, in memory or in the
 * result, and a few that point on: messages, vectors, arrays of strings.
 *
 * Nothing is believed: lengths are bounded before they are used, every read can
 * fail.  What is counted in the program's memory (elements of a vector) is used
 * from the copy, so another thread that changes it meanwhile changes nothing here.
 */
#include "agent/capture.h"

#include "agent/usermem.h"

#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#define PATH_BYTES    4096ul
#define SOCKADDR_MAX  128ul
#define CONTROL_MAX   1024ul
#define OPTION_MAX    128ul
#define ELEMENTS_MAX  255ul /* of an item's index */
#define STRINGS_COUNT (1ul << 20)

#define EINTR_        4
#define RESTART       512 /* ERESTARTSYS and its like, which programs never see */

struct room {
	unsigned char *at, *end;
	const struct wy_call *call;
	unsigned long max; /* of a buffer's bytes, and of an array's elements */
	enum wy_item_what what;
	bool cut;
};

struct iovec64 {
	unsigned long base, len;
};

struct msghdr64 {
	unsigned long name;
	unsigned int name_len, pad;
	unsigned long iov, iov_len, control, control_len;
	unsigned int flags, pad2;
};

struct mmsghdr64 {
	struct msghdr64 hdr;
	unsigned int len, pad;
};

/* Of those that always have the same size. */
static const unsigned short sizes[WY_ARGS] = {
	[WY_ARG_EPOLL_EVENT_IN] = 12, [WY_ARG_TIMESPEC_IN] = 16,    [WY_ARG_TIMESPECS_IN] = 32,
	[WY_ARG_TIMEVAL_IN] = 16,     [WY_ARG_TIMEVALS_IN] = 32,    [WY_ARG_TIMEZONE_IN] = 8,
	[WY_ARG_UTIMBUF_IN] = 16,     [WY_ARG_ITIMERSPEC_IN] = 32,  [WY_ARG_ITIMERVAL_IN] = 32,
	[WY_ARG_SIGSET_IN] = 8,       [WY_ARG_SIGACTION_IN] = 32,   [WY_ARG_SIGINFO_IN] = 128,
	[WY_ARG_SIGSTACK_IN] = 24,    [WY_ARG_SIGEVENT_IN] = 64,    [WY_ARG_SCHED_PARAM_IN] = 4,
	[WY_ARG_SCHED_ATTR_IN] = 48,  [WY_ARG_FPROG_IN] = 16,       [WY_ARG_CAP_HEADER] = 8,
	[WY_ARG_CAP_DATA_IN] = 24,    [WY_ARG_RLIMIT_IN] = 16,      [WY_ARG_MQ_ATTR_IN] = 64,
	[WY_ARG_MQ_ATTR_OPEN] = 64,   [WY_ARG_OFFSET] = 8,          [WY_ARG_SOCKLEN] = 4,
	[WY_ARG_TIMESPEC_INOUT] = 16, [WY_ARG_TIMEVAL_INOUT] = 16,  [WY_ARG_URING_PARAMS] = 120,
	[WY_ARG_STAT_OUT] = 144,      [WY_ARG_STATX_OUT] = 256,     [WY_ARG_STATFS_OUT] = 120,
	[WY_ARG_FDS2_OUT] = 8,        [WY_ARG_INT_OUT] = 4,         [WY_ARG_UINT_OUT] = 4,
	[WY_ARG_LONG_OUT] = 8,        [WY_ARG_LONG_OUT_HEX] = 8,    [WY_ARG_TIME_OUT] = 8,
	[WY_ARG_TIMESPEC_OUT] = 16,   [WY_ARG_TIMESPEC_LEFT] = 16,  [WY_ARG_TIMEVAL_OUT] = 16,
	[WY_ARG_TIMEZONE_OUT] = 8,    [WY_ARG_ITIMERSPEC_OUT] = 32, [WY_ARG_ITIMERVAL_OUT] = 32,
	[WY_ARG_TMS_OUT] = 32,        [WY_ARG_SIGSET_OUT] = 8,      [WY_ARG_SIGACTION_OUT] = 32,
	[WY_ARG_SIGINFO_OUT] = 128,   [WY_ARG_SIGINFO_WAIT] = 128,  [WY_ARG_SIGSTACK_OUT] = 24,
	[WY_ARG_STATUS_OUT] = 4,      [WY_ARG_RUSAGE_OUT] = 144,    [WY_ARG_RUSAGE_WAIT] = 144,
	[WY_ARG_UTSNAME_OUT] = 390,   [WY_ARG_SYSINFO_OUT] = 112,   [WY_ARG_RLIMIT_OUT] = 16,
	[WY_ARG_SCHED_PARAM_OUT] = 4, [WY_ARG_CAP_DATA_OUT] = 24,   [WY_ARG_MQ_ATTR_OUT] = 64,
	[WY_ARG_ARCH_PRCTL_ARG] = 8,
};

static unsigned long smaller(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

/* ---- items ---- */

/* Where the bytes of the next item go; NULL: it does not fit. */
static unsigned char *item_room(struct room *r, unsigned long len)
{
	unsigned long left = (unsigned long)(r->end - r->at);

	if (left >= sizeof(struct wy_item) && len <= left - sizeof(struct wy_item))
		return r->at + sizeof(struct wy_item);
	r->cut = true;
	return NULL;
}

/* An item whose bytes are in their place. */
static void item_end(struct room *r, enum wy_item_what what, unsigned int index, unsigned long len,
		     bool more)
{
	struct wy_item *item = (struct wy_item *)r->at;
	unsigned char *end = r->at + sizeof(*item) + len;

	*item = (struct wy_item){ .what = (unsigned char)what,
				  .index = (unsigned char)index,
				  .flags = more ? WY_ITEM_CUT : 0,
				  .len = (unsigned int)len };
	while ((unsigned long)end & 7)
		*end++ = 0;
	r->at = end;
}

/* Memory of the program.  Returns the copy; NULL: there is none. */
static void *put(struct room *r, enum wy_item_what what, unsigned int index, unsigned long addr,
		 unsigned long len, bool more)
{
	unsigned char *to;

	if (!addr)
		return NULL;
	to = item_room(r, len);
	if (!to || copy_from_program(to, addr, len))
		return NULL;
	item_end(r, what, index, len, more);
	return to;
}

/* Up to max of len bytes. */
static void *put_upto(struct room *r, enum wy_item_what what, unsigned int index,
		      unsigned long addr, unsigned long len, unsigned long max)
{
	return put(r, what, index, addr, smaller(len, max), len > max);
}

/* Up to max of count elements of this size. */
static void *put_array(struct room *r, unsigned int index, unsigned long addr, unsigned long count,
		       unsigned long size, unsigned long max)
{
	return put(r, r->what, index, addr, smaller(count, max) * size, count > max);
}

static void put_string(struct room *r, enum wy_item_what what, unsigned int index,
		       unsigned long addr, unsigned long max)
{
	unsigned long left = (unsigned long)(r->end - r->at);
	unsigned long size;
	long len;

	if (!addr || !item_room(r, 8))
		return;
	size = smaller(max + 1, left - sizeof(struct wy_item));
	len = copy_string_from_program((char *)r->at + sizeof(struct wy_item), addr, size);
	if (len >= 0)
		item_end(r, what, index, (unsigned long)len, false);
	else if (len != -14 && size == max + 1)
		item_end(r, what, index, max, true);
	else if (len != -14)
		r->cut = true;
}

static void put_number(struct room *r, enum wy_item_what what, unsigned int index,
		       unsigned long number)
{
	unsigned char *to = item_room(r, sizeof(number));

	if (!to)
		return;
	*(unsigned long *)to = number;
	item_end(r, what, index, sizeof(number), false);
}

/* ---- what points on ---- */

static unsigned long read_word(unsigned long addr, unsigned long size)
{
	unsigned long word = 0;

	return addr && copy_from_program(&word, addr, size) == 0 ? word : 0;
}

/* A vector (its item of this kind) and up to total of the bytes that it is about. */
static void put_iov(struct room *r, enum wy_item_what what, unsigned int index, unsigned long addr,
		    unsigned long count, unsigned long total)
{
	unsigned long shown = smaller(count, smaller(r->max, ELEMENTS_MAX));
	const struct iovec64 *iov = put(r, what, index, addr, shown * sizeof(*iov), count > shown);

	for (unsigned int i = 0; iov && i < shown && total; i++) {
		unsigned long len = smaller(iov[i].len, total);

		put_upto(r, WY_ITEM_DATA, i, iov[i].base, len, r->max);
		total -= len;
	}
}

static void put_message(struct room *r, const struct msghdr64 *hdr, unsigned long total)
{
	put_upto(r, WY_ITEM_NAME, 0, hdr->name, hdr->name_len, SOCKADDR_MAX);
	put_iov(r, WY_ITEM_IOV, 0, hdr->iov, hdr->iov_len, total);
	put_upto(r, WY_ITEM_CONTROL, 0, hdr->control, hdr->control_len, CONTROL_MAX);
}

static void put_messages(struct room *r, unsigned long addr, unsigned long count, bool sent)
{
	count = smaller(count, smaller(r->max, ELEMENTS_MAX));
	for (unsigned int i = 0; i < count; i++, addr += sizeof(struct mmsghdr64)) {
		const struct mmsghdr64 *m = put(r, WY_ITEM_MESSAGE, i, addr, sizeof(*m), false);

		if (!m)
			return;
		put_message(r, &m->hdr, sent ? ~0ul : m->len);
	}
}

/* An array of strings: how many there are, and the first of them. */
static void put_strings(struct room *r, unsigned int index, unsigned long addr, bool count_only)
{
	unsigned long count = 0, shown = count_only ? 0 : smaller(r->max, ELEMENTS_MAX), string;

	if (!addr || copy_from_program(&string, addr, sizeof(string)))
		return;
	while (count < STRINGS_COUNT && (string = read_word(addr + count * 8, 8)))
		count++;
	put_number(r, WY_ITEM_COUNT, index, count);
	for (unsigned int i = 0; i < smaller(count, shown); i++)
		put_string(r, WY_ITEM_STRING, i, read_word(addr + i * 8, 8), r->max);
}

/* What getdents(2) has brought: only how many. */
static void put_entries(struct room *r, unsigned int index, unsigned long addr, unsigned long len)
{
	const unsigned long reclen_at = 16; /* in both of its structures */
	unsigned long count = 0, step;

	for (unsigned long at = 0; at + reclen_at + 2 <= len; at += step, count++) {
		step = read_word(addr + at + reclen_at, 2);
		if (!step)
			return;
	}
	put_number(r, WY_ITEM_COUNT, index, count);
}

/* The last argument of pselect6(2): a pointer to a set and its size, and the set. */
static void put_pselect_sigset(struct room *r, unsigned int index, unsigned long addr)
{
	unsigned long three[3];
	unsigned char *to = item_room(r, sizeof(three));
	unsigned long len = 16;

	if (!addr || !to || copy_from_program(three, addr, 16))
		return;
	if (three[0] && three[1] == 8 && copy_from_program(&three[2], three[0], 8) == 0)
		len = sizeof(three);
	for (unsigned int i = 0; i < len / 8; i++)
		((unsigned long *)to)[i] = three[i];
	item_end(r, WY_ITEM_IN, index, len, false);
}

/* ---- arguments whose meaning another one says ---- */

enum { READS = 1, WRITES = 2 };

static const struct request {
	unsigned int cmd;
	unsigned short size;
	unsigned short way; /* what the kernel does */
} fcntls[] = {
	{ F_GETLK, 32, READS | WRITES },     { F_SETLK, 32, READS },
	{ F_SETLKW, 32, READS },             { F_OFD_GETLK, 32, READS | WRITES },
	{ F_OFD_SETLK, 32, READS },          { F_OFD_SETLKW, 32, READS },
	{ F_SETOWN_EX, 8, READS },           { F_GETOWN_EX, 8, WRITES },
	{ F_GET_RW_HINT, 8, WRITES },        { F_SET_RW_HINT, 8, READS },
	{ F_GET_FILE_RW_HINT, 8, WRITES },   { F_SET_FILE_RW_HINT, 8, READS },
}, ioctls[] = {
	{ TCGETS, 36, WRITES },          { TCSETS, 36, READS },
	{ TCSETSW, 36, READS },          { TCSETSF, 36, READS },
	{ 0x802c542a, 44, WRITES },      { 0x402c542b, 44, READS }, /* TCGETS2, TCSETS2 */
	{ 0x402c542c, 44, READS },       { 0x402c542d, 44, READS },
	{ TIOCGWINSZ, 8, WRITES },       { TIOCSWINSZ, 8, READS },
	{ TIOCGPGRP, 4, WRITES },        { TIOCSPGRP, 4, READS },
	{ TIOCGSID, 4, WRITES },         { TIOCOUTQ, 4, WRITES },
	{ TIOCGETD, 4, WRITES },         { TIOCSETD, 4, READS },
	{ TIOCGPTN, 4, WRITES },         { TIOCSPTLCK, 4, READS },
	{ TIOCMGET, 4, WRITES },         { TIOCPKT, 4, READS },
	{ FIONREAD, 4, WRITES },         { FIONBIO, 4, READS },
	{ FIOASYNC, 4, READS },          { 0x8905, 4, WRITES }, /* SIOCATMARK */
	{ 0x80086601, 4, WRITES },       { 0x40086602, 4, READS }, /* FS_IOC_GETFLAGS, SETFLAGS */
	{ 0x80081272, 8, WRITES },       { 0x4020940d, 32, READS }, /* BLKGETSIZE64, FICLONERANGE */
	{ 0x8912, 16, READS | WRITES }, /* SIOCGIFCONF */
}, prctls[] = {
	{ PR_GET_PDEATHSIG, 4, WRITES },
	{ PR_SET_NAME, 16, READS },
	{ PR_GET_NAME, 16, WRITES },
	{ PR_GET_CHILD_SUBREAPER, 4, WRITES },
};
#define REQUESTS(table) table, sizeof(table) / sizeof(*(table))

static void put_request(struct room *r, unsigned int index, unsigned int cmd, unsigned int way,
			const struct request *table, unsigned long count)
{
	unsigned long addr = (unsigned long)r->call->arg[index];

	for (unsigned long i = 0; i < count; i++) {
		if (table[i].cmd == cmd && (table[i].way & way)) {
			put(r, r->what, index, addr, table[i].size, false);
			return;
		}
	}
}

/* Of what a network interface is asked: struct ifreq. */
static bool interface_request(unsigned int cmd)
{
	return (cmd >= 0x8913 && cmd <= 0x8927) || (cmd >= 0x8930 && cmd <= 0x8943);
}

static void put_argument(struct room *r, unsigned int index, enum wy_arg type, unsigned int way)
{
	const long *arg = r->call->arg;

	switch (type) {
	case WY_ARG_FCNTL_ARG:
		put_request(r, index, (unsigned int)arg[1], way, REQUESTS(fcntls));
		break;
	case WY_ARG_IOCTL_ARG:
		if (interface_request((unsigned int)arg[1]))
			put(r, r->what, index, (unsigned long)arg[index], 40, false);
		else
			put_request(r, index, (unsigned int)arg[1], way, REQUESTS(ioctls));
		break;
	default: put_request(r, index, (unsigned int)arg[0], way, REQUESTS(prctls));
	}
}

static bool futex_waits(unsigned int op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_LOCK_PI:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI2: return true;
	default: return false;
	}
}

/* ---- one argument ---- */

static unsigned long fdset_size(long nfds)
{
	unsigned int n = (unsigned int)nfds;

	return n > 1024 ? 128 : (n + 63) / 64 * 8;
}

static void put_in(struct room *r, unsigned int i, enum wy_arg type)
{
	const long *arg = r->call->arg;
	unsigned long addr = (unsigned long)arg[i];
	unsigned long next = i < 5 ? (unsigned long)arg[i + 1] : 0;

	if (sizes[type]) {
		put(r, WY_ITEM_IN, i, addr, sizes[type], false);
		return;
	}
	switch (type) {
	case WY_ARG_PATH:
	case WY_ARG_MOUNT_SOURCE:
	case WY_ARG_MOUNT_DATA: put_string(r, WY_ITEM_IN, i, addr, PATH_BYTES - 1); break;
	case WY_ARG_STRING: put_string(r, WY_ITEM_IN, i, addr, r->max); break;
	case WY_ARG_BUF_IN:
	case WY_ARG_XATTR_IN: put_upto(r, WY_ITEM_IN, i, addr, next, r->max); break;
	case WY_ARG_OPT_IN:
		put_upto(r, WY_ITEM_IN, i, addr, (unsigned int)next,
			 r->max > OPTION_MAX ? r->max : OPTION_MAX);
		break;
	case WY_ARG_ARGV:
	case WY_ARG_ENVP: put_strings(r, i, addr, type == WY_ARG_ENVP); break;
	case WY_ARG_SOCKADDR_IN:
	case WY_ARG_CLONE_ARGS:
	case WY_ARG_OPEN_HOW:
		put_upto(r, WY_ITEM_IN, i, addr, (unsigned int)next, SOCKADDR_MAX);
		break;
	case WY_ARG_IOV_IN: put_iov(r, WY_ITEM_IN, i, addr, next, ~0ul); break;
	case WY_ARG_IOV: put_iov(r, WY_ITEM_IN, i, addr, next, 0); break;
	case WY_ARG_MSGHDR_IN: {
		const struct msghdr64 *hdr =
			put(r, WY_ITEM_IN, i, addr, sizeof(struct msghdr64), false);

		if (hdr)
			put_message(r, hdr, ~0ul);
		break;
	}
	case WY_ARG_MSGHDR: put(r, WY_ITEM_IN, i, addr, sizeof(struct msghdr64), false); break;
	case WY_ARG_POLLFDS: put_array(r, i, addr, (unsigned int)next, 8, r->max); break;
	case WY_ARG_FDSET: put(r, WY_ITEM_IN, i, addr, fdset_size(arg[0]), false); break;
	case WY_ARG_FUTEX_TIMEOUT:
		if (futex_waits((unsigned int)arg[1]))
			put(r, WY_ITEM_IN, i, addr, 16, false);
		break;
	case WY_ARG_PSELECT_SIGSET: put_pselect_sigset(r, i, addr); break;
	case WY_ARG_CPUSET_IN:
		put_upto(r, WY_ITEM_IN, i, addr, (unsigned int)arg[i - 1], SOCKADDR_MAX);
		break;
	case WY_ARG_GROUPS_IN: put_array(r, i, addr, (unsigned int)arg[i - 1], 4, r->max); break;
	case WY_ARG_SEMBUF_IN: put_array(r, i, addr, (unsigned int)next, 6, r->max); break;
	case WY_ARG_MSGBUF_IN:
		put(r, WY_ITEM_IN, i, addr, 8 + smaller(next, r->max), next > r->max);
		break;
	case WY_ARG_FCNTL_ARG:
	case WY_ARG_IOCTL_ARG:
	case WY_ARG_PRCTL_ARG: put_argument(r, i, type, READS); break;
	default: break;
	}
}

/* Of a call that did not fail. */
static void put_out(struct room *r, unsigned int i, enum wy_arg type)
{
	const long *arg = r->call->arg;
	unsigned long addr = (unsigned long)arg[i], ret = (unsigned long)r->call->ret;
	unsigned long next = i < 5 ? (unsigned long)arg[i + 1] : 0;

	switch (type) {
	case WY_ARG_TIMESPEC_LEFT: /* only of a call that was interrupted */
	case WY_ARG_MMSG_SENT: return;
	case WY_ARG_STATUS_OUT:
	case WY_ARG_RUSAGE_WAIT:
		if (!ret && r->call->nr == __NR_wait4)
			return; /* nobody was waited for */
		break;
	case WY_ARG_TIMESPEC_INOUT:
	case WY_ARG_TIMEVAL_INOUT:
		if (!ret)
			return; /* nothing is left */
		break;
	default: break;
	}
	if (sizes[type]) {
		put(r, WY_ITEM_OUT, i, addr, sizes[type], false);
		return;
	}
	switch (type) {
	case WY_ARG_BUF_OUT:
	case WY_ARG_XATTR_OUT: /* a result of the second can be what it would have been */
		put_upto(r, WY_ITEM_OUT, i, addr, smaller(ret, next), r->max);
		break;
	case WY_ARG_CWD_OUT: put_upto(r, WY_ITEM_OUT, i, addr, ret, PATH_BYTES); break;
	case WY_ARG_OPT_OUT:
		put_upto(r, WY_ITEM_OUT, i, addr, read_word(next, 4),
			 r->max > OPTION_MAX ? r->max : OPTION_MAX);
		break;
	case WY_ARG_SOCKADDR_OUT:
		put_upto(r, WY_ITEM_OUT, i, addr, read_word(next, 4), SOCKADDR_MAX);
		break;
	case WY_ARG_DENTS:
	case WY_ARG_DENTS64: put_entries(r, i, addr, ret); break;
	case WY_ARG_MINCORE_OUT:
		put_upto(r, WY_ITEM_OUT, i, addr, ((unsigned long)arg[1] + 4095) / 4096, r->max);
		break;
	case WY_ARG_IOV_OUT: put_iov(r, WY_ITEM_OUT, i, addr, next, ret); break;
	case WY_ARG_MSGHDR: {
		const struct msghdr64 *hdr =
			put(r, WY_ITEM_OUT, i, addr, sizeof(struct msghdr64), false);

		if (hdr)
			put_message(r, hdr, ret);
		break;
	}
	case WY_ARG_MMSG: put_messages(r, addr, ret, false); break;
	case WY_ARG_EPOLL_EVENTS_OUT: put_array(r, i, addr, ret, 12, r->max); break;
	case WY_ARG_IO_EVENTS_OUT: put_array(r, i, addr, ret, 32, r->max); break;
	case WY_ARG_POLLFDS:
		if (ret)
			put_array(r, i, addr, (unsigned int)next, 8, 512);
		break;
	case WY_ARG_FDSET: put(r, WY_ITEM_OUT, i, addr, fdset_size(arg[0]), false); break;
	case WY_ARG_CLONE_ARGS: /* its parent_tid */
		if (read_word(addr, 8) & CLONE_PARENT_SETTID)
			put(r, WY_ITEM_OUT, i, read_word(addr + 24, 8), 4, false);
		break;
	case WY_ARG_TID_OUT:
		if (arg[0] & (CLONE_PARENT_SETTID | CLONE_PIDFD))
			put(r, WY_ITEM_OUT, i, addr, 4, false);
		break;
	case WY_ARG_SCHED_ATTR_OUT:
		put_upto(r, WY_ITEM_OUT, i, addr, (unsigned int)next, 56);
		break;
	case WY_ARG_CPUSET_OUT: put_upto(r, WY_ITEM_OUT, i, addr, ret, SOCKADDR_MAX); break;
	case WY_ARG_GROUPS_OUT:
		if (arg[i - 1])
			put_array(r, i, addr, ret, 4, r->max);
		break;
	case WY_ARG_MSGBUF_OUT:
		put(r, WY_ITEM_OUT, i, addr, 8 + smaller(ret, r->max), ret > r->max);
		break;
	case WY_ARG_FCNTL_ARG:
	case WY_ARG_IOCTL_ARG:
	case WY_ARG_PRCTL_ARG: put_argument(r, i, type, WRITES); break;
	default: break;
	}
}

/* ---- a call ---- */

static struct room room_of(unsigned char *at, unsigned long size, const struct wy_call *call,
			   const struct wy_trace_settings *s, enum wy_item_what what)
{
	return (struct room){ .at = at,
			      .end = at + (size & ~7ul),
			      .call = call,
			      .max = s->string_max,
			      .what = what };
}

unsigned long wy_capture_enter(unsigned char *at, unsigned long size, const struct wy_call *call,
			       const struct wy_trace_settings *s, bool *cut)
{
	const struct wy_call_row *row = wy_call_row_of((unsigned int)call->nr);
	struct room r = room_of(at, size, call, s, WY_ITEM_IN);

	for (unsigned int left = row->in; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(left);

		put_in(&r, i, row->arg[i]);
	}
	*cut |= r.cut;
	return (unsigned long)(r.at - at);
}

unsigned long wy_capture_leave(unsigned char *at, unsigned long size, const struct wy_call *call,
			       const struct wy_trace_settings *s, bool *cut)
{
	const struct wy_call_row *row = wy_call_row_of((unsigned int)call->nr);
	bool failed = (unsigned long)call->ret > -4096ul;
	bool interrupted = failed && (call->ret == -EINTR_ || call->ret <= -RESTART);
	struct room r = room_of(at, size, call, s, WY_ITEM_OUT);

	for (unsigned int left = row->out; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(left);
		unsigned long addr = (unsigned long)call->arg[i];

		if (!failed)
			put_out(&r, i, row->arg[i]);
		else if (row->arg[i] == WY_ARG_IOV_OUT) /* where the bytes would have gone */
			put_iov(&r, WY_ITEM_OUT, i, addr, (unsigned long)call->arg[i + 1], 0);
		if (row->arg[i] == WY_ARG_TIMESPEC_LEFT && interrupted)
			put(&r, WY_ITEM_OUT, i, addr, sizes[WY_ARG_TIMESPEC_LEFT], false);
		else if (row->arg[i] == WY_ARG_MMSG_SENT)
			put_messages(&r, addr,
				     failed ? (unsigned int)call->arg[2] : (unsigned long)call->ret,
				     true);
	}
	*cut |= r.cut;
	return (unsigned long)(r.at - at);
}
