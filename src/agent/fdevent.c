/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdevent.c - see fdevent.h.
 *
 * A fork shares these objects, so what one copy takes from them the others
 * miss.  The kernel tells what is in them in /proc/self/fdinfo, and each can
 * be made again in the same state:
 *
 * eventfd	Count and kind.  A kernel before 6.5 does not tell the kind: it is
 *		found out by reading it once and writing the same amount back.
 * timerfd	A time that the program gave relative to the moment goes on from
 *		what was left when the plan was made: in each copy the same.  One
 *		that it gave as a time of a clock stays at that time.  Times that
 *		it has not taken notice of stay, too (TFD_IOC_SET_TICKS; a kernel
 *		without that makes one out of many, and a period starts anew).
 * signalfd	The set of signals.
 * inotify	Files and masks, under the same watch numbers.  The kernel does
 *		not tell paths: these come from wy_fdtab_look(), and are used only
 *		where they still lead to the file that is watched.  What has
 *		happened must have been read by the program: else it is refused.
 * epoll	Its list.  A line whose descriptor was closed while another one
 *		kept the file open, or whose number has become something else,
 *		could not be made again: that is refused.  A line that has fired
 *		once (EPOLLONESHOT) stays silent, but for errors and hangups, which
 *		cannot be silenced where the file is not ready for anything.  A line
 *		with EPOLLET can report once more what it had reported before, which
 *		its users must be able to take at any time.
 */
#include "agent/fdevent.h"
#include "agent/fdcopy.h"
#include "agent/layer.h"
#include "agent/own.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include "proto/serve.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/kcmp.h>
#include <linux/mman.h>
#include <linux/timerfd.h>

/* The value of a field of /proc/self/fdinfo; false: there is none. */
static bool field(const char *line, const char *name, unsigned int base, unsigned long *ret)
{
	const char *at = wy_text_after(line, name);

	return at && wy_text_number(at, base, ret);
}

/* ---- eventfd ---- */

#define EFD_SEMAPHORE_ 1

/* Is it a semaphore?  Whoever could wait for it stands still.  Returns 0 or -errno. */
static long probe_semaphore(int fd, unsigned long count, bool *ret)
{
	unsigned long more = count < 2 ? 2 - count : 0, got = 0, left, back;
	long err = more ? sys3(__NR_write, fd, &more, 8) : 0;

	if (err < 0)
		return err;
	err = sys3(__NR_read, fd, &got, 8);
	if (err < 0)
		return err;
	*ret = got == 1; /* of two or more */
	left = *ret ? count + more - 1 : 0;
	back = count - left;
	if (left > count)
		return sys3(__NR_read, fd, &got, 8);
	return back ? sys3(__NR_write, fd, &back, 8) : 0;
}

static int plan_eventfd(int fd, union wy_fdevent *e)
{
	unsigned long count = 0, semaphore = 0;
	bool has_count = false, has_kind = false;
	struct wy_lines l;
	const char *line;

	if (wy_lines_open(&l, fd) < 0)
		return WY_SERVE_KERNEL_OBJECT;
	while ((line = wy_lines_next(&l))) {
		has_count |= field(line, "eventfd-count:", 16, &count);
		has_kind |= field(line, "eventfd-semaphore:", 10, &semaphore);
	}
	e->eventfd.count = count;
	e->eventfd.semaphore = semaphore;
	if (!has_count || (!has_kind && probe_semaphore(fd, count, &e->eventfd.semaphore) < 0))
		return WY_SERVE_KERNEL_OBJECT;
	return 0;
}

static long make_eventfd(const union wy_fdevent *e)
{
	unsigned long count = e->eventfd.count;
	bool fits = count <= 0xffffffff;
	long fd = sys2(__NR_eventfd2, fits ? count : 0,
		       O_CLOEXEC | (e->eventfd.semaphore ? EFD_SEMAPHORE_ : 0));

	if (fd >= 0 && !fits)
		sys3(__NR_write, fd, &count, 8);
	return fd;
}

/* ---- timerfd ---- */

#define SECOND 1000000000l

