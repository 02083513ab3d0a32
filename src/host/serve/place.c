/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/place.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int make_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

static int make_pipe(int pair[2])
{
	int both[2];

	if (pipe2(both, O_CLOEXEC) < 0)
		return -errno;
	pair[0] = both[1];
	pair[1] = both[0];
	return 0;
}

static int make_file(int pair[2])
{
	pair[0] = memfd_create("stdin", MFD_CLOEXEC);
	if (pair[0] < 0)
		return -errno;
	pair[1] = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
	return pair[1] < 0 ? -errno : 0;
}

static int make_input(struct wy_place *p, enum wy_serve_stdin kind)
{
	int err;

	if (kind == WY_STDIN_SOCKET)
		return make_pair(p->in);
	err = kind == WY_STDIN_PIPE ? make_pipe(p->in) : make_file(p->in);
	return err ? err : make_pair(p->control);
}

static int make_errors(struct wy_place *p)
{
	int on = 1, err = make_pair(p->err);

	if (!err && setsockopt(p->err[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		err = -errno;
	return err;
}

int wy_place_make(struct wy_place *ret, const struct wy_serve_options *o)
{
	struct wy_place p = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int err = make_input(&p, o->input);

	if (!err)
		err = make_pair(p.out);
	if (!err)
		err = make_errors(&p);
	if (!err &&
	    (fcntl(p.out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(p.err[0], F_SETFL, O_NONBLOCK) < 0))
		err = -errno;
	if (err) {
		wy_place_close(&p, 0);
		wy_place_close(&p, 1);
		return err;
	}
	*ret = p;
	return 0;
}

void wy_place_close(struct wy_place *p, int which)
{
	close_fd(&p->in[which]);
	close_fd(&p->out[which]);
	close_fd(&p->err[which]);
	close_fd(&p->control[which]);
}

static int inode_of(int fd, unsigned long *dev, unsigned long *ino)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

int wy_place_tell(const struct wy_place *p, struct wy_serve_session *session)
{
	int control = p->control[1] >= 0 ? p->control[1] : p->in[1];
	int err = inode_of(p->in[1], &session->in_dev, &session->in_ino);

	if (!err)
		err = inode_of(p->out[1], &session->out_dev, &session->out_ino);
	if (!err && p->err[1] >= 0)
		err = inode_of(p->err[1], &session->err_dev, &session->err_ino);
	if (!err)
		err = inode_of(control, &session->control_dev, &session->control_ino);
	return err;
}
