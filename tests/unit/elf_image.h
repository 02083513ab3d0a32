/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_image.h - for tests: an ELF file as it would lie in memory at its own addresses.
 */
#ifndef WY_TESTS_UNIT_ELF_IMAGE_H
#define WY_TESTS_UNIT_ELF_IMAGE_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct elf_image {
	const uint8_t *file;
	size_t size;
	const Elf64_Ehdr *ehdr;
	const Elf64_Phdr *phdr;
	unsigned long frames, frames_len; /* PT_GNU_EH_FRAME */
};

/* Returns false if the file is not there or no 64-bit ELF file. Never unmapped. */
static inline bool elf_image_open(struct elf_image *e, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	memset(e, 0, sizeof(*e));
	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || (size_t)st.st_size < sizeof(Elf64_Ehdr)) {
		close(fd);
		return false;
	}
	e->size = st.st_size;
	e->file = mmap(NULL, e->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (e->file == MAP_FAILED || memcmp(e->file, ELFMAG "\2", 5) != 0)
		return false;
	e->ehdr = (const void *)e->file;
	e->phdr = (const void *)(e->file + e->ehdr->e_phoff);
	for (int i = 0; i < e->ehdr->e_phnum; i++) {
		if (e->phdr[i].p_type == PT_GNU_EH_FRAME) {
			e->frames = e->phdr[i].p_vaddr;
			e->frames_len = e->phdr[i].p_memsz;
		}
	}
	return true;
}

/* The bytes at an address of the image, NULL if they are not all in the file. */
static inline const uint8_t *elf_image_at(const struct elf_image *e, unsigned long addr,
					  unsigned long len)
{
	for (int i = 0; i < e->ehdr->e_phnum; i++) {
		const Elf64_Phdr *p = &e->phdr[i];

		if (p->p_type == PT_LOAD && addr >= p->p_vaddr && len <= p->p_filesz &&
		    addr - p->p_vaddr <= p->p_filesz - len)
			return e->file + p->p_offset + (addr - p->p_vaddr);
	}
	return NULL;
}

/* For struct text; the context is the image. */
static inline bool elf_image_read(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	const uint8_t *p = elf_image_at(ctx, addr, len);

	if (p)
		memcpy(buf, p, len);
	return p != NULL;
}

/* The section called `name`; false if there is none. */
static inline bool elf_image_section(const struct elf_image *e, const char *name,
				     unsigned long *ret_addr, unsigned long *ret_len)
{
	const Elf64_Shdr *s = (const void *)(e->file + e->ehdr->e_shoff);
	const char *names;

	if (e->ehdr->e_shnum == 0)
		return false;
	names = (const char *)e->file + s[e->ehdr->e_shstrndx].sh_offset;
	for (int i = 0; i < e->ehdr->e_shnum; i++) {
		if (strcmp(names + s[i].sh_name, name) == 0) {
			*ret_addr = s[i].sh_addr;
			*ret_len = s[i].sh_size;
			return true;
		}
	}
	return false;
}

#endif
