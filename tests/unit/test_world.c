/* SPDX-License-Identifier: Apache-2.0 */
/* What events tell of files, descriptors and processes. */
#include "host/trace/table.h"
#include "host/trace/world.h"
#include "trace_events.h"
#include "unit.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/un.h>

static struct events ev;

static void apply(struct wy_world *w, int pid)
{
	struct wy_event_view v = events_last(&ev, pid);

	assert_int_equal(wy_world_apply(w, &v), 0);
	ev.len = 0;
}

static void file(unsigned int id, unsigned int class, unsigned int sub, long fd, long made_by)
{
	event(&ev, (struct wy_event){ .kind = WY_EVENT_FILE,
				      .file = id,
				      .class = (unsigned char)class,
				      .sub = (unsigned char)sub,
				      .ret = made_by,
				      .arg = { 0, 77, fd, 0 } });
}

static void fd_event(struct wy_world *w, int pid, enum wy_fd_event what, long fd, unsigned int id)
{
	event(&ev,
	      (struct wy_event){ .kind = WY_EVENT_FD, .nr = what, .file = id, .arg = { fd, -1 } });
	apply(w, pid);
}

static void start(struct wy_world *w, int pid, int parent, int tid, long flags)
{
	event(&ev, (struct wy_event){ .kind = WY_EVENT_START, .arg = { pid, parent, tid, flags } });
	apply(w, pid);
}

static void image(struct wy_world *w, int pid, const char *path, enum wy_image_how how)
{
	event(&ev, (struct wy_event){ .kind = WY_EVENT_IMAGE, .arg = { pid, 1, pid, how } });
	item(&ev, WY_ITEM_PATH, 0, path, strlen(path) + 1);
	item(&ev, WY_ITEM_STRING, 0, "prog", 5);
	item(&ev, WY_ITEM_STRING, 1, "-x", 3);
	apply(w, pid);
}

static void address4(enum wy_item_what what, const char *host, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, host, &in.sin_addr);
	item(&ev, what, 0, &in, sizeof(in));
}

static void prints(const struct wy_file *f, const char *expected)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(f);
	assert_non_null(out);
	wy_file_print(out, f);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static unsigned int number(const struct wy_file *f)
{
	return f ? f->id : 0;
}

static void test_files(void **state)
{
	struct wy_world *w = wy_world_new();
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/x" };
	static const char abstract[] = "\1\0\0ab\0c";

	file(1, WY_FD_DISK, 0, 3, 257);
	item(&ev, WY_ITEM_PATH, 0, "/etc/passwd", 11);
	apply(w, 5);
	prints(wy_world_file(w, 1), "/etc/passwd");
	assert_int_equal(wy_world_fd(w, 5, 3)->ino, 77);

	file(2, WY_FD_NET, WY_FD_TCP, 7, 43);
	address4(WY_ITEM_LOCAL, "127.0.0.1", 80);
	address4(WY_ITEM_PEER, "127.0.0.1", 36418);
	apply(w, 5);
	prints(wy_world_file(w, 2), "tcp 127.0.0.1:80<-127.0.0.1:36418");

	file(3, WY_FD_NET, WY_FD_TCP, 8, 41);
	apply(w, 5);
	prints(wy_world_file(w, 3), "tcp:[77]");
	file(3, WY_FD_NET, WY_FD_TCP, -1, 41);
	address4(WY_ITEM_LOCAL, "0.0.0.0", 80);
	apply(w, 5);
	prints(wy_world_fd(w, 5, 8), "tcp 0.0.0.0:80");
	file(3, WY_FD_NET, WY_FD_TCP, -1, 41);
	address4(WY_ITEM_PEER, "10.1.2.3", 443);
	apply(w, 5);
	prints(wy_world_fd(w, 5, 8), "tcp 0.0.0.0:80->10.1.2.3:443");
	/* A second telling has the number of another call. */
	file(3, WY_FD_NET, WY_FD_TCP, -1, 42);
	apply(w, 5);
	assert_int_equal(wy_world_file(w, 3)->made_by, 41);

	file(4, WY_FD_UNIX, WY_FD_STREAM, 9, 41);
	item(&ev, WY_ITEM_LOCAL, 0, &un, 2 + 7);
	apply(w, 5);
	prints(wy_world_file(w, 4), "unix /run/x");
	file(5, WY_FD_UNIX, WY_FD_STREAM, 10, 41);
	item(&ev, WY_ITEM_LOCAL, 0, abstract, 7);
	apply(w, 5);
	prints(wy_world_file(w, 5), "unix @ab\\0c");

	file(6, WY_FD_PIPE, 0, 11, 22);
	apply(w, 5);
	prints(wy_world_file(w, 6), "pipe:[77]");
	file(7, WY_FD_EVENT, WY_FD_EVENTFD, 12, 290);
	item(&ev, WY_ITEM_PATH, 0, "anon_inode:[eventfd]", 20);
	apply(w, 5);
	prints(wy_world_file(w, 7), "eventfd");
	file(8, 250, 251, 12, -1); /* of a newer version */
	apply(w, 5);
	prints(wy_world_file(w, 8), "?");
	assert_null(wy_world_file(w, 0));
	assert_null(wy_world_file(w, 99));
	assert_int_equal(wy_world_files_nr(w), 8);
	wy_world_free(w);
}

