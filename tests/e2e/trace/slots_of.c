/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots_of.c - what a run file says that descriptors stood for, at the barriers of prog/slots.c.
 *
 *	slots_of RUN
 *
 * A barrier is a call getpriority(BARRIER, n), which fails.  At each, the process and n, and then
 * its descriptors are printed as prog/slots.c has them from /proc: number, device, inode, name.
 */
#include "base/cleanup.h"
#include "host/trace/merge.h"
#include "host/trace/runfile.h"
#include "host/trace/table.h"
#include "host/trace/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define BARRIER 0x5107
#define FDS_MAX 4096

static int apply(void *arg, const struct wy_event_view *v)
{
	struct wy_world *world = arg;
	int err = wy_world_apply(world, v);

	if (err || v->e.kind != WY_EVENT_CALL || v->e.nr != SYS_getpriority ||
	    v->e.arg[0] != BARRIER)
		return err;
	printf("%d %ld\n", v->pid, v->e.arg[1]);
	for (int fd = 0; fd < FDS_MAX; fd++) {
		const struct wy_file *file = wy_world_fd(world, v->pid, fd);

		if (file)
			printf(" %d %lx %lu %u %s\n", fd, file->dev, file->ino, file->id,
			       file->path ? file->path : "socket:");
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct wy_world *world = wy_world_new();
	struct wy_merge *merge = wy_merge_new(apply, world);
	struct wy_run_reader *run;
	struct wy_run_segment s;
	uint64_t ticks;
	int err;

	if (argc != 2 || !world || !merge || wy_run_open(&run, argv[1]) < 0)
		return 2;
	while ((err = wy_run_next(run, &s)) == 1) {
		if (s.kind == WY_SEGMENT_EVENTS) {
			err = wy_merge_feed(merge, s.pid, s.tid, s.image, s.bytes);
		} else if (s.kind == WY_SEGMENT_PASS && s.bytes.len == sizeof(ticks)) {
			memcpy(&ticks, s.bytes.at, sizeof(ticks));
			err = wy_merge_pass(merge, ticks);
		}
		if (err < 0)
			break;
	}
	if (!err)
		err = wy_merge_end(merge);
	if (err || wy_merge_broken(merge))
		fprintf(stderr, "slots_of: error %d, %lu broken pieces\n", err,
			(unsigned long)wy_merge_broken(merge));
	wy_merge_free(merge);
	wy_world_free(world);
	wy_run_reader_free(run);
	return err != 0;
}
