/* SPDX-License-Identifier: Apache-2.0 */
/* tcpinfo.h - how a TCP connection fares, from time to time: WY_EVENT_TCP. */
#ifndef WY_AGENT_TCPINFO_H
#define WY_AGENT_TCPINFO_H

#include "agent/fdstate.h"

enum wy_tcp_when { WY_TCP_START, WY_TCP_NOW, WY_TCP_END };

/*
 * All do nothing unless WY_TRACE_TCP is set, and for what is no TCP connection.
 * The first tells in any case, the second when tcp_every has passed since the
 * last time, the third of all that this process has.
 */
void wy_tcp_tell(struct wy_thread *t, struct wy_fd_now now, long fd, enum wy_tcp_when when);
void wy_tcp_look(struct wy_thread *t, struct wy_fd_now now, long fd);
void wy_tcp_end_all(struct wy_thread *t);

#endif
