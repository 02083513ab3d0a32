/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shortexit.c - see shortexit.h.
 *
 * Python takes everything apart at its end: each module, each object, one by
 * one; and then libc's exit(3) has each library free what it has.  For a
 * process that is about to give all of its memory back this is of use only for
 * what somebody outside can see.  That is: threads that are waited for,
 * functions given to atexit, and output that is not written yet.  So two
 * functions get other bodies:
 *
 *	Py_FinalizeEx()	does these (arch/x86_64/shortexit.S), and returns as it did
 *	exit()		flushes the streams of C's stdio, and is _exit()
 *
 * A copy of a frozen program pays for each page that is touched: taking apart
 * costs a few hundred of them.  This is why Python is asked by its functions in
 * C, and not by a line of Python, which would have to be compiled.
 *
 * What a program leaves to the very end is lost: files that it wrote and did
 * not close, __del__(), and what libraries in C or C++ do by atexit(3) or in
 * destructors.  That is why it is asked for (--exit=fast).
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

extern const unsigned char wy_python_end[];
extern const size_t wy_python_end_size, wy_python_end_nr_sites;
extern const struct {
	uint32_t at, to;
} wy_python_end_sites[];

/* shortexit.S has their numbers. */
static const char *const python_names[] = {
	"PyImport_GetModuleDict", "PyDict_GetItemString", "PyObject_CallMethod",
	"PyErr_WriteUnraisable",  "PySys_GetObject",      "PyObject_GetAttrString",
	"PyObject_IsTrue",        "PyErr_Clear",          "_Py_NoneStruct",
	"Py_FinalizeEx",
};
static const char *const libc_names[] = { "fflush", "_exit", "exit" };

#define PYTHON_NAMES (sizeof(python_names) / sizeof(python_names[0]))
#define LIBC_NAMES   (sizeof(libc_names) / sizeof(libc_names[0]))

/* Some functions of a file that is mapped, the last of them to be replaced. */
struct module {
	const char *const *names;
	size_t nr;
	uint64_t at[PYTHON_NAMES]; /* addresses in the process */
	uint64_t size;             /* of the last one; 0: not found */
};

static void look_at_file(const char *path, uint64_t start, struct module *m)
{
	struct wy_symbol found[PYTHON_NAMES] = { 0 };

	if (m->size || wy_symbols_find(path, m->names, m->nr, found) < 0)
		return;
	for (size_t i = 0; i < m->nr; i++) {
		if (!found[i].addr)
			return;
		m->at[i] = start + found[i].addr;
	}
	m->size = found[m->nr - 1].size;
}

static int find_modules(pid_t pid, struct module *python, struct module *libc)
{
	char path[64], line[PATH_MAX + 128];
	cleanup_file FILE *maps = NULL;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, offset;
		const char *base;
		int name = 0;

		if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %n", &start, &offset,
			   &name) != 2 ||
		    !name || offset || line[name] != '/')
			continue;
		line[strcspn(line, "\n")] = 0;
		base = strrchr(line, '/') + 1;
		/* Whoever carries a Python has it in its name; not every file is to be read. */
		if (strstr(base, "python"))
			look_at_file(line + name, start, python);
		else if (strncmp(base, "libc.so", 7) == 0 || strncmp(base, "libc-2.", 7) == 0 ||
			 strncmp(base, "ld-musl-", 8) == 0)
			look_at_file(line + name, start, libc);
	}
	return python->size != 0;
}

static int write_memory(int mem, const void *bytes, size_t len, uint64_t at)
{
	return pwrite(mem, bytes, len, (off_t)at) == (ssize_t)len ? 0 : -EIO;
}

/* Writes how far it is from behind these four bytes, which will stand at an address. */
static void put_distance(unsigned char *bytes, uint64_t at, uint64_t to)
{
	const uint32_t distance = (uint32_t)(to - (at + sizeof(distance)));

	memcpy(bytes, &distance, sizeof(distance));
}

/* Returns 1, 0: there is no room for it, or -errno. */
static int replace_python_end(int mem, const struct module *m)
{
	const size_t len = wy_python_end_size;
	const uint64_t start = m->at[m->nr - 1];
	unsigned char body[1024];
	int err;

	if (len > m->size || len > sizeof(body))
		return 0;
	memcpy(body, wy_python_end, len);
	for (size_t i = 0; i < wy_python_end_nr_sites; i++)
		put_distance(body + wy_python_end_sites[i].at, start + wy_python_end_sites[i].at,
			     m->at[wy_python_end_sites[i].to]);
	err = write_memory(mem, body, len, start);
	return err ? err : 1;
}

static int replace_exit(int mem, const struct module *m)
{
	unsigned char body[] = {
		0x53,                /* push %rbx */
		0x89, 0xfb,          /* mov  %edi, %ebx */
		0x31, 0xff,          /* xor  %edi, %edi */
		0xe8, 0,    0, 0, 0, /* call fflush */
		0x89, 0xdf,          /* mov  %ebx, %edi */
		0xe8, 0,    0, 0, 0, /* call _exit */
	};

	if (sizeof(body) > m->size)
		return 0;
	put_distance(body + 6, m->at[2] + 6, m->at[0]);
	put_distance(body + 13, m->at[2] + 13, m->at[1]);
	return write_memory(mem, body, sizeof(body), m->at[2]);
}

int wy_short_exit(pid_t pid)
{
	struct module python = { .names = python_names, .nr = PYTHON_NAMES };
	struct module libc = { .names = libc_names, .nr = LIBC_NAMES };
	cleanup_fd int mem = -1;
	char path[64];
	int ret;

	ret = find_modules(pid, &python, &libc);
	if (ret <= 0)
		return ret;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		return -errno;
	ret = replace_python_end(mem, &python);
	if (ret > 0 && libc.size && replace_exit(mem, &libc) < 0)
		ret = -EIO;
	return ret;
}
