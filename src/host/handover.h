/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h - another process takes the supervisor's work over.
 */
#ifndef WY_HOST_HANDOVER_H
#define WY_HOST_HANDOVER_H

#include <stdbool.h>

struct wy_supervisor;

/* Is there, after the end of the program, a process left that may want to be followed? */
bool wy_handover_needed(struct wy_supervisor *v);

/*
 * Starts the new supervisor; when this returns 0 it is at work, and this
 * process traces nothing and may stop or end.  Returns 0 or -errno.
 */
int wy_handover_start(struct wy_supervisor *v);

/* Brings every exec that is under way to its end, and gives up what does not move. */
void wy_handover_drain(struct wy_supervisor *v);

#endif
