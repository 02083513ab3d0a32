/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - one process is started, and every connection gets a copy of it.
 *
 * The program's stdin is a placeholder (proto/serve.h), known by its inode,
 * whatever numbers it has: a shell around the program may read other things,
 * and the program may have moved its input elsewhere.  The first call that
 * would take input from it, or ask what it is that input comes from, is not
 * made: its thread stays inside enter() and waits for orders.
 *
 *	COPY	the process is the template: it is copied with all its threads,
 *		and never runs again itself
 *	BECOME	the process serves one connection itself
 *
 * Whoever goes on has the connection in place of the placeholders, and
 * enter() returns: the call is made there.
 *
 * A copy must be what a fresh start would have been.  Where it could not be (a
 * process with children, an object of the kernel that cannot be made again),
 * the program is not copied: the reason is reported, and the process waits for
 * BECOME.  This is always right.
 *
 * What a copy keeps of the template: memory, random numbers drawn before the
 * first read included.  A process id that was asked for before is stale, but
 * signals that a libc sends to its own threads by remembered ids arrive.
 */
#include "agent/fdcopy.h"
#include "agent/fdpass.h"
#include "agent/fdtab.h"
#include "agent/freeze.h"
#include "agent/frozen.h"
#include "agent/gate.h"
#include "agent/hot.h"
#include "agent/ids.h"
#include "agent/input.h"
#include "agent/layers/layers.h"
#include "agent/learn.h"
#include "agent/maps.h"
#include "agent/output.h"
#include "agent/own.h"
#include "agent/procfs.h"
#include "agent/refork.h"
#include "agent/session.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/resource.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/wait.h>

#define COPY_FAILED   125 /* exit status of a copy that could not be made whole */
#define LOOK_AGAIN_NS 5000000l

/* Marks in the table of descriptors: what a placeholder stands for. */
#define INPUT         2u
#define OUTPUT        4u
#define ERRORS        8u
#define CONTROL       16u /* the control socket, where it is not the input */

static struct wy_fdtab fdtab;
static unsigned int hazards;
WY_HOT static bool gone_on; /* this process serves a connection, or comes from one that does */
static unsigned int nr_takes;

static struct wy_serve_session *serve_session(void)
{
	return &wy_session->serve;
}

/* What a program does before it is stopped that its copies will have in common. */
static void look_for_hazards(const struct wy_call *call)
{
	switch ((int)call->nr) {
	case __NR_getrandom:
		/* A libc draws a key for its allocator this way, nobody sees it. */
		if ((unsigned int)call->arg[2] != GRND_NONBLOCK || call->arg[1] > 8)
			hazards |= WY_SERVE_HAZARD_RANDOM;
		break;
	case __NR_setitimer:
	case __NR_timer_settime:
	case __NR_alarm: hazards |= WY_SERVE_HAZARD_TIMER; break;
	case __NR_inotify_add_watch: wy_fdtab_look(call); break;
	}
}

/*
 * Memory that shall not be there after a fork: the program thinks of forks of its own.  Asking for
 * the opposite checks the same arguments.
 */
static void keep_in_copies(struct wy_call *call)
{
	if (gone_on || (int)call->arg[2] != MADV_DONTFORK)
		return;
	wy_call_record(call);
	call->arg[2] = MADV_DOFORK;
}

/* ---- the host ---- */

static void send_report(int control, const struct wy_serve_report *r)
{
	sys6(__NR_sendto, control, r, sizeof(*r), WY_MSG_NOSIGNAL, 0, 0);
}

static void report(int control, int kind, int value, unsigned int serial)
{
	struct wy_serve_report r = {
		.magic = WY_SERVE_MAGIC, .kind = kind, .value = value, .serial = serial
	};

	send_report(control, &r);
}

static void wait_for(int fd, short events)
{
	struct {
		int fd;
		short events, revents;
	} p = { fd, events, 0 };

	sys3(__NR_poll, &p, 1, -1);
}

/* What came with an order, by name; -1 what did not. */
struct given {
	int in, out, err, banner, control;
	unsigned int flags; /* of the order */
	bool cut;           /* there was no room for all of them */
};

static void close_given(const struct given *g)
{
	const int fd[] = { g->in, g->out == g->in ? -1 : g->out, g->err, g->banner, g->control };

	for (unsigned int i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		if (fd[i] >= 0)
			sys1(__NR_close, fd[i]);
	}
}

