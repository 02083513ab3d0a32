/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - what `waylay call` does.
 *
 * Over a unix socket the program gets our own three descriptors, and we let go
 * of stdin and stdout: who is at their other ends sees what the program does
 * with them, not what we do.
 *
 * With frames one loop carries everything.  Nothing in it may wait for one
 * direction alone, or a program that answers while it reads would wait for us
 * and we for it.  But stdout is not ours alone, so it cannot be made
 * non-blocking: it is written to only when poll(2) says so, and then only as
 * much as a pipe always takes at once.
 *
 * SIGPIPE needs no care: it ends this process as it would have ended the
 * program, and the server ends the program when it sees us gone.
 */
#include "host/serve/client.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/serve/frames.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

struct client {
	int sock, signals;
	const char *name;
	bool frames;
	/* to the server: a frame of stdin, and signals, which go between frames */
	unsigned char out[sizeof(struct wy_call_frame) + WY_CALL_FRAME_MAX];
	size_t out_len, out_done;
	int queue[16];
	unsigned int queued;
	bool input_over;
	/* from the server: what is left of a frame of output */
	struct wy_frames in;
	const unsigned char *data;
	size_t left;
	int data_fd;
	bool is_socket[3], is_file[3];
	bool ended;
	int status;
};

int wy_client_connect(const struct addr *addr)
{
	const struct sockaddr *to = (const struct sockaddr *)&addr->sock;
	cleanup_fd int fd = -1;
	int one = 1;

	if (addr->kind == ADDR_FD) {
		fd = fcntl(addr->fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : steal_fd(&fd);
	}
	fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* An interrupted connect goes on by itself, and cannot be called again. */
	if (connect(fd, to, addr->len) < 0) {
		struct pollfd done = { .fd = fd, .events = POLLOUT };
		socklen_t len = sizeof(int);
		int err = errno;

		while (err == EINTR && poll(&done, 1, -1) < 0)
			;
		if (err != EINTR)
			return -err;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			return -errno;
		if (err)
			return -err;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return steal_fd(&fd);
}

int wy_client_hello(int sock, const int fds[3])
{
	struct wy_call_hello hello = { .magic = WY_CALL_MAGIC, .fds = 3 };
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &hello, sizeof(hello) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t sent;

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, 3 * sizeof(int));
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return sent == sizeof(hello) ? 0 : -EPIPE;
}

/* --- to the server --- */

static void put_frame(struct client *c, int kind, const void *data, unsigned int len)
{
	struct wy_call_frame frame = { .kind = (unsigned int)kind, .len = len };

	memcpy(c->out, &frame, sizeof(frame));
	if (data)
		memcpy(c->out + sizeof(frame), data, len);
	c->out_len = sizeof(frame) + len;
	c->out_done = 0;
}

/* Makes the next frame of what there is to say, if none is on its way. */
static void put_signals(struct client *c)
{
	if (c->out_done < c->out_len || !c->queued)
		return;
	put_frame(c, WY_CALL_SIGNAL, &c->queue[0], sizeof(int));
	memmove(c->queue, c->queue + 1, --c->queued * sizeof(int));
}

static int lost(const struct client *c, int err)
{
	if (err == 0 || err == -ECONNRESET || err == -EPIPE) {
		log_err("'%s' closed the connection before the program ended", c->name);
		return -ECONNRESET;
	}
	return log_errno(err, "the connection to '%s' is lost", c->name);
}

/*
 * A server that hangs up on us may have said why before: that is still to be
 * read, so an error here is none.
 */
static void send_some(struct client *c)
{
	ssize_t sent;

	put_signals(c);
	while (c->out_done < c->out_len) {
		sent = send(c->sock, c->out + c->out_done, c->out_len - c->out_done,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			c->out_done = c->out_len = 0;
			c->queued = 0;
			c->input_over = true;
			return;
		}
		c->out_done += (size_t)sent;
		put_signals(c);
	}
}

static int read_input(struct client *c)
{
	unsigned char *data = c->out + sizeof(struct wy_call_frame);
	ssize_t got = read(STDIN_FILENO, data, WY_CALL_FRAME_MAX);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got < 0)
		return log_errno(errno, "cannot read stdin");
	put_frame(c, WY_CALL_STDIN, NULL, (unsigned int)got);
	c->input_over = got == 0;
	send_some(c);
	return 0;
}

/* --- signals --- */

/* These are sent on.  What is ignored or blocked already stays so: a program would have it so. */
static const int passed[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT,
};

