/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/handshake.h"

#include "base/cleanup.h"
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#ifndef PIDFD_THREAD /* Linux 6.9 */
#define PIDFD_THREAD O_EXCL
#endif

int wy_handshake_send(pid_t pid, int remote_fd, int session_fd, int image_fd)
{
	const int fds[2] = { session_fd, image_fd };
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	cleanup_fd int fd = -1;

	/* A thread that is not its process's first, whose first has ended. */
	if (pidfd < 0)
		pidfd = (int)syscall(SYS_pidfd_open, pid, PIDFD_THREAD);
	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, remote_fd, 0);
	if (fd < 0)
		return -errno;
	return send_fds(fd, fds, image_fd < 0 ? 1 : 2);
}
