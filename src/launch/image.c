/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/image.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PAGE      4096ul
#define IMAGE_MAX (16ul << 20)

static size_t page_up(size_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

static bool in_file(const struct wy_image *im, size_t off, size_t len)
{
	return off <= im->file_len && len <= im->file_len - off;
}

/* Returns where [vaddr, vaddr + len) stands in the file, or NULL if no segment holds all of it. */
static const void *at_vaddr(const struct wy_image *im, size_t vaddr, size_t len)
{
	for (unsigned int i = 0; i < im->phdr_nr; i++) {
		const Elf64_Phdr *p = &im->phdr[i];

		if (p->p_type != PT_LOAD || vaddr < p->p_vaddr)
			continue;
		if (vaddr - p->p_vaddr <= p->p_filesz && len <= p->p_filesz - (vaddr - p->p_vaddr))
			return im->file + p->p_offset + (vaddr - p->p_vaddr);
	}
	return NULL;
}

static int parse_loads(struct wy_image *im)
{
	bool writable = false;
	size_t end = 0;

	for (unsigned int i = 0; i < im->phdr_nr; i++) {
		const Elf64_Phdr *p = &im->phdr[i];

		if (p->p_type == PT_INTERP || p->p_type == PT_TLS)
			return -ENOEXEC;
		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_filesz > p->p_memsz || p->p_memsz > IMAGE_MAX || p->p_vaddr > IMAGE_MAX)
			return -ENOEXEC;
		if (p->p_vaddr < end || !in_file(im, p->p_offset, p->p_filesz))
			return -ENOEXEC;
		if (p->p_flags & PF_W) {
			if (p->p_flags & PF_X)
				return -ENOEXEC;
			if (!writable && (p->p_vaddr & ~(PAGE - 1)) < page_up(end))
				return -ENOEXEC;
			if (!writable)
				im->text_len = p->p_vaddr & ~(PAGE - 1);
			writable = true;
		} else if (writable || p->p_offset != p->p_vaddr) {
			return -ENOEXEC;
		}
		end = p->p_vaddr + p->p_memsz;
		if (writable && p->p_filesz)
			im->data_len = p->p_vaddr + p->p_filesz - im->text_len;
	}
	im->len = page_up(end);
	if (!writable)
		im->text_len = im->len;
	return end ? 0 : -ENOEXEC;
}

static int parse_relocations(struct wy_image *im)
{
	const Elf64_Dyn *dyn = NULL;
	size_t dyn_nr = 0, rela_at = 0, rela_len = 0;

	for (unsigned int i = 0; i < im->phdr_nr; i++) {
		const Elf64_Phdr *p = &im->phdr[i];

		if (p->p_type == PT_DYNAMIC && in_file(im, p->p_offset, p->p_filesz) &&
		    p->p_offset % 8 == 0) {
			dyn = (const void *)(im->file + p->p_offset);
			dyn_nr = p->p_filesz / sizeof(*dyn);
		}
	}
	for (size_t i = 0; i < dyn_nr && dyn[i].d_tag != DT_NULL; i++) {
		switch (dyn[i].d_tag) {
		case DT_RELA: rela_at = dyn[i].d_un.d_ptr; break;
		case DT_RELASZ: rela_len = dyn[i].d_un.d_val; break;
		case DT_NEEDED:
		case DT_REL:
		case DT_RELR:
		case DT_JMPREL: return -ENOEXEC;
		}
	}
	if (!rela_len)
		return 0;
	im->rela = at_vaddr(im, rela_at, rela_len);
	im->rela_nr = rela_len / sizeof(*im->rela);
	if (!im->rela || (unsigned long)im->rela % 8)
		return -ENOEXEC;
	for (size_t i = 0; i < im->rela_nr; i++) {
		if (ELF64_R_TYPE(im->rela[i].r_info) != R_X86_64_RELATIVE)
			return -ENOEXEC;
		if (im->data_len < 8 || im->rela[i].r_offset < im->text_len ||
		    im->rela[i].r_offset - im->text_len > im->data_len - 8)
			return -ENOEXEC;
	}
	return 0;
}

int wy_image_parse(struct wy_image *ret, const void *file, size_t len)
{
	struct wy_image im = { .file = file, .file_len = len };
	const Elf64_Ehdr *eh = file;
	int err;

	if (len < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_X86_64 ||
	    eh->e_type != ET_DYN)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phoff % 8)
		return -ENOEXEC;
	if (!in_file(&im, eh->e_phoff, (size_t)eh->e_phnum * sizeof(Elf64_Phdr)))
		return -ENOEXEC;
	im.phdr = (const void *)(im.file + eh->e_phoff);
	im.phdr_nr = eh->e_phnum;
	im.entry = eh->e_entry;
	err = parse_loads(&im);
	if (!err)
		err = parse_relocations(&im);
	if (err)
		return err;
	if (im.entry >= im.text_len || im.entry % PAGE || !at_vaddr(&im, im.entry, 1))
		return -ENOEXEC;
	*ret = im;
	return 0;
}

size_t wy_image_find_code(const struct wy_image *image, const void *bytes, size_t len)
{
	for (unsigned int i = 0; i < image->phdr_nr; i++) {
		const Elf64_Phdr *p = &image->phdr[i];
		const unsigned char *start = image->file + p->p_offset, *at;

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		at = memmem(start, p->p_filesz, bytes, len);
		if (at)
			return p->p_vaddr + (size_t)(at - start);
	}
	return 0;
}

const unsigned char *wy_image_text(const struct wy_image *image, unsigned int i, size_t *at,
				   size_t *len)
{
	for (unsigned int n = 0; n < image->phdr_nr; n++) {
		const Elf64_Phdr *p = &image->phdr[n];

		if (p->p_type != PT_LOAD || p->p_flags & PF_W || !p->p_filesz || i--)
			continue;
		*at = p->p_vaddr;
		*len = p->p_filesz;
		return image->file + p->p_offset;
	}
	return NULL;
}

const unsigned char *wy_image_entry_page(const struct wy_image *image, size_t *len)
{
	for (unsigned int i = 0; i < image->phdr_nr; i++) {
		const Elf64_Phdr *p = &image->phdr[i];
		size_t off = image->entry - p->p_vaddr;

		if (p->p_type != PT_LOAD || image->entry < p->p_vaddr || off >= p->p_filesz)
			continue;
		*len = p->p_filesz - off < PAGE ? p->p_filesz - off : PAGE;
		return image->file + p->p_offset + off;
	}
	return NULL; /* not of an image that was accepted */
}

void wy_image_data(const struct wy_image *image, unsigned long base, unsigned char *buf)
{
	memset(buf, 0, image->data_len);
	for (unsigned int i = 0; i < image->phdr_nr; i++) {
		const Elf64_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_W)
			memcpy(buf + (p->p_vaddr - image->text_len), image->file + p->p_offset,
			       p->p_filesz);
	}
	for (size_t i = 0; i < image->rela_nr; i++) {
		unsigned long value = base + (unsigned long)image->rela[i].r_addend;

		memcpy(buf + (image->rela[i].r_offset - image->text_len), &value, sizeof(value));
	}
}
