/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runfile.h - writing and reading run files (proto/tracefile.h).
 */
#ifndef WY_HOST_TRACE_RUNFILE_H
#define WY_HOST_TRACE_RUNFILE_H

#include "host/trace/clock.h"
#include "host/trace/event.h"
#include "proto/tracefile.h"

struct wy_run_writer;

#define WY_RUN_PLAIN (1ul << 20)

/*
 * Writes a run file's head to fd, which the writer takes over (also when this
 * fails).  The first `plain` bytes are not compressed (WY_RUN_PLAIN, but for tests).
 * Returns 0 or -errno.
 */
int wy_run_create(struct wy_run_writer **ret, int fd, uint64_t plain);

/*
 * Each writes one segment; EVENTS: whole events of one thread, at most
 * WY_SEGMENT_LEN_MAX bytes.  Small segments wait in memory for the next flush.
 *
 * Returns 0 or -errno.  After an error the file ends with its last whole
 * segment, what could not be written is counted, and later segments are tried
 * again: a disk may become free.
 */
int wy_run_meta(struct wy_run_writer *w, struct wy_bytes text);
int wy_run_clock(struct wy_run_writer *w, const struct wy_file_clock *clock);
int wy_run_events(struct wy_run_writer *w, int pid, int tid, unsigned int image,
		  struct wy_bytes events);
int wy_run_pass(struct wy_run_writer *w, uint64_t ticks);
int wy_run_flush(struct wy_run_writer *w);

/* Events that could not be written, and bytes of the file. */
uint64_t wy_run_lost(const struct wy_run_writer *w);
uint64_t wy_run_size(const struct wy_run_writer *w);

/* Flushes and closes.  Returns 0 or -errno of the flush. */
int wy_run_close(struct wy_run_writer *w);

struct wy_run_reader;

struct wy_run_segment {
	enum wy_segment_kind kind; /* CLOCK segments are not given out */
	int pid, tid;
	unsigned int image;
	struct wy_bytes bytes; /* good until the next segment is asked for */
};

/*
 * Opens a run: a file, or a folder with run.trc in it.  Says what is wrong.
 * Returns 0 or -errno; -EINVAL: it is no run file, or one of another version.
 */
int wy_run_open(struct wy_run_reader **ret, const char *path);
void wy_run_reader_free(struct wy_run_reader *r);

/* From all of the file, also from what was not read yet. */
const struct wy_clock *wy_run_reader_clock(const struct wy_run_reader *r);
struct wy_bytes wy_run_first_meta(const struct wy_run_reader *r);
struct wy_bytes wy_run_last_meta(const struct wy_run_reader *r); /* empty: it was cut off */

/*
 * The next segment.  Returns 1; 0 at the end, where wy_run_truncated() tells
 * whether it is the true one; or -errno, said to the user; -EBADMSG: damaged.
 */
int wy_run_next(struct wy_run_reader *r, struct wy_run_segment *ret);

/* Of damage nothing is said. */
void wy_run_be_quiet(struct wy_run_reader *r, bool quiet);

bool wy_run_truncated(const struct wy_run_reader *r);

#endif
