/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/auxv.h"

#include "base/cleanup.h"
#include "base/fdio.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAGE        4096ul
#define ENTRIES_MAX 64
#define WORDS_MAX \
	(8ul << 20) /* arguments and environment are at most 6 MB; this only ends the search */

/* Reads words from rising addresses, a page of them at a time. */
struct cursor {
	const struct wy_remote *r;
	unsigned long addr;
	unsigned int at, nr;
	unsigned long word[PAGE / 8];
};

static int next_word(struct cursor *c, unsigned long *ret)
{
	if (c->at == c->nr) {
		/* To the end of the page: the next one may be none of ours. */
		unsigned int nr = (unsigned int)((PAGE - c->addr % PAGE) / 8);
		int err = wy_remote_read(c->r, c->addr, c->word, nr * 8);

		if (err)
			return err;
		c->addr += nr * 8;
		c->nr = nr;
		c->at = 0;
	}
	*ret = c->word[c->at++];
	return 0;
}

static int skip_to_null(struct cursor *c)
{
	unsigned long word;

	for (unsigned long n = 0; n < WORDS_MAX; n++) {
		int err = next_word(c, &word);

		if (err || !word)
			return err;
	}
	return -ENOEXEC;
}

/* Takes one entry.  Returns 1 at the end, 0 before it. */
static int take(struct wy_auxv *a, unsigned long type, unsigned long value)
{
	switch (type) {
	case AT_NULL: return 1;
	case AT_PHDR: a->phdr = value; break;
	case AT_PHENT: a->phent = value; break;
	case AT_PHNUM: a->phnum = value; break;
	case AT_BASE: a->base = value; break;
	case AT_PAGESZ: a->pagesz = value; break;
	case AT_SYSINFO_EHDR: a->vdso = value; break;
	case AT_HWCAP2: a->hwcap2 = value; break;
	}
	return 0;
}

static bool is_usable(const struct wy_auxv *a)
{
	return a->pagesz == PAGE && a->phent == sizeof(Elf64_Phdr) && a->phdr;
}

int wy_auxv_read_file(pid_t pid, struct wy_auxv *ret)
{
	cleanup_fd int fd = -1;
	unsigned long word[2 * ENTRIES_MAX] = { 0 };
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -errno : read_full(fd, word, sizeof(word) - 16);
	if (n < 0)
		return (int)n;
	memset(ret, 0, sizeof(*ret));
	for (int i = 0; !take(ret, word[i], word[i + 1]); i += 2)
		;
	return is_usable(ret) ? 0 : -ENOEXEC;
}

int wy_auxv_read_stack(const struct wy_remote *r, unsigned long sp, struct wy_auxv *ret)
{
	struct cursor c = { .r = r, .addr = sp };
	struct wy_auxv a = { 0 };
	unsigned long argc;
	int err;

	if (sp % 8)
		return -ENOEXEC;
	err = next_word(&c, &argc);
	if (!err)
		err = skip_to_null(&c); /* argv */
	if (!err)
		err = skip_to_null(&c); /* envp */
	for (int n = 0; !err; n++) {
		unsigned long type, value;

		err = next_word(&c, &type);
		if (!err)
			err = next_word(&c, &value);
		if (err || n == ENTRIES_MAX)
			return err ? err : -ENOEXEC;
		if (!take(&a, type, value))
			continue;
		if (!is_usable(&a))
			return -ENOEXEC;
		*ret = a;
		return 0;
	}
	return err;
}

int wy_loads_read(const struct wy_remote *r, const struct wy_auxv *auxv, struct wy_loads *ret)
{
	Elf64_Phdr ph[64];
	unsigned long low = -1ul, high = 0, bias = 0;
	bool have_bias = false;
	int err;

	if (auxv->phnum == 0 || auxv->phnum > sizeof(ph) / sizeof(ph[0]))
		return -ENOEXEC;
	err = wy_remote_read(r, auxv->phdr, ph, auxv->phnum * sizeof(ph[0]));
	if (err)
		return err;
	for (unsigned long i = 0; i < auxv->phnum; i++) {
		if (ph[i].p_type == PT_PHDR) {
			bias = auxv->phdr - ph[i].p_vaddr;
			have_bias = true;
		}
		if (ph[i].p_type != PT_LOAD)
			continue;
		/* No PT_PHDR: they stand behind the ELF header, in the first segment. */
		if (!have_bias && ph[i].p_offset == 0) {
			bias = auxv->phdr - sizeof(Elf64_Ehdr) - ph[i].p_vaddr;
			have_bias = true;
		}
		if (ph[i].p_vaddr < low)
			low = ph[i].p_vaddr;
		if (ph[i].p_vaddr + ph[i].p_memsz > high)
			high = ph[i].p_vaddr + ph[i].p_memsz;
	}
	if (low >= high)
		return -ENOEXEC;
	ret->low = (low + bias) & ~(PAGE - 1);
	ret->high = (high + bias + PAGE - 1) & ~(PAGE - 1);
	ret->fixed = have_bias && bias == 0;
	return 0;
}
