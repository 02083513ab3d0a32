/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run in other formats.  The run is that of the example that ntrace was shown with: a server
 * (14228) whose child (14230) reads from a connection and writes to a pipe.
 */
#include "base/fdio.h"
#include "base/log.h"
#include "host/trace/export.h"
#include "host/trace/runfile.h"
#include "trace_events.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SERVER 14228
#define CHILD  14230

static char dir[] = "/tmp/test_export.XXXXXX";
static struct events server, child;

enum { LISTENER = 1, CONNECTION, READ_END, WRITE_END };

static void file(struct events *ev, unsigned int id, unsigned int class, unsigned int sub, long fd,
		 long made_by)
{
	event(ev, (struct wy_event){ .kind = WY_EVENT_FILE,
				     .file = id,
				     .class = (unsigned char)class,
				     .sub = (unsigned char)sub,
				     .ret = made_by,
				     .arg = { 0, class == WY_FD_PIPE ? 55 : (long)id, fd } });
}

static void address(struct events *ev, enum wy_item_what what, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	item(ev, what, 0, &in, sizeof(in));
}

static void call(struct events *ev, unsigned long over_us, unsigned int nr, unsigned int id,
		 unsigned int class, long fd, long ret, unsigned long size)
{
	event(ev, (struct wy_event){ .kind = WY_EVENT_CALL,
				     .time = over_us * 1000 - 500,
				     .took = 500,
				     .nr = (unsigned short)nr,
				     .file = id,
				     .class = (unsigned char)class,
				     .sub = class == WY_FD_NET ? WY_FD_TCP : 0,
				     .ret = ret,
				     .arg = { fd, 0x1000, (long)size } });
}

static void life(struct events *ev, unsigned long us, enum wy_event_kind kind, long pid,
		 long parent)
{
	event(ev, (struct wy_event){ .kind = (unsigned char)kind,
				     .time = us * 1000,
				     .arg = { pid, parent, pid, kind == WY_EVENT_END ? 1 : 0 } });
}

/* Ticks are nanoseconds since the second 1291401018. */
static void write_run(void)
{
	static const char data[2048];
	struct wy_run_writer *w;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/run.trc", dir);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	assert_int_equal(wy_run_create(&w, fd, 0), 0);
	assert_int_equal(
		wy_run_meta(w, (struct wy_bytes){ (const void *)"argv\0./read_example", 20 }), 0);
	assert_int_equal(
		wy_run_clock(w, &(struct wy_file_clock){ 1, 1291401018000000001ul, 1000001 }), 0);
	server.len = child.len = 0;
	life(&server, 1000, WY_EVENT_IMAGE, SERVER, 4285);
	item(&server, WY_ITEM_PATH, 0, "/tmp/read_example", 18);
	file(&server, LISTENER, WY_FD_NET, WY_FD_TCP, 6, SYS_socket);
	file(&server, CONNECTION, WY_FD_NET, WY_FD_TCP, 7, SYS_accept);
	address(&server, WY_ITEM_LOCAL, 41477);
	address(&server, WY_ITEM_PEER, 36419);
	call(&server, 2000, SYS_accept, LISTENER, WY_FD_NET, 6, 7, 0);
	file(&server, READ_END, WY_FD_PIPE, 0, 8, SYS_pipe);
	file(&server, WRITE_END, WY_FD_PIPE, 0, 9, SYS_pipe);
	life(&child, 3000, WY_EVENT_START, CHILD, SERVER);
	call(&child, 139170, SYS_read, CONNECTION, WY_FD_NET, 7, 2048, 2048);
	item(&child, WY_ITEM_PAYLOAD, 0, data, sizeof(data));
	call(&child, 139180, SYS_write, WRITE_END, WY_FD_PIPE, 9, 2048, 2048);
	call(&child, 139199, SYS_read, CONNECTION, WY_FD_NET, 7, 0, 2048);
	call(&child, 139250, SYS_read, CONNECTION, WY_FD_NET, 7, -EBADF, 2048);
	life(&child, 139300, WY_EVENT_END, CHILD, 0);
	call(&server, 139400, SYS_read, READ_END, WY_FD_PIPE, 8, 2048, 2048);
	call(&server, 139500, SYS_read, READ_END, WY_FD_PIPE, 8, 0, 2048);
	life(&server, 140000, WY_EVENT_END, SERVER, 0);
	assert_int_equal(wy_run_events(w, SERVER, SERVER, 1, events_bytes(&server)), 0);
	assert_int_equal(wy_run_events(w, CHILD, CHILD, 1, events_bytes(&child)), 0);
	assert_int_equal(wy_run_pass(w, 200000000), 0);
	assert_int_equal(wy_run_meta(w, (struct wy_bytes){ (const void *)"lost\0"
									 "3\0unclassified\0"
									 "2",
							   22 }),
			 0);
	assert_int_equal(wy_run_close(w), 0);
}

