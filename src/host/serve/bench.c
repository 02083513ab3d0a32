/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.c - what `waylay serve bench` does: the same request, one after the
 * other, to the program itself and to servers of it.
 *
 * Servers are asked over TCP, from a new connection to its end.  The fresh
 * start is a fork and an exec by us, without any server: what the others are
 * compared with.
 */
#include "host/serve/check.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/serve/request.h"
#include "host/serve/trial.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define FRESH_RUNS 100

struct bench {
	const struct wy_check *c;
	struct wy_answer *answers;
	struct wy_answer want; /* an answer over a connection: no end is told */
	unsigned long fresh;
	bool different;
};

static void print_row(const struct bench *b, const char *name, const struct wy_answer *answers,
		      unsigned int count)
{
	size_t which = offsetof(struct wy_answer, total);
	unsigned long median = wy_request_median(answers, count, which);
	char mid[WY_CHECK_TIME_MAX], slow[WY_CHECK_TIME_MAX];

	wy_check_print_time(mid, median);
	wy_check_print_time(slow, wy_request_percentile(answers, count, which, 95));
	printf("%-22s %11s %11s", name, mid, slow);
	if (median)
		printf(" %9.1f", (double)b->fresh / (double)median);
	printf("\n");
	fflush(stdout);
}

/* Asks at this address.  Returns 0 or -errno. */
static int ask(struct bench *b, const char *name, const struct addr *addr, int side_fd,
	       void (*side)(void *), void *side_data)
{
	struct wy_request r = { .how = WY_REQUEST_CONNECT,
				.addr = *addr,
				.input = b->c->input,
				.input_len = b->c->input_len,
				.count = b->c->count,
				.parallel = 1,
				.patience_ms = 30000 + b->fresh / 1000000 * 10,
				.side_fd = side_fd,
				.side = side,
				.side_data = side_data };
	const char *how = NULL;
	char text[200];
	int err = wy_request_run(&r, b->answers);

	for (unsigned int i = 0; !err && !how && i < r.count; i++)
		how = wy_check_difference(&b->answers[i], &b->want, text, sizeof(text));
	if (how) {
		printf("%-22s DIFFERENT: %s\n", name, how);
		fflush(stdout);
		b->different = true;
	} else if (!err) {
		print_row(b, name, b->answers, r.count);
	}
	wy_request_free(b->answers, r.count);
	return err;
}

/* --- waylay itself --- */

static int bench_waylay(struct bench *b, const char *name, const char *mode, bool exit_fast)
{
	char *options[64];
	char mode_option[] = "--mode", exit_option[] = "--exit=fast", mode_word[16];
	struct wy_trial t;
	unsigned int n = 0;
	int err;

	while (n < 60 && b->c->options[n]) {
		options[n] = b->c->options[n];
		n++;
	}
	snprintf(mode_word, sizeof(mode_word), "%s", mode);
	options[n++] = mode_option;
	options[n++] = mode_word;
	if (exit_fast)
		options[n++] = exit_option;
	options[n] = NULL;
	err = wy_trial_start(&t, options, b->c->argv, true);
	if (!err && !t.pid) {
		char line[LOG_LINE_MAX] = "it has ended";
		size_t pos = 0;

		wy_trial_line(&t, &pos, line, sizeof(line));
		printf("%-22s not possible: %s\n", name, line);
		fflush(stdout);
	} else if (!err) {
		err = ask(b, name, &t.plain, t.log, wy_trial_listen, &t);
	}
	wy_trial_stop(&t);
	return err;
}

/* --- servers that others have written --- */

struct peer {
	pid_t pid;
	int fd; /* what it says */
	char text[4096];
	size_t len;
};

static void peer_listen(void *data)
{
	struct peer *p = data;
	char more[1024];
	ssize_t n = read(p->fd, more, sizeof(more));

	/* The beginning is what is looked at. */
	if (n > 0 && p->len + (size_t)n < sizeof(p->text)) {
		memcpy(p->text + p->len, more, (size_t)n);
		p->len += (size_t)n;
		p->text[p->len] = '\0';
	}
	if (n == 0)
		close_fd(&p->fd);
}

/* tcpserver prints its port, socat a line with its address.  0: not yet. */
static unsigned long peer_port(const struct peer *p)
{
	const char *at = strstr(p->text, "listening on AF=2 127.0.0.1:");
	char *end;
	unsigned long port = strtoul(at ? at + 28 : p->text, &end, 10);

	return *end == '\n' && port < 65536 ? port : 0;
}

