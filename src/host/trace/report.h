/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what the parts of the report share.
 */
#ifndef WY_HOST_TRACE_REPORT_H
#define WY_HOST_TRACE_REPORT_H

#include "host/trace/export.h"

/* A table shows so many lines, and says how many it leaves out. */
#define WY_REPORT_LINES 40

#define WY_TIME_TEXT    16
/* A duration in ticks: "950ns", "18us", "1.2ms", "3.45s".  Returns text. */
const char *wy_report_time(char text[WY_TIME_TEXT], const struct wy_run *run, uint64_t ticks);

/* The title of a table. */
void wy_report_title(FILE *out, const char *title);

/* "... and 12 more", if there are. */
void wy_report_more(FILE *out, size_t shown, size_t all);

/* ---- report_files.c: each returns 0 or -ENOMEM ---- */
int wy_report_descriptors(const struct wy_run *run, FILE *out);
int wy_report_peers(const struct wy_run *run, FILE *out);
int wy_report_tcp(const struct wy_run *run, FILE *out);
int wy_report_files(const struct wy_run *run, FILE *out);
int wy_report_pipes(const struct wy_run *run, FILE *out);

#endif
