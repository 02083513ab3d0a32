/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - what `waylay call` and a call listener of `waylay serve` say.
 *
 * The client begins with a hello.  Over a unix socket its stdin, stdout and
 * stderr come with it (SCM_RIGHTS): the copy gets those very descriptors, and
 * nothing but signals and the end travels.  Over TCP all is in frames, each a
 * header and `len` bytes.  Numbers are little-endian.  Whoever reads a frame
 * that is not as said here closes the connection.
 *
 *	client -> server	hello, then STDIN (len 0: its end), SIGNAL
 *	server -> client	STDOUT, STDERR, then one END, or one ERROR
 */
#ifndef WY_PROTO_CALL_H
#define WY_PROTO_CALL_H

#define WY_CALL_MAGIC     0x316c6c6163796177ul /* "waycall1" */
#define WY_CALL_FRAME_MAX (64u << 10)

struct wy_call_hello {
	unsigned long magic;
	unsigned int fds;      /* how many descriptors come along: 3, or 0 for frames */
	unsigned int reserved; /* 0 */
};

enum wy_call_kind {
	WY_CALL_STDIN = 1,
	WY_CALL_STDOUT,
	WY_CALL_STDERR,
	WY_CALL_SIGNAL, /* 4 bytes: a signal for the program */
	WY_CALL_END,    /* 4 bytes: its end as waitpid(2) says it */
	WY_CALL_ERROR,  /* a text: it was not served */
};

struct wy_call_frame {
	unsigned int kind; /* enum wy_call_kind */
	unsigned int len;
};

#endif
