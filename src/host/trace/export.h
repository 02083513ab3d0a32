/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.h - a run in other formats.
 *
 * An exporter is made with the run's world, tally and clock, is given each event
 * after these have taken it in, and writes to a stream.  Each returns 0 or -errno;
 * whether the stream took everything is seen by whoever closes it.
 */
#ifndef WY_HOST_TRACE_EXPORT_H
#define WY_HOST_TRACE_EXPORT_H

#include "host/trace/clock.h"
#include "host/trace/tally.h"
#include "host/trace/world.h"

/* What all exporters look into. */
struct wy_run {
	struct wy_world *world;
	struct wy_tally *tally;
	const struct wy_clock *clock;
	struct wy_bytes first_meta, last_meta;
	bool truncated; /* known at the end only */
};

/*
 * Events that are not in the run.  Its end says how many; if it was cut off, those that the
 * programs have told of.
 */
uint64_t wy_run_lost_events(const struct wy_run *run);

/* ---- export_csv.c: one line for each call that moved bytes, and sums ---- */

enum wy_csv_style {
	WY_CSV_NTRACE, /* 8 columns, network only */
	WY_CSV_WIDE,   /* every call on a descriptor, 19 columns */
};

struct wy_csv;
struct wy_csv *wy_csv_new(const struct wy_run *run, enum wy_csv_style style);
void wy_csv_free(struct wy_csv *c);
void wy_csv_head(struct wy_csv *c, FILE *out);
/* Is there a line for this event? */
bool wy_csv_wants(const struct wy_csv *c, const struct wy_event_view *v);
int wy_csv_event(struct wy_csv *c, FILE *out, const struct wy_event_view *v);
/* The sums of one process (by its place in the tally), or of all: -1. */
void wy_csv_tail(struct wy_csv *c, FILE *out, long process);

/* ---- export_json.c: JSON Lines, as docs/trace.schema.json says ---- */

int wy_json_head(const struct wy_run *run, FILE *out);
int wy_json_event(const struct wy_run *run, FILE *out, const struct wy_event_view *v);
int wy_json_tail(const struct wy_run *run, FILE *out);

/* ---- export_pcapng.c: what went through sockets and pipes, as packets ---- */

/*
 * A run is gone through twice: survey is called with each event of the first time and
 * surveyed at its end, so that of two ends that are both in the run one is left out.
 */
struct wy_pcapng;
struct wy_pcapng *wy_pcapng_new(void);
void wy_pcapng_free(struct wy_pcapng *p);
int wy_pcapng_survey(struct wy_pcapng *p, const struct wy_event_view *v);
int wy_pcapng_surveyed(struct wy_pcapng *p, const struct wy_run *run);
int wy_pcapng_head(struct wy_pcapng *p, const struct wy_run *run, FILE *out);
int wy_pcapng_event(struct wy_pcapng *p, const struct wy_run *run, FILE *out,
		    const struct wy_event_view *v);
int wy_pcapng_tail(struct wy_pcapng *p, const struct wy_run *run, FILE *out);

/* ---- report.c: what there is to know, in tables for people ---- */

int wy_report(const struct wy_run *run, FILE *out);

/* ---- rundir.c ---- */

/*
 * Makes the files of a run folder from its run.trc: PID.log for each process that
 * used a descriptor, and summary.txt.  Says what is wrong.  Returns 0 or -errno.
 */
int wy_rundir_finish(const char *dir, enum wy_csv_style style);

/* ---- play.c ---- */

/*
 * Reads the run at path; world, tally and clock of run are made, and freed at the end.
 * begin is called before the first event and end after the last; each may be NULL.
 * What is not 0 ends it.  Says what is wrong.  Returns 0 or -errno; -EBADMSG: what stands
 * before the damage was given out, and end was called.
 */
struct wy_play {
	int (*begin)(void *arg, const struct wy_run *run);
	int (*event)(void *arg, const struct wy_run *run, const struct wy_event_view *v);
	int (*end)(void *arg, const struct wy_run *run);
	void *arg;
	bool quiet; /* of damage and a missing end nothing is said */
};
int wy_play(const char *path, const struct wy_play *play);

#endif
