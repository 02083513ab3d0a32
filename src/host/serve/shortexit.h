/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shortexit.h - leaves out what a language's runtime does at its end for nobody.
 */
#ifndef WY_HOST_SERVE_SHORTEXIT_H
#define WY_HOST_SERVE_SHORTEXIT_H

#include <sys/types.h>

/*
 * The process is stopped and has such a runtime: changes its memory so that it
 * (and its copies) will end by the short way.  Returns 1 when that is done, 0
 * when there is no runtime that is known, or -errno.
 */
int wy_short_exit(pid_t pid);

#endif