static int peer_start(struct peer *p, char *const *argv, int says)
{
	int pipe[2];

	*p = (struct peer){ .fd = -1 };
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	p->pid = fork();
	if (p->pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		for (int fd = 0; fd < 3; fd++)
			dup2(fd == says ? pipe[1] : null, fd);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pipe[1]);
	p->fd = pipe[0];
	if (p->pid < 0)
		return -errno;
	setpgid(p->pid, p->pid);
	while (!peer_port(p) && p->fd >= 0) {
		peer_listen(p);
		if (wy_request_is_stopped())
			return -EINTR;
	}
	return 0;
}

static void peer_stop(struct peer *p)
{
	if (p->pid > 0) {
		kill(-p->pid, SIGTERM);
		waitpid(p->pid, NULL, 0);
	}
	close_fd(&p->fd);
}

static int bench_peer(struct bench *b, const char *name, char *const *argv, int says)
{
	char text[64];
	const char *why;
	struct addr addr;
	struct peer p;
	int err = peer_start(&p, argv, says);

	if (!err && !peer_port(&p)) {
		printf("%-22s not installed\n", name);
	} else if (!err) {
		snprintf(text, sizeof(text), "%lu", peer_port(&p));
		addr_parse(&addr, text, &why);
		err = ask(b, name, &addr, p.fd, peer_listen, &p);
	}
	peer_stop(&p);
	return err;
}

static int bench_tcpserver(struct bench *b)
{
	static const char *const begin[] = { "tcpserver", "-1", "-q",        "-R", "-H",
					     "-l",        "0",  "127.0.0.1", "0" };
	const size_t own = sizeof(begin) / sizeof(begin[0]);
	cleanup_free char **argv = NULL;
	size_t words = 0;

	while (b->c->argv[words])
		words++;
	argv = calloc(own + words + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	memcpy(argv, begin, sizeof(begin));
	memcpy(argv + own, b->c->argv, words * sizeof(*argv));
	return bench_peer(b, "tcpserver", argv, STDOUT_FILENO); /* NOLINT(*unix.Malloc) */
}

/* socat takes the program as one text, in which some characters are its own: they are escaped. */
static int bench_socat(struct bench *b)
{
	char socat[] = "socat", d[] = "-d", t[] = "-t", wait[] = "86400",
	     listen[] = "TCP-LISTEN:0,bind=127.0.0.1,reuseaddr,fork";
	char exec[4096] = "EXEC:";
	char *argv[] = { socat, d, d, t, wait, listen, exec, NULL };
	size_t len = strlen(exec);

	for (char **word = b->c->argv; *word; word++) {
		if (strcspn(*word, " \t\n\"'\\,:!{}[]()") != strlen(*word) || !**word ||
		    len + strlen(*word) + 2 > sizeof(exec)) {
			printf("%-22s its EXEC cannot be given such arguments\n", "socat EXEC");
			return 0;
		}
		len += (size_t)snprintf(exec + len, sizeof(exec) - len, "%s%s",
					word == b->c->argv ? "" : " ", *word);
	}
	return bench_peer(b, "socat EXEC", argv, STDERR_FILENO);
}

/* --- all of it --- */

static int measure(struct bench *b)
{
	int err = bench_tcpserver(b);

	if (!err)
		err = bench_socat(b);
	if (!err)
		err = bench_waylay(b, "waylay, fork", "fork", false);
	if (!err)
		err = bench_waylay(b, "waylay, fork, fast", "fork", true);
	if (!err)
		err = bench_waylay(b, "waylay, prestart", "prestart", false);
	return err;
}

int wy_serve_bench(const struct wy_check *c)
{
	unsigned int runs = c->count < FRESH_RUNS ? c->count : FRESH_RUNS, done = 0;
	cleanup_free struct wy_answer *fresh = calloc(FRESH_RUNS, sizeof(*fresh));
	struct bench b = { .c = c, .answers = calloc(c->count, sizeof(*b.answers)) };
	int err = fresh && b.answers ? 0 : -ENOMEM;

	if (!err)
		err = wy_check_fresh(c, fresh, runs, &done);
	if (!err) {
		b.fresh = wy_request_median(fresh, done, offsetof(struct wy_answer, total));
		b.want = fresh[0];
		b.want.status = 0;
		printf("%-22s %11s %11s %9s\n", "", "median", "95 %", "faster");
		print_row(&b, "fresh start", fresh, done);
		err = measure(&b);
	}
	wy_request_free(fresh, done);
	free(b.answers);
	if (err == -EINTR)
		log_err("stopped by a signal");
	if (fflush(stdout) == EOF)
		err = log_errno(errno, "cannot write to stdout");
	return err ? 2 : b.different ? 1 : 0;
}
