/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.h - what was counted in a session: for people and for machines.
 */
#ifndef WY_HOST_STATS_H
#define WY_HOST_STATS_H

#include "proto/session.h"

#include <stdio.h>

struct wy_stats {
	struct wy_counts counts;
	unsigned long calls, errors;
	unsigned long by_jump, by_signal;
};

/* Sums up all threads, those that ended and those that live. */
void wy_stats_sum(struct wy_stats *ret, const struct wy_session *s);

/* Writes a table, one line for each call, the most frequent first. */
void wy_stats_print(const struct wy_stats *stats, const struct wy_session *s, FILE *out);

/* Writes one JSON object, version 1.  Returns 0 or -errno. */
int wy_stats_json(const struct wy_stats *stats, const struct wy_session *s, FILE *out);

#endif
