/* SPDX-License-Identifier: Apache-2.0 */
/* fdpass.h - descriptors that come through a socket. */
#ifndef WY_AGENT_FDPASS_H
#define WY_AGENT_FDPASS_H

#define WY_FDPASS_MAX     2

/* Of sockets, for which the kernel has no header that does without a C library. */
#define WY_AF_UNIX        1
#define WY_SOCK_SEQPACKET 5
#define WY_SOCK_CLOEXEC   02000000
#define WY_MSG_NOSIGNAL   0x4000

/*
 * Waits for one byte and the descriptors (close-on-exec) that come with it.
 * fd[i] is -1 where none came.  Returns 1, 0 at the end of file, or -errno.
 */
long wy_fdpass_receive(int sock, int fd[WY_FDPASS_MAX]);

#endif
