/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/target.h"

#include <asm/errno.h>
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#define AT_FDCWD_ (-100)
#define PHDRS_MAX (65536 / sizeof(Elf64_Phdr))

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Finds the interpreter and its argument in the first bytes of a script, and
 * ends both with 0.  False: the kernel would not take it.
 */
static bool parse_script(char *head, char **ret_name, char **ret_arg)
{
	char *limit = head + WY_TARGET_HEAD - 1, *end = head, *p;

	while (end < limit && *end && *end != '\n')
		end++;
	if (*end != '\n') {
		end = limit;
		/* The line is longer than what was read: the name, at least, must be whole. */
		for (p = head + 2; p < limit && blank(*p); p++)
			;
		while (p < limit && *p && !blank(*p))
			p++;
		if (p == limit)
			return false;
	}
	while (blank(end[-1]))
		end--;
	*end = 0;
	for (p = head + 2; blank(*p); p++)
		;
	*ret_name = p;
	if (p >= end || !*p)
		return false;
	while (*p && !blank(*p))
		p++;
	*ret_arg = NULL;
	if (!*p)
		return true;
	*p++ = 0;
	while (blank(*p))
		p++;
	if (*p)
		*ret_arg = p;
	return true;
}

/* The words of one script come before those that were there. */
static void put_before(struct wy_target *t, const char *interpreter, const char *arg,
		       const char *script)
{
	const char *add[3] = { interpreter, arg ? arg : script, script };
	unsigned int nr = arg ? 3 : 2;

	/* The script's name stands there already, as the interpreter of the one before. */
	if (t->words)
		nr--;
	for (unsigned int i = t->words; i-- > 0;)
		t->word[i + nr] = t->word[i];
	for (unsigned int i = 0; i < nr; i++)
		t->word[i] = add[i];
	t->words += nr;
}

static bool is_program(const Elf64_Ehdr *eh)
{
	return eh->e_ident[EI_MAG0] == ELFMAG0 && eh->e_ident[EI_MAG1] == ELFMAG1 &&
	       eh->e_ident[EI_MAG2] == ELFMAG2 && eh->e_ident[EI_MAG3] == ELFMAG3 &&
	       eh->e_ident[EI_CLASS] == ELFCLASS64 && eh->e_machine == EM_X86_64 &&
	       (eh->e_type == ET_EXEC || eh->e_type == ET_DYN) &&
	       eh->e_phentsize == sizeof(Elf64_Phdr) && eh->e_phnum && eh->e_phnum <= PHDRS_MAX;
}

/* Is there something to map, all of which can be mapped? */
static long check_segments(const struct wy_target_io *io, int fd, const Elf64_Ehdr *eh,
			   Elf64_Phdr *ret_interp)
{
	unsigned long end = 0, start = 0;
	bool any = false;

	ret_interp->p_type = PT_NULL;
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;

		if (io->read(fd, &ph, sizeof(ph), eh->e_phoff + i * sizeof(ph)) != sizeof(ph))
			return -ENOEXEC;
		if (ph.p_type == PT_INTERP && ret_interp->p_type == PT_NULL)
			*ret_interp = ph;
		if (ph.p_type != PT_LOAD)
			continue;
		if (ph.p_filesz > ph.p_memsz || ph.p_memsz > 1ul << 46 || ph.p_vaddr > 1ul << 46 ||
		    (ph.p_vaddr - ph.p_offset) % 4096 || (any && ph.p_vaddr < end))
			return -ENOEXEC;
		if (!any)
			start = ph.p_vaddr;
		end = ph.p_vaddr + ph.p_memsz;
		any = true;
	}
	return any && end > start ? 0 : -ENOEXEC;
}

static long open_interpreter(struct wy_target *t, const struct wy_target_io *io,
			     const Elf64_Phdr *ph)
{
	Elf64_Ehdr eh;
	Elf64_Phdr interp;
	long ret;

	if (ph->p_filesz < 2 || ph->p_filesz > sizeof(t->interpreter))
		return -ENOEXEC;
	if (io->read(t->fd, t->interpreter, ph->p_filesz, ph->p_offset) != (long)ph->p_filesz ||
	    t->interpreter[ph->p_filesz - 1])
		return -ENOEXEC;
	ret = io->open(AT_FDCWD_, t->interpreter, 0);
	if (ret < 0)
		return ret;
	t->interpreter_fd = (int)ret;
	if (io->read(t->interpreter_fd, &eh, sizeof(eh), 0) != sizeof(eh) || !is_program(&eh))
		return -ELIBBAD;
	return check_segments(io, t->interpreter_fd, &eh, &interp);
}

static long check_program(struct wy_target *t, const struct wy_target_io *io, const char *head)
{
	const Elf64_Ehdr *eh = (const void *)head;
	Elf64_Phdr interp;
	long ret;

	if (!is_program(eh))
		return -ENOEXEC;
	ret = io->judge(t->fd);
	if (ret >= 0)
		ret = check_segments(io, t->fd, eh, &interp);
	if (ret >= 0 && interp.p_type == PT_INTERP)
		ret = open_interpreter(t, io, &interp);
	return ret;
}

static long find(struct wy_target *t, const struct wy_target_io *io, int dir, const char *path,
		 int flags, const char *name)
{
	for (int depth = 0; depth <= WY_TARGET_SCRIPTS; depth++) {
		char *head = t->head[depth], *interpreter, *arg;
		long ret = io->open(dir, path, flags);

		if (ret < 0)
			return ret;
		t->fd = (int)ret;
		for (int i = 0; i <= WY_TARGET_HEAD; i++)
			head[i] = 0;
		ret = io->read(t->fd, head, WY_TARGET_HEAD, 0);
		if (ret < 0)
			return ret;
		if (head[0] != '#' || head[1] != '!')
			return check_program(t, io, head);
		if (depth == WY_TARGET_SCRIPTS)
			return -ELOOP;
		if (!name)
			return -ENOENT;
		if (!parse_script(head, &interpreter, &arg))
			return -ENOEXEC;
		put_before(t, interpreter, arg, name);
		io->close(t->fd);
		t->fd = -1;
		dir = AT_FDCWD_;
		flags = 0;
		name = path = interpreter;
	}
	return -ELOOP;
}

long wy_target_find(struct wy_target *t, const struct wy_target_io *io, int dir, const char *path,
		    int flags, const char *name)
{
	long ret;

	t->fd = t->interpreter_fd = -1;
	t->words = 0;
	ret = find(t, io, dir, path, flags, name);
	if (ret < 0)
		wy_target_close(t, io);
	return ret < 0 ? ret : 0;
}

void wy_target_close(struct wy_target *t, const struct wy_target_io *io)
{
	if (t->fd >= 0)
		io->close(t->fd);
	if (t->interpreter_fd >= 0)
		io->close(t->interpreter_fd);
	t->fd = t->interpreter_fd = -1;
}
