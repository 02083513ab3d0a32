/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand.h - gives a connection to a process, and learns which one it is.
 */
#ifndef WY_HOST_SERVE_HAND_H
#define WY_HOST_SERVE_HAND_H

#include "host/serve/front.h"

/*
 * Gives it to whoever serves in the present mode.  Returns 0 when that is done,
 * or it was dropped with a line; -EAGAIN when it must wait.
 */
int wy_hand_over(struct wy_connection *c);

/* The template's answer to an order. */
void wy_hand_answered(struct wy_instance *i, const struct wy_serve_report *r);

/* A copy has ended that is not known: one that waited, or its birth is still to be told. */
void wy_hand_unknown_ended(struct wy_instance *i, pid_t pid, int status);

/* Gives up the copies that were made ahead, and makes new ones if there is a template. */
void wy_hand_renew_ahead(struct wy_front *f);

#endif
