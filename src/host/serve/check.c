/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - what `waylay serve check` does: the program alone, some times; then
 * `waylay serve` with it, and as many requests as wanted; every answer and
 * every end is compared.
 *
 * The program has the same kind of stdin and stdout both times, a socket.
 */
#include "host/serve/check.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/serve/request.h"
#include "host/serve/trial.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define FRESH_RUNS    10
#define FRESH_SECONDS 5
#define ALONE         20 /* requests one after the other, for the times */
#define INPUT_MAX     ((size_t)1 << 30)

enum { EQUAL = 0, DIFFERENT = 1, TROUBLE = 2 };

/* --- shared with bench.c --- */

void wy_check_print_time(char text[WY_CHECK_TIME_MAX], unsigned long ns)
{
	double ms = (double)ns / 1e6;

	snprintf(text, WY_CHECK_TIME_MAX, "%.*f ms", ms < 1 ? 3 : ms < 100 ? 2 : 0, ms);
}

static void print_end(char *text, size_t size, int status)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

const char *wy_check_difference(const struct wy_answer *got, const struct wy_answer *want,
				char *text, size_t size)
{
	size_t same = 0, len = got->len < want->len ? got->len : want->len;
	char end[80], wanted[80];

	if (got->err) {
		snprintf(text, size, "no answer: %s", strerror(-got->err));
		return text;
	}
	while (same < len && got->data[same] == want->data[same])
		same++;
	if (same < len) {
		snprintf(text, size, "byte %zu of %zu is another", same + 1, want->len);
		return text;
	}
	if (got->len != want->len) {
		snprintf(text, size, "%zu bytes in place of %zu", got->len, want->len);
		return text;
	}
	/* A core file is no part of how it ended. */
	if ((got->status & ~0x80) == (want->status & ~0x80))
		return NULL;
	print_end(end, sizeof(end), got->status);
	print_end(wanted, sizeof(wanted), want->status);
	snprintf(text, size, "%s in place of %s", end, wanted);
	return text;
}

int wy_check_read_input(struct wy_check *c)
{
	char *text;
	int err = read_file("/dev/stdin", INPUT_MAX, &text, &c->input_len);

	if (err)
		return log_errno(err, "cannot read the sample from stdin");
	c->input = text;
	return 0;
}

static void on_signal(int nr)
{
	wy_request_stop();
}

int wy_check_take_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	int err = wy_request_stoppable();

	if (err)
		return log_errno(err, "cannot make an event");

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	return 0;
}

static int cannot_run(const struct wy_check *c, const struct wy_answer *a)
{
	if (a->err)
		return log_errno(a->err, "cannot run '%s'", c->argv[0]);
	if (WIFEXITED(a->status) && WEXITSTATUS(a->status) == 127 && !a->len)
		return log_errno(ENOENT, "cannot run '%s'", c->argv[0]);
	return 0;
}

int wy_check_fresh(const struct wy_check *c, struct wy_answer *answers, unsigned int count,
		   unsigned int *ret_done)
{
	struct wy_request r = { .how = WY_REQUEST_EXEC,
				.argv = c->argv,
				.input = c->input,
				.input_len = c->input_len,
				.count = 1,
				.parallel = 1,
				.side_fd = -1 };
	unsigned long begin = wy_request_now();
	unsigned int n = 0;
	char text[200];
	int err = 0;

	while (!err && n < count &&
	       (n < 3 || wy_request_now() - begin < FRESH_SECONDS * 1000000000ul)) {
		err = wy_request_run(&r, &answers[n++]);
		if (!err)
			err = cannot_run(c, &answers[n - 1]);
		if (!err && wy_check_difference(&answers[n - 1], &answers[0], text, sizeof(text))) {
			log_err("fresh runs of '%s' are not equal, so nothing can be compared: %s",
				c->argv[0], text);
			err = -EINVAL;
		}
	}
	*ret_done = n;
	return err;
}

/* --- the report --- */

static void print_fresh(const struct wy_answer *answers, unsigned int done)
{
	unsigned long median = wy_request_median(answers, done, offsetof(struct wy_answer, total));
	char time[WY_CHECK_TIME_MAX], end[80];

	wy_check_print_time(time, median);
	print_end(end, sizeof(end), answers[0].status);
	printf("fresh     %s, median of %u; %zu bytes, %s\n", time, done, answers[0].len, end);
}

static void print_served(const struct wy_answer *answers, unsigned int count, unsigned long fresh)
{
	unsigned long total = wy_request_median(answers, count, offsetof(struct wy_answer, total));
	unsigned long last = wy_request_median(answers, count, offsetof(struct wy_answer, last));
	unsigned long after = last && last < total ? total - last : 0;
	char time[WY_CHECK_TIME_MAX];

	if (!total)
		return;
	wy_check_print_time(time, total);
	printf("served    %s, median of %u one after the other: %.1f times faster\n", time, count,
	       (double)fresh / (double)total);
	wy_check_print_time(time, after);
	printf("teardown  %s after its last byte, %lu %% of a request%s\n", time,
	       after * 100 / total, 2 * after > total ? "; --exit=fast may leave it out" : "");
}