/* Waits for an order.  False: there is nobody any more who could give one. */
static bool next_order(int control, struct wy_serve_order *order, struct given *g)
{
	int fd[WY_SERVE_FDS], *names[] = { &g->in, &g->out, &g->err, &g->banner, &g->control };
	unsigned int at = 0;
	long ret;

	*g = (struct given){ -1, -1, -1, -1, -1, 0, false };
	for (;;) {
		ret = wy_fdpass_take(control, order, sizeof(*order), fd, WY_SERVE_FDS);
		if (ret == -EINTR)
			continue;
		if (ret != -EAGAIN)
			break;
		wait_for(control, POLLIN); /* the program has made its input non-blocking */
	}
	if (ret != sizeof(*order) || order->magic != WY_SERVE_MAGIC)
		return false;
	for (unsigned int i = 0; i < WY_SERVE_FDS; i++) {
		if (!(order->fds >> i & 1))
			continue;
		*names[i] = fd[at++];
		g->cut |= *names[i] < 0;
	}
	if (!(order->fds & WY_SERVE_FD_OUT))
		g->out = g->in;
	g->flags = order->flags;
	return true;
}

/* ---- can it be copied? ---- */

static bool has_children(void)
{
	/* WNOWAIT: what there is to be waited for stays the program's. */
	return sys6(__NR_waitid, P_ALL, 0, 0, WEXITED | WNOHANG | WNOWAIT | __WALL, 0, 0) !=
	       -ECHILD;
}

/* Looks at the descriptors.  0, or the kind of a refusal. */
static int look_at_files(int *ret_value)
{
	const struct wy_serve_session *s = serve_session();
	long ret = wy_fdtab_read(&fdtab);

	if (ret < 0) {
		*ret_value = (int)ret;
		return ret == -EMFILE ? WY_SERVE_TOO_MANY : WY_SERVE_NO_LIST;
	}
	for (unsigned int i = 0; i < s->nr_inherited; i++)
		wy_fdtab_mark(&fdtab, s->inherited[i].dev, s->inherited[i].ino,
			      WY_FD_MARK_INHERITED);
	wy_fdtab_mark(&fdtab, s->in_dev, s->in_ino, INPUT);
	wy_fdtab_mark(&fdtab, s->out_dev, s->out_ino, OUTPUT);
	if (s->err_ino)
		wy_fdtab_mark(&fdtab, s->err_dev, s->err_ino, ERRORS);
	if (s->control_ino != s->in_ino)
		wy_fdtab_mark(&fdtab, s->control_dev, s->control_ino, CONTROL);
	return 0;
}

static unsigned int marks_of(const struct wy_fd_slot *slot)
{
	return fdtab.file[slot->file].marks;
}

static const struct wy_fd_slot *find_marked(unsigned int mark)
{
	for (unsigned int i = 0; i < fdtab.nr_slots; i++) {
		if (marks_of(&fdtab.slot[i]) & mark)
			return &fdtab.slot[i];
	}
	return NULL;
}

/* Can this process alone have the connection?  0, or a kind. */
static int check_alone(const struct wy_call *call, int *ret_value)
{
	const struct wy_fd_slot *slot;

	if (call->thread->pid != serve_session()->pid) {
		*ret_value = call->thread->pid;
		return WY_SERVE_OTHER;
	}
	if (has_children())
		return WY_SERVE_CHILDREN;
	slot = wy_fdtab_find(&fdtab, 1);
	return slot && (marks_of(slot) & OUTPUT) ? 0 : WY_SERVE_OUTPUT;
}

static bool is_ours(unsigned long at)
{
	unsigned long start, end;

	return wy_own_touches(at, 1, &start, &end);
}

/*
 * Memory that a fork shares.  What has no file but the kernel's own (MAP_ANONYMOUS, memfd, System
 * V) only the template's family would have had: copies must not meet in it.  A real file every
 * fresh run would share as well.
 */
static bool shares_memory(void)
{
	struct wy_maps maps;
	char buf[1024];
	long fd = sys3(__NR_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), len;
	unsigned long at = 0;
	bool found = fd < 0;

	wy_maps_begin(&maps, false);
	while (!found && (len = wy_proc_read(fd, buf, sizeof(buf), &at)) > 0) {
		for (long i = 0; i < len; i++) {
			const struct wy_map *m = &maps.map;

			if (!wy_maps_take(&maps, buf[i]) || !(m->flags & WY_MAP_SHARED) ||
			    !(m->flags & WY_MAP_WRITE) || is_ours(m->start))
				continue;
			hazards |= WY_SERVE_HAZARD_SHARED;
			found |= m->dev_major == 0 && m->dev_minor == 1;
		}
	}
	if (fd >= 0)
		sys1(__NR_close, fd);
	return found;
}

