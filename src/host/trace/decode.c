/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call: its name, its arguments by their types, its result.
 */
#include "host/trace/decode_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* ---- arguments that need no memory of the program ---- */

static void put_file_arg(struct decoder *d, unsigned int i)
{
	int fd = (int)d->args[i];
	struct wy_item_file second;
	unsigned int id = 0;

	if (d->row->arg[i] == WY_ARG_DIRFD && fd == -100) {
		put_text(d, "AT_FDCWD");
		return;
	}
	if (!d->how->yy || !d->world) {
		put_long(d, fd);
		return;
	}
	/* The event knows it better than the world, where it may be closed already. */
	if ((int)i == d->row->fd)
		id = d->v->e.file;
	else if ((int)i == d->row->fd2 && wy_event_file2(d->v, &second))
		id = second.file;
	if (id)
		put_fd(d, fd, wy_world_file(d->world, id));
	else
		put_fd_of(d, fd);
}

static void put_string_arg(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (d->args[i] && item_of(d, WY_ITEM_IN, i, &item))
		put_quoted(d, item.bytes, item.flags & WY_ITEM_CUT);
	else
		put_address(d, d->args[i]);
}

static void put_buffer(struct decoder *d, unsigned int i, enum wy_item_what what)
{
	struct wy_item_view item;

	if (d->args[i] && item_of(d, what, i, &item)) {
		/* Values of attributes are often strings with their end. */
		if (d->row->arg[i] == WY_ARG_XATTR_IN && item.bytes.len &&
		    !item.bytes.at[item.bytes.len - 1])
			item.bytes.len--;
		if (d->nr == SYS_getrandom)
			put_hex_quoted(d, item.bytes, item.flags & WY_ITEM_CUT);
		else
			put_quoted(d, item.bytes, item.flags & WY_ITEM_CUT);
	} else if (d->args[i] && what == WY_ITEM_IN && !d->args[i + (i < 5)]) {
		put_text(d, "\"\"");
	} else {
		put_address(d, d->args[i]);
	}
}

/* A plain number.  False: it is of another kind. */
static bool put_scalar(struct decoder *d, enum wy_arg type, unsigned long value, unsigned int i)
{
	switch (type) {
	case WY_ARG_HEX:
	case WY_ARG_OFFSET_HEX: put_hex(d, value); break;
	case WY_ARG_INT:
	case WY_ARG_PID: put_long(d, (int)value); break;
	case WY_ARG_UINT:
	case WY_ARG_FUTEX_VALUE: put_ulong(d, (unsigned int)value); break;
	case WY_ARG_LONG: put_long(d, (long)value); break;
	case WY_ARG_ULONG:
	case WY_ARG_SIZE: put_ulong(d, value); break;
	case WY_ARG_ADDRESS:
	case WY_ARG_POINTER: put_address(d, value); break;
	case WY_ARG_FD:
	case WY_ARG_DIRFD: put_file_arg(d, i); break;
	case WY_ARG_UID:
	case WY_ARG_GID: put_uid(d, (unsigned int)value); break;
	case WY_ARG_SIGNAL: put_signal(d, (unsigned int)value); break;
	case WY_ARG_MODE:
	case WY_ARG_OPEN_MODE: put_octal(d, value & 0xffff); break;
	case WY_ARG_DEVICE:
	case WY_ARG_MKNOD_DEV: put_device(d, (unsigned int)value); break;
	default: return false;
	}
	return true;
}

void put_uid(struct decoder *d, unsigned int uid)
{
	if (uid == ~0u)
		put_text(d, "-1");
	else
		put_ulong(d, uid);
}

static printer *printer_of(enum wy_arg type)
{
	static printer *(*const topics[])(enum wy_arg) = {
		wy_file_printer,   wy_net_printer,     wy_wait_printer,
		wy_signal_printer, wy_process_printer, wy_time_printer,
		wy_device_printer, wy_ipc_printer,     wy_op_printer,
	};
	printer *found = NULL;

	for (size_t i = 0; !found && i < sizeof(topics) / sizeof(topics[0]); i++)
		found = topics[i](type);
	return found;
}

