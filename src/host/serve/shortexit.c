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

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
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

static void look_at_symbols(Elf *elf, Elf_Scn *section, uint64_t bias, struct runtime *ret)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM ||
	    !header.sh_entsize)
		return;
	data = elf_getdata(section, NULL);
	for (int i = 0; data && i < INT_MAX && (uint64_t)i < header.sh_size / header.sh_entsize;
	     i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, i, &sym))
			return;
		name = sym.st_value ? elf_strptr(elf, header.sh_link, sym.st_name) : NULL;
		if (!name)
			continue;
		if (strcmp(name, "Py_FinalizeEx") == 0) {
			ret->finalize = bias + sym.st_value;
			ret->finalize_size = sym.st_size;
		} else if (strcmp(name, "PyRun_SimpleString") == 0) {
			ret->run = bias + sym.st_value;
		}
	}
}

/* How far from its addresses in the file it is loaded, when its start is at `start`. */
static bool find_bias(Elf *elf, uint64_t start, uint64_t *ret)
{
	size_t count;

	if (elf_getphdrnum(elf, &count) < 0)
		return false;
	for (size_t i = 0; i < count && i < INT_MAX; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		*ret = start - (ph.p_vaddr - ph.p_offset);
		return true;
	}
	return false;
}

/* The file that is mapped from its beginning at `start`. */
static void look_at_file(const char *path, uint64_t start, struct runtime *ret)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	uint64_t bias;

	if (elf && elf_kind(elf) == ELF_K_ELF && find_bias(elf, start, &bias)) {
		while ((section = elf_nextscn(elf, section)))
			look_at_symbols(elf, section, bias, ret);
	}
	elf_end(elf);
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
	return ret->finalize && ret->run;
}

/* The new body of the function. */
static size_t make_body(unsigned char *to, size_t size, uint64_t run)
{
	static const unsigned char code[] = {
		0xf3, 0x0f, 0x1e, 0xfa,             /* endbr64 */
		0x48, 0x83, 0xec, 0x08,             /* sub  $8, %rsp */
		0x48, 0x8d, 0x3d, 0x11, 0, 0, 0,    /* lea  text(%rip), %rdi */
		0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, /* mov  $run, %rax */
		0xff, 0xd0,                         /* call *%rax */
		0x48, 0x83, 0xc4, 0x08,             /* add  $8, %rsp */
		0xc3,                               /* ret */
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

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
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
