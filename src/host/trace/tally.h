/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - what processes did with which files, summed up from events.
 *
 * All that prints sums takes them from here: PID.log, reports, the lines of
 * closed descriptors.  Sums are kept for each pair of a process and an open file
 * (a child begins at 0), and for each process, class and call.
 */
#ifndef WY_HOST_TRACE_TALLY_H
#define WY_HOST_TRACE_TALLY_H

#include "host/trace/ready.h"
#include "host/trace/world.h"

/*
 * Calls that failed count as errors, but those that only would have had to wait
 * (EAGAIN) as again.  Times are ticks.
 */
struct wy_io {
	uint64_t calls, errors, again, in, out, ticks;
};

/* Durations: four parts to each doubling, up to 2^40 ticks and more.  EAGAIN is not in it. */
#define WY_HIST_PARTS 4u
#define WY_HIST_NR    (40 * WY_HIST_PARTS)
struct wy_hist {
	uint64_t nr, max;
	unsigned int part[WY_HIST_NR];
};

/* The parts' lower limits, in ticks; part WY_HIST_NR has none. */
uint64_t wy_hist_from(unsigned int part);
/* The duration that this part of all (0 to 1) does not exceed; 0 if there are none. */
uint64_t wy_hist_at(const struct wy_hist *h, double part);

/* An open file, as one process used it. */
struct wy_tally_file {
	unsigned int file;
	unsigned char class, sub;
	int fd; /* its number when it was seen first */
	struct wy_io io;
	struct wy_hist *hist;     /* NULL: no calls */
	uint64_t began, closed;   /* ticks; closed 0: it was not seen to be */
	uint64_t wakeups, waited; /* how often a wait ended by it, and the ticks of those waits */
	uint64_t reads, writes;   /* calls of that kind that moved bytes */
	char *tcp;                /* the newest figures of a TCP connection, in words; or NULL */
};

/* A call by name on files of one class. */
struct wy_tally_call {
	const char *name;       /* "" until there was one */
	unsigned int nr, class; /* class WY_FD_CLASSES: on no file that is known */
	bool uring;
	struct wy_io io;
};

struct wy_tally_process {
	const struct wy_process *process;
	struct wy_tally_file **file; /* in the order of their first use */
	size_t files;
	struct wy_tally_call **call;
	size_t calls;
};

/* Of the whole run, by call. */
struct wy_tally_wait {
	uint64_t calls, ticks;
	uint64_t idle; /* ticks of those that ended without anything to do */
};
#define WY_TALLY_CALLS 512

struct wy_tally;

/* Looks into the world, which must live longer.  NULL: no memory. */
struct wy_tally *wy_tally_new(const struct wy_world *world);
void wy_tally_free(struct wy_tally *t);

/* Adds an event that the world has taken in already.  Returns 0 or -ENOMEM. */
int wy_tally_add(struct wy_tally *t, const struct wy_event_view *v);

/* NULL: the process has not used the file. */
const struct wy_tally_file *wy_tally_file(const struct wy_tally *t, int pid, unsigned int file);

/* In the order of their first event. */
size_t wy_tally_processes(const struct wy_tally *t);
const struct wy_tally_process *wy_tally_process(const struct wy_tally *t, size_t i);

const struct wy_hist *wy_tally_class_hist(const struct wy_tally *t, unsigned int class);
const struct wy_tally_wait *wy_tally_wait(const struct wy_tally *t, unsigned int nr);

/* The descriptors that ended a wait, at most max of them.  Returns how many. */
size_t wy_tally_ready(const struct wy_tally *t, const struct wy_event_view *v, struct wy_ready *ret,
		      size_t max);

/* All calls of a number, on files or not.  Without io_uring. */
const struct wy_io *wy_tally_nr(const struct wy_tally *t, unsigned int nr);

/* Events seen, and those that the agent said are lost. */
uint64_t wy_tally_events(const struct wy_tally *t);
uint64_t wy_tally_lost(const struct wy_tally *t);
/* The moments of the first event and of the last: ticks. */
uint64_t wy_tally_began(const struct wy_tally *t);
uint64_t wy_tally_over(const struct wy_tally *t);

/* a += b */
void wy_io_add(struct wy_io *a, const struct wy_io *b);

#endif
