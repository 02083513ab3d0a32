/* SPDX-License-Identifier: Apache-2.0 */
/* fdclass.h - what a descriptor is, asked of the kernel. */
#ifndef WY_AGENT_FDCLASS_H
#define WY_AGENT_FDCLASS_H

#include "proto/event.h"

struct stat;

struct wy_fd_type {
	unsigned char class, kind;  /* enum wy_fd_class, enum wy_fd_kind */
	unsigned char domain, type; /* of a socket */
	unsigned short protocol;
};

/* Of a socket, from what socket(2) was given. */
struct wy_fd_type wy_fd_socket_type(int domain, int type, int protocol);

/*
 * flags: as F_GETFL has them; st: as fstat(2) has it; link: what /proc says, its
 * first 63 bytes at least.  Makes calls of its own only for sockets.
 */
struct wy_fd_type wy_fd_classify(int fd, int flags, const struct stat *st, const char *link);

/* Can fstat(2) alone tell?  Then *ret is as wy_fd_classify() has it, but for files of /proc. */
int wy_fd_told_by_mode(const struct stat *st, struct wy_fd_type *ret);

#endif
