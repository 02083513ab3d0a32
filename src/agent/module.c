/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.c - see module.h.
 *
 * What was found is remembered: asking needs a descriptor for a moment, which
 * other threads could notice.
 *
 * Where the module's PT_GNU_EH_FRAME does not cover the code, a table is made
 * (funcs.c), of what is there:
 *
 *	DT_SYMTAB	musl's libc: in memory, and DT_HASH has the number of symbols
 *	.eh_frame	programs that are linked statically and not as PIE: in memory, but
 *			only a section header of the file says where
 *	.symtab		other static programs, unless they are stripped: in the file
 *
 * Sections are looked for in the program's own file, /proc/self/exe, and only if its
 * first page is what is mapped: the headers, and the build ID if there is one.  The
 * link leads to the file that is mapped, whatever has become of its name.  (Not so in
 * a program that the agent itself has loaded: it gets no tables of this kind.)
 *
 * Why a made table leads to no wrong rewrite: it only names bounds of functions, and a
 * bound is never enough.  The function is decoded from its start to its end; it must
 * arrive at the site and at its end, or end in a jump and have nothing but filling
 * behind it (text.c).  So
 *
 * - a function that is missing makes a gap with code in it, which is no filling;
 * - an end that is too early has code behind it, which is no filling either;
 * - a start inside a function is where an instruction starts, since a symbol or a CFI
 *   directive is a label: a part of the function is decoded, and decoded right.  What
 *   branches in from outside of that part does so to an instruction, and finds either
 *   the jump or bytes that nobody has changed;
 * - a function with several names, or with names in it, is one (text_symbols_build),
 *   and symbols without a size, which hand-written code has, are left out;
 * - .eh_frame is read from memory, and its addresses are relative to itself: it belongs
 *   to the code beside it, whatever the file says; where there is none, there is no
 *   chain of records up to the section's end, and no table.
 *
 * This is as much as is believed of the linker's own table.
 *
 * What it costs: the tables stay in a fixed pool.  Making one takes some 80 us for
 * each 1000 functions, as much as 40 trips, so it is not done before the module was
 * asked for a few times; nor for code with int3 filling, which text.c recognises by
 * itself (Go, whose symbol tables are long).
 */
#include "agent/module.h"
#include "agent/funcs.h"
#include "agent/hot.h"
#include "agent/lock.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include <asm/fcntl.h>
#include <elf.h>

#define PAGE         4096ul
#define PHDRS_MAX    32
#define DYNAMIC_MAX  128
#define SECTIONS_MAX 256
#define CACHE_SIZE   16u
#define MADE_MAX     8u
#define POOL_LEN     (256ul << 10)
#define SYMBOLS_MAX  (64ul << 10) /* what is longer is not looked at: it would take too long */
#define EH_FRAME_MAX (4ul << 20)
#define FIRST_MAKE   3u /* a table costs as much as some 50 trips */
#define AT_FDCWD_    (-100)

/* All of this is under WY_LOCK_REWRITE. */
static struct wy_module cache[CACHE_SIZE]; /* map.end 0: free */
static unsigned int cache_next;

static bool read_header(unsigned long base, Elf64_Ehdr *eh)
{
	return copy_from_program(eh, base, sizeof(*eh)) == 0 && eh->e_ident[EI_MAG0] == ELFMAG0 &&
	       eh->e_ident[EI_MAG1] == ELFMAG1 && eh->e_ident[EI_MAG2] == ELFMAG2 &&
	       eh->e_ident[EI_MAG3] == ELFMAG3 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_phentsize == sizeof(Elf64_Phdr);
}

static void read_headers(struct wy_module *m)
{
	unsigned long base = m->map.start - m->map.offset;
	Elf64_Phdr ph, frames = { 0 }, dynamic = { 0 };
	bool have_bias = false;
	unsigned long bias = 0;
	Elf64_Ehdr eh;

	if (!read_header(base, &eh))
		return;
	for (unsigned int i = 0; i < eh.e_phnum && i < PHDRS_MAX; i++) {
		if (copy_from_program(&ph, base + eh.e_phoff + i * sizeof(ph), sizeof(ph)) < 0)
			return;
		/* A mapping may be a part of its segment: writing code can split one. */
		if (ph.p_type == PT_LOAD && (ph.p_offset & -PAGE) <= m->map.offset &&
		    m->map.offset < ph.p_offset + ph.p_filesz) {
			bias = base + ph.p_offset - ph.p_vaddr;
			have_bias = true;
		} else if (ph.p_type == PT_GNU_EH_FRAME) {
			frames = ph;
		} else if (ph.p_type == PT_DYNAMIC) {
			dynamic = ph;
		}
	}
	if (!have_bias)
		return;
	m->base = base;
	m->bias = bias;
	if (frames.p_memsz) {
		m->frames = bias + frames.p_vaddr;
		m->frames_len = frames.p_memsz;
	}
	if (dynamic.p_memsz)
		m->dynamic = bias + dynamic.p_vaddr;
}

