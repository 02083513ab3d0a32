/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - what waylay itself has to say, on stderr.
 *
 * stderr belongs to the program, so a line of ours is marked ("waylay: ") and
 * is written by a single write(2): it never mixes with another line.  A line
 * longer than LOG_LINE_MAX bytes is cut.  errno is left as it was.
 */
#ifndef WY_BASE_LOG_H
#define WY_BASE_LOG_H

#define LOG_LINE_MAX 1024

enum log_level {
	LOG_ERR,   /* waylay could not do what it was asked to do */
	LOG_WARN,  /* done, but not wholly: the user wants to know (the default) */
	LOG_INFO,  /* -v: what is being done */
	LOG_DEBUG, /* -vv: why */
};

/* Takes the level from WAYLAY_LOG (err, warn, info, debug), if set; a bad word is warned of. */
void log_init(void);

/* Sets the level: lines above it are not printed. */
void log_set_level(enum log_level level);

/* One level more, as each -v asks for. */
void log_more(void);

/* The present level. */
enum log_level log_get_level(void);

/* Sends lines to this fd instead of 2.  The fd stays the caller's. */
void log_set_fd(int fd);

/* Prints "waylay: TEXT\n" if the level allows. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints "waylay: TEXT: REASON\n" at LOG_ERR; err is positive or negative.  Returns -|err|. */
int log_errno(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