static void put_arg(struct decoder *d, unsigned int i)
{
	enum wy_arg type = d->row->arg[i];
	const struct wy_flags *flags = wy_flags_of(type);
	printer *print;

	if (put_scalar(d, type, d->args[i], i))
		return;
	print = printer_of(type);
	if (print) {
		print(d, i);
	} else if (flags) {
		put_flags(d, flags,
			  type == WY_ARG_PROT || type == WY_ARG_MOUNT_FLAGS ?
				  d->args[i] :
				  (unsigned int)d->args[i]);
	} else {
		switch (type) {
		case WY_ARG_PATH:
		case WY_ARG_STRING:
		case WY_ARG_MOUNT_SOURCE:
		case WY_ARG_MOUNT_DATA: put_string_arg(d, i); break;
		case WY_ARG_BUF_IN:
		case WY_ARG_XATTR_IN: put_buffer(d, i, WY_ITEM_IN); break;
		case WY_ARG_BUF_OUT:
		case WY_ARG_XATTR_OUT: put_buffer(d, i, WY_ITEM_OUT); break;
		default: put_address(d, d->args[i]);
		}
	}
}

/* ---- the order of the arguments ---- */

static void put_args(struct decoder *d)
{
	unsigned int shown = wy_shown_args(d);
	bool first = true;

	for (unsigned int i = 0; i < 6; i++) {
		if (!(shown >> i & 1))
			continue;
		if (!first)
			put_text(d, ", ");
		first = false;
		put_arg(d, i);
	}
}

/* clone(2) has its arguments named, and the second one first. */
static void put_clone_args(struct decoder *d)
{
	unsigned long flags = d->args[0];
	int tid;

	put_text(d, "child_stack=");
	put_address(d, d->args[1]);
	put_text(d, ", flags=");
	put_arg(d, 0);
	if (flags & 0x101000) { /* CLONE_PARENT_SETTID, CLONE_PIDFD */
		put_text(d, ", parent_tid=");
		if (d->args[2] && arg_out(d, 2, &tid, sizeof(tid)))
			put_format(d, "[%d]", tid);
		else
			put_address(d, d->args[2]);
	}
	if (flags & 0x80000) { /* CLONE_SETTLS */
		put_text(d, ", tls=");
		put_address(d, d->args[4]);
	}
	if (flags & 0x1200000) { /* CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID */
		put_text(d, ", child_tidptr=");
		put_address(d, d->args[3]);
	}
}

/* ---- a call ---- */

static void begin(struct decoder *d, const struct wy_decode *how, const struct wy_world *world,
		  const struct wy_event_view *v)
{
	*d = (struct decoder){ .how = how,
			       .world = world,
			       .v = v,
			       .nr = v->e.nr,
			       .row = wy_call_row_of(v->e.nr),
			       .failed = !(v->e.flags & WY_EVENT_NO_RETURN) &&
					 (unsigned long)v->e.ret > -4096ul };
	wy_event_args(v, d->args);
	if (d->row->name[0]) {
		put_text(d, d->row->name);
	} else {
		put_text(d, "syscall_");
		put_hex(d, d->nr);
	}
	put_char(d, '(');
	if (d->nr == SYS_clone) {
		put_clone_args(d);
	} else if (d->row->name[0]) {
		put_args(d);
	} else {
		for (unsigned int i = 0; i < 6; i++) {
			put_text(d, i ? ", " : "");
			put_hex(d, d->args[i]);
		}
	}
}

static int end(struct decoder *d, FILE *out)
{
	bool failed = d->line.failed;

	if (d->line.len)
		fwrite(d->line.at, 1, d->line.len, out);
	free(d->line.at);
	return failed ? -ENOMEM : 0;
}

int wy_decode_call(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		   const struct wy_event_view *v)
{
	struct decoder d;

	if (v->e.kind != WY_EVENT_CALL)
		return 0;
	begin(&d, how, world, v);
	put_char(&d, ')');
	do
		put_char(&d, ' ');
	while (d.line.len < how->column && !d.line.failed);
	put_text(&d, "= ");
	put_result(&d);
	return end(&d, out);
}

int wy_decode_pending(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		      const struct wy_event_view *v)
{
	struct decoder d;

	if (v->e.kind != WY_EVENT_CALL)
		return 0;
	begin(&d, how, world, v);
	put_char(&d, ')');
	return end(&d, out);
}
