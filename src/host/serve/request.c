/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - one loop drives all requests that are under way.
 *
 * A request has two ends: that of the answer (the end of the data), and that
 * of the program, where it can be seen (a pidfd, or the END of a call
 * listener).  It is over when both have come.
 */
#include "host/serve/request.h"

#include "base/cleanup.h"
#include "host/serve/client.h"
#include "host/serve/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

struct slot {
	struct wy_answer *answer; /* NULL: free */
	int data;                 /* the socket; -1 after the end of the answer */
	int end;                  /* a pidfd or the call's connection; -1 after it has come */
	pid_t pid;
	size_t sent, room;
	bool told; /* the end of the input */
	unsigned long start;
	struct wy_frames *frames;
};

static volatile sig_atomic_t stopped;
static int stop_event = -1; /* so that a wait is ended, also one that is just about to begin */

int wy_request_stoppable(void)
{
	stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return stop_event < 0 ? -errno : 0;
}

void wy_request_stop(void)
{
	int err = errno;

	stopped = 1;
	eventfd_write(stop_event, 1);
	errno = err;
}

bool wy_request_is_stopped(void)
{
	return stopped;
}

unsigned long wy_request_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000000000 + (unsigned long)t.tv_nsec;
}

/* --- the start --- */

/* What the program writes to stderr is no part of the comparison. */
static void be_program(char **argv, int sock)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	dup2(sock, STDIN_FILENO);
	dup2(sock, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static int start_program(struct slot *s, char **argv, int theirs)
{
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (s->pid == 0)
		be_program(argv, theirs);
	s->end = (int)syscall(SYS_pidfd_open, s->pid, 0);
	return s->end < 0 ? -errno : 0;
}

static int start_call(struct slot *s, const struct addr *addr, int theirs)
{
	cleanup_fd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int fds[3] = { theirs, theirs, null };

	if (null < 0)
		return -errno;
	s->end = wy_client_connect(addr);
	if (s->end < 0)
		return s->end;
	wy_frames_init(s->frames);
	return wy_client_hello(s->end, fds);
}

static int start(struct slot *s, const struct wy_request *r)
{
	int pair[2];
	cleanup_fd int theirs = -1;
	int err;

	if (r->how == WY_REQUEST_CONNECT) {
		s->data = wy_client_connect(&r->addr);
		if (s->data < 0)
			return s->data;
	} else {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return -errno;
		s->data = pair[0];
		theirs = pair[1];
		err = r->how == WY_REQUEST_EXEC ? start_program(s, r->argv, theirs) :
						  start_call(s, &r->addr, theirs);
		if (err)
			return err;
	}
	return fcntl(s->data, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* --- the course --- */

/* A program need not read all of its input: that it does not is no error. */
static void send_input(struct slot *s, const struct wy_request *r)
{
	while (s->sent < r->input_len) {
		ssize_t n = send(s->data, r->input + s->sent, r->input_len - s->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		s->sent += (size_t)n;
	}
	s->told = true;
	shutdown(s->data, SHUT_WR);
}

static int take_answer(struct slot *s)
{
	struct wy_answer *a = s->answer;
	ssize_t n;

	for (;;) {
		if (a->len == s->room) {
			size_t room = s->room ? 2 * s->room : 16384;
			char *data = realloc(a->data, room);

			if (!data)
				return -ENOMEM;
			a->data = data;
			s->room = room;
		}
		n = recv(s->data, a->data + a->len, s->room - a->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != ECONNRESET)
			return -errno;
		/*
		 * Over a socket pair a program that has not read all its input ends
		 * with this; what it wrote was read before.
		 */
		if (n <= 0) {
			close_fd(&s->data);
			return 0;
		}
		a->last = wy_request_now() - s->start;
		if (!a->len)
			a->first = a->last;
		a->len += (size_t)n;
	}
}

static int take_end(struct slot *s)
{
	struct wy_call_frame frame;
	const unsigned char *data;
	size_t room;
	ssize_t n;
	int err;

	if (s->pid > 0) {
		if (waitpid(s->pid, &s->answer->status, WNOHANG) == s->pid) {
			s->pid = 0;
			close_fd(&s->end);
		}
		return 0;
	}
	n = recv(s->end, wy_frames_room(s->frames, &room), sizeof(frame) + WY_CALL_FRAME_MAX,
		 MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	wy_frames_add(s->frames, (size_t)n);
	err = wy_frames_next(s->frames, &frame, &data);
	if (err <= 0)
		return err;
	if (frame.kind != WY_CALL_END)
		return -ECONNREFUSED;
	s->answer->status = wy_frames_number(data);
	close_fd(&s->end);
	return 0;
}

static void finish(struct slot *s, int err)
{
	s->answer->err = err;
	s->answer->total = wy_request_now() - s->start;
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, &s->answer->status, 0);
		s->pid = 0;
	}
	close_fd(&s->data);
	close_fd(&s->end);
	s->answer = NULL;
}

static void begin(struct slot *s, const struct wy_request *r, struct wy_answer *answer)
{
	int err;

	*s = (struct slot){ .answer = answer, .data = -1, .end = -1, .frames = s->frames };
	s->start = wy_request_now();
	err = start(s, r);
	if (err)
		finish(s, err);
	else
		send_input(s, r);
}

static void step(struct slot *s, const struct wy_request *r, const struct pollfd *p)
{
	int err = 0;

	if (p[0].revents && !s->told)
		send_input(s, r);
	if (p[0].revents & ~POLLOUT)
		err = take_answer(s);
	if (!err && p[1].revents)
		err = take_end(s);
	if (err || (s->data < 0 && s->end < 0))
		finish(s, err);
}

/* Waits, and does what can be done.  Returns 0 or -errno. */
static int one_round(const struct wy_request *r, struct slot *slots, struct pollfd *p)
{
	int n;

	for (unsigned int i = 0; i < r->parallel; i++) {
		struct slot *s = &slots[i];

		p[2 * i] = (struct pollfd){ s->answer ? s->data : -1, POLLIN, 0 };
		if (s->answer && !s->told)
			p[2 * i].events |= POLLOUT;
		p[2 * i + 1] = (struct pollfd){ s->answer ? s->end : -1, POLLIN, 0 };
	}
	p[2 * r->parallel] = (struct pollfd){ r->side_fd, POLLIN, 0 };
	p[2 * r->parallel + 1] = (struct pollfd){ stop_event, POLLIN, 0 };
	n = poll(p, 2 * r->parallel + 2, r->patience_ms ? (int)r->patience_ms : -1);
	if (stopped)
		return -EINTR;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (p[2 * r->parallel].revents)
		r->side(r->side_data);
	for (unsigned int i = 0; i < r->parallel; i++) {
		if (slots[i].answer)
			step(&slots[i], r, &p[2 * i]);
	}
	return 0;
}

static int run(const struct wy_request *r, struct wy_answer *answers, struct slot *slots,
	       struct pollfd *p)
{
	unsigned int begun = 0, busy;
	int err = 0;

	for (;;) {
		busy = 0;
		for (unsigned int i = 0; i < r->parallel; i++) {
			if (!slots[i].answer && begun < r->count && !err)
				begin(&slots[i], r, &answers[begun++]);
			busy += slots[i].answer != NULL;
		}
		if (err || (!busy && begun == r->count))
			break;
		if (busy)
			err = one_round(r, slots, p);
	}
	for (unsigned int i = 0; i < r->parallel; i++) {
		if (slots[i].answer)
			finish(&slots[i], err);
	}
	for (unsigned int i = begun; i < r->count; i++)
		answers[i].err = err;
	return err == -ETIMEDOUT ? 0 : err;
}

int wy_request_run(const struct wy_request *r, struct wy_answer *answers)
{
	cleanup_free struct slot *slots = calloc(r->parallel, sizeof(*slots));
	cleanup_free struct pollfd *p = calloc(2 * r->parallel + 2, sizeof(*p));
	cleanup_free struct wy_frames *frames = calloc(r->parallel, sizeof(*frames));

	memset(answers, 0, r->count * sizeof(*answers));
	if (!slots || !p || !frames)
		return -ENOMEM; /* NOLINT(*unix.Malloc) */
	for (unsigned int i = 0; i < r->parallel; i++)
		slots[i].frames = &frames[i];
	return run(r, answers, slots, p);
}

void wy_request_free(struct wy_answer *answers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		free(answers[i].data);
		answers[i].data = NULL;
	}
}

/* --- what it took --- */

static int by_size(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

unsigned long wy_request_percentile(const struct wy_answer *answers, unsigned int count,
				    size_t which, unsigned int percent)
{
	cleanup_free unsigned long *times = calloc(count + 1, sizeof(*times));
	unsigned int n = 0;

	if (!times)
		return 0;
	for (unsigned int i = 0; i < count; i++) {
		if (!answers[i].err)
			times[n++] = *(const unsigned long *)((const char *)&answers[i] + which);
	}
	if (!n)
		return 0; /* NOLINT(*unix.Malloc) */
	qsort(times, n, sizeof(*times), by_size);
	return times[(unsigned long)(n - 1) * percent / 100];
}

unsigned long wy_request_median(const struct wy_answer *answers, unsigned int count, size_t which)
{
	return wy_request_percentile(answers, count, which, 50);
}
