/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - ends connections that have gone on too long (--timeout,
 * --total-timeout): by SIGTERM, and by SIGKILL when that does not help.
 *
 * A connection is idle while nothing comes or goes and its process sleeps.
 */
#ifndef WY_HOST_SERVE_LIMITS_H
#define WY_HOST_SERVE_LIMITS_H

struct wy_front;

/* Looks from now on, if there are such limits. */
void wy_limits_start(struct wy_front *f);

#endif