static void file_is(const char *name, const char *expected)
{
	char path[96], *text;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(read_file(path, 1 << 20, &text, NULL), 0);
	assert_string_equal(text, expected);
	free(text);
}

#define TABLE(name, in, out, reads, read, writes, written)               \
	name " totals: (" in ", " out ")\n"                              \
	     "     read : " reads " (" read ")\n"                        \
	     "     recv : 0 (0)\n recvfrom : 0 (0)\n  recvmsg : 0 (0)\n" \
	     "    write : " writes " (" written ")\n"                    \
	     "     send : 0 (0)\n   sendto : 0 (0)\n  sendmsg : 0 (0)\n"
#define HEAD "call,fd,pid,seq,time,size,recv_so_far,send_so_far\n"

/* The two logs of the example, letter by letter. */
static void test_ntrace(void **state)
{
	write_run();
	assert_int_equal(wy_rundir_finish(dir, WY_CSV_NTRACE), 0);
	file_is("14228.log",
		HEAD "\n" TABLE("Network", "0", "0", "0", "0", "0",
				"0") "\n"
				     "Pipe:14228:8 (2048,0)\n" TABLE(
					     "Pipe", "2048", "0", "2", "2048", "0",
					     "0") "\n" TABLE("Disk", "0", "0", "0", "0", "0", "0"));
	file_is("14230.log",
		HEAD "read,7,14230,0,1291401018.139170,2048,2048,0\n"
		     "read,7,14230,0,1291401018.139199,0,2048,0\n\n"
		     "Network:14230:7 (2048,0)\n" TABLE(
			     "Network", "2048", "0", "2", "2048", "0",
			     "0") "\n"
				  "Pipe:14230:9 (0,2048)\n" TABLE(
					  "Pipe", "0", "2048", "0", "0", "1",
					  "2048") "\n" TABLE("Disk", "0", "0", "0", "0", "0", "0"));
}

static void test_wide(void **state)
{
	char path[96], *text;

	write_run();
	assert_int_equal(wy_rundir_finish(dir, WY_CSV_WIDE), 0);
	snprintf(path, sizeof(path), "%s/14230.log", dir);
	assert_int_equal(read_file(path, 1 << 20, &text, NULL), 0);
	assert_non_null(strstr(text,
			       "\nread,7,14230,0,1291401018.139170,2048,2048,0,14230,net,tcp,2,"
			       "500,2048,,2048,,tcp 127.0.0.1:41477<-127.0.0.1:36419,0\n"));
	assert_non_null(strstr(text, "\nwrite,9,14230,1,"));
	assert_non_null(strstr(text, ",-9,EBADF,2048,,tcp 127.0.0.1:41477<-127.0.0.1:36419,0\n"));
	free(text);
	snprintf(path, sizeof(path), "%s/summary.txt", dir);
	assert_int_equal(read_file(path, 1 << 20, &text, NULL), 0);
	assert_non_null(strstr(text, "14230:9(2048) -> 14228:8(2048)  pipe:[55]\n"));
	assert_non_null(strstr(text, "tcp 127.0.0.1:41477 <- 127.0.0.1:0\n"));
	assert_non_null(strstr(text, "\ndropped=3 unclassified=2 untracked_rings=0\n"));
	free(text);
}