static int take_signals(struct client *c)
{
	struct sigaction action;
	sigset_t set, blocked;

	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		sigaction(passed[i], NULL, &action);
		if (action.sa_handler != SIG_IGN && !sigismember(&blocked, passed[i]))
			sigaddset(&set, passed[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signals < 0 ? log_errno(errno, "cannot wait for signals") : 0;
}

/*
 * The server does not read: the program does not read its input, and a signal
 * is stuck behind it.  One more means it: a reset overtakes everything, and
 * tells the server to end the program.
 */
static void give_up(const struct client *c, int nr)
{
	struct linger reset = { .l_onoff = 1 };
	sigset_t set;

	setsockopt(c->sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(c->sock);
	signal(nr, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, nr);
	raise(nr);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + nr);
}

static void pass_signals(struct client *c)
{
	struct signalfd_siginfo info;

	while (read(c->signals, &info, sizeof(info)) == sizeof(info)) {
		int nr = (int)info.ssi_signo;
		bool stop = nr == SIGTSTP;

		if (c->queued && (nr == SIGINT || nr == SIGTERM || nr == SIGHUP || nr == SIGQUIT))
			give_up(c, nr);
		/* The program has no terminal of ours, and nobody to stop it by this one. */
		if (stop)
			nr = SIGSTOP;
		if (c->queued < sizeof(c->queue) / sizeof(c->queue[0]))
			c->queue[c->queued++] = nr;
		send_some(c);
		if (stop)
			raise(SIGSTOP);
	}
}

/* --- from the server --- */

/* What a server says is text of somebody else's. */
static void print_refusal(const struct client *c, const unsigned char *text, size_t len)
{
	char line[256];

	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	for (size_t i = 0; i < len; i++)
		line[i] = text[i] < ' ' || text[i] == 127 ? ' ' : (char)text[i];
	line[len] = '\0';
	log_err("'%s' does not serve: %s", c->name, line);
}

static int take_frame(struct client *c, const struct wy_call_frame *frame,
		      const unsigned char *data)
{
	switch (frame->kind) {
	case WY_CALL_END:
		c->status = wy_frames_number(data);
		c->ended = true;
		return 0;
	case WY_CALL_ERROR: print_refusal(c, data, frame->len); return -ECONNREFUSED;
	case WY_CALL_STDOUT:
	case WY_CALL_STDERR:
		if (!c->frames)
			return -EPROTO;
		c->data_fd = frame->kind == WY_CALL_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
		c->data = data;
		c->left = frame->len;
		return 0;
	}
	return -EPROTO;
}

/* Goes on until there is output to be written first, or no more. */
static int take_frames(struct client *c)
{
	struct wy_call_frame frame;
	const unsigned char *data;
	int err = 0;

	while (!c->left && !c->ended && (err = wy_frames_next(&c->in, &frame, &data)) > 0) {
		err = take_frame(c, &frame, data);
		if (err < 0)
			break;
	}
	if (err == -EPROTO)
		log_err("'%s' is no call listener (waylay serve -l call:ADDRESS)", c->name);
	return err < 0 ? err : 0;
}

static int receive(struct client *c)
{
	size_t room;
	void *to = wy_frames_room(&c->in, &room);
	ssize_t got = recv(c->sock, to, room, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return lost(c, got < 0 ? -errno : 0);
	wy_frames_add(&c->in, (size_t)got);
	return take_frames(c);
}

/* The descriptor was found ready: so much it takes without waiting. */
static int write_output(struct client *c)
{
	size_t len = c->left;
	ssize_t done;

	if (c->is_socket[c->data_fd]) {
		done = send(c->data_fd, c->data, len, MSG_DONTWAIT);
	} else {
		if (!c->is_file[c->data_fd] && len > PIPE_BUF)
			len = PIPE_BUF;
		done = write(c->data_fd, c->data, len);
	}
	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (done < 0)
		return log_errno(errno, "cannot write to %s",
				 c->data_fd == STDOUT_FILENO ? "stdout" : "stderr");
	c->data += done;
	c->left -= (size_t)done;
	return c->left ? 0 : take_frames(c);
}

/* --- all of it --- */

static int one_round(struct client *c)
{
	bool sending = c->out_done < c->out_len || c->queued;
	bool reading = c->frames && !c->input_over && !sending;
	struct pollfd fds[] = {
		{ c->signals, POLLIN, 0 },
		{ c->sock, (short)((c->left ? 0 : POLLIN) | (sending ? POLLOUT : 0)), 0 },
		{ reading ? STDIN_FILENO : -1, POLLIN, 0 },
		{ c->left ? c->data_fd : -1, POLLOUT, 0 },
	};
	int err = 0;

	/* A connection that is broken would be ready again and again while output is written. */
	if (!fds[1].events)
		fds[1].fd = -1;
	if (poll(fds, 4, -1) < 0)
		return errno == EINTR ? 0 : log_errno(errno, "cannot wait");
	if (fds[0].revents)
		pass_signals(c);
	if (fds[1].revents & POLLOUT)
		send_some(c);
	if (!c->left && fds[1].revents & ~POLLOUT)
		err = receive(c);
	else if (c->left && fds[3].revents)
		err = write_output(c);
	if (!err && !c->ended && fds[2].revents && c->out_done == c->out_len)
		err = read_input(c);
	return err;
}

static int give_descriptors(struct client *c)
{
	static const int ours[3] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int err = wy_client_hello(c->sock, ours);

	if (err)
		return lost(c, err);
	if (null < 0)
		return log_errno(errno, "cannot open /dev/null");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	return 0;
}

static void begin_frames(struct client *c)
{
	struct wy_call_hello hello = { .magic = WY_CALL_MAGIC };
	struct stat st;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fstat(fd, &st) < 0)
			continue;
		c->is_socket[fd] = S_ISSOCK(st.st_mode);
		c->is_file[fd] = S_ISREG(st.st_mode);
	}
	memcpy(c->out, &hello, sizeof(hello));
	c->out_len = sizeof(hello);
	send_some(c);
}

int wy_client_run(int sock, const char *name, bool frames, int *ret_status)
{
	static struct client c;
	cleanup_fd int signals = -1;
	socklen_t len = sizeof(int);
	int domain = AF_UNSPEC, err;

	getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	c.sock = sock;
	c.name = name;
	c.frames = frames || domain != AF_UNIX;
	err = take_signals(&c);
	if (err)
		return err;
	signals = c.signals; /* NOLINT(*DeadStores): closed at the end of the scope */
	if (c.frames)
		begin_frames(&c);
	else
		err = give_descriptors(&c);
	while (!err && !c.ended)
		err = one_round(&c);
	*ret_status = c.status;
	return err;
}
