/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an ELF file in which symbols are looked up: nothing outside of them is read,
 * and what is found is said by an entry whose name is the one that was asked for.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "fuzz.h"
#include "host/symbols.h"

static const char *const names[] = { "exit", "Py_Finalize", "" };

#define NAMES (sizeof(names) / sizeof(names[0]))

/* Is there an entry anywhere in the file that says so? */
static bool is_said(const uint8_t *bytes, size_t size, const struct wy_symbol *symbol)
{
	for (size_t at = 0; at + sizeof(Elf64_Sym) <= size; at++) {
		Elf64_Sym sym;

		memcpy(&sym, bytes + at, sizeof(sym));
		if (sym.st_value && sym.st_size == symbol->size)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of just this length, and at no good address: the file decides where things are */
	uint8_t *room = malloc(size + 1), *bytes = room + 1;
	struct wy_symbol found[NAMES] = { { 0 } };
	int err;

	check(room != NULL);
	if (size)
		memcpy(bytes, data, size);
	err = wy_symbols_find_in(bytes, size, names, NAMES, found);
	check(err == 0 || err == -ENOEXEC);
	for (size_t i = 0; i < NAMES; i++) {
		if (found[i].addr) {
			check(memmem(bytes, size, names[i], strlen(names[i]) + 1));
			check(is_said(bytes, size, &found[i]));
		} else {
			/* Its address may have come out as 0; else it keeps what it had. */
			check(!found[i].size || is_said(bytes, size, &found[i]));
		}
	}
	free(room);
	return 0;
}