/* Can it be copied?  Then its other threads are at rest.  0, or a kind. */
static int check_copy(const struct wy_call *call, int *ret_value)
{
	int kind = check_alone(call, ret_value);

	if (kind)
		return kind;
	if (wy_rest_all(call->thread, ret_value) < 0)
		return WY_SERVE_THREAD;
	/* Once more, now that nobody can open or close anything. */
	kind = look_at_files(ret_value);
	if (!kind)
		kind = wy_fdtab_can_copy(&fdtab, ret_value);
	if (!kind && shares_memory())
		kind = WY_SERVE_SHARED_MEMORY;
	if (!kind && (*ret_value = wy_rest_robust_lock(call->thread)))
		kind = WY_SERVE_ROBUST_LOCK;
	if (kind)
		wy_rest_end(call->thread);
	return kind;
}

/* ---- going on ---- */

static void copy_failed(void) __attribute__((noreturn));
static void copy_failed(void)
{
	for (;;)
		sys1(__NR_exit_group, COPY_FAILED);
}

/* As sendfile(2). */
static long write_part(int out, int in, long *offset)
{
	char buf[1024];
	long len = sys4(__NR_pread64, in, buf, sizeof(buf), *offset), ret;

	if (len <= 0)
		return len;
	ret = sys3(__NR_write, out, buf, len);
	if (ret > 0)
		*offset += ret;
	return ret;
}

/*
 * What the program had written before it first read: every client gets it.  The output may be of
 * any kind, where the client has given its own: a file that is appended to, which sendfile(2)
 * refuses, or a pipe that does not block.
 */
static void send_banner(int out, int banner)
{
	long offset = 0, ret;
	bool refused = false;

	for (;;) {
		if (refused)
			ret = write_part(out, banner, &offset);
		else
			ret = sys4(__NR_sendfile, out, banner, &offset, 1l << 20);
		if (ret == -EINVAL && !refused)
			refused = true;
		else if (ret == -EAGAIN)
			wait_for(out, POLLOUT);
		else if (ret <= 0 && ret != -EINTR)
			return;
		/* A client that is gone is the program's to notice, at its own next write. */
	}
}

static void put(int from, const struct wy_fd_slot *slot)
{
	int flags = fdtab.file[slot->file].flags;

	if (from < 0)
		return;
	if (sys3(__NR_dup3, from, slot->fd, slot->close_on_exec ? O_CLOEXEC : 0) < 0)
		copy_failed();
	if (flags & O_NONBLOCK)
		sys3(__NR_fcntl, slot->fd, F_SETFL,
		     sys2(__NR_fcntl, slot->fd, F_GETFL) | O_NONBLOCK);
}

static void set_limit(int resource, unsigned long max)
{
	struct {
		unsigned long soft, hard;
	} limit;

	if (!max || sys2(__NR_getrlimit, resource, &limit) < 0)
		return;
	if (limit.soft > max)
		limit.soft = max;
	if (limit.hard > limit.soft)
		limit.hard = limit.soft;
	sys2(__NR_setrlimit, resource, &limit);
}

/* The process goes on with these descriptors. */
static void go_on(const struct wy_thread *t, const struct given *g, bool is_copy)
{
	int fd;

	gone_on = true;
	wy_ids_gone_on(t);
	set_limit(RLIMIT_AS, serve_session()->memory_max);
	set_limit(RLIMIT_CPU, serve_session()->cpu_max);
	if (g->in < 0)
		return;
	wy_output_begin(wy_thread_alone() && !(g->flags & WY_SERVE_ORDER_LENT));
	if (g->banner >= 0)
		send_banner(g->out, g->banner);
	for (unsigned int i = 0; i < fdtab.nr_slots; i++) {
		const struct wy_fd_slot *slot = &fdtab.slot[i];

		switch (marks_of(slot) & (INPUT | OUTPUT | ERRORS | CONTROL)) {
		case INPUT:
			put(g->in, slot);
			if (g->in == g->out)
				wy_output_add(slot->fd);
			break;
		case OUTPUT:
			put(g->out, slot);
			wy_output_add(slot->fd);
			break;
		case ERRORS:
			put(g->err, slot);
			if (g->flags & WY_SERVE_ORDER_ERRORS)
				wy_output_add(slot->fd);
			break;
		case CONTROL: sys1(__NR_close, slot->fd); break;
		}
	}
	if (is_copy && wy_fdtab_copy(&fd) < 0)
		copy_failed();
	close_given(g);
}

