/* SPDX-License-Identifier: Apache-2.0 */
#include "host/find_thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Returns 0 when it is the one, -ESRCH when not, -EPERM when we may not know. */
static int check(pid_t tid, const struct wy_exec_slot *slot)
{
	unsigned long word = 0;
	struct iovec local = { &word, sizeof(word) };
	struct iovec remote = { (void *)slot->cookie_addr, sizeof(word) };

	if (process_vm_readv(tid, &local, 1, &remote, 1, 0) == sizeof(word))
		return word == slot->cookie ? 0 : -ESRCH;
	return errno == EPERM ? -EPERM : -ESRCH;
}

/*
 * Does this task lie in another pid namespace, and is it called inner there?
 * The line is "NSpid:\tOUTER\tINNER...", the innermost last.
 */
static bool is_called(const char *status_path, int inner)
{
	char text[4096], *line, *last;
	int fd = open(status_path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	line = strstr(text, "\nNSpid:");
	if (!line)
		return false;
	line += strlen("\nNSpid:\t");
	line[strcspn(line, "\n")] = '\0';
	last = strrchr(line, '\t');
	return last && atoi(last + 1) == inner;
}

static pid_t search_tasks(const char *pid_name, const struct wy_exec_slot *slot)
{
	char path[64 + 2 * NAME_MAX];
	struct dirent *e;
	pid_t found = -ESRCH;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/task", pid_name);
	d = opendir(path);
	while (d && found == -ESRCH && (e = readdir(d))) {
		pid_t tid = atoi(e->d_name);
		int err;

		snprintf(path, sizeof(path), "/proc/%s/task/%s/status", pid_name, e->d_name);
		if (tid <= 0 || !is_called(path, slot->tid))
			continue;
		err = check(tid, slot);
		found = err ? err : tid;
	}
	if (d)
		closedir(d);
	return found;
}

static pid_t search_all(const struct wy_exec_slot *slot)
{
	DIR *d = opendir("/proc");
	pid_t found = -ESRCH;
	struct dirent *e;

	while (d && found < 0 && (e = readdir(d))) {
		char path[64 + NAME_MAX];
		pid_t got;

		if (atoi(e->d_name) <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/status", e->d_name);
		if (!is_called(path, slot->pid))
			continue;
		got = search_tasks(e->d_name, slot);
		if (got != -ESRCH)
			found = got;
	}
	if (d)
		closedir(d);
	return found;
}

pid_t wy_find_thread(const struct wy_exec_slot *slot)
{
	int first = check(slot->tid, slot);
	pid_t found;

	if (first == 0)
		return slot->tid;
	found = search_all(slot);
	return found == -ESRCH ? first : found;
}
