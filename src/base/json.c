/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

void json_init(struct json *j, FILE *out)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
}

/* What has to stand before a value: a comma, or nothing. */
static void before_value(struct json *j)
{
	bool in_object = j->closer[j->depth] == '}';

	/* A value needs a key in an object, and there is only one at the top. */
	if (in_object != j->after_key || (j->depth == 0 && j->filled[0]))
		j->misused = true;
	if (!in_object && j->filled[j->depth])
		putc(',', j->out);
	j->filled[j->depth] = true;
	j->after_key = false;
}

static void open_level(struct json *j, char opener, char closer)
{
	before_value(j);
	if (j->depth + 1 == JSON_DEPTH_MAX) {
		j->misused = true;
		return;
	}
	putc(opener, j->out);
	j->depth++;
	j->filled[j->depth] = false;
	j->closer[j->depth] = closer;
}

static void close_level(struct json *j, char closer)
{
	if (j->depth == 0 || j->closer[j->depth] != closer || j->after_key) {
		j->misused = true;
		return;
	}
	putc(closer, j->out);
	j->depth--;
}

void json_object_open(struct json *j)
{
	open_level(j, '{', '}');
}

void json_object_close(struct json *j)
{
	close_level(j, '}');
}

void json_array_open(struct json *j)
{
	open_level(j, '[', ']');
}

void json_array_close(struct json *j)
{
	close_level(j, ']');
}

/*
 * The length of the UTF-8 sequence at text, 0 if it is not one: stray and
 * missing continuation bytes, overlong forms, surrogates, beyond U+10FFFF.
 */
static size_t utf8_len(const unsigned char *text, size_t len)
{
	unsigned int code, least;
	size_t need;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf) {
		need = 2;
		code = text[0] & 0x1f;
		least = 0x80;
	} else if ((text[0] & 0xf0) == 0xe0) {
		need = 3;
		code = text[0] & 0x0f;
		least = 0x800;
	} else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
		need = 4;
		code = text[0] & 0x07;
		least = 0x10000;
	} else {
		return 0;
	}
	if (need > len)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return need;
}

static void put_escaped(FILE *out, const char *text, size_t len)
{
	putc('"', out);
	for (size_t i = 0; i < len;) {
		unsigned char c = text[i];
		size_t n = utf8_len((const unsigned char *)text + i, len - i);

		if (n == 0) {
			fputs("\\ufffd", out);
			i++;
		} else if (n > 1) {
			fwrite(text + i, 1, n, out);
			i += n;
		} else {
			if (c == '"' || c == '\\')
				fprintf(out, "\\%c", c);
			else if (c == '\n')
				fputs("\\n", out);
			else if (c == '\t')
				fputs("\\t", out);
			else if (c < 0x20 || c == 0x7f)
				fprintf(out, "\\u%04x", c);
			else
				putc(c, out);
			i++;
		}
	}
	putc('"', out);
}

void json_key(struct json *j, const char *name)
{
	if (j->closer[j->depth] != '}' || j->after_key)
		j->misused = true;
	if (j->filled[j->depth])
		putc(',', j->out);
	j->filled[j->depth] = true;
	put_escaped(j->out, name, strlen(name));
	putc(':', j->out);
	j->after_key = true;
}

void json_bytes(struct json *j, const char *text, size_t len)
{
	before_value(j);
	put_escaped(j->out, text, len);
}

void json_string(struct json *j, const char *text)
{
	if (text)
		json_bytes(j, text, strlen(text));
	else
		json_null(j);
}

void json_number(struct json *j, long long value)
{
	before_value(j);
	fprintf(j->out, "%lld", value);
}

void json_unsigned(struct json *j, unsigned long long value)
{
	before_value(j);
	fprintf(j->out, "%llu", value);
}

void json_double(struct json *j, double value, int digits)
{
	if (!isfinite(value)) {
		json_null(j);
		return;
	}
	before_value(j);
	fprintf(j->out, "%.*f", digits, value);
}

void json_bool(struct json *j, bool value)
{
	before_value(j);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j)
{
	before_value(j);
	fputs("null", j->out);
}

int json_finish(struct json *j)
{
	bool whole = j->depth == 0 && j->filled[0] && !j->misused;

	putc('\n', j->out);
	if (fflush(j->out) != 0 || ferror(j->out))
		return -EIO;
	return whole ? 0 : -EINVAL;
}