static void test_descriptors(void **state)
{
	struct wy_world *w = wy_world_new();

	assert_null(wy_world_fd(w, 5, 3));
	file(1, WY_FD_DISK, 0, 3, 2);
	apply(w, 5);
	fd_event(w, 5, WY_FD_COPIED, 300, 1);
	fd_event(w, 5, WY_FD_CLOSED, 3, 1);
	assert_null(wy_world_fd(w, 5, 3));
	assert_int_equal(number(wy_world_fd(w, 5, 300)), 1);
	/* What another file's end says nothing about. */
	fd_event(w, 5, WY_FD_CLOSED, 300, 9);
	assert_int_equal(number(wy_world_fd(w, 5, 300)), 1);

	/* A child tells what it has; what its parent has closed meanwhile is there. */
	fd_event(w, 5, WY_FD_COPIED, 301, 1);
	fd_event(w, 5, WY_FD_CLOSED, 301, 1);
	event(&ev, (struct wy_event){ .kind = WY_EVENT_START, .arg = { 6, 5, 6, 17 } });
	item(&ev, WY_ITEM_FDS, 0, (struct wy_item_fd[]){ { 301, 1 }, { -1, 1 }, { 8, 0 } }, 24);
	apply(w, 6);
	assert_int_equal(number(wy_world_fd(w, 6, 301)), 1);
	assert_null(wy_world_fd(w, 6, 300));
	assert_null(wy_world_fd(w, 6, 8));
	/* One that shares the table. */
	start(w, 7, 5, 7, CLONE_FILES | 17);
	fd_event(w, 7, WY_FD_CLOSED, 300, 1);
	assert_null(wy_world_fd(w, 5, 300));
	fd_event(w, 5, WY_FD_RECEIVED, 4, 1);
	assert_int_equal(number(wy_world_fd(w, 7, 4)), 1);
	/* An image tells all anew. */
	image(w, 7, "/bin/sh", WY_IMAGE_EXEC);
	assert_null(wy_world_fd(w, 7, 4));
	assert_int_equal(number(wy_world_fd(w, 5, 4)), 1);
	fd_event(w, 7, WY_FD_INHERITED, 4, 1);
	assert_int_equal(number(wy_world_fd(w, 7, 4)), 1);
	/* What was asked for does not replace what has come since. */
	file(2, WY_FD_DISK, 0, 4, -1);
	apply(w, 5);
	assert_int_equal(number(wy_world_fd(w, 5, 4)), 1);
	file(2, WY_FD_DISK, 0, 4, 2);
	apply(w, 5);
	assert_int_equal(number(wy_world_fd(w, 5, 4)), 2);
	wy_world_free(w);
}

static void test_processes(void **state)
{
	struct wy_world *w = wy_world_new();
	const struct wy_process *p;

	image(w, 5, "/usr/bin/a-name-longer-than-that", WY_IMAGE_FIRST);
	p = wy_world_process(w, 5);
	assert_string_equal(p->comm, "a-name-longer-t");
	assert_string_equal(p->argv[0], "prog");
	assert_string_equal(p->argv[1], "-x");
	assert_null(p->argv[2]);
	start(w, 5, 5, 55, CLONE_THREAD);
	assert_int_equal(p->threads, 2);
	start(w, 6, 5, 6, 17);
	assert_int_equal(wy_world_process(w, 6)->parent, 5);
	assert_string_equal(wy_world_process(w, 6)->comm, p->comm);
	event(&ev, (struct wy_event){
			   .kind = WY_EVENT_END, .ret = 0x103, .time = 9, .arg = { 6, 0, 6, 1 } });
	apply(w, 6);
	assert_true(wy_world_process(w, 6)->ended);
	assert_int_equal(wy_world_process(w, 6)->status, 3 << 8);
	/* The number is used again. */
	start(w, 6, 5, 6, 17);
	assert_false(wy_world_process(w, 6)->ended);
	assert_int_equal(wy_world_processes_nr(w), 3);
	wy_world_set_status(w, 6, 9);
	assert_int_equal(wy_world_process_at(w, 2)->status, 9);
	wy_world_free(w);
}

static void test_table(void **state)
{
	struct wy_table t = { 0 };
	uint64_t value;

	wy_table_remove(&t, 1);
	assert_false(wy_table_get(&t, 1, &value));
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(wy_table_set(&t, i * 64, i), 0);
	for (uint64_t i = 0; i < 5000; i += 3)
		wy_table_remove(&t, i * 64);
	for (uint64_t i = 0; i < 5000; i++) {
		assert_int_equal(wy_table_get(&t, i * 64, &value), i % 3 != 0);
		if (i % 3)
			assert_int_equal(value, i);
	}
	assert_int_equal(t.nr, 5000 - 1667);
	wy_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
