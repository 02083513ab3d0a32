/* SPDX-License-Identifier: Apache-2.0 */
/*
 * play.c - a run from its file, event by event, in the order in which it happened.
 */
#include "base/log.h"
#include "host/trace/export.h"
#include "host/trace/merge.h"
#include "host/trace/meta.h"
#include "host/trace/runfile.h"

#include <errno.h>
#include <string.h>

uint64_t wy_run_lost_events(const struct wy_run *run)
{
	return run->last_meta.len ? wy_meta_number(run->last_meta, "lost") :
				    wy_tally_lost(run->tally);
}

struct playing {
	const struct wy_play *play;
	struct wy_run run;
};

static int on_event(void *arg, const struct wy_event_view *v)
{
	struct playing *p = arg;
	int err = wy_world_apply(p->run.world, v);

	if (!err)
		err = wy_tally_add(p->run.tally, v);
	if (!err && p->play->event)
		err = p->play->event(p->play->arg, &p->run, v);
	return err;
}

static int take_segment(struct wy_merge *m, const struct wy_run_segment *s)
{
	uint64_t ticks;

	if (s->kind == WY_SEGMENT_EVENTS)
		return wy_merge_feed(m, s->pid, s->tid, s->image, s->bytes);
	if (s->kind != WY_SEGMENT_PASS || s->bytes.len < sizeof(ticks))
		return 0;
	memcpy(&ticks, s->bytes.at, sizeof(ticks));
	return wy_merge_pass(m, ticks);
}

/* Damage ends the reading, but not before what has come is given out. */
static int play_segments(struct playing *p, struct wy_run_reader *r, struct wy_merge *m)
{
	struct wy_run_segment s;
	int got, err = 0;

	while ((got = wy_run_next(r, &s)) > 0 && !err)
		err = take_segment(m, &s);
	if (!err)
		err = wy_merge_end(m);
	p->run.truncated = wy_run_truncated(r);
	if (!err && p->play->end)
		err = p->play->end(p->play->arg, &p->run);
	if (wy_merge_broken(m) && !p->play->quiet)
		log_warn("%lu pieces of the run hold something else than events",
			 (unsigned long)wy_merge_broken(m));
	return err ? err : got;
}

int wy_play(const char *path, const struct wy_play *play)
{
	struct playing p = { .play = play };
	struct wy_run_reader *r;
	struct wy_merge *m = NULL;
	int err = wy_run_open(&r, path);

	if (err)
		return err;
	wy_run_be_quiet(r, play->quiet);
	p.run.clock = wy_run_reader_clock(r);
	p.run.first_meta = wy_run_first_meta(r);
	p.run.last_meta = wy_run_last_meta(r);
	p.run.world = wy_world_new();
	p.run.tally = p.run.world ? wy_tally_new(p.run.world) : NULL;
	m = wy_merge_new(on_event, &p);
	if (!p.run.tally || !m)
		err = -ENOMEM;
	if (!err && play->begin)
		err = play->begin(play->arg, &p.run);
	if (!err)
		err = play_segments(&p, r, m);
	if (err == -ENOMEM)
		log_errno(err, "cannot read %s", path);
	else if (p.run.truncated && !play->quiet)
		log_warn("%s is cut off: this is what it holds up to its end", path);
	wy_merge_free(m);
	wy_tally_free(p.run.tally);
	wy_world_free(p.run.world);
	wy_run_reader_free(r);
	return err;
}
