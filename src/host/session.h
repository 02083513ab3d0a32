/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - makes and keeps the memory that waylay shares with the programs
 * under it (proto/session.h), and says in it that the host lives.
 */
#ifndef WY_HOST_SESSION_H
#define WY_HOST_SESSION_H

#include "proto/session.h"
#include "proto/trace.h"

#include <stdbool.h>
#include <stddef.h>

struct wy_host_session {
	struct wy_session *mem;
	int fd; /* the memfd, close-on-exec */
	size_t size;
};

/* The memory for a trace (proto/trace.h), behind the session; NULL without WY_LAYER_TRACE. */
struct wy_trace *wy_host_session_trace(const struct wy_host_session *h);

/*
 * Makes a session with these WY_* flags (WY_HOST_PRIVILEGED is added when it is
 * so) and holds host_life in the calling thread, which must be the one that
 * supervises.  The life is tied to the thread by its robust futex list, which
 * this call takes: the C library's robust mutexes cannot be used by it.
 * Returns 0 or -errno.
 */
int wy_host_session_new(struct wy_host_session *ret, unsigned int flags);

/* The calling thread, in a fresh process, takes host_life over from one that gave it up. */
void wy_host_session_take_life(struct wy_host_session *h);

/*
 * From now on the death of the calling thread says nothing about the host.  Somebody must take it
 * over soon: see WY_LIFE_AWAY.
 */
void wy_host_session_leave_life(struct wy_host_session *h);

/*
 * Is any process left that has the session mapped, other than this one?  If
 * not, it is sealed: nobody can come to it any more, and what it holds can
 * still be read.  A ring of the doorbell may be lost meanwhile: look at
 * everything again before waiting.
 */
bool wy_host_session_in_use(struct wy_host_session *h);

/* Adds a line of the host's own to the notes; text is cut to fit. */
void wy_host_note(struct wy_session *s, int kind, int pid, int arg, int arg2, const char *text);

/*
 * Copies a note that is ready.  Programs can write to the original at any time:
 * in the copy the text ends, and arg2 is 0 or a positive errno.
 */
struct wy_note wy_host_note_copy(const struct wy_note *note);

/* Prints what was not printed yet. */
void wy_host_notes_print(struct wy_session *s);

/* Says, to who wants to know more, what the agents could not do and let through. */
void wy_host_faults_print(const struct wy_session *s);

/* A short word for an enum wy_fault, for machines: "no-stub". */
const char *wy_host_fault_word(enum wy_fault fault);

/* Returns, for enum wy_unfollowed, why: "it is a set-user-ID program". */
const char *wy_host_unfollowed_why(int kind);

/* A short word for the same, for machines: "set-id". */
const char *wy_host_unfollowed_word(int kind);

#endif
