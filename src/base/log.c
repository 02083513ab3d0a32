/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum log_level current = LOG_WARN;
static int log_fd = STDERR_FILENO;

static const char *const level_names[] = { "err", "warn", "info", "debug" };

void log_init(void)
{
	const char *word = getenv("WAYLAY_LOG");

	if (!word || !*word)
		return;
	for (unsigned int i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(word, level_names[i]) == 0) {
			current = i;
			return;
		}
	}
	log_warn("WAYLAY_LOG is '%s', which is none of err, warn, info, debug", word);
}

void log_set_level(enum log_level level)
{
	current = level;
}

void log_more(void)
{
	if (current < LOG_DEBUG)
		current++;
}

enum log_level log_get_level(void)
{
	return current;
}

void log_set_fd(int fd)
{
	log_fd = fd;
}

/* Adds formatted text at *len, never beyond LOG_LINE_MAX - 1 (room for the newline). */
static void add(char *line, size_t *len, const char *fmt, va_list ap)
{
	size_t room = LOG_LINE_MAX - *len;
	int n = vsnprintf(line + *len, room, fmt, ap);

	if (n > 0)
		*len += (size_t)n < room ? (size_t)n : room - 1;
}

static void addf(char *line, size_t *len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void addf(char *line, size_t *len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(line, len, fmt, ap);
	va_end(ap);
}

static void say(const char *reason, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	size_t len = 0;

	addf(line, &len, "waylay: ");
	add(line, &len, fmt, ap);
	if (reason)
		addf(line, &len, ": %s", reason);
	line[len++] = '\n';
	/* Nobody can be told that stderr does not take the line. */
	while (write(log_fd, line, len) < 0 && errno == EINTR)
		;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (level > current)
		return;
	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

int log_errno(int err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (err < 0)
		err = -err;
	va_start(ap, fmt);
	say(strerror(err), fmt, ap);
	va_end(ap);
	errno = saved;
	return -err;
}
