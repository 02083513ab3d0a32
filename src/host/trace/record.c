/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/record.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/trace/drain.h"
#include "host/trace/merge.h"
#include "host/trace/meta.h"
#include "host/trace/runfile.h"
#include "proto/tracefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX (WY_SEGMENT_LEN_MAX - 4096u) /* bytes of them in the run file */
#define CALIBRATE_NS  2000000l /* between the two looks at both clocks, for a filter by duration */

struct wy_recording {
	const struct wy_record_options *o;
	struct wy_supervisor *supervisor;
	struct wy_trace *mem;
	struct wy_drain *drain;
	struct wy_run_writer *run;
	struct wy_merge *merge;
	struct wy_line *line;
	struct wy_clock clock;
	int write_error; /* said already */
};

static struct wy_file_clock moment(const struct wy_trace *t)
{
	struct wy_file_clock m;
	struct timespec real, monotonic;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	m.ticks = wy_trace_ticks(t);
	m.real = (unsigned long)real.tv_sec * 1000000000ul + (unsigned long)real.tv_nsec;
	m.monotonic =
		(unsigned long)monotonic.tv_sec * 1000000000ul + (unsigned long)monotonic.tv_nsec;
	return m;
}

/* ---- from the drain's thread ---- */

static void wrote(struct wy_recording *r, int err)
{
	if (err < 0 && !r->write_error) {
		r->write_error = err;
		log_errno(err, "cannot write '%s': events are lost", r->o->run);
	}
}

static void take_events(void *arg, int pid, int tid, unsigned int image, struct wy_bytes bytes)
{
	struct wy_recording *r = arg;

	if (r->run)
		wrote(r, wy_run_events(r->run, pid, tid, image, bytes));
	if (r->merge)
		wy_merge_feed(r->merge, pid, tid, image, bytes);
}

static void take_moment(struct wy_recording *r)
{
	struct wy_file_clock m = moment(r->mem);

	wy_clock_add(&r->clock, &m);
	if (r->line)
		wy_line_clock(r->line, &m);
}

static void take_pass(void *arg, uint64_t ticks)
{
	struct wy_recording *r = arg;

	if (r->line)
		take_moment(r);
	if (r->run)
		wrote(r, wy_run_pass(r->run, ticks));
	if (r->merge) {
		wy_merge_pass(r->merge, ticks);
		if (r->o->style.every_ns)
			wy_line_rates(r->line, ticks);
		wy_line_flush(r->line);
	}
}

static int print_event(void *arg, const struct wy_event_view *v)
{
	struct wy_recording *r = arg;

	return wy_line_event(r->line, v);
}

static void print_pending(void *arg, const struct wy_event_view *v)
{
	struct wy_recording *r = arg;

	wy_line_pending(r->line, v, wy_trace_ticks(r->mem) - v->e.time);
	wy_line_flush(r->line);
}

/* ---- from the supervisor ---- */

static void still(void *arg, bool on)
{
	struct wy_recording *r = arg;

	if (on)
		wy_drain_pause(r->drain);
	else
		wy_drain_go(r->drain);
}

static int anybody(void *arg)
{
	struct wy_recording *r = arg;

	return wy_drain_anybody(r->drain);
}

static void has_ended(void *arg, int pid, int status)
{
	struct wy_recording *r = arg;

	wy_drain_ended(r->drain, pid, status);
}

static void was_stopped(void *arg, int pid, int signal)
{
	struct wy_recording *r = arg;

	wy_drain_stopped(r->drain, pid, signal);
}

/* ---- start and end ---- */

static int write_head(struct wy_recording *r)
{
	struct wy_meta meta = { 0 };
	struct wy_file_clock m = moment(r->mem);
	char text[256];
	int err;

	wy_meta_add(&meta, "version", WY_VERSION);
	/* As many as there is room for beside the rest. */
	for (char *const *arg = r->o->argv; arg && *arg; arg++) {
		if (meta.len + strlen(*arg) > ARGUMENTS_MAX)
			break;
		wy_meta_add(&meta, "argv", *arg);
	}
	if (getcwd(text, sizeof(text)))
		wy_meta_add(&meta, "cwd", text);
	if (gethostname(text, sizeof(text)) == 0) {
		text[sizeof(text) - 1] = '\0';
		wy_meta_add(&meta, "host", text);
	}
	err = meta.failed ? -ENOMEM :
			    wy_run_meta(r->run,
					(struct wy_bytes){ (unsigned char *)meta.text, meta.len });
	wy_meta_free(&meta);
	return err ? err : wy_run_clock(r->run, &m);
}

static int write_tail(struct wy_recording *r)
{
	struct wy_meta meta = { 0 };
	struct wy_file_clock m = moment(r->mem);
	int err;

	wy_meta_addf(&meta, "lost", "%lu", wy_drain_lost(r->drain) + wy_run_lost(r->run));
	wy_meta_addf(&meta, "unclassified", "%lu", r->mem->unclassified);
	wy_meta_addf(&meta, "untracked", "%lu", r->mem->rings_untracked);
	wy_meta_addf(&meta, "status", "%d %d", r->supervisor->program.pid, r->supervisor->status);
	wy_meta_add(&meta, "end", "ended");
	err = wy_run_clock(r->run, &m);
	if (!err && !meta.failed)
		err = wy_run_meta(r->run,
				  (struct wy_bytes){ (unsigned char *)meta.text, meta.len });
	wy_meta_free(&meta);
	return err;
}

