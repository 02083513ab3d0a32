/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.c - see drain.h.
 *
 * A ring is given back (made FREE) when its thread has ended and all is read;
 * the agent says that a thread has ended, and the kernel that a process has:
 * one in the host's own pid namespace is gone when kill(2) finds nothing.  A
 * ring of another namespace whose process was killed is kept to the end.
 *
 * How processes end is asked for by a pidfd, opened when the process's first
 * event is seen (PIDFD_GET_INFO, Linux 6.15); where the kernel cannot tell, the
 * status is not known.
 *
 * The programs can write into the rings.  What is read is first copied, then
 * looked at, and a position that makes no sense is set to the other one.
 */
#include "host/trace/drain.h"

#include "base/cleanup.h"
#include "proto/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/ioctl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define WATCH_MS 10  /* between rounds, when somebody watches */
#define IDLE_MS  200 /* at most, between rounds */
#define LOOK_MS  100 /* between looks at who has ended, and what hangs */

struct process {
	struct process *next;
	int pid, pidfd; /* -1: it could not be had */
	unsigned int image;
	bool gone; /* found so at the last look: since then all that it wrote was drained */
	bool stopped;
	int status; /* -1: not known */
};

struct wy_drain {
	struct wy_host_session *session;
	struct wy_trace *mem;
	struct wy_sink sink;
	pthread_t thread;
	pthread_mutex_t lock; /* held for each round */
	unsigned int stop;
	bool watched;
	struct wy_totals totals;
	uint64_t began, began_ns; /* ticks and nanoseconds of the same moment */
	uint64_t passed;          /* the moment of the last round */
	uint64_t lost, looked;    /* looked: ms */
	struct process *processes;
	int child, child_status; /* waylay's own child, once it has ended; 0: not yet */
	/* Large, and used only in so far as there are rings: see wy_drain_start(). */
	uint64_t lost_of[WY_RINGS], hung[WY_RINGS];
	unsigned char copy[WY_RING_SIZE];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool wy_tsc_is_clock(void)
{
	char source[16] = "";
	cleanup_file FILE *f =
		fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	/* The kernel watches it, and stops using it when it is not. */
	return f && fgets(source, sizeof(source), f) && strcmp(source, "tsc\n") == 0;
}

uint64_t wy_trace_ticks(const struct wy_trace *t)
{
	return t->settings.flags & WY_TRACE_TSC ? __rdtsc() : now_ns();
}

/* ---- processes ---- */

#define PIDFD_GET_INFO_  _IOWR(0xff, 11, struct pidfd_info_)
#define PIDFD_INFO_EXIT_ (1u << 3)

/* <linux/pidfd.h> of Linux 6.15; its first 64 bytes */
struct pidfd_info_ {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};

static int status_of(int pidfd)
{
	struct pidfd_info_ info = { .mask = PIDFD_INFO_EXIT_ };

	if (ioctl(pidfd, PIDFD_GET_INFO_, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT_))
		return -1;
	return info.exit_code;
}

/* An event of our own, of the process as a whole.  how: arg[3]. */
static void tell(struct wy_drain *d, const struct process *p, enum wy_event_kind kind, int nr,
		 int ret, long how)
{
	struct wy_event e = { .time = wy_trace_ticks(d->mem),
			      .nr = (unsigned short)nr,
			      .kind = (unsigned char)kind,
			      .words = WY_EVENT_WORDS,
			      .ret = ret,
			      .arg = { p->pid, 0, p->pid, how } };

	d->sink.events(d->sink.arg, p->pid, p->pid, p->image,
		       (struct wy_bytes){ (const unsigned char *)&e, sizeof(e) });
}

static void forget(struct process **at)
{
	struct process *p = *at;

	*at = p->next;
	close_fd(&p->pidfd);
	free(p);
}

static void process_began(struct wy_drain *d, int pid, unsigned int image)
{
	struct process *p;

	for (p = d->processes; p; p = p->next) {
		if (p->pid == pid) {
			p->image = image;
			return;
		}
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->pid = pid;
	p->image = image;
	p->status = pid == d->child ? d->child_status : -1;
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	p->next = d->processes;
	d->processes = p;
}

void wy_drain_ended(struct wy_drain *d, int pid, int status)
{
	pthread_mutex_lock(&d->lock);
	d->child = pid; /* it may have lived too short a time to have been seen */
	d->child_status = status;
	for (struct process *p = d->processes; p; p = p->next) {
		if (p->pid == pid) {
			p->gone = true;
			p->status = status;
		}
	}
	pthread_mutex_unlock(&d->lock);
}

static bool is_child(int pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* waylay's own child is reported by whoever waits for it: until then it is not gone. */
static bool process_is_gone(const struct process *p)
{
	struct pollfd poll_for = { .fd = p->pidfd, .events = POLLIN };

	if (p->pidfd < 0)
		return kill(p->pid, 0) < 0 && errno == ESRCH;
	return poll(&poll_for, 1, 0) == 1 && !is_child(p->pid);
}

/* A process that was killed on its way through an exec has left its descriptors to nobody. */
static void drop_handover(struct wy_drain *d, int pid)
{
	for (unsigned int i = 0; i < WY_HANDOVERS; i++) {
		struct wy_handover *h = &d->mem->handover[i];

		if (h->state != WY_HANDOVER_FREE && h->pid == pid)
			__atomic_store_n(&h->state, WY_HANDOVER_FREE, __ATOMIC_RELEASE);
	}
}

/* Of totals nobody asks who was stopped. */
static bool tells_stops(const struct wy_drain *d)
{
	return d->mem->settings.flags & WY_TRACE_EVENTS;
}

/* The signal that has stopped it (0: its parent has asked already); -1: it is not stopped. */
static int stop_signal(int pid)
{
	char path[32], text[1024], *at;
	cleanup_fd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	at = strrchr(text, ')');
	if (!at || strncmp(at, ") T ", 4) != 0)
		return -1;
	/* proc_pid_stat(5), exit_code: the last field; of one that is stopped, the signal. */
	at = strrchr(at, ' ');
	return (int)strtol(at, NULL, 10) & 0x7f;
}

static void tell_stop(struct wy_drain *d, struct process *p, int signal)
{
	bool stopped = signal >= 0;

	if (p->stopped != stopped)
		tell(d, p, WY_EVENT_STOP, stopped ? signal : 0, stopped, 0);
	p->stopped = stopped;
}

/* If it is waylay that has asked for the signal, wy_drain_stopped() is about to say it. */
static void look_for_stop(struct wy_drain *d, struct process *p)
{
	int signal = stop_signal(p->pid);

	if (signal != 0 || !is_child(p->pid))
		tell_stop(d, p, signal);
}

/* Who has ended, and who was stopped. */
static void look_at_processes(struct wy_drain *d)
{
	for (struct process **at = &d->processes; *at;) {
		struct process *p = *at;

		if (p->gone) {
			tell(d, p, WY_EVENT_END, 0, p->status, 2);
			drop_handover(d, p->pid);
			forget(at);
			continue;
		}
		p->gone = process_is_gone(p);
		if (p->gone && p->pidfd >= 0)
			p->status = status_of(p->pidfd);
		if (!p->gone && tells_stops(d))
			look_for_stop(d, p);
		at = &p->next;
	}
}

/* The starts of processes among these events. */
static void look_for_starts(struct wy_drain *d, const struct wy_ring *ring, int pid,
			    unsigned int image, struct wy_bytes bytes)
{
	struct wy_event_view v;

	if (ring->foreign)
		return;
	while (wy_event_next(&bytes, &v) == 1) {
		if (v.e.kind == WY_EVENT_IMAGE ||
		    (v.e.kind == WY_EVENT_START && v.e.arg[0] == v.e.arg[2]))
			process_began(d, pid, image);
	}
}

/* ---- rings ---- */

static void add_totals(struct wy_totals *to, const struct wy_totals *from)
{
	unsigned long *t = (unsigned long *)to;
	const unsigned long *f = (const unsigned long *)from;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}

static unsigned int state_of(const struct wy_drain *d, unsigned int nr)
{
	return __atomic_load_n(&d->mem->use[nr].state, __ATOMIC_ACQUIRE);
}

static void free_ring(struct wy_drain *d, unsigned int nr)
{
	struct wy_ring *ring = wy_trace_ring(d->mem, nr);

	if (d->mem->settings.flags & WY_TRACE_TOTALS) {
		add_totals(&d->totals, &ring->totals);
		memset(&ring->totals, 0, sizeof(ring->totals));
	}
	ring->head = ring->tail = 0; /* who gets it next finds pages that are there already */
	ring->now = d->hung[nr] = 0;
	ring->pid = 0; /* whoever claims it is not taken for this one's process, which is gone */
	d->mem->use[nr].image = 0;
	__atomic_store_n(&d->mem->use[nr].state, WY_RING_FREE, __ATOMIC_RELEASE);
}

static bool is_gone(const struct wy_ring *ring)
{
	return !ring->foreign && ring->pid > 0 && kill(ring->pid, 0) < 0 && errno == ESRCH;
}

/* Copies what is new and gives the room back.  Returns the bytes. */
static size_t take(struct wy_drain *d, struct wy_ring *ring)
{
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->tail, len = head - tail;
	const unsigned char *data = wy_ring_data(ring);
	size_t at = tail % WY_RING_SIZE, first;

	if (len > WY_RING_SIZE || len % 8) { /* somebody wrote there */
		len = 0;
	} else {
		first = WY_RING_SIZE - at < len ? WY_RING_SIZE - at : len;
		memcpy(d->copy, data + at, first);
		memcpy(d->copy + first, data, len - first);
	}
	__atomic_store_n(&ring->tail, head, __ATOMIC_SEQ_CST);
	if (len && __atomic_exchange_n(&ring->waits, 0, __ATOMIC_SEQ_CST)) {
		__atomic_add_fetch(&ring->room, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &ring->room, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	}
	return len;
}

/* The event of the call that a thread is in, at head; false: it is in none. */
static bool read_now(struct wy_drain *d, const struct wy_ring *ring, struct wy_event_view *ret)
{
	uint64_t now = __atomic_load_n(&ring->now, __ATOMIC_ACQUIRE);
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	size_t at = head % WY_RING_SIZE, most = WY_RING_SIZE - at;
	const unsigned char *data = wy_ring_data((struct wy_ring *)ring) + at;
	struct wy_event *e = (struct wy_event *)d->copy;
	struct wy_bytes bytes = { d->copy, 0 };

	if (!(now & 1) || most < sizeof(*e))
		return false;
	memcpy(e, data, sizeof(*e));
	bytes.len = e->words * 8ul < most ? e->words * 8ul : most;
	memcpy(d->copy, data, bytes.len);
	return __atomic_load_n(&ring->now, __ATOMIC_ACQUIRE) == now &&
	       __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == head &&
	       wy_event_next(&bytes, ret) == 1 && ret->e.kind == WY_EVENT_CALL;
}

/* A thread that was killed in a call: the call will not return.  An exec has told so before. */
static void tell_last_call(struct wy_drain *d, unsigned int nr, int pid, int tid)
{
	const struct wy_ring *ring = wy_trace_ring(d->mem, nr);
	struct wy_event_view v;
	struct wy_event *e = (struct wy_event *)d->copy;

	if (!read_now(d, ring, &v) || wy_call_row_of(v.e.nr)->effect == WY_FX_EXEC)
		return;
	*e = v.e;
	e->flags |= WY_EVENT_NO_RETURN;
	d->sink.events(d->sink.arg, pid, tid, d->mem->use[nr].image,
		       (struct wy_bytes){ d->copy, e->words * 8ul });
}

/* Returns whether there was anything. */
static bool drain_ring(struct wy_drain *d, unsigned int nr, bool look)
{
	struct wy_ring *ring = wy_trace_ring(d->mem, nr);
	unsigned int state = state_of(d, nr), image;
	bool over = state == WY_RING_ENDED || (state == WY_RING_USED && look && is_gone(ring));
	uint64_t lost = ring->lost;
	int pid, tid;
	size_t len;

	if (state == WY_RING_FREE)
		return false;
	len = take(d, ring);
	/* Whoever has just claimed it says who it is before its first event. */
	pid = ring->pid;
	tid = ring->tid;
	image = d->mem->use[nr].image;
	if (len) {
		struct wy_bytes bytes = { d->copy, len };

		look_for_starts(d, ring, pid, image, bytes);
		d->sink.events(d->sink.arg, pid, tid, image, bytes);
	}
	d->lost += lost - d->lost_of[nr];
	d->lost_of[nr] = lost;
	if (over) {
		tell_last_call(d, nr, pid, tid);
		free_ring(d, nr);
	}
	return len != 0;
}

/* 1, 0; -1: it cannot be told, for without a pidfd the number may be somebody else's by now. */
static int ring_is_alive(const struct wy_drain *d, unsigned int nr)
{
	const struct wy_ring *ring = wy_trace_ring(d->mem, nr);

	if (state_of(d, nr) != WY_RING_USED)
		return 0;
	if (ring->foreign)
		return -1;
	for (const struct process *p = d->processes; p; p = p->next) {
		if (p->pid != ring->pid)
			continue;
		if (p->gone || process_is_gone(p))
			return 0;
		return p->pidfd >= 0 ? 1 : -1;
	}
	return is_gone(ring) ? 0 : -1;
}

int wy_drain_anybody(struct wy_drain *d)
{
	unsigned int top = __atomic_load_n(&d->mem->rings_top, __ATOMIC_ACQUIRE);
	int any = top < WY_RINGS ? 0 : -1; /* else there may be threads without a ring */

	pthread_mutex_lock(&d->lock);
	for (unsigned int i = 0; i < top && i < WY_RINGS && any != 1; i++) {
		int alive = ring_is_alive(d, i);

		any = alive ? alive : any;
	}
	pthread_mutex_unlock(&d->lock);
	return any;
}

/* ---- what hangs ---- */

static void look_at_now(struct wy_drain *d, unsigned int nr, uint64_t ticks, double ticks_max)
{
	struct wy_ring *ring = wy_trace_ring(d->mem, nr);
	uint64_t now = __atomic_load_n(&ring->now, __ATOMIC_ACQUIRE);
	struct wy_event_view v;

	if (state_of(d, nr) != WY_RING_USED || d->hung[nr] == now || !read_now(d, ring, &v) ||
	    (double)(ticks - v.e.time) < ticks_max)
		return;
	d->hung[nr] = now;
	v.pid = ring->pid;
	v.tid = ring->tid;
	v.image = d->mem->use[nr].image;
	d->sink.hangs(d->sink.arg, &v);
}

/* ---- rounds ---- */

/*
 * What was over before this moment has been published: no thread of which an event is being
 * written has taken its time before it.  (Of a process in another namespace nobody tells whether
 * it was killed in the middle of that.)
 */
static uint64_t moment(const struct wy_drain *d, unsigned int top)
{
	uint64_t ticks = wy_trace_ticks(d->mem);

	for (unsigned int i = 0; i < top && i < WY_RINGS; i++) {
		const struct wy_ring *ring = wy_trace_ring(d->mem, i);
		uint64_t busy = __atomic_load_n(&ring->busy, __ATOMIC_ACQUIRE);

		if (busy && busy < ticks && state_of(d, i) == WY_RING_USED && !ring->foreign)
			ticks = busy;
	}
	return ticks;
}

static bool drain_all(struct wy_drain *d)
{
	unsigned int top = __atomic_load_n(&d->mem->rings_top, __ATOMIC_ACQUIRE);
	uint64_t ticks = moment(d, top), ms = now_ns() / 1000000u;
	bool look = ms - d->looked >= LOOK_MS, any = false;

	if (look)
		d->looked = ms;
	for (unsigned int i = 0; i < top && i < WY_RINGS; i++)
		any |= drain_ring(d, i, look);
	if (look)
		look_at_processes(d);
	if (ticks > d->passed)
		d->passed = ticks;
	d->sink.pass(d->sink.arg, d->passed);
	return any;
}

static void look_at_all(struct wy_drain *d)
{
	unsigned int top = __atomic_load_n(&d->mem->rings_top, __ATOMIC_ACQUIRE);
	uint64_t ticks = wy_trace_ticks(d->mem), ns = now_ns() - d->began_ns;
	double rate = (double)(ticks - d->began) / (double)(ns ? ns : 1);

	for (unsigned int i = 0; ns > WY_HANG_NS && i < top && i < WY_RINGS; i++)
		look_at_now(d, i, ticks, WY_HANG_NS * rate);
}

static void *run(void *arg)
{
	struct wy_drain *d = arg;
	unsigned int idle = 0;
	bool stop = false;

	while (!stop) {
		unsigned int bell = __atomic_load_n(&d->mem->bell, __ATOMIC_SEQ_CST);
		struct timespec t = { 0, (d->watched && idle < 3 ? WATCH_MS : IDLE_MS) * 1000000l };
		bool any;

		stop = __atomic_load_n(&d->stop, __ATOMIC_SEQ_CST);
		pthread_mutex_lock(&d->lock);
		any = drain_all(d);
		if (d->sink.hangs)
			look_at_all(d);
		pthread_mutex_unlock(&d->lock);
		idle = any ? 0 : idle + 1;
		if (stop || (any && !d->watched))
			continue;
		if (d->watched && idle >= 3) /* now the next event of anybody wakes */
			__atomic_store_n(&d->mem->asleep, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &d->mem->bell, FUTEX_WAIT, bell, &t, NULL, 0);
	}
	return NULL;
}

struct wy_drain *wy_drain_start(struct wy_host_session *session, const struct wy_sink *sink)
{
	/* Pages that come when they are used: calloc() may touch them all. */
	struct wy_drain *d =
		mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigset_t all, old;
	int err;

	if (d == MAP_FAILED)
		return NULL;
	d->session = session;
	d->mem = wy_host_session_trace(session);
	d->sink = *sink;
	d->began = wy_trace_ticks(d->mem);
	d->began_ns = now_ns();
	d->watched = d->mem->settings.flags & WY_TRACE_LIVE;
	pthread_mutex_init(&d->lock, NULL);
	/* Signals are the supervisor's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&d->thread, NULL, run, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		munmap(d, sizeof(*d));
		return NULL;
	}
	return d;
}

void wy_drain_pause(struct wy_drain *d)
{
	pthread_mutex_lock(&d->lock);
}

void wy_drain_go(struct wy_drain *d)
{
	pthread_mutex_unlock(&d->lock);
}

/* The second look lets pass what the first one found. */
static void look_twice(struct wy_drain *d)
{
	for (int i = 0; i < 2; i++) {
		d->looked = 0;
		drain_all(d);
	}
}

void wy_drain_stopped(struct wy_drain *d, int pid, int signal)
{
	pthread_mutex_lock(&d->lock);
	drain_all(d); /* it may have begun just now */
	for (struct process *p = d->processes; p; p = p->next) {
		if (p->pid == pid && tells_stops(d))
			tell_stop(d, p, signal);
	}
	look_twice(d);
	pthread_mutex_unlock(&d->lock);
}

void wy_drain_stop(struct wy_drain *d)
{
	__atomic_store_n(&d->stop, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&d->mem->bell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &d->mem->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
	pthread_join(d->thread, NULL);
	__atomic_store_n(&d->mem->stop, 1, __ATOMIC_SEQ_CST);
	look_twice(d); /* one finds who has ended, the next one tells it */
	for (unsigned int i = 0; i < d->mem->rings_top && i < WY_RINGS; i++)
		add_totals(&d->totals, &wy_trace_ring(d->mem, i)->totals);
	d->lost += d->mem->lost;
}

const struct wy_totals *wy_drain_totals(const struct wy_drain *d)
{
	return &d->totals;
}

uint64_t wy_drain_lost(const struct wy_drain *d)
{
	return d->lost;
}

void wy_drain_free(struct wy_drain *d)
{
	while (d->processes)
		forget(&d->processes);
	munmap(d, sizeof(*d));
}