/* ---- sums ---- */

static struct wy_world *world;
static struct wy_tally *tally;
static struct events ev;

static void add(int pid)
{
	struct wy_event_view v = events_last(&ev, pid);

	assert_int_equal(wy_world_apply(world, &v), 0);
	assert_int_equal(wy_tally_add(tally, &v), 0);
	ev.len = 0;
}

static void moves(unsigned int nr, unsigned int id, unsigned int class, long ret, long arg2,
		  long arg3)
{
	event(&ev, (struct wy_event){ .kind = WY_EVENT_CALL,
				      .nr = (unsigned short)nr,
				      .file = id,
				      .class = (unsigned char)class,
				      .ret = ret,
				      .took = 100,
				      .arg = { 3, 0, arg2, arg3 } });
}

static void io_is(int pid, unsigned int id, uint64_t calls, uint64_t in, uint64_t out)
{
	const struct wy_tally_file *f = wy_tally_file(tally, pid, id);

	assert_non_null(f);
	assert_int_equal(f->io.calls, calls);
	assert_int_equal(f->io.in, in);
	assert_int_equal(f->io.out, out);
}

static void test_sums(void **state)
{
	struct wy_item_file other = { .file = 2, .class = WY_FD_DISK };
	uint64_t sum = 30;
	const struct wy_tally_file *f;

	world = wy_world_new();
	tally = wy_tally_new(world);
	moves(SYS_recvfrom, 1, WY_FD_NET, 70, 100, MSG_PEEK);
	add(5);
	io_is(5, 1, 1, 0, 0);
	moves(SYS_recvfrom, 1, WY_FD_NET, 70, 100, 0);
	add(5);
	moves(SYS_recvmsg, 1, WY_FD_NET, 30, MSG_ERRQUEUE, 0);
	add(5);
	io_is(5, 1, 3, 70, 0);
	moves(SYS_read, 1, WY_FD_NET, -EAGAIN, 100, 0);
	add(5);
	moves(SYS_read, 1, WY_FD_NET, -EIO, 100, 0);
	add(5);
	f = wy_tally_file(tally, 5, 1);
	assert_int_equal(f->io.again, 1);
	assert_int_equal(f->io.errors, 1);
	assert_int_equal(f->hist->nr, 4);
	/* sendfile(3, 4): out of what 4 stands for, into 3 */
	moves(SYS_sendfile, 2, WY_FD_DISK, 500, 0, 1000);
	other = (struct wy_item_file){ .file = 1, .class = WY_FD_NET };
	item(&ev, WY_ITEM_FILE2, 0, &other, sizeof(other));
	add(5);
	io_is(5, 1, 6, 70, 500);
	io_is(5, 2, 1, 500, 0);
	moves(SYS_recvmmsg, 1, WY_FD_NET, 2, 3, 0);
	item(&ev, WY_ITEM_MOVED, 0, &sum, sizeof(sum));
	add(5);
	io_is(5, 1, 7, 100, 500);
	/* Another process, another sum; threads of one process, one sum. */
	moves(SYS_write, 1, WY_FD_NET, 1, 1, 0);
	add(6);
	io_is(6, 1, 1, 0, 1);
	wy_tally_free(tally);
	wy_world_free(world);
}

