/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - things that are let go of when their scope ends.
 *
 *	cleanup_fd int fd = open(...);		closed at the end of the scope if >= 0
 *	cleanup_free char *text = strdup(...);	freed at the end of the scope
 *	return steal_fd(&fd);			handed on: this scope no longer closes it
 *
 * errno is the same after a cleanup as before it.
 */
#ifndef WY_BASE_CLEANUP_H
#define WY_BASE_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd_(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_free_(void *pointer)
{
	int saved = errno;

	free(*(void **)pointer);
	errno = saved;
}

static inline void cleanup_file_(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

#define cleanup_fd   __attribute__((cleanup(cleanup_fd_)))
#define cleanup_free __attribute__((cleanup(cleanup_free_)))
#define cleanup_file __attribute__((cleanup(cleanup_file_)))

/* Returns the fd and leaves -1 in its place. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Closes *fd if it is open, and leaves -1 in its place. */
static inline void close_fd(int *fd)
{
	cleanup_fd_(fd);
	*fd = -1;
}

/* Returns the pointer and leaves NULL in its place: steal_pointer(&p). */
#define steal_pointer(pp)                   \
	({                                  \
		__typeof__(pp) pp_ = (pp);  \
		__typeof__(*pp_) p_ = *pp_; \
		*pp_ = NULL;                \
		p_;                         \
	})

#endif
