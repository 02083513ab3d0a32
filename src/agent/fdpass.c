/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/fdpass.h"
#include "agent/boot.h"
#include "agent/sys.h"

#define SOL_SOCKET_       1
#define SCM_RIGHTS_       1
#define MSG_CMSG_CLOEXEC_ 0x40000000

struct vector {
	void *base;
	unsigned long len;
};

struct message { /* struct msghdr of recvmsg(2) */
	void *name;
	unsigned int name_len;
	struct vector *vector;
	unsigned long vector_len;
	void *control;
	unsigned long control_len;
	unsigned int flags;
};

struct control { /* struct cmsghdr, with its data */
	unsigned long len;
	int level, type;
	int fd[WY_FDPASS_MOST];
};

/* Nothing here may become a call of memset: it is not there yet. */
WY_BOOT_CODE long wy_fdpass_take(int sock, void *buf, unsigned long len, int *fd, unsigned int nr)
{
	struct control control;
	struct vector vector = { buf, len };
	struct message message;
	long ret;

	control.len = 0;
	message.name = NULL;
	message.name_len = 0;
	message.vector = &vector;
	message.vector_len = 1;
	message.control = &control;
	message.control_len = __builtin_offsetof(struct control, fd) + nr * sizeof(int);
	message.flags = 0;
	ret = sys3(__NR_recvmsg, sock, &message, MSG_CMSG_CLOEXEC_);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned long end = __builtin_offsetof(struct control, fd) + (i + 1) * sizeof(int);

		fd[i] = ret > 0 && control.len >= end && control.level == SOL_SOCKET_ &&
					control.type == SCM_RIGHTS_ ?
				control.fd[i] :
				-1;
	}
	return ret;
}

WY_BOOT_CODE long wy_fdpass_receive(int sock, int fd[WY_FDPASS_MAX])
{
	char byte = 0;

	return wy_fdpass_take(sock, &byte, 1, fd, WY_FDPASS_MAX);
}
