/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason.h - why a program cannot be served by copies, and what a program
 * that does not come to its input is doing: in words.
 */
#ifndef WY_HOST_SERVE_REASON_H
#define WY_HOST_SERVE_REASON_H

#include "proto/serve.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes it as "it has started other processes". */
void wy_reason_print(char *text, size_t size, const struct wy_serve_report *r, pid_t program);

/* Do other processes than the one that stopped have the placeholders? */
bool wy_reason_is_several(int kind);

/* Tells with -v what all copies have in common (WY_SERVE_HAZARD_*). */
void wy_reason_hazards(unsigned int hazards);

/* Writes what the program sits in: "it is in nanosleep (process 814, sleep)". */
void wy_reason_where(char *text, size_t size, pid_t program);

#endif
