/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/image.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A small file of the kind that is accepted: text, data with one relocation, and zeros. */
struct file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[4];
	unsigned char gap[0x1000 - sizeof(Elf64_Ehdr) - 4 * sizeof(Elf64_Phdr)];
	unsigned char code[64];
	Elf64_Rela rela[1];
	Elf64_Dyn dyn[4];
	unsigned long data[2];
};

#define OFF(field) offsetof(struct file, field)

static struct file good;

static int make_good(void **state)
{
	struct file *f = &good;

	memset(f, 0, sizeof(*f));
	memcpy(f->eh.e_ident, ELFMAG, SELFMAG);
	f->eh.e_ident[EI_CLASS] = ELFCLASS64;
	f->eh.e_type = ET_DYN;
	f->eh.e_machine = EM_X86_64;
	f->eh.e_phoff = OFF(ph);
	f->eh.e_phentsize = sizeof(Elf64_Phdr);
	f->eh.e_phnum = 4;
	f->eh.e_entry = OFF(code);
	f->ph[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = OFF(gap), .p_memsz = OFF(gap)
	};
	f->ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_flags = PF_R | PF_X,
				 .p_offset = OFF(code),
				 .p_vaddr = OFF(code),
				 .p_filesz = OFF(data) - OFF(code),
				 .p_memsz = OFF(data) - OFF(code) };
	f->ph[2] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_flags = PF_R | PF_W,
				 .p_offset = OFF(data),
				 .p_vaddr = 0x1000 + OFF(data),
				 .p_filesz = sizeof(f->data),
				 .p_memsz = 5000 };
	f->ph[3] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
				 .p_flags = PF_R,
				 .p_offset = OFF(dyn),
				 .p_filesz = sizeof(f->dyn),
				 .p_memsz = sizeof(f->dyn) };
	memset(f->code, 0x90, sizeof(f->code));
	memcpy(f->code + 7, "\x0f\x05", 2);
	f->rela[0].r_offset = 0x1000 + OFF(data) + 8;
	f->rela[0].r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE);
	f->rela[0].r_addend = 0x1234;
	f->dyn[0] = (Elf64_Dyn){ DT_RELA, { OFF(rela) } };
	f->dyn[1] = (Elf64_Dyn){ DT_RELASZ, { sizeof(f->rela) } };
	f->data[0] = 0x7777;
	return 0;
}

static int parse(struct wy_image *im, const struct file *f, size_t len)
{
	return wy_image_parse(im, f, len);
}

static void good_file(void **state)
{
	unsigned long base = 0x7f0000000000, word;
	struct wy_image im;
	unsigned char *mem;
	size_t at, len;

	assert_int_equal(parse(&im, &good, sizeof(good)), 0);
	assert_int_equal(im.text_len, 0x2000);
	assert_int_equal(im.data_len, sizeof(good) - OFF(code));
	assert_int_equal(im.len, 0x4000);
	assert_int_equal(im.entry, OFF(code));
	assert_int_equal(wy_image_find_code(&im, "\x0f\x05", 2), OFF(code) + 7);
	assert_int_equal(wy_image_find_code(&im, "\xcc\xcc", 2), 0);
	assert_ptr_equal(wy_image_text(&im, 0, &at, &len), &good);
	assert_int_equal(at, 0);
	assert_int_equal(len, OFF(gap));
	assert_ptr_equal(wy_image_text(&im, 1, &at, &len), good.code);
	assert_int_equal(at, OFF(code));
	assert_int_equal(len, OFF(data) - OFF(code));
	assert_null(wy_image_text(&im, 2, &at, &len));
	assert_ptr_equal(wy_image_entry_page(&im, &len), good.code);
	assert_int_equal(len, OFF(data) - OFF(code));
	mem = malloc(im.data_len);
	memset(mem, 0xee, im.data_len);
	wy_image_data(&im, base, mem);
	memcpy(&word, mem + OFF(data) - OFF(code), 8);
	assert_int_equal(word, 0x7777);
	memcpy(&word, mem + OFF(data) - OFF(code) + 8, 8);
	assert_int_equal(word, base + 0x1234);
	free(mem);
}

/* Cut off anywhere, it is refused, and nothing behind is read. */
static void cut_off(void **state)
{
	for (size_t len = 0; len < sizeof(good); len++) {
		struct file *copy = malloc(len ? len : 1);
		struct wy_image im;

		memcpy(copy, &good, len);
		assert_int_equal(parse(&im, copy, len), -ENOEXEC);
		free(copy);
	}
}

