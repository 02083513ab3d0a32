/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session, which every program under waylay can write to: whatever stands there, the host
 * reads nothing else, says valid JSON, and traces only threads that were found to have asked.
 *
 * The input is a list of writes: what to write to, how many bytes, the bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "host/find_thread.h"
#include "host/stats.h"
#include "host/tracee.h"

#define SLOTS 8u /* of threads, that are written to */

static struct wy_session *session;

/* ---- what the mailbox is answered with, but for the mailbox itself ---- */

static pid_t found[4 * WY_EXEC_SLOTS]; /* the threads that may be traced */
static unsigned int nr_found;

pid_t wy_find_thread(const struct wy_exec_slot *slot)
{
	if (slot->cookie % 4 == 0)
		return -ESRCH;
	if (slot->cookie % 4 == 1)
		return -EPERM;
	check(nr_found < 4 * WY_EXEC_SLOTS);
	found[nr_found] = 1000 + (pid_t)(slot->cookie % 251);
	return found[nr_found++];
}

long ptrace(enum __ptrace_request request, ...)
{
	bool asked = false;
	va_list ap;
	pid_t tid;

	va_start(ap, request);
	tid = va_arg(ap, pid_t);
	va_end(ap);
	for (unsigned int i = 0; i < nr_found; i++)
		asked |= found[i] == tid;
	check(asked && (request == PTRACE_SEIZE || request == PTRACE_INTERRUPT));
	if (request == PTRACE_SEIZE && tid % 5 == 0) {
		errno = tid % 2 ? EPERM : ESRCH;
		return -1;
	}
	return 0;
}

int wy_rendezvous_open(struct wy_rendezvous_host *r, struct wy_host_session *s)
{
	return 0;
}

void wy_rendezvous_serve(struct wy_rendezvous_host *r, const struct wy_host_session *s)
{
}

static void answer_requests(void)
{
	struct wy_host_session host = { .mem = session, .fd = -1 };
	struct wy_follow f = { .session = &host };
	unsigned int nr = 0;

	nr_found = 0;
	wy_follow_requests(&f);
	for (const struct wy_tracee *t = f.tracees; t; t = t->next, nr++) {
		check(t->slot >= session->exec && t->slot < session->exec + WY_EXEC_SLOTS);
		for (const struct wy_tracee *other = t->next; other; other = other->next)
			check(other->process != t->process && other->slot != t->slot);
	}
	check(nr == f.tracees_nr);
	/* They do not come to their exec. */
	for (int i = 0; i < WY_EXEC_SLOTS; i++)
		session->exec[i].state = WY_EXEC_FAILED;
	wy_follow_requests(&f);
	while (f.tracees)
		wy_tracee_drop(&f, f.tracees);
	nr_found = 0;
	for (int i = 0; i < WY_EXEC_SLOTS; i += 2)
		session->exec[i].state = WY_EXEC_SEIZED;
	wy_follow_take_over(&f);
	while (f.tracees)
		wy_tracee_drop(&f, f.tracees);
	check(f.tracees_nr == 0);
}

/* ---- JSON ---- */

static const char *skip_value(const char *p);

static const char *skip_string(const char *p)
{
	check(*p++ == '"');
	while (*p != '"') {
		check((unsigned char)*p >= 0x20);
		if (*p == '\\') {
			p++;
			check(strchr("\"\\ntu", *p) != NULL && *p);
		}
		p++;
	}
	return p + 1;
}

static const char *skip_list(const char *p, char end, bool with_names)
{
	for (p++; *p != end; p++) {
		if (with_names) {
			p = skip_string(p);
			check(*p++ == ':');
		}
		p = skip_value(p);
		if (*p == end)
			break;
		check(*p == ',' && p[1] != end);
	}
	return p + 1;
}

static const char *skip_value(const char *p)
{
	size_t len;

	if (*p == '{')
		return skip_list(p, '}', true);
	if (*p == '[')
		return skip_list(p, ']', false);
	if (*p == '"')
		return skip_string(p);
	p += *p == '-';
	len = strspn(p, "0123456789");
	check(len > 0 && (*p != '0' || len == 1));
	return p + len;
}

/* ---- */

static void write_json(void)
{
	struct wy_stats stats;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	check(out != NULL);
	wy_stats_sum(&stats, session);
	check(wy_stats_json(&stats, session, out) == 0);
	check(fclose(out) == 0);
	check(strcmp(skip_value(text), "\n") == 0);
	free(text);
	out = open_memstream(&text, &len);
	check(out != NULL);
	wy_stats_print(&stats, session, out);
	check(fclose(out) == 0);
	free(text);
}

static void fill(struct input *in)
{
	while (in->left) {
		unsigned int what = take_number(in), nr = take_number(in);
		void *to;
		size_t max;

		switch (what % 8) {
		case 0:
		case 1:
			to = &session->exec[nr % WY_EXEC_SLOTS];
			max = sizeof(session->exec[0]);
			break;
		case 2:
		case 3:
			to = &session->note[nr % WY_NOTE_SLOTS];
			max = sizeof(session->note[0]);
			break;
		case 4:
			to = &session->total.calls[nr % WY_CALLS_MAX];
			max = 8;
			break;
		case 5:
			to = &session->thread[nr % SLOTS];
			max = offsetof(struct wy_thread_slot, counts);
			break;
		case 6:
			to = &session->thread[nr % SLOTS].counts.errors[nr % WY_CALLS_MAX];
			max = 8;
			break;
		default:
			to = &session->doorbell;
			max = offsetof(struct wy_session, exec) -
			      offsetof(struct wy_session, doorbell);
		}
		if (what >> 8 && what >> 8 < max)
			max = what >> 8;
		take_bytes(in, to, max);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!session) {
		session = mmap(NULL, WY_SESSION_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		check(session != MAP_FAILED);
		log_set_level(LOG_DEBUG);
		log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	}
	fill(&in);
	write_json();
	wy_host_notes_print(session);
	wy_host_faults_print(session);
	write_json();
	answer_requests();
	memset(session, 0, offsetof(struct wy_session, thread[SLOTS]));
	return 0;
}