/* What the server, which is told to say much, has said before it was asked. */
static void print_log(const struct wy_trial *t, const char *head)
{
	static const char hazard[] = "served by copies: ";
	char line[LOG_LINE_MAX];
	bool is_hazard;
	size_t pos = 0;

	while (wy_trial_line(t, &pos, line, sizeof(line))) {
		is_hazard = strncmp(line, hazard, sizeof(hazard) - 1) == 0;
		if (is_hazard)
			printf("hazard    %s\n", line + sizeof(hazard) - 1);
		else if (strncmp(line, "ready: ", 7) != 0)
			printf("%s%s\n", head, line);
	}
}

/* The options of the server, and one. */
static char **add_option(char *const *options, char *more)
{
	unsigned int n = 0;
	char **list;

	while (options[n])
		n++;
	list = calloc(n + 2, sizeof(*list));
	if (list) {
		memcpy(list, options, n * sizeof(*list));
		list[n] = more;
	}
	return list;
}

/* Returns how many differ; the first ones are told. */
static unsigned int compare(const struct wy_answer *answers, unsigned int count,
			    const struct wy_answer *want)
{
	unsigned int wrong = 0;
	char text[200];

	for (unsigned int i = 0; i < count; i++) {
		if (!wy_check_difference(&answers[i], want, text, sizeof(text)))
			continue;
		if (++wrong <= 3)
			printf("different request %u: %s\n", i + 1, text);
	}
	return wrong;
}

/* --- all of it --- */

static int ask_server(const struct wy_check *c, struct wy_trial *t, const struct wy_answer *fresh,
		      unsigned long fresh_median, struct wy_answer *answers)
{
	struct wy_request r = { .how = WY_REQUEST_CALL,
				.addr = t->call,
				.input = c->input,
				.input_len = c->input_len,
				.count = ALONE < c->count ? ALONE : c->count,
				.parallel = 1,
				.patience_ms = 30000 + fresh_median / 1000000 * 10,
				.side = wy_trial_listen,
				.side_data = t };
	struct wy_answer want = *fresh;
	unsigned int wrong;
	int err;

	r.side_fd = t->log;
	if (t->calls_fresh) {
		printf("note      a call would start it afresh, so its ends are not compared\n");
		r.how = WY_REQUEST_CONNECT;
		r.addr = t->plain;
		want.status = 0;
	}
	err = wy_request_run(&r, answers);
	if (!err)
		print_served(answers, r.count, fresh_median);
	wrong = err ? 0 : compare(answers, r.count, &want);
	wy_request_free(answers, r.count);
	if (err || wrong)
		return err ? err : DIFFERENT;
	r.count = c->count;
	r.parallel = c->parallel < c->count ? c->parallel : c->count;
	r.side_fd = t->log;
	err = wy_request_run(&r, answers);
	if (!err) {
		wrong = compare(answers, r.count, &want);
		printf("equal     %u of %u, %u at once: bytes%s\n", r.count - wrong, r.count,
		       r.parallel, r.how == WY_REQUEST_CALL ? " and end" : "");
	}
	wy_request_free(answers, r.count);
	return err ? err : wrong ? DIFFERENT : EQUAL;
}

static int serve_and_ask(const struct wy_check *c, const struct wy_answer *fresh,
			 unsigned long fresh_median, struct wy_answer *answers)
{
	char verbose[] = "-v";
	cleanup_free char **options = add_option(c->options, verbose);
	struct wy_trial t;
	int ret;

	if (!options)
		return -ENOMEM;
	ret = wy_trial_start(&t, options, c->argv, false);
	if (!ret && !t.pid) {
		print_log(&t, "refused   ");
		fflush(stdout);
		log_err("'%s' could not be served", c->argv[0]);
		ret = -EINVAL;
	}
	if (!ret) {
		printf("mode      %s\n", t.mode);
		print_log(&t, "note      ");
		fflush(stdout);
		ret = ask_server(c, &t, fresh, fresh_median, answers);
	}
	wy_trial_stop(&t);
	return ret;
}

int wy_serve_check(const struct wy_check *c)
{
	cleanup_free struct wy_answer *answers =
		calloc(c->count < ALONE ? ALONE : c->count, sizeof(*answers));
	struct wy_answer fresh[FRESH_RUNS] = { 0 };
	unsigned int done = 0;
	unsigned long median;
	int ret;

	if (!answers)
		return TROUBLE;
	ret = wy_check_fresh(c, fresh, FRESH_RUNS, &done);
	if (!ret) {
		median = wy_request_median(fresh, done, offsetof(struct wy_answer, total));
		print_fresh(fresh, done);
		fflush(stdout);
		ret = serve_and_ask(c, &fresh[0], median, answers);
	}
	wy_request_free(fresh, done); /* NOLINT(*unix.Malloc) */
	if (ret == -EINTR)
		log_err("stopped by a signal");
	if (fflush(stdout) == EOF)
		ret = log_errno(errno, "cannot write to stdout");
	return ret < 0 ? TROUBLE : ret;
}
