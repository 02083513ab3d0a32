/* SPDX-License-Identifier: Apache-2.0 */
/*
 * callnames.h - the names of system calls.
 */
#ifndef WY_HOST_CALLNAMES_H
#define WY_HOST_CALLNAMES_H

/* Returns "read" for 0, and so on; NULL for a number that has no name here. */
const char *wy_callname(unsigned int nr);

#endif
