/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers are those of arch/x86/entry/syscalls/syscall_64.tbl of Linux 6.19; the groups
 * those of strace 6.1, and for newer calls (from 451 on) those of their elder brothers;
 * arguments as section 2 of the manual and include/linux/syscalls.h have them.
 * No pointers: so the table takes no relocations.
 */
#include "proto/calls.h"

#include "proto/event.h"
#include <asm/unistd.h>

enum {
	F = WY_GROUP_FILE,
	D = WY_GROUP_DESC,
	N = WY_GROUP_NET,
	P = WY_GROUP_PROCESS,
	S = WY_GROUP_SIGNAL,
	I = WY_GROUP_IPC,
	M = WY_GROUP_MEMORY,
	C = WY_GROUP_CREDS,
	A = WY_GROUP_STAT,
	T = WY_GROUP_CLOCK,
	U = WY_GROUP_PURE,
	NO = -1,
};

/* The effect NEW says of what: NEW(EVENT, EPOLL). */
#define WY_FX_NEW(c, s) WY_FX_NEW, .class = WY_FD_##c, .sub = WY_FD_##s

#define IS(a)           (WY_ARG_##a != WY_ARG_NONE)
#define IN(a, n)        ((WY_ARG_##a >= WY_ARG_FIRST_IN && WY_ARG_##a <= WY_ARG_LAST_IN) << (n))
#define OUT(a, n)       ((WY_ARG_##a >= WY_ARG_FIRST_OUT && WY_ARG_##a <= WY_ARG_LAST_OUT) << (n))
#define ARGS(none, a, b, c, d, e, f, ...)                                             \
	.nr_args = IS(a) + IS(b) + IS(c) + IS(d) + IS(e) + IS(f),                     \
	.in = IN(a, 0) | IN(b, 1) | IN(c, 2) | IN(d, 3) | IN(e, 4) | IN(f, 5),        \
	.out = OUT(a, 0) | OUT(b, 1) | OUT(c, 2) | OUT(d, 3) | OUT(e, 4) | OUT(f, 5), \
	.arg = { WY_ARG_##a, WY_ARG_##b, WY_ARG_##c, WY_ARG_##d, WY_ARG_##e, WY_ARG_##f }
#define CALL(nr, name_, groups_, effect_, flow_, fd_, fd2_, ...) \
	[nr] = { .name = #name_,                                 \
		 .groups = groups_,                              \
		 .effect = WY_FX_##effect_,                      \
		 .flow = WY_FLOW_##flow_,                        \
		 .fd = fd_,                                      \
		 .fd2 = fd2_,                                    \
		 ARGS(, ##__VA_ARGS__, NONE, NONE, NONE, NONE, NONE, NONE) },

const struct wy_call_row wy_call_rows[WY_CALL_ROWS] = {
#include "proto/calls.inc"
};

bool wy_call_only_looks(unsigned int nr, const long arg[4])
{
	enum { PEEK = 0x2, ERRQUEUE = 0x2000 }; /* MSG_PEEK, MSG_ERRQUEUE of <linux/socket.h> */

	switch (nr) {
	case __NR_recvfrom:
	case __NR_recvmmsg: return arg[3] & (PEEK | ERRQUEUE);
	case __NR_recvmsg: return arg[2] & (PEEK | ERRQUEUE);
	}
	return false;
}

const struct wy_call_row *wy_call_row_of(unsigned int nr)
{
	return &wy_call_rows[nr < WY_CALL_ROWS ? nr : WY_CALL_ROWS - 1];
}