/* ---- stopped ---- */

/* In a copy that was made ahead: waits for its connection. */
static void wait_to_become(int control, struct given *g)
{
	struct wy_serve_order order = { 0 };

	do {
		if (!next_order(control, &order, g))
			sys1(__NR_exit_group, 0);
	} while (order.kind != WY_SERVE_ORDER_BECOME);
	if (g->cut)
		copy_failed();
	sys1(__NR_close, control);
}

/* Carries out an order to make a copy.  True: this is the copy. */
static bool make_copy(struct wy_thread *t, int control, const struct wy_serve_order *order,
		      struct given *g)
{
	long ret = g->cut ? -EMFILE : wy_refork(t, CLONE_PARENT);

	if (ret == 0) {
		wy_learn_begin();
		return true;
	}
	close_given(g);
	report(control, ret < 0 ? WY_SERVE_NO_COPY : WY_SERVE_COPY, (int)ret, order->serial);
	wy_learn_take();
	return false;
}

/* Does what the host says until it is time to go on, in this process or in a copy. */
static void follow_orders(struct wy_thread *t, int control)
{
	struct wy_serve_order order = { 0 };
	struct given given;

	while (next_order(control, &order, &given)) {
		switch (order.kind) {
		case WY_SERVE_ORDER_BECOME:
			if (given.cut)
				copy_failed();
			wy_fdtab_drop();
			go_on(t, &given, false);
			__atomic_store_n(&serve_session()->frozen, WY_SERVE_GONE_ON,
					 __ATOMIC_RELEASE);
			sys3(__NR_futex, &serve_session()->frozen, FUTEX_WAKE, 0x7fffffff);
			wy_rest_end(t);
			return;
		case WY_SERVE_ORDER_COPY:
		case WY_SERVE_ORDER_AHEAD:
			if (!make_copy(t, control, &order, &given))
				break;
			if (order.kind == WY_SERVE_ORDER_AHEAD)
				wait_to_become(given.control, &given);
			go_on(t, &given, true);
			wy_refork_go();
			return;
		default: close_given(&given);
		}
	}
	for (;;)
		sys1(__NR_exit_group, 0);
}

static void report_stop(const struct wy_call *call, int control,
			const struct wy_freeze_result *frozen)
{
	struct wy_serve_report r = {
		.magic = WY_SERVE_MAGIC,
		.kind = frozen ? WY_SERVE_READY : WY_SERVE_STOPPED,
		.nr = (int)call->nr,
		.hazards = hazards,
		.threads = 1 + wy_rest_count(call->thread),
		.how = WY_FREEZE_OFF,
	};

	if (frozen) {
		r.how = frozen->how;
		r.us = frozen->us;
		r.fork_us = frozen->fork_us_after;
		r.bytes = frozen->bytes;
	}
	send_report(control, &r);
}

/* Where the orders come from: the input, or what was passed along for it. */
static int find_control(int input)
{
	const struct wy_serve_session *s = serve_session();
	const struct wy_fd_slot *slot;

	if (s->control_dev == s->in_dev && s->control_ino == s->in_ino)
		return input;
	slot = find_marked(CONTROL);
	return slot ? slot->fd : -1;
}

static void freeze(const struct wy_call *call, int control)
{
	struct wy_freeze_result result = { .how = WY_FREEZE_OFF };

	wy_freeze((enum wy_serve_freeze)serve_session()->freeze, &result);
	report_stop(call, control, &result);
}

/* The program is about to take input: it stays here until it may. */
static void stop_here(struct wy_call *call, int input)
{
	struct wy_thread *t = call->thread;
	int control, kind, value = 0;

	kind = look_at_files(&value);
	if (!kind && serve_session()->flags & WY_SERVE_PRESTART)
		kind = check_alone(call, &value);
	else if (!kind)
		kind = check_copy(call, &value);
	control = find_control(input);
	if (control < 0) /* and waits for orders in vain: it ends */
		wy_session_note(WY_NOTE_INFO, 0, 0,
				"the program has closed a descriptor that orders come by: "
				"--stdin=socket needs none");
	/* Nothing is delivered to who waits here; the host closes its end, or kills it. */
	wy_thread_block_signals(t);
	wy_ids_stopped(t);
	if (kind)
		report(control, kind, value, 0);
	else if (serve_session()->flags & WY_SERVE_PRESTART)
		report_stop(call, control, NULL);
	else
		freeze(call, control);
	follow_orders(t, control);
}

