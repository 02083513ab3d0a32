/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/reason.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/callnames.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static const char *name_of(int nr)
{
	const char *name = nr < 0 ? NULL : wy_callname((unsigned int)nr);

	return name ? name : "no call";
}

/* "(pipe:[123])" behind a descriptor, if it can still be looked at. */
static void print_link(char *text, size_t size, pid_t pid, int fd)
{
	char path[48], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0)
		snprintf(text, size, " (%.*s)", (int)n, target);
	else
		*text = '\0';
}

static bool is_wait(long nr)
{
	return nr == SYS_wait4 || nr == SYS_waitid;
}

/* The call that a thread is in; -1: it runs; -2: that cannot be seen. */
static long call_of(pid_t pid, pid_t tid)
{
	cleanup_free char *text = NULL;
	char path[64];
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	if (read_file(path, 4096, &text, NULL) < 0)
		return -2;
	return sscanf(text, "%ld", &nr) == 1 ? nr : -1;
}

/* What it is called; "?" if that cannot be seen. */
static void print_comm(char *text, size_t size, pid_t pid, pid_t tid)
{
	cleanup_free char *comm = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, (int)tid);
	if (read_file(path, 64, &comm, NULL) < 0 || !comm)
		snprintf(text, size, "?");
	else
		snprintf(text, size, "%.*s", (int)strcspn(comm, "\n"), comm);
}

static void print_thread(char *text, size_t size, pid_t program, pid_t tid)
{
	char comm[64];
	long nr = call_of(program, tid);

	print_comm(comm, sizeof(comm), program, tid);
	if (nr >= 0)
		snprintf(text, size, "its thread %d (%s) could not be brought to rest in %s",
			 (int)tid, comm, name_of((int)nr));
	else
		snprintf(text, size, "its thread %d (%s) could not be brought to rest", (int)tid,
			 comm);
}

void wy_reason_print(char *text, size_t size, const struct wy_serve_report *r, pid_t program)
{
	char what[80];
	int value = r->value;

	print_link(what, sizeof(what), program, value);
	switch (r->kind) {
	case WY_SERVE_THREAD: print_thread(text, size, program, value); break;
	case WY_SERVE_CHILDREN: snprintf(text, size, "it has started other processes"); break;
	case WY_SERVE_OTHER:
		snprintf(text, size,
			 "not it but another process (%d), which it started, reads the input",
			 value);
		break;
	case WY_SERVE_OUTPUT:
		snprintf(text, size, "its stdout is not the one that it was given");
		break;
	case WY_SERVE_URING: snprintf(text, size, "descriptor %d is an io_uring", value); break;
	case WY_SERVE_PIPE:
		snprintf(text, size,
			 "descriptor %d%s is a pipe, and another process has its other end", value,
			 what);
		break;
	case WY_SERVE_SOCKET:
		snprintf(text, size, "descriptor %d%s is a connection that all copies would share",
			 value, what);
		break;
	case WY_SERVE_LOCK:
		snprintf(text, size,
			 "it holds a lock on descriptor %d%s, which a copy would not have", value,
			 what);
		break;
	case WY_SERVE_KERNEL_OBJECT:
		snprintf(text, size,
			 "descriptor %d%s is a kernel object that all copies would share", value,
			 what);
		break;
	case WY_SERVE_REOPEN:
		snprintf(text, size, "the file at descriptor %d%s cannot be opened again", value,
			 what);
		break;
	case WY_SERVE_TOO_MANY: snprintf(text, size, "it has too many files open"); break;
	case WY_SERVE_NO_LIST:
		snprintf(text, size, "its descriptors cannot be listed: %s",
			 strerror(value < 0 ? -value : value));
		break;
	case WY_SERVE_SHARED_MEMORY:
		snprintf(text, size, "it has writable memory that all copies would share");
		break;
	case WY_SERVE_ROBUST_LOCK:
		print_comm(what, sizeof(what), program, value);
		snprintf(text, size,
			 "its thread %d (%s) holds a robust mutex, which no thread of a copy would",
			 value, what);
		break;
	default: snprintf(text, size, "its agent says %d", r->kind);
	}
}

bool wy_reason_is_several(int kind)
{
	return kind == WY_SERVE_OTHER || kind == WY_SERVE_CHILDREN || kind == WY_SERVE_OUTPUT;
}

void wy_reason_hazards(unsigned int hazards)
{
	static const char *const what[] = {
		"it has drawn random numbers: all copies have the same",
		"it has files mapped shared and writable: all copies see them",
		"timers run in it: a copy has none, as after fork(2)",
	};

	for (unsigned int i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		if (hazards >> i & 1)
			log_info("served by copies: %s", what[i]);
	}
}

static pid_t child_of(pid_t pid)
{
	cleanup_free char *text = NULL;
	char path[64];
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (read_file(path, 65536, &text, NULL) < 0)
		return 0;
	return sscanf(text, "%d", &child) == 1 ? child : 0;
}

void wy_reason_where(char *text, size_t size, pid_t program)
{
	char comm[64];
	long nr = call_of(program, program);
	pid_t pid = program, child;

	/* One that waits for another is not the one. */
	while (is_wait(nr) && (child = child_of(pid)) > 0) {
		pid = child;
		nr = call_of(pid, pid);
	}
	print_comm(comm, sizeof(comm), pid, pid);
	if (nr == -1)
		snprintf(text, size, "it is computing (process %d, %s)", (int)pid, comm);
	else if (nr < 0)
		snprintf(text, size, "what it does cannot be seen (process %d)", (int)pid);
	else
		snprintf(text, size, "it is in %s (process %d, %s)", name_of((int)nr), (int)pid,
			 comm);
}
