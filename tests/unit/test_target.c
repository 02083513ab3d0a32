/* SPDX-License-Identifier: Apache-2.0 */
/* What execve(2) would run: scripts and programs, from files that exist only here. */
#include "proto/target.h"
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

struct program {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	char interpreter[32];
};

static struct file {
	const char *path;
	const void *bytes;
	size_t len;
	bool raised;
} files[8];
static unsigned int nr_files;
static int nr_open;
static struct wy_target t;

static long open_file(int dir, const char *path, int flags)
{
	for (unsigned int i = 0; i < nr_files; i++) {
		if (strcmp(files[i].path, path) == 0) {
			nr_open++;
			return 100 + (long)i;
		}
	}
	return -ENOENT;
}

static long judge_file(int fd)
{
	return files[fd - 100].raised ? -EPERM : 0;
}

static long read_bytes(int fd, void *buf, unsigned long len, unsigned long offset)
{
	const struct file *f = &files[fd - 100];

	if (offset >= f->len)
		return 0;
	if (len > f->len - offset)
		len = f->len - offset;
	memcpy(buf, (const char *)f->bytes + offset, len);
	return (long)len;
}

static void close_file(int fd)
{
	assert_in_range(fd, 100, 100 + nr_files);
	nr_open--;
}

static const struct wy_target_io io = { open_file, judge_file, read_bytes, close_file };

static void add(const char *path, const void *bytes, size_t len)
{
	files[nr_files++] = (struct file){ path, bytes, len, false };
}

static void add_text(const char *path, const char *text)
{
	add(path, text, strlen(text));
}

static struct program make_program(const char *interpreter)
{
	struct program p = { 0 };

	memcpy(p.eh.e_ident, ELFMAG, SELFMAG);
	p.eh.e_ident[EI_CLASS] = ELFCLASS64;
	p.eh.e_type = ET_DYN;
	p.eh.e_machine = EM_X86_64;
	p.eh.e_phoff = offsetof(struct program, ph);
	p.eh.e_phentsize = sizeof(Elf64_Phdr);
	p.eh.e_phnum = 1;
	p.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = sizeof(p), .p_memsz = 5000 };
	if (interpreter) {
		p.eh.e_phnum = 2;
		p.ph[1] = (Elf64_Phdr){ .p_type = PT_INTERP,
					.p_offset = offsetof(struct program, interpreter),
					.p_filesz = strlen(interpreter) + 1 };
		strcpy(p.interpreter, interpreter);
	}
	return p;
}

static struct program sh;

static int setup(void **state)
{
	nr_files = 0;
	nr_open = 0;
	sh = make_program(NULL);
	add("/bin/sh", &sh, sizeof(sh));
	return 0;
}

static int teardown(void **state)
{
	wy_target_close(&t, &io);
	assert_int_equal(nr_open, 0);
	return 0;
}

static long find(const char *path)
{
	return wy_target_find(&t, &io, AT_FDCWD, path, 0, path);
}

static void check_words(const char *const *words, unsigned int nr)
{
	assert_int_equal(t.words, nr);
	for (unsigned int i = 0; i < nr; i++)
		assert_string_equal(t.word[i], words[i]);
}

static void check_script(const char *text, const char *name, const char *arg)
{
	const char *words[3] = { name, arg ? arg : "s", "s" };

	nr_files = 1;
	add_text("s", text);
	assert_int_equal(find("s"), 0);
	check_words(words, arg ? 3 : 2);
	wy_target_close(&t, &io);
}

static void test_programs(void **state)
{
	struct program dynamic = make_program("/lib/ld");

	assert_int_equal(find("/bin/sh"), 0);
	assert_int_equal(t.fd, 100);
	assert_int_equal(t.interpreter_fd, -1);
	assert_int_equal(t.words, 0);
	wy_target_close(&t, &io);
	add("dynamic", &dynamic, sizeof(dynamic));
	assert_int_equal(find("dynamic"), -ENOENT);
	add("/lib/ld", &sh, sizeof(sh));
	assert_int_equal(find("dynamic"), 0);
	assert_int_equal(t.interpreter_fd, 102);
	wy_target_close(&t, &io);
	assert_int_equal(find("nothing"), -ENOENT);
}

static void test_what_is_no_program(void **state)
{
	struct program p = make_program(NULL);

	add("p", &p, sizeof(p));
	p.eh.e_machine = EM_AARCH64;
	assert_int_equal(find("p"), -ENOEXEC);
	p = make_program(NULL);
	p.eh.e_phoff = 1ul << 40;
	assert_int_equal(find("p"), -ENOEXEC);
	p = make_program(NULL);
	p.ph[0].p_filesz = p.ph[0].p_memsz + 1;
	assert_int_equal(find("p"), -ENOEXEC);
	p = make_program(NULL);
	p.ph[0].p_type = PT_NOTE;
	assert_int_equal(find("p"), -ENOEXEC);
	p = make_program("/lib/ld");
	p.ph[1].p_filesz--; /* no 0 at the end */
	assert_int_equal(find("p"), -ENOEXEC);
	files[1].len = 20;
	assert_int_equal(find("p"), -ENOEXEC);
	p = make_program(NULL);
	files[1].len = sizeof(p);
	files[1].raised = true;
	assert_int_equal(find("p"), -EPERM);
	add_text("text", "echo no first line\n");
	assert_int_equal(find("text"), -ENOEXEC);
	add_text("empty", "");
	assert_int_equal(find("empty"), -ENOEXEC);
}

static void test_scripts(void **state)
{
	check_script("#!/bin/sh\necho", "/bin/sh", NULL);
	check_script("#!/bin/sh", "/bin/sh", NULL);
	check_script("#!  /bin/sh \t \nx", "/bin/sh", NULL);
	check_script("#!/bin/sh -e\n", "/bin/sh", "-e");
	check_script("#!/bin/sh\t -e  x y \n", "/bin/sh", "-e  x y");
}

static void test_script_lines_without_end(void **state)
{
	char text[400];

	/* The name is whole: the rest is cut where the kernel's buffer ends. */
	memset(text, 'a', sizeof(text));
	memcpy(text, "#!/bin/sh ", 10);
	add("s", text, sizeof(text));
	assert_int_equal(find("s"), 0);
	assert_int_equal(strlen(t.word[1]), WY_TARGET_HEAD - 1 - 10);
	wy_target_close(&t, &io);
	text[9] = 'x';
	assert_int_equal(find("s"), -ENOEXEC);
	memset(text + 2, ' ', sizeof(text) - 2);
	assert_int_equal(find("s"), -ENOEXEC);
	memcpy(text, "#!\n", 3);
	assert_int_equal(find("s"), -ENOEXEC);
}

static void test_scripts_of_scripts(void **state)
{
	static const char *const words[] = { "/bin/sh", "-x", "two", "-y", "one" };

	add_text("one", "#!two -y\n");
	add_text("two", "#!/bin/sh -x\n");
	assert_int_equal(find("one"), 0);
	check_words(words, 5);
	assert_int_equal(t.fd, 100);
	wy_target_close(&t, &io);
	add_text("loop", "#!loop\n");
	assert_int_equal(find("loop"), -ELOOP);
	assert_int_equal(wy_target_find(&t, &io, AT_FDCWD, "one", 0, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_program, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scripts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_script_lines_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scripts_of_scripts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
