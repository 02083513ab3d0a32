/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vdso.c - see vdso.h; the vDSO's symbols: vdso(7).
 *
 * The kernel maps the vDSO privately into each process; its pages can be
 * written through /proc/self/mem like other code.  Each function begins with
 *
 *	mov $number,%eax; syscall; ret
 *
 * from then on: one aligned word, the functions are aligned to 16 bytes.
 */
#include "agent/vdso.h"
#include "agent/code.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <elf.h>

#define SYMBOLS_MAX 64
#define PHDRS_MAX   16
#define NAME_MAX_   32

struct image {
	unsigned long base, symbols, names, nr;
};

static bool read_dynamic(struct image *im, unsigned long at)
{
	unsigned long hash = 0;
	unsigned int chains[2];
	Elf64_Dyn d;

	for (int i = 0; i < 64; i++, at += sizeof(d)) {
		if (wy_usermem_copy(&d, (const void *)at, sizeof(d)) < 0)
			return false;
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_SYMTAB)
			im->symbols = im->base + d.d_un.d_ptr;
		else if (d.d_tag == DT_STRTAB)
			im->names = im->base + d.d_un.d_ptr;
		else if (d.d_tag == DT_HASH)
			hash = im->base + d.d_un.d_ptr;
	}
	im->nr = SYMBOLS_MAX;
	if (hash && wy_usermem_copy(chains, (const void *)hash, sizeof(chains)) == 0 &&
	    chains[1] < im->nr)
		im->nr = chains[1];
	return im->symbols && im->names;
}

static bool find_dynamic(struct image *im, unsigned long base)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	*im = (struct image){ .base = base };
	if (wy_usermem_copy(&eh, (const void *)base, sizeof(eh)) < 0)
		return false;
	for (unsigned int i = 0; i < eh.e_phnum && i < PHDRS_MAX; i++) {
		if (wy_usermem_copy(&ph, (const void *)(base + eh.e_phoff + i * sizeof(ph)),
				    sizeof(ph)) < 0)
			return false;
		/* the kernel links the vDSO at 0 */
		if (ph.p_type == PT_DYNAMIC)
			return read_dynamic(im, base + ph.p_vaddr);
	}
	return false;
}

static bool named(const char *name, const char *want)
{
	for (int i = 0; i < NAME_MAX_; i++) {
		if (name[i] != want[i])
			return false;
		if (!name[i])
			return true;
	}
	return false;
}

/* The call that a function of the vDSO stands for, -1: unknown. */
static int call_of(const char *name)
{
	static const char prefix[] = "__vdso_";
	static const struct {
		char name[16];
		int nr;
	} calls[] = {
		{ "clock_gettime", __NR_clock_gettime },
		{ "gettimeofday", __NR_gettimeofday },
		{ "clock_getres", __NR_clock_getres },
		{ "time", __NR_time },
		{ "getcpu", __NR_getcpu },
	};

	for (unsigned int i = 0; i < sizeof(prefix) - 1; i++) {
		if (name[i] != prefix[i])
			return -1;
	}
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (named(name + sizeof(prefix) - 1, calls[i].name))
			return calls[i].nr;
	}
	return -1;
}

/* What was turned, and what stood there. */
static struct {
	unsigned long at;
	unsigned char old[8];
} turned[8];
static unsigned int nr_turned;

bool wy_vdso_turned(unsigned long pc)
{
	for (unsigned int i = 0; i < nr_turned; i++) {
		if (pc - turned[i].at < sizeof(turned[i].old))
			return true;
	}
	return false;
}

void wy_vdso_undo(void)
{
	struct wy_code code;

	wy_code_begin(&code, NULL);
	while (nr_turned) {
		nr_turned--;
		wy_code_write(&code, turned[nr_turned].at, turned[nr_turned].old, 8);
	}
	wy_code_end(&code);
}

void wy_vdso_catch(const struct wy_boot *boot)
{
	struct wy_code code;
	struct image im;

	if (!boot->vdso || !find_dynamic(&im, boot->vdso))
		return;
	wy_code_begin(&code, NULL);
	for (unsigned long i = 0; i < im.nr; i++) {
		unsigned char entry[8] = { 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3 };
		char name[NAME_MAX_] = { 0 };
		Elf64_Sym sym;
		int nr;

		if (wy_usermem_copy(&sym, (const void *)(im.symbols + i * sizeof(sym)),
				    sizeof(sym)) < 0 ||
		    wy_usermem_copy(name, (const void *)(im.names + sym.st_name),
				    sizeof(name) - 1) < 0)
			break;
		nr = call_of(name);
		if (nr < 0 || (sym.st_value & 7) || sym.st_size < sizeof(entry) ||
		    nr_turned == sizeof(turned) / sizeof(turned[0]))
			continue;
		entry[1] = (unsigned char)nr;
		entry[2] = (unsigned char)(nr >> 8);
		if (wy_usermem_copy(turned[nr_turned].old, (const void *)(im.base + sym.st_value),
				    sizeof(entry)) < 0)
			continue;
		turned[nr_turned++].at = im.base + sym.st_value;
		wy_code_write(&code, im.base + sym.st_value, entry, sizeof(entry));
	}
	wy_code_end(&code);
}
