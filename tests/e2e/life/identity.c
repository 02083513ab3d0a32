/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - prints what a program can find out about itself, as far as it is
 * the same each time.  "identity again" is what it executes in the end.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char zero[5000];
int main(int argc, char **argv, char **envp);

static void print_file(const char *name)
{
	static char text[65536];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 0)
		err(99, "%s", name);
	close(fd);
	printf("%s: ", name);
	for (ssize_t i = 0; i < n; i++)
		putchar(text[i] ? text[i] : '|');
	printf("\n");
}

static void print_auxv(char **envp)
{
	unsigned long *pair, *start, saved[64] = { 0 };
	int fd = open("/proc/self/auxv", O_RDONLY);
	ssize_t n = read(fd, saved, sizeof(saved));

	close(fd);
	while (*envp++)
		;
	start = (unsigned long *)envp;
	printf("auxv:");
	for (pair = start; *pair; pair += 2)
		printf(" %lu", *pair);
	printf("\nin /proc the same: %d\n",
	       n >= (char *)pair - (char *)start &&
		       memcmp(saved, start, (size_t)((char *)pair - (char *)start)) == 0);
}

/* field: its number in proc(5); count from behind the name */
static unsigned long stat_field(int field)
{
	char text[4096], *p;
	int fd = open("/proc/self/stat", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = 0;
	p = strrchr(text, ')') + 1;
	for (int i = 2; i < field; i++)
		p = strchr(p + 1, ' ');
	return strtoul(p, NULL, 10);
}

static void print_layout(char **argv, char **envp)
{
	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
	char *heap = sbrk(0), *more = sbrk(1 << 24);
	unsigned long loads = 0;

	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
		loads += ph[i].p_type == PT_LOAD;
	printf("entry near main: %d, segments: %lu, interpreter: %d\n",
	       labs((long)getauxval(AT_ENTRY) - (long)main) < 1 << 22, loads, getauxval(AT_BASE) != 0);
	printf("stack aligned: %d, is where it started: %d\n", !((unsigned long)(argv - 1) & 15),
	       stat_field(28) == (unsigned long)(argv - 1));
	printf("code holds main: %d, data before heap: %d\n",
	       stat_field(26) <= (unsigned long)main && (unsigned long)main < stat_field(27),
	       stat_field(46) <= stat_field(47));
	printf("arguments: %d, environment: %d\n", stat_field(48) == (unsigned long)argv[0],
	       !envp[0] || stat_field(50) == (unsigned long)envp[0]);
	printf("heap grows: %d, at: %d\n", more == heap && (*more = 1),
	       stat_field(47) == (unsigned long)heap);
	for (size_t i = 0; i < sizeof(zero); i++) {
		if (zero[i])
			printf("not zero at %zu\n", i);
	}
}

static void print_exe(void)
{
	struct stat st, link;
	char path[4096], own[64];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int fd = open("/proc/self/exe", O_RDONLY);

	path[n < 0 ? 0 : n] = 0;
	printf("exe: %s\n", path);
	snprintf(own, sizeof(own), "/proc/%d/exe", getpid());
	printf("by pid: %zd, short: %zd\n", readlink(own, path + n + 1, sizeof(path) - (size_t)n - 1) - n,
	       readlink("/proc/self/exe", own, 3));
	if (fstat(fd, &st) < 0 || stat(path, &link) < 0)
		err(99, "%s", path);
	close(fd);
	printf("opened: %d", st.st_ino == link.st_ino);
	printf(", stat: %d", stat("/proc/self/exe", &st) == 0 && st.st_ino == link.st_ino);
	printf(", is a link: %d\n", lstat("/proc/self/exe", &st) == 0 && S_ISLNK(st.st_mode));
}

int main(int argc, char **argv, char **envp)
{
	char name[16];

	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_GET_NAME, name);
	printf("name: %s, called: %s\n", name, (char *)getauxval(AT_EXECFN));
	print_file("/proc/self/comm");
	print_file("/proc/self/cmdline");
	print_file("/proc/self/environ");
	if (argc > 1 && strcmp(argv[1], "again") == 0)
		return 7;
	printf("platform: %s, random: %d, secure: %lu\n", (char *)getauxval(AT_PLATFORM),
	       getauxval(AT_RANDOM) != 0, getauxval(AT_SECURE));
	print_auxv(envp);
	print_layout(argv, envp);
	print_exe();
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			printf("descriptor %d\n", fd);
	}
	execve("/proc/self/exe", (char *[]){ (char *)"other", (char *)"again", NULL }, envp);
	err(99, "execve");
}
