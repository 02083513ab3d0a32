/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line that a call becomes, and the things that stand in many lines.
 */
#include "host/trace/decode_part.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Where len more bytes go; NULL: the line is as long as it may be. */
static char *line_room(struct line *l, size_t len)
{
	size_t size = l->size ? l->size : 512;
	char *at;

	if (l->failed)
		return NULL;
	if (len <= l->size - l->len)
		return l->at + l->len;
	while (size - l->len < len)
		size *= 2;
	at = size > WY_LINE_MAX ? NULL : realloc(l->at, size);
	if (!at) {
		l->failed = true;
		return NULL;
	}
	l->at = at;
	l->size = size;
	return at + l->len;
}

void put_bytes(struct decoder *d, const char *bytes, size_t len)
{
	char *to = line_room(&d->line, len);

	if (!to)
		return;
	memcpy(to, bytes, len);
	d->line.len += len;
}

void put_char(struct decoder *d, char c)
{
	put_bytes(d, &c, 1);
}

void put_text(struct decoder *d, const char *text)
{
	put_bytes(d, text, strlen(text));
}

void put_format(struct decoder *d, const char *format, ...)
{
	char text[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0)
		put_bytes(d, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static void put_number(struct decoder *d, unsigned long n, unsigned int base)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	put_bytes(d, digits + at, sizeof(digits) - at);
}

void put_ulong(struct decoder *d, unsigned long n)
{
	put_number(d, n, 10);
}

void put_long(struct decoder *d, long n)
{
	if (n < 0)
		put_char(d, '-');
	put_number(d, n < 0 ? -(unsigned long)n : (unsigned long)n, 10);
}

void put_hex(struct decoder *d, unsigned long n)
{
	if (n)
		put_text(d, "0x");
	put_number(d, n, 16);
}

void put_address(struct decoder *d, unsigned long n)
{
	if (n)
		put_hex(d, n);
	else
		put_text(d, "NULL");
}

void put_octal(struct decoder *d, unsigned long mode)
{
	put_format(d, "%#03lo", mode);
}

/* ---- strings ---- */

static bool plain(unsigned char c)
{
	return (c >= ' ' && c < 0x7f) || (c >= '\t' && c <= '\r');
}

static void put_octal_char(struct decoder *d, unsigned char c, unsigned char next)
{
	char text[4] = { '\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
			 (char)('0' + (c & 7)) };
	size_t skip = next >= '0' && next <= '7' ? 0 : c < 8 ? 2 : c < 64 ? 1 : 0;

	put_char(d, '\\');
	put_bytes(d, text + 1 + skip, 3 - skip);
}

static void put_quoted_char(struct decoder *d, unsigned char c, unsigned char next)
{
	static const char letters[] = "tnvfr";

	if (c == '"' || c == '\\') {
		put_char(d, '\\');
		put_char(d, (char)c);
	} else if (c >= '\t' && c <= '\r') {
		put_char(d, '\\');
		put_char(d, letters[c - '\t']);
	} else if (c >= ' ' && c < 0x7f) {
		put_char(d, (char)c);
	} else {
		put_octal_char(d, c, next);
	}
}

void put_hex_quoted(struct decoder *d, struct wy_bytes bytes, bool more)
{
	put_char(d, '"');
	for (size_t i = 0; i < bytes.len; i++)
		put_format(d, "\\x%02x", bytes.at[i]);
	put_text(d, more ? "\"..." : "\"");
}

void put_quoted(struct decoder *d, struct wy_bytes bytes, bool more)
{
	bool hex = d->how->hex > 1;

	for (size_t i = 0; d->how->hex == 1 && i < bytes.len && !hex; i++)
		hex = !plain(bytes.at[i]);
	if (hex) {
		put_hex_quoted(d, bytes, more);
		return;
	}
	put_char(d, '"');
	for (size_t i = 0; i < bytes.len; i++)
		put_quoted_char(d, bytes.at[i], i + 1 < bytes.len ? bytes.at[i + 1] : 0);
	put_text(d, more ? "\"..." : "\"");
}

void put_quoted_text(struct decoder *d, struct wy_bytes bytes, bool more)
{
	size_t len = bytes.len ? strnlen((const char *)bytes.at, bytes.len) : 0;

	put_quoted(d, (struct wy_bytes){ bytes.at, len }, more && len == bytes.len);
}

/* ---- names ---- */

void put_flags(struct decoder *d, const struct wy_flags *flags, unsigned long value)
{
	const char *name = value && flags->bits ? NULL : wy_flag_name(flags, value);
	unsigned long left = value;

	if (name) {
		put_text(d, name);
		return;
	}
	for (const struct wy_flag *f = flags->table; flags->bits && f->name; f++) {
		if (!f->value || (left & f->value) != f->value)
			continue;
		if (left != value)
			put_char(d, '|');
		put_text(d, f->name);
		left &= ~f->value;
	}
	if (left != value && left) {
		put_char(d, '|');
		put_hex(d, left);
	} else if (left || !value) {
		put_hex(d, value);
		if (value || !flags->bits)
			put_format(d, " /* %s */", flags->unknown);
	}
}

void put_fd(struct decoder *d, int fd, const struct wy_file *f)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	put_long(d, fd);
	if (!d->how->yy || !f)
		return;
	out = open_memstream(&text, &len);
	if (!out) {
		d->line.failed = true;
		return;
	}
	wy_file_print(out, f);
	if (fclose(out) == 0 && len) {
		put_char(d, '<');
		put_bytes(d, text, len);
		put_char(d, '>');
	}
	free(text);
}

void put_fd_of(struct decoder *d, int fd)
{
	put_fd(d, fd, d->how->yy && d->world ? wy_world_fd(d->world, d->v->pid, fd) : NULL);
}

void put_errno(struct decoder *d, unsigned int error)
{
	const char *name = wy_errno_name(error);

	if (name)
		put_text(d, name);
	else
		put_ulong(d, error);
}

void put_signal(struct decoder *d, unsigned int signal)
{
	char buf[16];
	const char *name = wy_signal_name(signal, buf);

	if (name)
		put_text(d, name);
	else
		put_long(d, (int)signal);
}

/* ---- items ---- */

bool take(struct wy_bytes bytes, size_t offset, void *to, size_t size)
{
	if (offset > bytes.len || size > bytes.len - offset) {
		memset(to, 0, size);
		return false;
	}
	memcpy(to, bytes.at + offset, size);
	return true;
}

bool item_of(struct decoder *d, enum wy_item_what what, unsigned int index,
	     struct wy_item_view *ret)
{
	return wy_item_find(d->v, what, index, ret);
}

bool arg_in(struct decoder *d, unsigned int i, void *to, size_t size)
{
	struct wy_item_view item;

	return item_of(d, WY_ITEM_IN, i, &item) && take(item.bytes, 0, to, size);
}

bool arg_out(struct decoder *d, unsigned int i, void *to, size_t size)
{
	struct wy_item_view item;

	return item_of(d, WY_ITEM_OUT, i, &item) && take(item.bytes, 0, to, size);
}