struct timer { /* struct itimerspec */
	struct wy_time interval, value;
};

static bool is_zero(const struct wy_time *t)
{
	return !t->sec && !t->nsec;
}

static int plan_timer(int fd, union wy_fdevent *e)
{
	unsigned long clock = 0, ticks = 0, flags = 0;
	struct wy_lines l;
	const char *line;
	struct wy_time now;
	struct timer t;
	long trial;

	/* First: this makes the kernel count the periods that have gone by. */
	if (sys2(__NR_timerfd_gettime, fd, &t) < 0 || wy_lines_open(&l, fd) < 0)
		return WY_SERVE_KERNEL_OBJECT;
	while ((line = wy_lines_next(&l))) {
		field(line, "clockid:", 10, &clock);
		field(line, "ticks:", 10, &ticks);
		field(line, "settime flags:", 8, &flags);
	}
	if (is_zero(&t.value))
		t.value = t.interval;
	if (flags & TFD_TIMER_ABSTIME && !is_zero(&t.value)) {
		sys2(__NR_clock_gettime, clock, &now);
		t.value.sec += now.sec;
		t.value.nsec += now.nsec;
		if (t.value.nsec >= SECOND) {
			t.value.nsec -= SECOND;
			t.value.sec++;
		}
	}
	e->timer.clock = (int)clock;
	e->timer.flags = (int)flags;
	e->timer.ticks = ticks;
	e->timer.interval = t.interval;
	e->timer.value = t.value;
	trial = sys2(__NR_timerfd_create, clock, O_CLOEXEC);
	if (trial < 0)
		return WY_SERVE_KERNEL_OBJECT;
	sys1(__NR_close, trial);
	return 0;
}

/* Without a call for that: something that expires at once. */
static long expire(int fd, struct timer t)
{
	struct {
		int fd;
		short events, revents;
	} p = { fd, POLLIN, 0 };
	long ret;

	t.value = (struct wy_time){ 0, 1 };
	ret = sys4(__NR_timerfd_settime, fd, 0, &t, 0);
	if (ret >= 0)
		sys3(__NR_poll, &p, 1, 1000);
	return ret;
}

static long make_timer(const union wy_fdevent *e)
{
	struct timer t = { e->timer.interval, e->timer.value };
	unsigned long ticks = e->timer.ticks;
	long fd = sys2(__NR_timerfd_create, e->timer.clock, O_CLOEXEC), ret = 0;

	if (fd < 0)
		return fd;
	if (!is_zero(&t.value))
		ret = sys4(__NR_timerfd_settime, fd, e->timer.flags, &t, 0);
	if (ret >= 0 && ticks && sys3(__NR_ioctl, fd, TFD_IOC_SET_TICKS, &ticks) < 0)
		ret = expire((int)fd, t);
	if (ret < 0) {
		sys1(__NR_close, fd);
		return ret;
	}
	return fd;
}

/* ---- signalfd ---- */

static int plan_signalfd(int fd, union wy_fdevent *e)
{
	bool has_set = false;
	struct wy_lines l;
	const char *line;

	if (wy_lines_open(&l, fd) < 0)
		return WY_SERVE_KERNEL_OBJECT;
	while ((line = wy_lines_next(&l)))
		has_set |= field(line, "sigmask:", 16, &e->signals);
	return has_set ? 0 : WY_SERVE_KERNEL_OBJECT;
}

/* ---- inotify ---- */

#define WATCHES_MAX 256
#define WD_MAX      256 /* numbers that are not used cost a call or two each */
#define NOTES_SIZE  (64u << 10)

/* Paths that were watched, each behind a letter: L, the link itself; F, what is there. */
static char *notes;
static unsigned int notes_used;

static bool has_note(const char *text, unsigned int len)
{
	unsigned int used = __atomic_load_n(&notes_used, __ATOMIC_ACQUIRE);

	for (unsigned int at = 0; at + len <= used && at + len <= NOTES_SIZE;) {
		if (!__builtin_memcmp(notes + at, text, len))
			return true;
		while (at < used && at < NOTES_SIZE && notes[at])
			at++;
		at++;
	}
	return false;
}

