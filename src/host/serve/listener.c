/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/listener.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 1024

/* Is there a unix socket that nobody listens on? */
static bool is_left_behind(const struct addr *a, const char *path)
{
	cleanup_fd int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&a->sock, a->len) < 0 &&
	       errno == ECONNREFUSED;
}

static int bind_to(int fd, const struct addr *a)
{
	const char *path = ((const struct sockaddr_un *)&a->sock)->sun_path;

	if (bind(fd, (const struct sockaddr *)&a->sock, a->len) == 0)
		return 0;
	if (errno != EADDRINUSE || a->kind != ADDR_UNIX)
		return -errno;
	if (!is_left_behind(a, path) || unlink(path) < 0)
		return -EADDRINUSE;
	return bind(fd, (const struct sockaddr *)&a->sock, a->len) < 0 ? -errno : 0;
}

/* A socket that whoever started waylay has opened. */
static int take(struct wy_listener *l, int fd)
{
	int type = 0, flags = fcntl(fd, F_GETFL);
	socklen_t len = sizeof(type);

	if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	if (type != SOCK_STREAM)
		return -EPROTOTYPE;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	l->fd = fd;
	return 0;
}

static int make(struct wy_listener *l, const struct addr *a)
{
	cleanup_fd int fd =
		socket(a->sock.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	int on = 1, err;

	if (fd < 0)
		return -errno;
	if (a->kind == ADDR_TCP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	err = bind_to(fd, a);
	if (err)
		return err;
	if (a->kind == ADDR_UNIX) {
		const char *path = ((const struct sockaddr_un *)&a->sock)->sun_path;

		snprintf(l->path, sizeof(l->path), "%s", path);
		if (lstat(path, &st) == 0) {
			l->has_path = true;
			l->dev = st.st_dev;
			l->ino = st.st_ino;
		}
	}
	l->fd = steal_fd(&fd);
	return 0;
}

int wy_listener_open(struct wy_listener *ret, const struct addr *addr, const char *text)
{
	struct wy_listener l = { .fd = -1, .watch = { .fd = -1 } };
	int err = addr->kind == ADDR_FD ? take(&l, addr->fd) : make(&l, addr);

	if (err)
		return log_errno(err, "cannot listen at '%s'", text);
	snprintf(l.name, sizeof(l.name), "%s", text);
	*ret = l;
	return 0;
}

int wy_listener_start(struct wy_listener *l)
{
	struct sockaddr_storage sock;
	socklen_t len = sizeof(sock);

	if (listen(l->fd, BACKLOG) < 0)
		return log_errno(errno, "cannot listen at '%s'", l->name);
	if (getsockname(l->fd, (struct sockaddr *)&sock, &len) == 0)
		addr_print(l->name, &sock, len);
	return 0;
}

void wy_listener_close(struct wy_listener *l)
{
	struct stat st;

	loop_forget(&l->watch);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->has_path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	l->has_path = false;
}
