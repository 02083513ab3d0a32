/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learn.h - copies of a process tell it where they make calls.
 *
 * What a copy learns dies with it, and the next copy would pay for the same
 * trips again.  So the place of each trip goes through the session back to the
 * process that is copied, which has the same code at the same addresses, and
 * rewrites the place before it is copied the next time.
 */
#ifndef WY_AGENT_LEARN_H
#define WY_AGENT_LEARN_H

/* In a copy: from now on the first trip of each site is told. */
void wy_learn_begin(void);
/* In the signal handler: the call at addr has tripped for the first time. */
void wy_learn_tell(unsigned long addr, long nr);
/* In the process that is copied: rewrites what was told since the last time. */
void wy_learn_take(void);

#endif