/* ---- tables that are made ---- */

enum source { DYNAMIC_SYMBOLS, EH_FRAME, SYMBOLS, NR_SOURCES };

static struct made {
	unsigned long base, end; /* the module's, up to the end of its code; end 0: free */
	unsigned int asked;
	struct {
		unsigned long at, len; /* at 0: not tried yet */
	} table[NR_SOURCES];
} made[MADE_MAX];

/* Near the program's code, as the whole agent: 32 bits must reach from here to there. */
WY_LARGE static uint8_t pool[POOL_LEN] __attribute__((aligned(8)));
static unsigned long pool_used;

static unsigned int first_make = FIRST_MAKE;

static bool read_memory(void *ctx, unsigned long addr, void *buf, unsigned long len)
{
	(void)ctx;
	return copy_from_program(buf, addr, len) == 0;
}

/* The program's file: addresses are offsets in it. */
struct file {
	long fd;
	unsigned long at, len; /* what bytes[] holds */
	uint8_t bytes[PAGE];
};

static bool read_file(void *ctx, unsigned long off, void *buf, unsigned long len)
{
	struct file *f = ctx;

	if (off < f->at || off - f->at > f->len || f->len - (off - f->at) < len) {
		long got = sys4(__NR_pread64, f->fd, f->bytes, sizeof(f->bytes), off);

		f->at = off;
		f->len = got < 0 ? 0 : (unsigned long)got;
		if (f->len < len)
			return false;
	}
	__builtin_memcpy(buf, f->bytes + (off - f->at), len);
	return true;
}

/* Is the file what is mapped at base? */
static bool is_mapped(struct file *f, unsigned long base)
{
	unsigned long here[32], there[32];

	for (unsigned long off = 0; off < PAGE; off += sizeof(here)) {
		if (!read_file(f, off, there, sizeof(there)) ||
		    copy_from_program(here, base + off, sizeof(here)) < 0)
			return false;
		for (unsigned int i = 0; i < sizeof(here) / sizeof(*here); i++) {
			if (here[i] != there[i])
				return false;
		}
	}
	return true;
}

static bool is_eh_frame(struct file *f, unsigned long name)
{
	static const char eh_frame[] = ".eh_frame";
	char text[sizeof(eh_frame)];

	if (!read_file(f, name, text, sizeof(text)))
		return false;
	for (unsigned int i = 0; i < sizeof(text); i++) {
		if (text[i] != eh_frame[i])
			return false;
	}
	return true;
}

static bool find_section(struct file *f, enum source source, Elf64_Shdr *ret)
{
	Elf64_Shdr names;
	Elf64_Ehdr eh;

	if (!read_file(f, 0, &eh, sizeof(eh)) || eh.e_shentsize != sizeof(*ret) ||
	    eh.e_shnum > SECTIONS_MAX ||
	    !read_file(f, eh.e_shoff + eh.e_shstrndx * sizeof(names), &names, sizeof(names)))
		return false;
	for (unsigned int i = 0; i < eh.e_shnum; i++) {
		if (!read_file(f, eh.e_shoff + i * sizeof(*ret), ret, sizeof(*ret)))
			return false;
		if (source == SYMBOLS && ret->sh_type == SHT_SYMTAB)
			return ret->sh_entsize == sizeof(Elf64_Sym);
		if (source == EH_FRAME && ret->sh_type != SHT_NOBITS && ret->sh_addr &&
		    is_eh_frame(f, names.sh_offset + ret->sh_name))
			return true;
	}
	return false;
}

