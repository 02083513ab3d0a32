/* SPDX-License-Identifier: Apache-2.0 */
/* uring.h - what goes through an io_uring, read from its memory. */
#ifndef WY_AGENT_URING_H
#define WY_AGENT_URING_H

#include "agent/fdstate.h"

/* After io_uring_setup(2): a ring of this process. */
void wy_uring_made(const struct wy_call *call);

/* After mmap(2) of a ring's descriptor. */
void wy_uring_mapped(const struct wy_call *call, unsigned int file);

/* After io_uring_register(2). */
void wy_uring_registered(const struct wy_call *call, unsigned int file);

/* After io_uring_enter(2), which began at that moment: takes down what was submitted, and tells
 * what has ended. */
void wy_uring_entered(const struct wy_call *call, unsigned int file, unsigned long since);

/* Now and then: tells what has ended in any ring. */
void wy_uring_look(struct wy_thread *t);
extern unsigned int wy_urings; /* that there are */

#endif
