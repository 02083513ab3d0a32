/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stack.c - see stack.h.
 *
 * Frames are not walked here: most programs are built without frame pointers,
 * and the tables that say where frames lie are not for code that must not fail.
 * The bytes of the stack go to the reader, who has a library for it.
 *
 * Of the registers the frame pointer is the one that the gate does not save:
 * it is what the outermost frame of our own functions has put away.
 */
#include "agent/stack.h"

#include "agent/procfs.h"
#include "agent/ring.h"
#include "agent/site.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/fcntl.h>

#define STEP       512ul
#define MAPS_ROOM  (24ul << 10)
#define PIECES_MAX 1024 /* whatever stands behind that descriptor by then, it ends */

static unsigned long program_frame(const struct wy_thread *t)
{
	unsigned long low = wy_thread_block(t), high = (unsigned long)t;
	unsigned long frame = (unsigned long)__builtin_frame_address(0);

	while (frame >= low && frame < high && !(frame & 7))
		frame = *(unsigned long *)frame;
	return frame;
}

void wy_stack_add(struct wy_event *e, const struct wy_call *call)
{
	struct wy_item_stack *s = (struct wy_item_stack *)wy_event_bytes(e);
	unsigned char *bytes = (unsigned char *)(s + 1);
	unsigned long len = 0;

	if (!call->site)
		return;
	s->pc = call->site->addr + WY_CALL_INSN_SIZE;
	s->sp = call->sp;
	s->frame = program_frame(call->thread);
	while (len < WY_STACK_BYTES && copy_from_program(bytes + len, call->sp + len, STEP) == 0)
		len += STEP;
	wy_event_item(e, WY_ITEM_STACK, 0, (unsigned int)(sizeof(*s) + len));
}

void wy_stack_tell_maps(struct wy_thread *t)
{
	long fd = sys3(__NR_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), len = 1;
	unsigned long at = 0;

	for (long piece = 0; fd >= 0 && len > 0 && piece < PIECES_MAX; piece++) {
		struct wy_event *e = (struct wy_event *)wy_ring_room(t, MAPS_ROOM + 256, false);

		if (!e)
			break;
		wy_event_begin((unsigned char *)e, WY_EVENT_MAPS);
		e->arg[0] = piece;
		len = wy_proc_read(fd, wy_event_bytes(e), MAPS_ROOM, &at);
		if (len > 0) {
			wy_event_item(e, WY_ITEM_PATH, 0, (unsigned int)len);
			wy_event_end(t, e);
		}
	}
	if (fd >= 0)
		sys1(__NR_close, fd);
}
