/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times and timers.
 */
#include "host/trace/decode_part.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

void put_timespec(struct decoder *d, const struct timespec64 *t)
{
	put_format(d, "{tv_sec=%ld, tv_nsec=%lu}", t->sec, (unsigned long)t->nsec);
}

void put_timeval(struct decoder *d, const struct timespec64 *t)
{
	put_format(d, "{tv_sec=%ld, tv_usec=%lu}", t->sec, (unsigned long)t->nsec);
}

typedef void put_time(struct decoder *d, const struct timespec64 *t);

static void put_one(struct decoder *d, unsigned int i, bool out, put_time *put)
{
	struct timespec64 t;

	if (out ? arg_out(d, i, &t, sizeof(t)) : arg_in(d, i, &t, sizeof(t)))
		put(d, &t);
	else
		put_address(d, d->args[i]);
}

static void put_timespec_in(struct decoder *d, unsigned int i)
{
	put_one(d, i, false, put_timespec);
}

static void put_timespec_out(struct decoder *d, unsigned int i)
{
	put_one(d, i, true, put_timespec);
}

static void put_timeval_in(struct decoder *d, unsigned int i)
{
	put_one(d, i, false, put_timeval);
}

static void put_timeval_out(struct decoder *d, unsigned int i)
{
	put_one(d, i, true, put_timeval);
}

/* ---- the times of a file ---- */

/* A moment of the world: with what calendars call it. */
static void put_date(struct decoder *d, long sec, unsigned long part, int digits)
{
	time_t t = sec;
	struct tm tm;
	char text[64];

	if (!localtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	put_format(d, " /* %s", text);
	if (part)
		put_format(d, ".%0*lu", digits, part);
	if (strftime(text, sizeof(text), "%z", &tm))
		put_format(d, "%s */", text);
}

static void put_file_time(struct decoder *d, const struct timespec64 *t, bool micro)
{
	if (!micro && t->nsec == UTIME_NOW) {
		put_text(d, "UTIME_NOW");
	} else if (!micro && t->nsec == UTIME_OMIT) {
		put_text(d, "UTIME_OMIT");
	} else {
		(micro ? put_timeval : put_timespec)(d, t);
		put_date(d, t->sec, (unsigned long)t->nsec, micro ? 6 : 9);
	}
}

static void put_file_times(struct decoder *d, unsigned int i, bool micro)
{
	struct timespec64 t[2];

	if (!arg_in(d, i, t, sizeof(t))) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	put_file_time(d, &t[0], micro);
	put_text(d, ", ");
	put_file_time(d, &t[1], micro);
	put_char(d, ']');
}

static void put_timespecs(struct decoder *d, unsigned int i)
{
	put_file_times(d, i, false);
}

static void put_timevals(struct decoder *d, unsigned int i)
{
	put_file_times(d, i, true);
}

static void put_utimbuf(struct decoder *d, unsigned int i)
{
	long t[2];

	if (!arg_in(d, i, t, sizeof(t))) {
		put_address(d, d->args[i]);
		return;
	}
	put_format(d, "{actime=%ld", t[0]);
	put_date(d, t[0], 0, 0);
	put_format(d, ", modtime=%ld", t[1]);
	put_date(d, t[1], 0, 0);
	put_char(d, '}');
}

/* ---- timers ---- */

static void put_interval(struct decoder *d, unsigned int i, bool out, put_time *put)
{
	struct timespec64 t[2];

	if (out ? !arg_out(d, i, t, sizeof(t)) : !arg_in(d, i, t, sizeof(t))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{it_interval=");
	put(d, &t[0]);
	put_text(d, ", it_value=");
	put(d, &t[1]);
	put_char(d, '}');
}

static void put_itimerspec_in(struct decoder *d, unsigned int i)
{
	put_interval(d, i, false, put_timespec);
}

static void put_itimerspec_out(struct decoder *d, unsigned int i)
{
	put_interval(d, i, true, put_timespec);
}

static void put_itimerval_in(struct decoder *d, unsigned int i)
{
	put_interval(d, i, false, put_timeval);
}

static void put_itimerval_out(struct decoder *d, unsigned int i)
{
	put_interval(d, i, true, put_timeval);
}

static void put_timezone(struct decoder *d, unsigned int i)
{
	int zone[2];

	if (arg_out(d, i, zone, sizeof(zone)) || arg_in(d, i, zone, sizeof(zone)))
		put_format(d, "{tz_minuteswest=%d, tz_dsttime=%d}", zone[0], zone[1]);
	else
		put_address(d, d->args[i]);
}

static void put_time_out(struct decoder *d, unsigned int i)
{
	long t;

	if (!arg_out(d, i, &t, sizeof(t))) {
		put_address(d, d->args[i]);
		return;
	}
	put_format(d, "[%ld", t);
	put_date(d, t, 0, 0);
	put_char(d, ']');
}

static void put_tms(struct decoder *d, unsigned int i)
{
	long tms[4];

	if (!arg_out(d, i, tms, sizeof(tms)))
		put_address(d, d->args[i]);
	else
		put_format(d, "{tms_utime=%ld, tms_stime=%ld, tms_cutime=%ld, tms_cstime=%ld}",
			   tms[0], tms[1], tms[2], tms[3]);
}

printer *wy_time_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_TIMESPEC_IN:
	case WY_ARG_TIMESPEC_INOUT: return put_timespec_in;
	case WY_ARG_TIMESPEC_OUT:
	case WY_ARG_TIMESPEC_LEFT: return put_timespec_out;
	case WY_ARG_TIMEVAL_IN:
	case WY_ARG_TIMEVAL_INOUT: return put_timeval_in;
	case WY_ARG_TIMEVAL_OUT: return put_timeval_out;
	case WY_ARG_TIMESPECS_IN: return put_timespecs;
	case WY_ARG_TIMEVALS_IN: return put_timevals;
	case WY_ARG_UTIMBUF_IN: return put_utimbuf;
	case WY_ARG_ITIMERSPEC_IN: return put_itimerspec_in;
	case WY_ARG_ITIMERSPEC_OUT: return put_itimerspec_out;
	case WY_ARG_ITIMERVAL_IN: return put_itimerval_in;
	case WY_ARG_ITIMERVAL_OUT: return put_itimerval_out;
	case WY_ARG_TIMEZONE_IN:
	case WY_ARG_TIMEZONE_OUT: return put_timezone;
	case WY_ARG_TIME_OUT: return put_time_out;
	case WY_ARG_TMS_OUT: return put_tms;
	default: return NULL;
	}
}
