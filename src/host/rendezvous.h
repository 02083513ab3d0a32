/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rendezvous.h - gives programs what they need to follow an exec by themselves
 * (proto/userland.h): the session, and the launcher's image.
 */
#ifndef WY_HOST_RENDEZVOUS_H
#define WY_HOST_RENDEZVOUS_H

#include "host/session.h"

struct wy_rendezvous_host {
	int sock;  /* -1: not open */
	int image; /* of the agent, somebody else's; -errno: there is none */
};

/* Opens it, if it is not open yet, and says so in the session.  Returns 0 or -errno. */
int wy_rendezvous_open(struct wy_rendezvous_host *r, struct wy_host_session *session);

/* Gives those who wait what they want.  Nothing happens if it is not open. */
void wy_rendezvous_serve(struct wy_rendezvous_host *r, const struct wy_host_session *session);

/*
 * For a process that has closed the descriptor, and takes over from one that had it open: opens
 * another.
 */
void wy_rendezvous_reopen(struct wy_rendezvous_host *r, struct wy_host_session *session);

#endif
