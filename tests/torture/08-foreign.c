/* SPDX-License-Identifier: Apache-2.0 */
/* torture: notes=may; modes=run,no-patch,stats,userland */
/* A 32-bit program runs as it does without; one for another machine is refused as it is without. */
#include "torture.h"
#include <elf.h>

extern char **environ;

static void make32(const char *path, unsigned short machine)
{
	static const unsigned char code[] = {
		0xb8, 4, 0, 0, 0,		/* mov $4, %eax: write */
		0xbb, 1, 0, 0, 0,		/* mov $1, %ebx */
		0xb9, 0x80, 0x80, 4, 8,		/* mov $0x8048080, %ecx */
		0xba, 6, 0, 0, 0,		/* mov $6, %edx */
		0xcd, 0x80,
		0xb8, 1, 0, 0, 0,		/* mov $1, %eax: exit */
		0xbb, 33, 0, 0, 0,		/* mov $33, %ebx */
		0xcd, 0x80,
	};
	unsigned char file[0x100] = { 0 };
	Elf32_Ehdr *e = (Elf32_Ehdr *)file;
	Elf32_Phdr *p = (Elf32_Phdr *)(file + sizeof(*e));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	memcpy(e->e_ident, "\177ELF\1\1\1", 7);
	e->e_type = ET_EXEC;
	e->e_machine = machine;
	e->e_version = 1;
	e->e_entry = 0x8048090;
	e->e_phoff = sizeof(*e);
	e->e_ehsize = sizeof(*e);
	e->e_phentsize = sizeof(*p);
	e->e_phnum = 1;
	p->p_type = PT_LOAD;
	p->p_vaddr = p->p_paddr = 0x8048000;
	p->p_filesz = p->p_memsz = sizeof(file);
	p->p_flags = PF_R | PF_X;
	p->p_align = 4096;
	memcpy(file + 0x80, "32bit\n", 6);
	memcpy(file + 0x90, code, sizeof(code));
	must(fd >= 0 && write(fd, file, sizeof(file)) == (ssize_t)sizeof(file));
	close(fd);
}

static void run(const char *path)
{
	static char *const args[] = { "x", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		say("%s: %s", path, err_name(sc(SYS_execve, path, args, environ)));
		_exit(5);
	}
	say("%s: %s", path, status_name(wait_for(pid)));
}

int main(void)
{
	make32("thirty-two", EM_386);
	make32("arm", EM_ARM);
	make32("arm64", EM_AARCH64);
	run("./thirty-two");
	run("./arm");
	run("./arm64");
	say("from a shell: %d", system("./thirty-two; echo then; true | cat"));
	return 0;
}