static unsigned long make_of_file(const struct wy_module *m, enum source source, uint8_t *out,
				  unsigned long room)
{
	WY_LARGE static struct file f;
	struct text memory = { .read = read_memory }, file = { .read = read_file, .ctx = &f };
	unsigned long len = 0;
	Elf64_Shdr section;

	f.at = f.len = 0;
	f.fd = sys4(__NR_openat, AT_FDCWD_, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
	if (f.fd < 0)
		return 0;
	if (is_mapped(&f, m->base) && find_section(&f, source, &section)) {
		unsigned long nr = section.sh_size / sizeof(Elf64_Sym);

		if (source == EH_FRAME && section.sh_size <= EH_FRAME_MAX)
			len = text_frames_build(&memory, m->bias + section.sh_addr, section.sh_size,
						out, (unsigned long)out, room);
		else if (source == SYMBOLS && nr <= SYMBOLS_MAX)
			len = text_symbols_build(&file, section.sh_offset, nr, m->bias, out,
						 (unsigned long)out, room);
	}
	sys1(__NR_close, f.fd);
	return len;
}

static unsigned long make_of_dynamic(const struct wy_module *m, uint8_t *out, unsigned long room)
{
	struct text memory = { .read = read_memory };
	unsigned long symbols = 0, hash = 0;
	unsigned int count[2];
	Elf64_Dyn d;

	for (unsigned int i = 0; m->dynamic && i < DYNAMIC_MAX; i++) {
		if (copy_from_program(&d, m->dynamic + i * sizeof(d), sizeof(d)) < 0 ||
		    d.d_tag == DT_NULL)
			break;
		/* Some loaders write addresses there, some leave what stood in the file. */
		if (d.d_un.d_ptr < m->bias)
			d.d_un.d_ptr += m->bias;
		if (d.d_tag == DT_SYMTAB)
			symbols = d.d_un.d_ptr;
		else if (d.d_tag == DT_HASH)
			hash = d.d_un.d_ptr;
	}
	if (!symbols || !hash || copy_from_program(count, hash, sizeof(count)) < 0 ||
	    count[1] > SYMBOLS_MAX)
		return 0;
	return text_symbols_build(&memory, symbols, count[1], m->bias, out, (unsigned long)out,
				  room);
}

static bool covers(unsigned long frames, unsigned long len, unsigned long addr)
{
	struct text text = { .read = read_memory, .frames = frames, .frames_len = len };
	struct text_func f;

	return text_fde_find(&text, addr, &f);
}

static struct made *made_for(const struct wy_module *m)
{
	struct made *unused = NULL;

	for (unsigned int i = 0; i < MADE_MAX; i++) {
		if (made[i].end && made[i].base == m->base)
			return &made[i];
		if (!made[i].end)
			unused = &made[i];
	}
	if (unused)
		*unused = (struct made){ .base = m->base, .end = m->map.end };
	return unused;
}

/* Five int3 in a row: filling that needs no table. */
static bool int3_near(unsigned long addr)
{
	uint8_t bytes[256];
	unsigned int run = 0;

	if (copy_from_program(bytes, addr - sizeof(bytes) / 2, sizeof(bytes)) < 0)
		return false;
	for (unsigned int i = 0; i < sizeof(bytes) && run < 5; i++)
		run = bytes[i] == 0xcc ? run + 1 : 0;
	return run == 5;
}

/* Looks for a table that covers addr, if the module's own does not. */
static void use_made(struct wy_module *m, unsigned long addr)
{
	struct made *made_of = made_for(m);
	bool own = m->frames_len != 0;

	if (!made_of || ++made_of->asked < first_make || int3_near(addr))
		return;
	for (int s = 0; s < NR_SOURCES; s++) {
		unsigned long at = made_of->table[s].at, len = made_of->table[s].len;

		if (!at) {
			uint8_t *out = pool + pool_used + 4; /* behind 12 bytes, rows are aligned */
			unsigned long room = pool_used < POOL_LEN ? POOL_LEN - pool_used - 4 : 0;

			if (s == DYNAMIC_SYMBOLS)
				len = make_of_dynamic(m, out, room);
			else if (s == SYMBOLS || !own)
				len = make_of_file(m, (enum source)s, out, room);
			made_of->table[s].at = at = (unsigned long)out;
			made_of->table[s].len = len;
			if (len)
				pool_used += 4 + len; /* 12 bytes and rows of 8 */
		}
		if (!len)
			continue;
		m->frames = at;
		m->frames_len = len;
		if (covers(at, len, addr))
			return;
	}
}

static void forget_made(unsigned long start, unsigned long end)
{
	bool any = false;

	for (unsigned int i = 0; i < MADE_MAX; i++) {
		if (made[i].base < end && start < made[i].end)
			made[i].end = 0;
		any |= made[i].end != 0;
	}
	if (!any)
		pool_used = 0;
}

long wy_module_find(unsigned long addr, struct wy_module *m)
{
	long ret = 0;
	unsigned int i = 0;

	while (i < CACHE_SIZE && (addr < cache[i].map.start || addr >= cache[i].map.end))
		i++;
	if (i < CACHE_SIZE) {
		*m = cache[i];
	} else {
		m->frames = m->frames_len = m->base = m->dynamic = 0;
		ret = wy_maps_find(addr, &m->map);
		if (ret < 0)
			return ret;
		if (m->map.inode)
			read_headers(m);
		cache[cache_next++ % CACHE_SIZE] = *m;
	}
	if (m->base && !covers(m->frames, m->frames_len, addr))
		use_made(m, addr);
	return 0;
}

void wy_module_make_tables(void)
{
	first_make = 1;
}

void wy_module_forget(unsigned long start, unsigned long len)
{
	wy_lock(WY_LOCK_REWRITE);
	for (unsigned int i = 0; i < CACHE_SIZE; i++) {
		if (cache[i].map.start < start + len && start < cache[i].map.end)
			cache[i].map.start = cache[i].map.end = 0;
	}
	forget_made(start, start + len);
	wy_unlock(WY_LOCK_REWRITE);
}
