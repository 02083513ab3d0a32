/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - a small writer of JSON.
 *
 * The writer keeps track of commas and nesting, so callers only say what comes
 * next.  Output goes to a stdio stream; for a string use open_memstream(3).
 * Strings are bytes: what is not valid UTF-8 is written as U+FFFD.
 *
 *	struct json j;
 *	json_init(&j, stdout);
 *	json_object_open(&j);
 *	json_key(&j, "version");
 *	json_number(&j, 1);
 *	json_object_close(&j);
 *	err = json_finish(&j);
 */
#ifndef WY_BASE_JSON_H
#define WY_BASE_JSON_H

#include <stdbool.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 32

struct json {
	FILE *out;
	unsigned int depth;
	bool filled[JSON_DEPTH_MAX]; /* this level has an element: the next needs a comma */
	char closer[JSON_DEPTH_MAX]; /* '}', ']'; level 0 is the document */
	bool after_key;
	bool misused; /* calls that do not make JSON; json_finish() says so */
};

/* Starts a document on a stream that stays the caller's. */
void json_init(struct json *j, FILE *out);

void json_object_open(struct json *j);
void json_object_close(struct json *j);
void json_array_open(struct json *j);
void json_array_close(struct json *j);

/* The name of the next value; only in an object. */
void json_key(struct json *j, const char *name);

/* A string that ends in 0; NULL is written as null. */
void json_string(struct json *j, const char *text);
/* A string of len bytes. */
void json_bytes(struct json *j, const char *text, size_t len);
void json_number(struct json *j, long long value);
void json_unsigned(struct json *j, unsigned long long value);
/* digits: places after the point; what is no number in JSON (inf, nan) is written as null. */
void json_double(struct json *j, double value, int digits);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

/*
 * Ends the document with a newline and flushes it.  Returns 0, -EIO if the
 * stream has failed, -EINVAL if the calls did not make one whole document.
 */
int json_finish(struct json *j);

#endif
