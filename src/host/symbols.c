/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.c - see symbols.h.
 *
 * The file is anybody's: every structure is copied out of it through take(),
 * which knows where the file ends, and no offset is used before that.
 */
#include "host/symbols.h"

#include "base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	const unsigned char *bytes;
	size_t len;
};

static bool take(const struct file *f, uint64_t at, void *to, size_t len)
{
	if (at > f->len || len > f->len - at)
		return false;
	memcpy(to, f->bytes + at, len);
	return true;
}

static bool has_string(const struct file *f, uint64_t at, const char *text)
{
	size_t len = strlen(text) + 1;

	return at <= f->len && len <= f->len - at && memcmp(f->bytes + at, text, len) == 0;
}

/* The address of the file's first byte, as its program headers have it. */
static bool find_start(const struct file *f, const Elf64_Ehdr *eh, uint64_t *ret)
{
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;

		if (!take(f, eh->e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
			return false;
		if (ph.p_type != PT_LOAD)
			continue;
		*ret = ph.p_vaddr - ph.p_offset;
		return true;
	}
	return false;
}

static bool look_through(const struct file *f, const Elf64_Shdr *symbols, uint64_t strings,
			 uint64_t start, const char *const *names, size_t nr, struct wy_symbol *ret)
{
	for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		if (!take(f, symbols->sh_offset + at, &sym, sizeof(sym)))
			return false;
		for (size_t i = 0; sym.st_value && i < nr; i++) {
			if (!has_string(f, strings + sym.st_name, names[i]))
				continue;
			ret[i].addr = sym.st_value - start;
			ret[i].size = sym.st_size;
		}
	}
	return true;
}

int wy_symbols_find_in(const void *bytes, size_t len, const char *const *names, size_t nr,
		       struct wy_symbol *ret)
{
	struct file f = { bytes, len };
	Elf64_Shdr symbols, strings;
	uint64_t start;
	Elf64_Ehdr eh;

	if (!take(&f, 0, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_shentsize != sizeof(symbols) ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || !find_start(&f, &eh, &start))
		return -ENOEXEC;
	for (unsigned int i = 0; i < eh.e_shnum; i++) {
		if (!take(&f, eh.e_shoff + i * sizeof(symbols), &symbols, sizeof(symbols)))
			return -ENOEXEC;
		if (symbols.sh_type != SHT_DYNSYM)
			continue;
		if (!take(&f, eh.e_shoff + symbols.sh_link * sizeof(strings), &strings,
			  sizeof(strings)) ||
		    !look_through(&f, &symbols, strings.sh_offset, start, names, nr, ret))
			return -ENOEXEC;
		return 0;
	}
	return 0;
}

int wy_symbols_find(const char *path, const char *const *names, size_t nr, struct wy_symbol *ret)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;
	int err;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -ENOEXEC;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	err = wy_symbols_find_in(bytes, (size_t)st.st_size, names, nr, ret);
	munmap(bytes, (size_t)st.st_size);
	return err;
}
