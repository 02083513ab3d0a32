/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shortexit.c - see shortexit.h.
 *
 * Python takes everything apart at its end: each module, each object, one by
 * one.  For a process that is about to give all of its memory back this is of
 * use only for what somebody outside can see.  That is: threads that are waited
 * for, functions given to atexit, and output that is not written yet.  So the
 * body of Py_FinalizeEx() is replaced by a call of PyRun_SimpleString() which
 * does these, and returns, as the function does, 0 or -1; the exit status and
 * libc's own exit(3) stay as they are.
 *
 * What a program leaves to the very end is lost: files that it wrote and did not
 * close, and __del__().  That is why it is asked for (--exit=fast).
 */
#include "host/serve/shortexit.h"

#include "base/cleanup.h"
#include "host/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One expression, so that no name is left behind in the program's module. */
static const char at_end[] =
	"(lambda s: [s.modules['threading']._shutdown() if 'threading' in s.modules else None, "
	"__import__('atexit')._run_exitfuncs(), "
	"s.stdout.flush() if s.stdout and not s.stdout.closed else None, "
	"s.stderr.flush() if s.stderr and not s.stderr.closed else None])(__import__('sys'))\n";

struct runtime {
	uint64_t finalize, finalize_size, run; /* 0: not there */
};

static int look_at_file(const char *path, uint64_t start, struct runtime *ret)
{
	static const char *const names[] = { "Py_FinalizeEx", "PyRun_SimpleString" };
	struct wy_symbol found[2] = { 0 };
	int err = wy_symbols_find(path, names, 2, found);

	if (err || !found[0].addr || !found[1].addr)
		return err;
	ret->finalize = start + found[0].addr;
	ret->finalize_size = found[0].size;
	ret->run = start + found[1].addr;
	return 0;
}

static int find_runtime(pid_t pid, struct runtime *ret)
{
	char path[64], line[PATH_MAX + 128];
	cleanup_file FILE *maps = NULL;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps) && !ret->finalize) {
		uint64_t start, offset;
		int name = 0;

		if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %n", &start, &offset,
			   &name) != 2 ||
		    !name || offset || line[name] != '/')
			continue;
		line[strcspn(line, "\n")] = 0;
		/* Whoever carries a Python has it in its name; not every file is to be read. */
		if (strstr(strrchr(line, '/'), "python"))
			look_at_file(line + name, start, ret);
	}
	return ret->finalize != 0;
}

/* The new body of the function. */
static size_t make_body(unsigned char *to, size_t size, uint64_t run)
{
	static const unsigned char code[] = {
		0xf3, 0x0f, 0x1e, 0xfa,                   /* endbr64 */
		0x48, 0x83, 0xec, 0x08,                   /* sub  $8, %rsp */
		0x48, 0x8d, 0x3d, 0x11, 0, 0, 0,          /* lea  text(%rip), %rdi */
		0x48, 0xb8, 0,    0,    0, 0, 0, 0, 0, 0, /* mov  $run, %rax */
		0xff, 0xd0,                               /* call *%rax */
		0x48, 0x83, 0xc4, 0x08,                   /* add  $8, %rsp */
		0xc3,                                     /* ret */
	};

	if (sizeof(code) + sizeof(at_end) > size)
		return 0;
	memcpy(to, code, sizeof(code));
	memcpy(to + 17, &run, sizeof(run));
	memcpy(to + sizeof(code), at_end, sizeof(at_end));
	return sizeof(code) + sizeof(at_end);
}

int wy_short_exit(pid_t pid)
{
	unsigned char body[1024];
	struct runtime runtime = { 0 };
	cleanup_fd int mem = -1;
	char path[64];
	size_t len;
	int ret;

	ret = find_runtime(pid, &runtime);
	if (ret <= 0)
		return ret;
	len = make_body(body, sizeof(body), runtime.run);
	if (!len || len > runtime.finalize_size)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		return -errno;
	return pwrite(mem, body, len, (off_t)runtime.finalize) == (ssize_t)len ? 1 : -EIO;
}