/*
 * Input that the host gives to the program before anybody is served.  Returns
 * true when there is some, and the call may take it.  When a file of it has been
 * taken the next one is asked for: what was written up to then belongs to the first.
 */
static bool feed(int input)
{
	static unsigned int told;
	unsigned int *word = &serve_session()->feed, now, fed;
	struct {
		long sec, ns;
	} timeout = { 0, LOOK_AGAIN_NS };
	int queued = 0, value;

	for (;;) {
		now = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		fed = __atomic_load_n(&serve_session()->nr_fed, __ATOMIC_ACQUIRE);
		if (sys3(__NR_ioctl, input, FIONREAD, &queued) == 0 && queued)
			return true;
		if (!now)
			return false;
		if (__atomic_compare_exchange_n(&told, &fed, fed + 1, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			look_at_files(&value);
			report(find_control(input), WY_SERVE_FEED, 0, 0);
		}
		sys4(__NR_futex, word, FUTEX_WAIT, now, &timeout);
	}
}

/* ---- the calls ---- */

/* Another one takes input at the same time, or another process does: it waits its turn. */
static enum wy_verdict wait_turn(struct wy_call *call)
{
	struct {
		long sec, ns;
	} timeout = { 0, LOOK_AGAIN_NS };

	sys4(__NR_futex, &serve_session()->frozen, FUTEX_WAIT, WY_SERVE_HELD, &timeout);
	return wy_call_again(call);
}

/* As a kernel without it: programs fall back to calls that can be seen. */
static enum wy_verdict refuse_uring(struct wy_call *call)
{
	if (!__atomic_exchange_n(&serve_session()->told_uring, 1, __ATOMIC_RELAXED))
		wy_session_note(WY_NOTE_INFO, 0, 0,
				"the program asks for an io_uring: it is told that there is none");
	call->ret = -ENOSYS;
	return WY_DONE;
}

static enum wy_verdict serve(struct wy_call *call)
{
	struct wy_serve_session *s = serve_session();
	unsigned int loading = WY_SERVE_LOADING;
	int fd;

	wy_refork_look(call);
	if (__atomic_load_n(&s->frozen, __ATOMIC_RELAXED) && wy_frozen_look(call) == WY_DONE)
		return WY_DONE;
	switch ((int)call->nr) {
	case __NR_io_uring_setup: return refuse_uring(call);
	case __NR_madvise: keep_in_copies(call); return WY_PASS;
	}
	if (gone_on) {
		wy_ids_look(call);
		if (wy_ids_is_server(call->thread))
			wy_output_look(call);
		return WY_PASS;
	}
	if (__atomic_load_n(&s->frozen, __ATOMIC_ACQUIRE) == WY_SERVE_GONE_ON)
		return WY_PASS;
	look_for_hazards(call);
	fd = wy_input_of(call);
	if (fd < 0 || feed(fd))
		return WY_PASS;
	if (__atomic_add_fetch(&nr_takes, 1, __ATOMIC_RELAXED) < s->takes)
		return WY_PASS;
	if (!__atomic_compare_exchange_n(&s->frozen, &loading, WY_SERVE_HELD, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return loading == WY_SERVE_HELD ? wait_turn(call) : WY_PASS;
	stop_here(call, fd);
	return WY_PASS;
}

/*
 * What the first program was started with, every fresh run of it would be started with, too: such
 * pipes and sockets may be shared.
 */
static void note_inherited(void)
{
	struct wy_serve_session *s = serve_session();

	if (s->nr_inherited || (int)sys0(__NR_getpid) != s->pid || wy_fdtab_read(&fdtab) < 0)
		return;
	for (unsigned int i = 0; i < fdtab.nr_files && s->nr_inherited < WY_SERVE_INHERITED; i++) {
		s->inherited[s->nr_inherited].dev = fdtab.file[i].dev;
		s->inherited[s->nr_inherited++].ino = fdtab.file[i].ino;
	}
}

static void start(struct wy_layer *layer)
{
	static const unsigned short wanted[] = {
		__NR_io_uring_setup, __NR_madvise, __NR_getrandom,         __NR_setitimer,
		__NR_timer_settime,  __NR_alarm,   __NR_inotify_add_watch,
	};

	note_inherited();
	wy_refork_watch(&layer->calls);
	wy_ids_watch(&layer->calls);
	wy_frozen_watch(&layer->calls);
	wy_input_watch(&layer->calls);
	wy_output_watch(&layer->calls);
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		wy_callset_add(&layer->calls, wanted[i]);
}

struct wy_layer wy_layer_serve = {
	.name = "serve",
	.start = start,
	.enter = serve,
};