static void make_notes(void)
{
	char *none = NULL;
	long at = sys_mmap(0, NOTES_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (WY_IS_ERROR(at))
		return;
	if (!__atomic_compare_exchange_n(&notes, &none, (char *)at, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		sys2(__NR_munmap, at, NOTES_SIZE);
	else
		wy_own_add((unsigned long)at, NOTES_SIZE);
}

void wy_fdtab_look(const struct wy_call *call)
{
	char text[1024]; /* of longer ones nothing is known */
	unsigned int len = 1, at;

	if ((int)call->nr != __NR_inotify_add_watch)
		return;
	if (!__atomic_load_n(&notes, __ATOMIC_ACQUIRE))
		make_notes();
	if (!__atomic_load_n(&notes, __ATOMIC_ACQUIRE))
		return;
	text[0] = (unsigned int)call->arg[2] & IN_DONT_FOLLOW ? 'L' : 'F';
	if (copy_from_program(text + 1, (unsigned long)call->arg[1], 1) < 0)
		return;
	if (text[1] != '/') {
		long cwd = sys2(__NR_getcwd, text + 1, sizeof(text) - 2);

		if (cwd <= 0)
			return;
		len = (unsigned int)cwd; /* its final 0 counts, as does the letter */
		text[len++] = '/';
	}
	if (copy_string_from_program(text + len, (unsigned long)call->arg[1], sizeof(text) - len) <
	    0)
		return;
	while (text[len])
		len++;
	len++;
	if (has_note(text, len))
		return;
	at = __atomic_fetch_add(&notes_used, len, __ATOMIC_ACQ_REL);
	if (at < NOTES_SIZE && NOTES_SIZE - at >= len)
		__builtin_memcpy(notes + at, text, len);
	else
		__atomic_store_n(&notes_used, NOTES_SIZE, __ATOMIC_RELEASE);
}

/* A path that leads to this inode, behind its letter; or NULL. */
static const char *find_note(unsigned long ino, unsigned long kernel_dev)
{
	/* fdinfo has the number as the kernel keeps it, stat(2) in another form. */
	unsigned long major = kernel_dev >> 20, minor = kernel_dev & 0xfffff;
	unsigned long dev = (minor & 0xff) | major << 8 | (minor & ~0xfful) << 12;
	unsigned int end = notes_used < NOTES_SIZE ? notes_used : NOTES_SIZE;

	for (unsigned int at = 0; at < end; at++) {
		struct stat st;
		int nr = notes[at] == 'L' ? __NR_lstat : __NR_stat;

		if (sys2(nr, notes + at + 1, &st) == 0 && st.st_ino == ino && st.st_dev == dev)
			return notes + at;
		while (at < end && notes[at])
			at++;
	}
	return NULL;
}

/* Sorted in, by number. */
static void add_watch(union wy_fdevent *e, struct wy_watch w)
{
	unsigned int at = e->inotify.nr++;

	for (; at > 0 && e->inotify.watch[at - 1].wd > w.wd; at--)
		e->inotify.watch[at] = e->inotify.watch[at - 1];
	e->inotify.watch[at] = w;
}

static int plan_inotify(int fd, union wy_fdevent *e)
{
	struct wy_lines l;
	const char *line;
	int unread = 0, ret = 0;

	e->inotify.nr = 0;
	e->inotify.watch = wy_fdtab_room(WATCHES_MAX * sizeof(struct wy_watch));
	if (!e->inotify.watch || sys3(__NR_ioctl, fd, FIONREAD, &unread) < 0 || unread ||
	    wy_lines_open(&l, fd) < 0)
		return WY_SERVE_KERNEL_OBJECT;
	while ((line = wy_lines_next(&l))) {
		unsigned long wd, ino, dev, mask;
		const char *at = wy_text_after(line, "inotify wd:"), *note;

		if (!at)
			continue;
		if (!(at = wy_text_number(at, 16, &wd)) || !(at = wy_text_after(at, " ino:")) ||
		    !(at = wy_text_number(at, 16, &ino)) || !(at = wy_text_after(at, " sdev:")) ||
		    !(at = wy_text_number(at, 16, &dev)) || !(at = wy_text_after(at, " mask:")) ||
		    !wy_text_number(at, 16, &mask)) {
			ret = WY_SERVE_KERNEL_OBJECT;
			continue;
		}
		note = find_note(ino, dev);
		if (!note || wd > WD_MAX || e->inotify.nr == WATCHES_MAX) {
			ret = WY_SERVE_KERNEL_OBJECT;
			continue;
		}
		mask &= IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;
		if (note[0] == 'L')
			mask |= IN_DONT_FOLLOW;
		add_watch(e, (struct wy_watch){ (unsigned int)wd, (unsigned int)mask, note + 1 });
	}
	return ret;
}

static long make_inotify(const union wy_fdevent *e)
{
	long fd = sys1(__NR_inotify_init1, O_CLOEXEC | O_NONBLOCK), ret;
	char ignored[512];

	for (unsigned int i = 0; fd >= 0 && i < e->inotify.nr; i++) {
		const struct wy_watch *w = &e->inotify.watch[i];

		/* The kernel counts: numbers that were given up are taken and given up. */
		while ((ret = sys3(__NR_inotify_add_watch, fd, w->path, w->mask)) >= 0 &&
		       ret < (long)w->wd)
			sys2(__NR_inotify_rm_watch, fd, ret);
		if (ret != (long)w->wd) {
			sys1(__NR_close, fd);
			return ret < 0 ? ret : -EIO;
		}
	}
	/* Each of those has left a message. */
	while (fd >= 0 && sys3(__NR_read, fd, ignored, sizeof(ignored)) > 0)
		;
	if (fd >= 0)
		sys3(__NR_fcntl, fd, F_SETFL, 0);
	return fd;
}

/* ---- epoll ---- */

/* What stays of a line's events when it has fired once. */
#define QUIET (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

static bool parse_entry(const char *line, struct wy_epoll_entry *ret, unsigned long *ret_ino)
{
	unsigned long fd, events, data;
	const char *at = wy_text_after(line, "tfd:");

	if (!at || !(at = wy_text_number(at, 10, &fd)) || !(at = wy_text_after(at, " events:")) ||
	    !(at = wy_text_number(at, 16, &events)) || !(at = wy_text_after(at, " data:")) ||
	    !(at = wy_text_number(at, 16, &data)))
		return false;
	*ret = (struct wy_epoll_entry){ (int)fd, (unsigned int)events, data };
	while (*at && !wy_text_after(at, "ino:"))
		at++;
	*ret_ino = 0;
	if (*at)
		wy_text_number(at + 4, 16, ret_ino);
	return true;
}

/* Is it about the file that now has this number? */
static bool is_current(const struct wy_fdtab *tab, int epoll, const struct wy_epoll_entry *entry,
		       unsigned long ino)
{
	const struct wy_fd_slot *s = wy_fdtab_find(tab, entry->fd);
	struct kcmp_epoll_slot which = { (unsigned int)epoll, (unsigned int)entry->fd, 0 };
	long pid = sys0(__NR_getpid), ret;

	if (!s)
		return false;
	ret = sys6(__NR_kcmp, pid, pid, KCMP_EPOLL_TFD, entry->fd, &which, 0);
	return ret < 0 ? tab->file[s->file].ino == ino : ret == 0;
}

static bool has_entry(const union wy_fdevent *e, int fd)
{
	for (unsigned int i = 0; i < e->epoll.nr; i++) {
		if (e->epoll.entry[i].fd == fd)
			return true;
	}
	return false;
}

static int plan_epoll(const struct wy_fdtab *tab, int fd, union wy_fdevent *e)
{
	struct wy_epoll_entry entry;
	struct wy_lines l;
	unsigned int nr = 0;
	unsigned long ino;
	const char *line;
	int ret = 0;

	if (wy_lines_open(&l, fd) < 0)
		return WY_SERVE_KERNEL_OBJECT;
	while ((line = wy_lines_next(&l)))
		nr += parse_entry(line, &entry, &ino);
	e->epoll.nr = 0;
	e->epoll.entry = wy_fdtab_room((nr + 1) * sizeof(entry));
	if (!e->epoll.entry || wy_lines_open(&l, fd) < 0)
		return WY_SERVE_KERNEL_OBJECT;
	while ((line = wy_lines_next(&l))) {
		if (!parse_entry(line, &entry, &ino))
			continue;
		if (e->epoll.nr == nr || has_entry(e, entry.fd) ||
		    !is_current(tab, fd, &entry, ino))
			ret = WY_SERVE_KERNEL_OBJECT;
		else
			e->epoll.entry[e->epoll.nr++] = entry;
	}
	return ret;
}

static long control(int epoll, int op, const struct wy_epoll_entry *entry, unsigned int events)
{
	struct epoll_event event = { events, entry->data };

	return sys4(__NR_epoll_ctl, epoll, op, entry->fd, &event);
}

/* As it is after it has fired: it must fire, for whatever it is ready for. */
static long add_silent(int epoll, const struct wy_epoll_entry *entry)
{
	struct epoll_event event;
	long ret = control(epoll, EPOLL_CTL_ADD, entry, entry->events | EPOLLIN | EPOLLOUT);

	if (ret >= 0 && sys4(__NR_epoll_wait, epoll, &event, 1, 0) != 1)
		ret = control(epoll, EPOLL_CTL_MOD, entry, entry->events);
	return ret;
}

static bool is_silent(const struct wy_epoll_entry *entry)
{
	return entry->events & EPOLLONESHOT && !(entry->events & ~QUIET);
}

/*
 * EPERM: nobody can wait for this kind of file.  It could be waited for where the plan was made, so
 * it is one that was given in place of another, and a fresh run would have been told the same.
 */
static long add(int epoll, const struct wy_epoll_entry *entry)
{
	long ret = is_silent(entry) ? add_silent(epoll, entry) :
				      control(epoll, EPOLL_CTL_ADD, entry, entry->events);

	return ret == -EPERM ? 0 : ret;
}

long wy_fdevent_fill(int epoll, const union wy_fdevent *e)
{
	long ret = 0;

	/* The silent ones first: nothing else may fire while they do. */
	for (unsigned int i = 0; ret >= 0 && i < e->epoll.nr; i++) {
		if (is_silent(&e->epoll.entry[i]))
			ret = add(epoll, &e->epoll.entry[i]);
	}
	for (unsigned int i = 0; ret >= 0 && i < e->epoll.nr; i++) {
		if (!is_silent(&e->epoll.entry[i]))
			ret = add(epoll, &e->epoll.entry[i]);
	}
	return ret < 0 ? ret : 0;
}

/* ---- all of them ---- */

int wy_fdevent_plan(const struct wy_fdtab *tab, const struct wy_fd_file *f, union wy_fdevent *ret)
{
	int fd = tab->slot[f->first].fd;

	switch (f->kind) {
	case WY_FD_EPOLL: return plan_epoll(tab, fd, ret);
	case WY_FD_EVENTFD: return plan_eventfd(fd, ret);
	case WY_FD_TIMERFD: return plan_timer(fd, ret);
	case WY_FD_SIGNALFD: return plan_signalfd(fd, ret);
	case WY_FD_INOTIFY: return plan_inotify(fd, ret);
	}
	return WY_SERVE_KERNEL_OBJECT;
}

long wy_fdevent_make(const struct wy_fd_file *f, const union wy_fdevent *e)
{
	switch (f->kind) {
	case WY_FD_EPOLL: return sys1(__NR_epoll_create1, O_CLOEXEC);
	case WY_FD_EVENTFD: return make_eventfd(e);
	case WY_FD_TIMERFD: return make_timer(e);
	case WY_FD_SIGNALFD: return sys4(__NR_signalfd4, -1, &e->signals, 8, O_CLOEXEC);
	case WY_FD_INOTIFY: return make_inotify(e);
	}
	return -EINVAL;
}