static int open_run(struct wy_recording *r)
{
	int fd = open(r->o->run, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int err = fd < 0 ? -errno : wy_run_create(&r->run, fd, WY_RUN_PLAIN);

	if (!err)
		err = write_head(r);
	return err ? log_errno(err, "cannot write '%s'", r->o->run) : 0;
}

/* How many ticks a nanosecond has, as far as a short look tells. */
static double ticks_per_ns(const struct wy_trace *t)
{
	struct timespec pause = { 0, CALIBRATE_NS };
	struct wy_file_clock a, b;

	if (!(t->settings.flags & WY_TRACE_TSC))
		return 1;
	a = moment(t);
	nanosleep(&pause, NULL);
	b = moment(t);
	return (double)(b.ticks - a.ticks) / (double)(b.monotonic - a.monotonic);
}

static void prepare(struct wy_recording *r)
{
	const struct wy_record_options *o = r->o;
	struct wy_trace *t = r->mem;
	double rate = 1;
	struct stat ns;

	t->settings = o->settings;
	if (wy_tsc_is_clock())
		t->settings.flags |= WY_TRACE_TSC;
	if (r->run || r->merge)
		t->settings.flags |= WY_TRACE_EVENTS;
	if (r->line)
		t->settings.flags |= WY_TRACE_LIVE | WY_TRACE_ITEMS;
	/* The look at the clocks takes longer than a small program. */
	if (o->tcp_every || (o->filter && wy_filter_by_duration(o->filter)))
		rate = ticks_per_ns(t);
	t->settings.tcp_every = (unsigned long)((double)o->tcp_every * rate);
	if (o->filter)
		wy_filter_settings(o->filter, &t->settings, rate);
	else
		memset(t->settings.calls, 0xff, sizeof(t->settings.calls));
	if (stat("/proc/self/ns/pid", &ns) == 0)
		t->pid_namespace = ns.st_ino;
	t->version = WY_TRACE_VERSION;
	t->magic = WY_TRACE_MAGIC;
}

void wy_record_to_file(struct wy_record_options *o, const char *file, char *const *argv)
{
	*o = (struct wy_record_options){ .run = file, .argv = argv };
	o->settings.string_max = WY_RECORD_STRING;
	o->settings.flags = WY_TRACE_ITEMS;
}

int wy_recording_start(struct wy_recording **ret, const struct wy_record_options *o,
		       struct wy_supervisor *v)
{
	struct wy_recording *r = calloc(1, sizeof(*r));
	struct wy_sink sink = { r, take_events, take_pass, NULL };
	int err;

	if (!r)
		return log_errno(ENOMEM, "cannot record");
	r->o = o;
	r->supervisor = v;
	r->mem = wy_host_session_trace(&v->session);
	if (o->text || o->style.split) {
		r->line = wy_line_new(&o->style, o->filter, o->text);
		r->merge = wy_merge_new(print_event, r);
		sink.hangs = print_pending;
	}
	prepare(r);
	take_moment(r);
	err = o->run ? open_run(r) : 0;
	if (r->run)
		r->mem->settings.flags |= WY_TRACE_EVENTS;
	if (!err && (o->text || o->style.split) && (!r->line || !r->merge))
		err = log_errno(ENOMEM, "cannot record");
	if (!err)
		r->drain = wy_drain_start(&v->session, &sink);
	if (!err && !r->drain)
		err = log_errno(ENOMEM, "cannot record");
	if (err) {
		wy_recording_free(r);
		return err;
	}
	v->arg = r;
	v->still = still;
	v->anybody = anybody;
	v->has_ended = has_ended;
	v->was_stopped = was_stopped;
	*ret = r;
	return 0;
}

int wy_recording_stop(struct wy_recording *r)
{
	uint64_t lost;
	int err = 0;

	wy_drain_stop(r->drain);
	take_moment(r);
	if (r->merge) {
		wy_merge_end(r->merge);
		wy_line_flush(r->line);
	}
	lost = wy_drain_lost(r->drain);
	if (r->run) {
		lost += wy_run_lost(r->run);
		wrote(r, write_tail(r));
		err = wy_run_close(r->run);
		r->run = NULL;
		wrote(r, err);
	}
	if (lost)
		log_warn("trace: %lu events were lost", lost);
	return r->write_error;
}

const struct wy_totals *wy_recording_totals(const struct wy_recording *r)
{
	return wy_drain_totals(r->drain);
}

uint64_t wy_recording_span(const struct wy_recording *r, uint64_t ticks)
{
	return wy_clock_span(&r->clock, ticks);
}

void wy_recording_free(struct wy_recording *r)
{
	if (!r)
		return;
	if (r->run)
		wy_run_close(r->run);
	wy_merge_free(r->merge);
	wy_line_free(r->line);
	if (r->drain)
		wy_drain_free(r->drain);
	free(r);
}