static void refused(void (*change)(struct file *))
{
	struct file *copy = malloc(sizeof(*copy));
	struct wy_image im;

	*copy = good;
	change(copy);
	assert_int_equal(parse(&im, copy, sizeof(*copy)), -ENOEXEC);
	free(copy);
}

static void other_class(struct file *f)
{
	f->eh.e_ident[EI_CLASS] = ELFCLASS32;
}
static void other_machine(struct file *f)
{
	f->eh.e_machine = EM_AARCH64;
}
static void not_pie(struct file *f)
{
	f->eh.e_type = ET_EXEC;
}
static void interpreter(struct file *f)
{
	f->ph[3].p_type = PT_INTERP;
}
static void thread_local_data(struct file *f)
{
	f->ph[3].p_type = PT_TLS;
}
static void writable_code(struct file *f)
{
	f->ph[2].p_flags |= PF_X;
}
static void writable_first(struct file *f)
{
	f->ph[0].p_flags |= PF_W;
}
static void shared_page(struct file *f)
{
	f->ph[2].p_vaddr = OFF(data);
}
static void overlap(struct file *f)
{
	f->ph[1].p_vaddr = 8;
}
static void huge(struct file *f)
{
	f->ph[2].p_memsz = 1ul << 40;
}
static void wraps(struct file *f)
{
	f->ph[1].p_offset = -8ul;
}
static void other_relocation(struct file *f)
{
	f->rela[0].r_info = ELF64_R_INFO(1, R_X86_64_GLOB_DAT);
}
static void relocation_outside(struct file *f)
{
	f->rela[0].r_offset = 0x1000 + OFF(data) + 9;
}
static void relocation_in_text(struct file *f)
{
	f->rela[0].r_offset = OFF(code);
}
static void relocations_elsewhere(struct file *f)
{
	f->dyn[0].d_un.d_ptr = 0x100000;
}
static void needs_library(struct file *f)
{
	f->dyn[2].d_tag = DT_NEEDED;
}
static void entry_in_data(struct file *f)
{
	f->eh.e_entry = 0x1000 + OFF(data);
}
static void entry_in_page(struct file *f)
{
	f->eh.e_entry = OFF(code) + 8;
}
static void text_elsewhere(struct file *f)
{
	f->ph[0].p_vaddr = 0x10;
}

static void not_what_is_wanted(void **state)
{
	refused(other_class);
	refused(other_machine);
	refused(not_pie);
	refused(interpreter);
	refused(thread_local_data);
	refused(writable_code);
	refused(writable_first);
	refused(shared_page);
	refused(overlap);
	refused(huge);
	refused(wraps);
	refused(other_relocation);
	refused(relocation_outside);
	refused(relocation_in_text);
	refused(relocations_elsewhere);
	refused(needs_library);
	refused(entry_in_data);
	refused(entry_in_page);
	refused(text_elsewhere);
}

/* Whatever stands in the headers: refused, or parsed and built inside its bounds. */
static void any_header(void **state)
{
	static const unsigned char values[] = { 0, 1, 2, 7, 8, 0x10, 0x7f, 0x80, 0xff };
	struct file *copy = malloc(sizeof(*copy));

	for (size_t at = 0; at < sizeof(good); at++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct wy_image im;
			const unsigned char *text;
			unsigned char *mem;
			size_t to, len;

			*copy = good;
			((unsigned char *)copy)[at] = values[v];
			if (parse(&im, copy, sizeof(*copy)) < 0)
				continue;
			assert_true(im.text_len <= im.len && im.entry < im.text_len);
			assert_true(im.data_len <= im.len - im.text_len);
			mem = malloc(im.data_len);
			wy_image_data(&im, 0, mem);
			for (unsigned int i = 0; (text = wy_image_text(&im, i, &to, &len)); i++) {
				assert_true(to <= im.text_len && len <= im.text_len - to);
				assert_true(text >= (unsigned char *)copy);
				assert_true(text + len <= (unsigned char *)(copy + 1));
			}
			free(mem);
		}
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_file),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(not_what_is_wanted),
		cmocka_unit_test(any_header),
	};

	return cmocka_run_group_tests(tests, make_good, NULL);
}
