/* SPDX-License-Identifier: Apache-2.0 */
/* Events of many threads come out in the order of their end. */
#include "host/trace/merge.h"
#include "trace_events.h"

#include <errno.h>
#include <stdlib.h>

struct seen {
	struct {
		unsigned long over;
		int tid;
		unsigned int nr, image;
	} event[4096];
	unsigned int nr, stop_at;
	char path[64];
};

static int see(void *arg, const struct wy_event_view *v)
{
	struct seen *s = arg;
	struct wy_item_view item;

	assert_true(s->nr < 4096);
	s->event[s->nr].over = v->e.time + wy_event_took(v);
	s->event[s->nr].tid = v->tid;
	s->event[s->nr].image = v->image;
	s->event[s->nr++].nr = v->e.nr;
	if (wy_item_find(v, WY_ITEM_PATH, 0, &item))
		memcpy(s->path, item.bytes.at, item.bytes.len);
	return s->nr == s->stop_at ? -ECANCELED : 0;
}

static struct events ev;

static void call(unsigned long time, unsigned int took, unsigned int nr)
{
	event(&ev, (struct wy_event){ .kind = WY_EVENT_CALL,
				      .time = time,
				      .took = took,
				      .nr = (unsigned short)nr });
}

static void feed(struct wy_merge *m, int tid, unsigned int image)
{
	assert_int_equal(wy_merge_feed(m, 1, tid, image, events_bytes(&ev)), 0);
	ev.len = 0;
}

static void test_order(void **state)
{
	struct seen s = { 0 };
	struct wy_merge *m = wy_merge_new(see, &s);

	assert_int_equal(wy_merge_pass(m, 5), 0);
	call(10, 1, 1);
	call(20, 1, 3);
	feed(m, 1, 1);
	call(1, 14, 2); /* began first, was over second */
	feed(m, 2, 1);
	assert_int_equal(wy_merge_pass(m, 25), 0);
	assert_int_equal(s.nr, 0); /* nothing was over before 5 */
	assert_int_equal(wy_merge_pass(m, 30), 0);
	assert_int_equal(s.nr, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(s.event[i].nr, i + 1);
	assert_int_equal(s.event[1].tid, 2);
	/* Late, but not later than one round. */
	call(26, 1, 5);
	feed(m, 1, 1);
	call(24, 1, 4);
	item(&ev, WY_ITEM_PATH, 0, "kept", 5);
	feed(m, 2, 1);
	assert_int_equal(wy_merge_pass(m, 40), 0);
	assert_int_equal(s.nr, 5);
	assert_int_equal(s.event[3].nr, 4);
	assert_string_equal(s.path, "kept");
	/* The ring of the program before the exec is read after that of the new one. */
	call(60, 1, 7);
	feed(m, 1, 2);
	call(50, 1, 6);
	feed(m, 1, 1);
	assert_int_equal(wy_merge_end(m), 0);
	assert_int_equal(s.nr, 7);
	assert_int_equal(s.event[5].nr, 6);
	assert_int_equal(s.event[6].image, 2);
	assert_int_equal(wy_merge_broken(m), 0);
	wy_merge_free(m);
}

static void test_many(void **state)
{
	struct seen s = { 0 };
	struct wy_merge *m = wy_merge_new(see, &s);
	unsigned long time[40] = { 0 }, left = 4000;

	srandom(1);
	while (left) {
		unsigned int t = (unsigned int)random() % 40, n = (unsigned int)random() % 9 + 1;

		for (; n && left; n--, left--) {
			time[t] += (unsigned long)random() % 50 + 1;
			call(time[t] - 1, 1, 0);
		}
		feed(m, (int)t + 1, 1);
	}
	assert_int_equal(wy_merge_end(m), 0);
	assert_int_equal(s.nr, 4000);
	for (unsigned int i = 1; i < s.nr; i++)
		assert_true(s.event[i - 1].over <= s.event[i].over);
	wy_merge_free(m);
}

static void test_bad(void **state)
{
	struct seen s = { .stop_at = 2 };
	struct wy_merge *m = wy_merge_new(see, &s);

	call(1, 1, 1);
	call(2, 1, 2);
	ev.len -= 8; /* cut */
	feed(m, 1, 1);
	call(3, 1, 3);
	feed(m, 1, 1);
	call(4, 1, 4);
	feed(m, 1, 1);
	/* What out says ends it; what is left comes the next time. */
	assert_int_equal(wy_merge_end(m), -ECANCELED);
	assert_int_equal(wy_merge_broken(m), 1);
	assert_int_equal(s.event[1].nr, 3);
	assert_int_equal(wy_merge_end(m), 0);
	assert_int_equal(s.nr, 3);
	call(5, 1, 5);
	feed(m, 1, 1);
	wy_merge_free(m); /* with events left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
