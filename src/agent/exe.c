/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exe.c - see exe.h.
 *
 * Calls that name the link by one of its usual paths are made with the path of
 * the file in its place.  What is not done: other ways to the link (a
 * descriptor of /proc/self, a path with dots, openat2), and a file that has
 * been renamed since is not found.
 */
#include "agent/exe.h"
#include "agent/hot.h"
#include "agent/op.h"
#include "agent/seccomp.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <linux/fcntl.h>

#define PATH_LEN 4096

WY_LARGE static char file[PATH_LEN];
static unsigned long file_len; /* 0: /proc/self/exe is what it should be */

/* Returns what follows prefix, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
	while (*prefix) {
		if (*text++ != *prefix++)
			return NULL;
	}
	return text;
}

static const char *behind_number(const char *text, unsigned int number)
{
	unsigned int value = 0;
	const char *p = text;

	while (*p >= '0' && *p <= '9' && p - text < 9)
		value = value * 10 + (unsigned int)(*p++ - '0');
	return p > text && value == number ? p : NULL;
}

const char *wy_exe_instead(unsigned long path)
{
	const char *p, *q;
	char text[48];

	if (!file_len || copy_string_from_program(text, path, sizeof(text)) < 0)
		return NULL;
	p = behind(text, "/proc/");
	if (!p)
		return NULL;
	q = behind(p, "self");
	if (!q)
		q = behind(p, "thread-self");
	if (!q)
		q = behind_number(p, (unsigned int)wy_self()->pid);
	q = q ? behind(q, "/exe") : NULL;
	return q && !*q ? file : NULL;
}

/* Makes the call with another path. */
static enum wy_verdict redirect(struct wy_call *call, int arg)
{
	const char *path = wy_exe_instead((unsigned long)call->arg[arg]);
	long a[6];

	if (!path)
		return WY_PASS;
	for (int i = 0; i < 6; i++)
		a[i] = call->arg[i];
	a[arg] = (long)path;
	return wy_answer(call, wy_call_as_program(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static enum wy_verdict op_path(struct wy_call *call)
{
	return redirect(call, 0);
}

static enum wy_verdict op_open(struct wy_call *call)
{
	return call->arg[1] & O_NOFOLLOW ? WY_PASS : redirect(call, 0);
}

static enum wy_verdict op_openat(struct wy_call *call)
{
	return call->arg[2] & O_NOFOLLOW ? WY_PASS : redirect(call, 1);
}

static enum wy_verdict op_accessat(struct wy_call *call)
{
	return redirect(call, 1);
}

static enum wy_verdict op_fstatat(struct wy_call *call)
{
	return call->arg[3] & AT_SYMLINK_NOFOLLOW ? WY_PASS : redirect(call, 1);
}

static enum wy_verdict op_statx(struct wy_call *call)
{
	return call->arg[2] & AT_SYMLINK_NOFOLLOW ? WY_PASS : redirect(call, 1);
}

static enum wy_verdict read_link(struct wy_call *call, int arg)
{
	const char *path = wy_exe_instead((unsigned long)call->arg[arg]);
	int size = (int)call->arg[arg + 2];
	unsigned long len = file_len;

	if (!path || size <= 0)
		return WY_PASS;
	if (len > (unsigned long)size)
		len = (unsigned long)size;
	if (copy_to_program((unsigned long)call->arg[arg + 1], path, len) < 0)
		return wy_answer(call, -EFAULT);
	return wy_answer(call, (long)len);
}

static enum wy_verdict op_readlink(struct wy_call *call)
{
	return read_link(call, 0);
}

static enum wy_verdict op_readlinkat(struct wy_call *call)
{
	return read_link(call, 1);
}

void wy_exe_link_of(char text[32], unsigned int fd)
{
	static const char start[] = "/proc/self/fd/";
	char digits[12];
	int n = 0, at = sizeof(start) - 1;

	__builtin_memcpy(text, start, sizeof(start));
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		text[at++] = digits[--n];
	text[at] = 0;
}

long wy_exe_path_of(int fd, char *path, unsigned long size)
{
	char link[32];
	long len;

	wy_exe_link_of(link, (unsigned int)fd);
	len = sys3(__NR_readlink, link, path, size - 1);
	path[len < 0 ? 0 : len] = 0;
	return len;
}

void wy_exe_start(int fd)
{
	long len = wy_exe_path_of(fd, file, sizeof(file));

	if (len <= 0)
		return;
	file_len = (unsigned long)len;
	wy_gate_op(__NR_readlink, op_readlink);
	wy_gate_op(__NR_readlinkat, op_readlinkat);
	wy_gate_op(__NR_open, op_open);
	wy_gate_op(__NR_openat, op_openat);
	wy_gate_op(__NR_stat, op_path);
	wy_gate_op(__NR_newfstatat, op_fstatat);
	wy_gate_op(__NR_statx, op_statx);
	wy_gate_op(__NR_access, op_path);
	wy_gate_op(__NR_faccessat, op_accessat);
	wy_gate_op(__NR_faccessat2, op_accessat);
}
