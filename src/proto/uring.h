/* SPDX-License-Identifier: Apache-2.0 */
/* uring.h - which way the bytes of an io_uring's operations go; see io_uring_enter(2). */
#ifndef WY_PROTO_URING_H
#define WY_PROTO_URING_H

#include "proto/calls.h"

#include <linux/io_uring.h>

/* WY_FLOW_IN, WY_FLOW_OUT, or WY_FLOW_NONE. */
static inline enum wy_flow wy_uring_flow(unsigned int opcode)
{
	switch (opcode) {
	case IORING_OP_READV:
	case IORING_OP_READ_FIXED:
	case IORING_OP_READ:
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG: return WY_FLOW_IN;
	case IORING_OP_WRITEV:
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_WRITE:
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case 47: /* IORING_OP_SEND_ZC, Linux 6.0 */
	case 48: /* IORING_OP_SENDMSG_ZC, Linux 6.1 */ return WY_FLOW_OUT;
	}
	return WY_FLOW_NONE;
}

#endif
