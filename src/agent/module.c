/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.c - see module.h.
 *
 * What was found is remembered: asking needs a descriptor for a moment, which
 * other threads could notice.
 */
#include "agent/module.h"
#include "agent/lock.h"
#include "agent/usermem.h"
#include <elf.h>

#define PAGE       4096ul
#define PHDRS_MAX  32
#define CACHE_SIZE 16u

static struct wy_module cache[CACHE_SIZE]; /* under WY_LOCK_REWRITE; vma.end 0: free */
static unsigned int cache_next;

static bool read_header(unsigned long base, Elf64_Ehdr *eh)
{
	return copy_from_program(eh, base, sizeof(*eh)) == 0 && eh->e_ident[EI_MAG0] == ELFMAG0 &&
	       eh->e_ident[EI_MAG1] == ELFMAG1 && eh->e_ident[EI_MAG2] == ELFMAG2 &&
	       eh->e_ident[EI_MAG3] == ELFMAG3 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_phentsize == sizeof(Elf64_Phdr);
}

static void find_frames(struct wy_module *m)
{
	unsigned long base = m->vma.start - m->vma.offset;
	Elf64_Phdr ph, frames = { 0 };
	bool have_bias = false;
	unsigned long bias = 0;
	Elf64_Ehdr eh;

	if (!read_header(base, &eh))
		return;
	for (unsigned int i = 0; i < eh.e_phnum && i < PHDRS_MAX; i++) {
		if (copy_from_program(&ph, base + eh.e_phoff + i * sizeof(ph), sizeof(ph)) < 0)
			return;
		/* A mapping may be a part of its segment: writing code can split one. */
		if (ph.p_type == PT_LOAD && (ph.p_offset & -PAGE) <= m->vma.offset &&
		    m->vma.offset < ph.p_offset + ph.p_filesz) {
			bias = base + ph.p_offset - ph.p_vaddr;
			have_bias = true;
		} else if (ph.p_type == PT_GNU_EH_FRAME) {
			frames = ph;
		}
	}
	if (have_bias && frames.p_memsz) {
		m->frames = bias + frames.p_vaddr;
		m->frames_len = frames.p_memsz;
	}
}

long wy_module_find(unsigned long addr, struct wy_module *m)
{
	long ret;

	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		if (addr >= cache[i].vma.start && addr < cache[i].vma.end) {
			*m = cache[i];
			return 0;
		}
	}
	m->frames = m->frames_len = 0;
	ret = wy_vma_find(addr, &m->vma);
	if (ret < 0)
		return ret;
	if (m->vma.file_backed)
		find_frames(m);
	cache[cache_next++ % CACHE_SIZE] = *m;
	return 0;
}

void wy_module_forget(unsigned long start, unsigned long len)
{
	wy_lock(WY_LOCK_REWRITE);
	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		if (cache[i].vma.start < start + len && start < cache[i].vma.end)
			cache[i].vma.start = cache[i].vma.end = 0;
	}
	wy_unlock(WY_LOCK_REWRITE);
}
