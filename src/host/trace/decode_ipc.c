/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V's semaphores, messages and shared memory, and message queues.
 */
#include "host/trace/decode_part.h"

#include <sys/syscall.h>

static void put_key(struct decoder *d, unsigned int i)
{
	if ((unsigned int)d->args[i])
		put_hex(d, (unsigned int)d->args[i]);
	else
		put_text(d, "IPC_PRIVATE");
}

/* Flags, and the permissions in their low bits. */
static void put_get_flags(struct decoder *d, unsigned int i)
{
	static const struct wy_flag names[] = {
		{ 01000, "IPC_CREAT" }, { 02000, "IPC_EXCL" }, { 04000, "IPC_NOWAIT" }, { 0, NULL }
	};
	static const struct wy_flag memory[] = { { 01000, "IPC_CREAT" },
						 { 02000, "IPC_EXCL" },
						 { 04000, "SHM_HUGETLB" },
						 { 010000, "SHM_NORESERVE" },
						 { 0, NULL } };
	const struct wy_flags flags = { d->row->arg[i] == WY_ARG_SHMGET_FLAGS ? memory : names, "",
					true };
	unsigned int value = (unsigned int)d->args[i];

	if (value & ~0777u) {
		put_flags(d, &flags, value & ~0777u);
		put_char(d, '|');
	}
	put_octal(d, value & 0777);
}

static void put_sembufs(struct decoder *d, unsigned int i)
{
	static const struct wy_flag names[] = { { 0x1000, "SEM_UNDO" },
						{ 0x800, "IPC_NOWAIT" },
						{ 0, NULL } };
	static const struct wy_flags flags = { names, "SEM_???", true };
	struct wy_item_view item;
	short op[3];

	if (!item_of(d, WY_ITEM_IN, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	for (size_t at = 0; take(item.bytes, at, op, sizeof(op)); at += sizeof(op)) {
		put_format(d,
			   at ? ", {sem_num=%u, sem_op=%d, sem_flg=" :
				"{sem_num=%u, sem_op=%d, sem_flg=",
			   (unsigned short)op[0], op[1]);
		put_flags(d, &flags, (unsigned short)op[2]);
		put_char(d, '}');
	}
	put_text(d, item.flags & WY_ITEM_CUT ? ", ...]" : "]");
}

static void put_msgbuf(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	long type;

	if ((!item_of(d, WY_ITEM_OUT, i, &item) && !item_of(d, WY_ITEM_IN, i, &item)) ||
	    !take(item.bytes, 0, &type, sizeof(type))) {
		put_address(d, d->args[i]);
		return;
	}
	put_format(d, "{mtype=%ld, mtext=", type);
	put_quoted(d, (struct wy_bytes){ item.bytes.at + 8, item.bytes.len - 8 },
		   item.flags & WY_ITEM_CUT);
	put_char(d, '}');
}

static void put_mq_attr(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	long attr[4];

	if ((!item_of(d, WY_ITEM_OUT, i, &item) && !item_of(d, WY_ITEM_IN, i, &item)) ||
	    !take(item.bytes, 0, attr, sizeof(attr))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{mq_flags=");
	put_flags(d, &wy_open_flags, (unsigned long)attr[0]);
	put_format(d, ", mq_maxmsg=%ld, mq_msgsize=%ld, mq_curmsgs=%ld}", attr[1], attr[2],
		   attr[3]);
}

printer *wy_ipc_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_IPC_KEY: return put_key;
	case WY_ARG_IPC_FLAGS:
	case WY_ARG_SHMGET_FLAGS: return put_get_flags;
	case WY_ARG_SEMBUF_IN: return put_sembufs;
	case WY_ARG_MSGBUF_IN:
	case WY_ARG_MSGBUF_OUT: return put_msgbuf;
	case WY_ARG_MQ_ATTR_IN:
	case WY_ARG_MQ_ATTR_OPEN:
	case WY_ARG_MQ_ATTR_OUT: return put_mq_attr;
	default: return NULL;
	}
}
