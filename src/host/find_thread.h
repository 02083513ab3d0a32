/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_thread.h - finds the thread that asks to be followed.
 *
 * A program names itself by the tid that it sees, which in a pid namespace of
 * its own is not the one that we see; and a tid in shared memory is only a
 * claim.  What proves it is a word in the program's memory that holds the
 * cookie which the same thread has put into the request.
 */
#ifndef WY_HOST_FIND_THREAD_H
#define WY_HOST_FIND_THREAD_H

#include "proto/session.h"

#include <sys/types.h>

/*
 * Returns the tid, as we see it, of the thread that wrote this request; -ESRCH
 * if there is none that can be seen, -EPERM if there is one whose memory we
 * are not allowed to read.
 */
pid_t wy_find_thread(const struct wy_exec_slot *slot);

#endif
