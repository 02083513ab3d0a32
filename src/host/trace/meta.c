/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/meta.h"

#include "base/cleanup.h"
#include "proto/tracefile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wy_meta_add(struct wy_meta *m, const char *name, const char *value)
{
	size_t name_len = strlen(name) + 1, value_len = strlen(value) + 1;
	size_t len = m->len + name_len + value_len;
	char *text = len > WY_SEGMENT_LEN_MAX ? NULL : realloc(m->text, len);

	if (!text) {
		m->failed = true;
		return;
	}
	memcpy(text + m->len, name, name_len);
	memcpy(text + m->len + name_len, value, value_len);
	m->text = text;
	m->len = len;
}

void wy_meta_addf(struct wy_meta *m, const char *name, const char *fmt, ...)
{
	cleanup_free char *value = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&value, fmt, args);
	va_end(args);
	if (len < 0) {
		value = NULL;
		m->failed = true;
		return;
	}
	wy_meta_add(m, name, value);
}

void wy_meta_free(struct wy_meta *m)
{
	free(m->text);
	*m = (struct wy_meta){ 0 };
}

static const char *take_text(struct wy_bytes *bytes)
{
	const char *text = (const char *)bytes->at;
	size_t len = strnlen(text, bytes->len);

	if (len == bytes->len)
		return NULL;
	bytes->at += len + 1;
	bytes->len -= len + 1;
	return text;
}

bool wy_meta_next(struct wy_bytes *bytes, const char **ret_name, const char **ret_value)
{
	if (!bytes->len)
		return false;
	*ret_name = take_text(bytes);
	if (!*ret_name || !bytes->len)
		return false;
	*ret_value = take_text(bytes);
	return *ret_value != NULL;
}

const char *wy_meta_get(struct wy_bytes bytes, const char *name)
{
	const char *found, *value;

	while (wy_meta_next(&bytes, &found, &value)) {
		if (strcmp(found, name) == 0)
			return value;
	}
	return NULL;
}

unsigned long wy_meta_number(struct wy_bytes bytes, const char *name)
{
	const char *value = wy_meta_get(bytes, name);

	return value ? strtoul(value, NULL, 10) : 0;
}
