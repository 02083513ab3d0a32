/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units.h - sizes and durations, as users write them and as people read them.
 *
 *	SIZE		a number, and B, K, M, G or T (1024 each); "64M", "1.5G", "4096"
 *	DURATION	a number, and ms, s, m, h or d; "30s", "1.5m", "250ms", "10"
 *
 * A number alone is bytes, or seconds.  There are no signs and no blanks.
 */
#ifndef WY_BASE_UNITS_H
#define WY_BASE_UNITS_H

#define UNITS_TEXT_MAX 32

/* Reads a size.  Returns 0, -EINVAL if it is none, -ERANGE if it is too big. */
int size_parse(unsigned long *ret_bytes, const char *text);

/* Reads a duration.  Returns 0, -EINVAL if it is none, -ERANGE if it is too long. */
int duration_parse(unsigned long *ret_ms, const char *text);

/* The same in nanoseconds, with the units ns, us, ms and s. */
int duration_parse_ns(unsigned long *ret_ns, const char *text);

/* Writes a size: "512 MB", "1.4 GB", "900 bytes". */
void size_print(char text[UNITS_TEXT_MAX], unsigned long bytes);

/* Writes a duration: "12 ms", "1.9 s", "75 s". */
void duration_print(char text[UNITS_TEXT_MAX], unsigned long ms);

#endif
