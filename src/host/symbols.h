/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.h - where an ELF file has what it exports. */
#ifndef WY_HOST_SYMBOLS_H
#define WY_HOST_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct wy_symbol {
	uint64_t addr; /* from where the file's first byte is mapped; 0: it is not there */
	uint64_t size;
};

/*
 * Looks names up among the dynamic symbols (.dynsym) of a 64-bit file.  What
 * is not there keeps addr 0.  Returns 0 or -errno; -ENOEXEC: no such file.
 */
int wy_symbols_find(const char *path, const char *const *names, size_t nr, struct wy_symbol *ret);

/* The same in a file's bytes; for tests. */
int wy_symbols_find_in(const void *bytes, size_t len, const char *const *names, size_t nr,
		       struct wy_symbol *ret);

#endif