static void test_waits(void **state)
{
	struct epoll_event watched = { .events = EPOLLIN, .data.u64 = 0x7f1234567890 };
	struct pollfd polled[2] = { { 3, POLLIN, 0 }, { 7, POLLIN, POLLIN | POLLHUP } };
	unsigned char set[16] = { 1 << 3 | 1 << 7 };
	const struct wy_tally_wait *w;
	struct wy_ready ready[4];
	struct wy_event_view v;

	world = wy_world_new();
	tally = wy_tally_new(world);
	file(&ev, 1, WY_FD_DISK, 0, 3, 2);
	add(5);
	file(&ev, 2, WY_FD_NET, WY_FD_TCP, 7, 41);
	add(5);

	moves(SYS_poll, 0, 0, 1, 0, 0);
	item(&ev, WY_ITEM_OUT, 0, polled, sizeof(polled));
	v = events_last(&ev, 5);
	assert_int_equal(wy_tally_ready(tally, &v, ready, 4), 1);
	assert_int_equal(ready[0].fd, 7);
	assert_int_equal(ready[0].file, 2);
	assert_int_equal(ready[0].events, POLLIN | POLLHUP);
	add(5);
	moves(SYS_select, 0, 0, 2, 0, 0);
	item(&ev, WY_ITEM_OUT, 1, set, sizeof(set));
	add(5);
	assert_int_equal(wy_tally_file(tally, 5, 1)->wakeups, 1);
	assert_int_equal(wy_tally_file(tally, 5, 1)->waited, 50);
	assert_int_equal(wy_tally_file(tally, 5, 2)->waited, 150);

	/* epoll_ctl(9, ADD, 7, ...), then a wait that returns what was said there */
	event(&ev, (struct wy_event){ .kind = WY_EVENT_CALL,
				      .nr = SYS_epoll_ctl,
				      .file = 9,
				      .class = WY_FD_EVENT,
				      .arg = { 9, EPOLL_CTL_ADD, 7, 0x1000 } });
	item(&ev, WY_ITEM_IN, 3, &watched, sizeof(watched));
	add(5);
	moves(SYS_epoll_wait, 9, WY_FD_EVENT, 1, 0, 0);
	item(&ev, WY_ITEM_OUT, 1, &watched, sizeof(watched));
	add(5);
	assert_int_equal(wy_tally_file(tally, 5, 2)->wakeups, 3);
	moves(SYS_epoll_wait, 9, WY_FD_EVENT, 0, 0, 0);
	add(5);
	w = wy_tally_wait(tally, SYS_epoll_wait);
	assert_int_equal(w->calls, 2);
	assert_int_equal(w->ticks, 200);
	assert_int_equal(w->idle, 100);
	wy_tally_free(tally);
	wy_world_free(world);
}

static void test_durations(void **state)
{
	unsigned int last = 0;

	assert_int_equal(wy_hist_from(0), 0);
	for (unsigned int i = 1; i < WY_HIST_NR; i++)
		assert_true(wy_hist_from(i) > wy_hist_from(i - 1));
	world = wy_world_new();
	tally = wy_tally_new(world);
	for (unsigned int i = 1; i <= 1000; i++) {
		event(&ev, (struct wy_event){ .kind = WY_EVENT_CALL,
					      .file = 1,
					      .class = WY_FD_DISK,
					      .took = i * 1000 });
		add(5);
		last = i * 1000;
	}
	for (double part = 0.1; part < 1; part += 0.1) {
		double at = (double)wy_hist_at(wy_tally_class_hist(tally, WY_FD_DISK), part);

		/* A part is a quarter of a doubling. */
		assert_true(at >= part * last && at <= part * last * 1.26);
	}
	assert_int_equal(wy_hist_at(wy_tally_class_hist(tally, WY_FD_DISK), 1), last);
	assert_int_equal(wy_hist_at(wy_tally_class_hist(tally, WY_FD_NET), 0.5), 0);
	wy_tally_free(tally);
	wy_world_free(world);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "run.trc", "14228.log", "14230.log", "summary.txt" };
	char path[96];

	for (unsigned int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ntrace),    cmocka_unit_test(test_wide),
		cmocka_unit_test(test_sums),      cmocka_unit_test(test_waits),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
