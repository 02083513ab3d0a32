/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program of `waylay serve` may say through the sockets that it has as its stdin and
 * stdout: whatever it is, the server comes to its end and sends signals to nobody but the
 * program and what has been named as a copy of it.
 *
 * The input: what comes of clients and of processes, then what the program says.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "host/serve/connection.h"
#include "host/serve/front.h"
#include "proto/serve.h"

#define PROGRAM  4242
#define EVENTS   16
#define CHILDREN 15 /* their pids: from 1 on */

static int event_fd = -1, clients;

static void tell(enum wy_front_kind kind, pid_t pid, int status)
{
	struct wy_front_event e = { kind, pid, status };

	check(write(event_fd, &e, sizeof(e)) == sizeof(e));
}

/* The ones that are killed end; the supervisor would say so. */
int kill(pid_t pid, int signal)
{
	check(signal == SIGKILL);
	check(pid == PROGRAM || pid == -PROGRAM || (pid > 0 && pid <= CHILDREN));
	tell(WY_FRONT_ENDED, pid > 0 ? pid : PROGRAM, SIGKILL);
	return 0;
}

/* Copies are children; other processes are not. */
int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	errno = ECHILD;
	return type == P_PID && id <= CHILDREN ? 0 : -1;
}

int wy_listener_start(struct wy_listener *l)
{
	return 0;
}

void wy_listener_close(struct wy_listener *l)
{
}

struct wy_connection *wy_connection_accept(int listener)
{
	struct wy_connection *c = clients ? calloc(1, sizeof(*c)) : NULL;

	errno = EAGAIN;
	if (!c)
		return NULL;
	clients--;
	c->fd = dup(listener);
	check(c->fd >= 0);
	return c;
}

void wy_connection_free(struct wy_connection *c)
{
	close(c->fd);
	free(c);
}

void wy_connection_finish(struct wy_connection *c)
{
	c->state = WY_CONNECTION_LINGERING;
}

bool wy_connection_drain(struct wy_connection *c)
{
	return c->serial % 2;
}

bool wy_connection_is_sent(const struct wy_connection *c)
{
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wy_listener listener = { .name = "nowhere" };
	unsigned int bell = 0;
	struct wy_front front = { .listener = &listener, .program = PROGRAM, .bell = &bell };
	struct input in = { data, size };
	int control[2], out[2], events[2];
	uint8_t said[1024];
	size_t len;

	if (listener.fd == 0 && event_fd < 0) {
		log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
		/* What a program wrote before it ended is shown on stdout. */
		check(dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO) >= 0);
	}
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, control) == 0);
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, out) == 0);
	check(pipe(events) == 0);
	event_fd = events[1];
	clients = (int)take_number(&in) % 8;
	listener.fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* always ready */
	for (unsigned int i = take_number(&in) % EVENTS; i; i--) {
		unsigned int what = take_number(&in);

		tell(what % 8 == 7 ? WY_FRONT_STOP :
		     what % 8 == 6 ? WY_FRONT_UNCAUGHT :
				     WY_FRONT_ENDED,
		     what % 8 ? (pid_t)(what >> 3) % 16 : PROGRAM, (int)take_number(&in));
	}
	/* Twice, so that nobody is waited for; then the end of the program in any case. */
	tell(WY_FRONT_STOP, 0, 0);
	tell(WY_FRONT_STOP, 0, 0);
	tell(WY_FRONT_ENDED, PROGRAM, 0);
	len = take_bytes(&in, said, take_number(&in) % sizeof(said));
	check(write(out[1], said, len) == (ssize_t)len);
	if (in.left > 4096)
		in.left = 4096;
	check(write(control[1], in.data, in.left) == (ssize_t)in.left);
	check(shutdown(control[1], SHUT_WR) == 0); /* it takes connections, and says no more */
	close(out[1]);
	front.control = control[0];
	front.out = out[0];
	front.events = events[0];
	wy_front_run(&front);
	check(front.finished == 1 && bell == 1);
	close(out[0]);
	close(control[1]);
	close(events[0]);
	close(events[1]);
	close(listener.fd);
	return 0;
}
