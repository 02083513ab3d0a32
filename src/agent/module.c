/* SPDX-License-Identifier: Apache-2.0 */
/* module.c - see module.h. */
#include <elf.h>
#include "agent/module.h"
#include "agent/usermem.h"

#define PAGE		4096ul
#define PHDRS_MAX	32

static bool read_header(unsigned long base, Elf64_Ehdr *eh)
{
	return copy_from_program(eh, base, sizeof(*eh)) == 0 &&
	       eh->e_ident[EI_MAG0] == ELFMAG0 && eh->e_ident[EI_MAG1] == ELFMAG1 &&
	       eh->e_ident[EI_MAG2] == ELFMAG2 && eh->e_ident[EI_MAG3] == ELFMAG3 &&
	       eh->e_ident[EI_CLASS] == ELFCLASS64 && eh->e_phentsize == sizeof(Elf64_Phdr);
}

long wy_module_find(unsigned long addr, struct wy_module *m)
{
	Elf64_Phdr ph, frames = { 0 };
	bool have_bias = false;
	unsigned long base, bias = 0;
	Elf64_Ehdr eh;
	long ret = wy_vma_find(addr, &m->vma);

	m->frames = m->frames_len = 0;
	if (ret < 0)
		return ret;
	base = m->vma.start - m->vma.offset;
	if (!m->vma.file_backed || !read_header(base, &eh))
		return 0;
	for (unsigned int i = 0; i < eh.e_phnum && i < PHDRS_MAX; i++) {
		if (copy_from_program(&ph, base + eh.e_phoff + i * sizeof(ph), sizeof(ph)) < 0)
			return 0;
		if (ph.p_type == PT_LOAD && (ph.p_offset & -PAGE) == m->vma.offset) {
			bias = m->vma.start - (ph.p_vaddr & -PAGE);
			have_bias = true;
		} else if (ph.p_type == PT_GNU_EH_FRAME) {
			frames = ph;
		}
	}
	if (have_bias && frames.p_memsz) {
		m->frames = bias + frames.p_vaddr;
		m->frames_len = frames.p_memsz;
	}
	return 0;
}
