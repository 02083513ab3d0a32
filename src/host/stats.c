/* SPDX-License-Identifier: Apache-2.0 */
#include "host/stats.h"

#include "base/json.h"
#include "host/callnames.h"
#include "host/session.h"

#include <stdlib.h>
#include <string.h>

static unsigned long load(const unsigned long *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

/* Each forked process moves the sites that it has of its parent by itself: too many may go. */
static unsigned long load_sites(const unsigned long *at)
{
	long n = (long)load(at);

	return n > 0 ? (unsigned long)n : 0;
}

static void add(struct wy_stats *st, const struct wy_counts *c)
{
	for (int i = 0; i < WY_CALLS_MAX; i++) {
		st->counts.calls[i] += load(&c->calls[i]);
		st->counts.errors[i] += load(&c->errors[i]);
	}
}

void wy_stats_sum(struct wy_stats *ret, const struct wy_session *s)
{
	unsigned int top = __atomic_load_n(&s->slots_top, __ATOMIC_SEQ_CST);

	memset(ret, 0, sizeof(*ret));
	add(ret, &s->total);
	ret->by_signal = load(&s->by_signal);
	/* Pages of slots that were never used do not exist: looking would make them. */
	for (unsigned int i = 0; i < top && i < WY_THREAD_SLOTS; i++) {
		if (__atomic_load_n(&s->thread[i].state, __ATOMIC_SEQ_CST) == 0)
			continue;
		add(ret, &s->thread[i].counts);
		ret->by_signal += load(&s->thread[i].by_signal);
	}
	for (int i = 0; i < WY_CALLS_MAX; i++) {
		ret->calls += ret->counts.calls[i];
		ret->errors += ret->counts.errors[i];
	}
	ret->by_jump = ret->calls > ret->by_signal ? ret->calls - ret->by_signal : 0;
}

static const char *name_of(unsigned int nr, char buf[32])
{
	const char *name = wy_callname(nr);

	if (name)
		return name;
	if (nr == WY_CALLS_MAX - 1)
		return "others";
	snprintf(buf, 32, "syscall_%u", nr);
	return buf;
}

struct row {
	unsigned int nr;
	unsigned long calls;
};

static int by_calls(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	return x->nr < y->nr ? -1 : 1;
}

void wy_stats_print(const struct wy_stats *st, const struct wy_session *s, FILE *out)
{
	struct row rows[WY_CALLS_MAX];
	unsigned int nr = 0;
	char buf[32], errors[24];

	for (unsigned int i = 0; i < WY_CALLS_MAX; i++) {
		if (st->counts.calls[i])
			rows[nr++] = (struct row){ i, st->counts.calls[i] };
	}
	qsort(rows, nr, sizeof(rows[0]), by_calls);
	fprintf(out, "%10s %9s %s\n---------- --------- ----------------\n", "calls", "errors",
		"syscall");
	for (unsigned int i = 0; i < nr; i++) {
		snprintf(errors, sizeof(errors), "%lu", st->counts.errors[rows[i].nr]);
		fprintf(out, "%10lu %9s %s\n", rows[i].calls, strcmp(errors, "0") ? errors : "",
			name_of(rows[i].nr, buf));
	}
	fprintf(out, "---------- --------- ----------------\n%10lu %9lu total\n", st->calls,
		st->errors);
	fprintf(out, "caught: %lu by jump, %lu by signal\n", st->by_jump, st->by_signal);
	fprintf(out, "sites: %lu padding, %lu before, %lu pun, %lu signal\n",
		load_sites(&s->sites_padding), load_sites(&s->sites_before),
		load_sites(&s->sites_pun), load_sites(&s->sites_signal));
	fprintf(out, "processes: %lu, threads: %lu, execs: %lu\n", load(&s->processes),
		load(&s->threads), load(&s->execs));
	fflush(out);
}

static void put(struct json *j, const char *name, unsigned long value)
{
	json_key(j, name);
	json_unsigned(j, value);
}

static void put_unfollowed(struct json *j, const struct wy_session *s)
{
	json_key(j, "unfollowed");
	json_array_open(j);
	for (int i = 0; i < WY_NOTE_SLOTS; i++) {
		struct wy_note n;

		if (__atomic_load_n(&s->note[i].state, __ATOMIC_ACQUIRE) < 2)
			continue;
		n = wy_host_note_copy(&s->note[i]);
		if (n.kind != WY_NOTE_UNFOLLOWED)
			continue;
		json_object_open(j);
		json_key(j, "path");
		json_string(j, n.text);
		json_key(j, "pid");
		json_number(j, n.pid);
		json_key(j, "reason");
		json_string(j, wy_host_unfollowed_word(n.arg));
		json_key(j, "errno");
		json_number(j, n.arg2);
		json_object_close(j);
	}
	json_array_close(j);
}

static void put_faults(struct json *j, const struct wy_session *s)
{
	json_key(j, "faults");
	json_object_open(j);
	for (int i = 0; i < WY_FAULTS; i++) {
		if (load(&s->faults[i]))
			put(j, wy_host_fault_word(i), load(&s->faults[i]));
	}
	json_object_close(j);
}

int wy_stats_json(const struct wy_stats *st, const struct wy_session *s, FILE *out)
{
	struct json j;
	char buf[32];

	json_init(&j, out);
	json_object_open(&j);
	put(&j, "version", 1);
	json_key(&j, "calls");
	json_object_open(&j);
	for (unsigned int i = 0; i < WY_CALLS_MAX; i++) {
		if (!st->counts.calls[i])
			continue;
		json_key(&j, name_of(i, buf));
		json_object_open(&j);
		put(&j, "count", st->counts.calls[i]);
		put(&j, "errors", st->counts.errors[i]);
		json_object_close(&j);
	}
	json_object_close(&j);
	json_key(&j, "caught");
	json_object_open(&j);
	put(&j, "jump", st->by_jump);
	put(&j, "signal", st->by_signal);
	json_object_close(&j);
	json_key(&j, "sites");
	json_object_open(&j);
	put(&j, "padding", load_sites(&s->sites_padding));
	put(&j, "before", load_sites(&s->sites_before));
	put(&j, "pun", load_sites(&s->sites_pun));
	put(&j, "signal", load_sites(&s->sites_signal));
	json_object_close(&j);
	put(&j, "processes", load(&s->processes));
	put(&j, "threads", load(&s->threads));
	put(&j, "execs", load(&s->execs));
	put_unfollowed(&j, s);
	put_faults(&j, s);
	json_object_close(&j);
	return json_finish(&j);
}
