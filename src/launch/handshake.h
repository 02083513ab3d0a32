/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake.h - hands the session memfd and the agent's image to an agent through its own socket.
 */
#ifndef WY_LAUNCH_HANDSHAKE_H
#define WY_LAUNCH_HANDSHAKE_H

#include <sys/types.h>

/*
 * remote_fd is a socket in process pid, which is in a ptrace stop of ours.
 * Sends session_fd through it, and image_fd if that is not negative.  Returns 0 or -errno.
 */
int wy_handshake_send(pid_t pid, int remote_fd, int session_fd, int image_fd);

#endif
