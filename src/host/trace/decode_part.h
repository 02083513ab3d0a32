/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_part.h - what the parts of the decoder share: the line that grows, the
 * call that it is about, and the printers of one argument each.
 */
#ifndef WY_HOST_TRACE_DECODE_PART_H
#define WY_HOST_TRACE_DECODE_PART_H

#include "host/trace/decode.h"
#include "host/trace/flags.h"
#include "host/trace/names.h"
#include "proto/calls.h"

#define WY_LINE_MAX (1ul << 20)

struct line {
	char *at;
	size_t len, size;
	bool failed;
};

struct decoder {
	struct line line;
	const struct wy_decode *how;
	const struct wy_world *world;
	const struct wy_event_view *v;
	const struct wy_call_row *row;
	unsigned int nr;
	unsigned long args[6];
	bool failed; /* the call */
};

/* ---- the line ---- */

void put_char(struct decoder *d, char c);
void put_text(struct decoder *d, const char *text);
void put_bytes(struct decoder *d, const char *bytes, size_t len);
__attribute__((format(printf, 2, 3))) void put_format(struct decoder *d, const char *format, ...);
void put_long(struct decoder *d, long n);
void put_ulong(struct decoder *d, unsigned long n);
void put_hex(struct decoder *d, unsigned long n);     /* 0x10, and 0 for 0 */
void put_address(struct decoder *d, unsigned long n); /* 0x10, and NULL for 0 */

/* A string as strace quotes it; more: "..." stands behind it. */
void put_quoted(struct decoder *d, struct wy_bytes bytes, bool more);
/* The same up to its first 0 byte. */
void put_quoted_text(struct decoder *d, struct wy_bytes bytes, bool more);

/* Every byte in hexadecimal. */
void put_hex_quoted(struct decoder *d, struct wy_bytes bytes, bool more);

void put_flags(struct decoder *d, const struct wy_flags *flags, unsigned long value);
void put_fd(struct decoder *d, int fd, const struct wy_file *f);
/* A descriptor in some structure: what the world knows it as. */
void put_fd_of(struct decoder *d, int fd);
void put_errno(struct decoder *d, unsigned int error);
void put_signal(struct decoder *d, unsigned int signal);

/* ---- what is in an item ---- */

/* Takes a structure from the bytes.  False: they are too few; *to is all 0 then. */
bool take(struct wy_bytes bytes, size_t offset, void *to, size_t size);
bool item_of(struct decoder *d, enum wy_item_what what, unsigned int index,
	     struct wy_item_view *ret);
/* The item of an argument, IN or OUT, if it holds the whole structure. */
bool arg_in(struct decoder *d, unsigned int i, void *to, size_t size);
bool arg_out(struct decoder *d, unsigned int i, void *to, size_t size);

/* ---- printers of argument i; they print its address where nothing was recorded ---- */

typedef void printer(struct decoder *d, unsigned int i);

/* NULL: the topic has none for this type. */
printer *wy_file_printer(enum wy_arg type);
printer *wy_net_printer(enum wy_arg type);
printer *wy_wait_printer(enum wy_arg type);
printer *wy_signal_printer(enum wy_arg type);
printer *wy_process_printer(enum wy_arg type);
printer *wy_time_printer(enum wy_arg type);
printer *wy_device_printer(enum wy_arg type);
printer *wy_ipc_printer(enum wy_arg type);
printer *wy_op_printer(enum wy_arg type);

/* ---- parts that several topics print ---- */

struct timespec64 {
	long sec, nsec;
};

void put_timespec(struct decoder *d, const struct timespec64 *t);
void put_timeval(struct decoder *d, const struct timespec64 *t);
void put_sigset(struct decoder *d, unsigned long set);
void put_iov(struct decoder *d, struct wy_bytes iov, bool more, unsigned long count,
	     struct wy_bytes items);
void put_open_flags(struct decoder *d, unsigned long flags);
void put_mode(struct decoder *d, unsigned long mode); /* with S_IFREG */
void put_octal(struct decoder *d, unsigned long mode);
void put_uid(struct decoder *d, unsigned int uid);
void put_device(struct decoder *d, unsigned long device);

printer put_number_out; /* what it points to: [7] */
void put_filter_program(struct decoder *d, struct wy_bytes bytes);
void put_persona(struct decoder *d, unsigned long persona);

void put_result(struct decoder *d);
/* Of a call that waited for descriptors.  False: it is none. */
bool put_wait_result(struct decoder *d, long ret);

/* Which arguments a call shows, a bit each: for some another argument says it. */
unsigned int wy_shown_args(const struct decoder *d);

#endif
