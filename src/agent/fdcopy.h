/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdcopy.h - descriptors that a fork would share, made once more in the copy.
 *
 * In the process that is copied: wy_fdtab_read(), wy_fdtab_mark() for what the
 * caller knows, then wy_fdtab_can_copy().  In each copy: the caller puts what
 * it wants in place of the descriptors that it has marked, then calls
 * wy_fdtab_copy().
 *
 * Marks (of struct wy_fd_file): a file with any but WY_FD_MARK_INHERITED is *given*:
 * the caller sees to its slots itself, and nothing is done about them here.
 * WY_FD_MARK_INHERITED says that a fresh run of the program would have been started
 * with it, too, so that copies may share it as such runs would: pipes, sockets,
 * devices, and files that are written to.
 */
#ifndef WY_AGENT_FDCOPY_H
#define WY_AGENT_FDCOPY_H

#include "agent/fdtab.h"

struct wy_call;

/*
 * Can this process be copied, as far as its descriptors go?  Makes the plan for
 * wy_fdtab_copy(), which holds until the next wy_fdtab_read().  The other
 * threads must stand still, here and until the copies are made.
 *
 * Returns 0, or the kind of a refusal (proto/serve.h: WY_SERVE_URING, PIPE,
 * SOCKET, LOCK, KERNEL_OBJECT, REOPEN, TOO_MANY) with a descriptor that it is
 * about in *ret_fd (TOO_MANY, which also says that there is no memory: the
 * highest one).  After 0 one more descriptor is open, close-on-exec:
 * wy_fdtab_copy() closes it in the copy.
 */
int wy_fdtab_can_copy(const struct wy_fdtab *tab, int *ret_fd);

/* There will be no more copies: closes what the plan keeps open. */
void wy_fdtab_drop(void);

/*
 * In a copy, while it has one thread and takes no signals: gives it its own of
 * everything that it would share.  No number changes.  Returns 0, or -errno
 * with the descriptor that it failed at in *ret_fd; the copy must end then.
 */
long wy_fdtab_copy(int *ret_fd);

/*
 * A layer that wants inotify to be copied shows its calls of
 * inotify_add_watch(2) here, before they are made: from any thread.
 */
void wy_fdtab_look(const struct wy_call *call);

#endif
