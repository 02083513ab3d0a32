/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that maps, protects or unmaps over memory that is not its own, at
 * every mapping it finds beyond its text, data, stack and libraries.  The
 * call may fail; the next call must still work.  Natively there is nothing
 * there to find, so the output says only that it lives.
 */
#include "torture.h"

static char maps[1 << 20];

int main(void)
{
	char *line = maps;
	long n = 0;
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t got;

	must(fd >= 0);
	while ((got = read(fd, maps + n, sizeof(maps) - 1 - (size_t)n)) > 0)
		n += got;
	close(fd);
	maps[n] = 0;
	while (line && *line) {
		char *end = strchr(line, '\n');
		unsigned long low, high, inode = 0;
		char perm[8] = "", rest[256] = "";
		int mine;

		if (end)
			*end = 0;
		must(sscanf(line, "%lx-%lx %7s %*x %*s %lu %255[^\n]", &low, &high, perm, &inode,
			    rest) >= 3);
		line = end ? end + 1 : NULL;
		/* anonymous, not named, and neither the libc's nor the program's own .bss: those are
		 * beside a file mapping; here only mappings that can be executed and have no file */
		mine = inode != 0 || rest[0] == '[' || perm[2] != 'x';
		if (mine)
			continue;
		for (unsigned long at = low; at < high; at += 65536) {
			pid_t pid = fork();

			must(pid >= 0);
			if (pid == 0) {
				sc(SYS_munmap, at, 4096);
				sc(SYS_mprotect, at, 4096, PROT_NONE);
				sc(SYS_madvise, at, 4096, MADV_DONTNEED);
				sc(SYS_mmap, at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				   -1, 0);
				_exit(sc(SYS_getpid) > 0 ? 3 : 4);
			}
			if (wait_for(pid) != 3 << 8)
				die("a mapping at %#lx was hit", at);
		}
	}
	/* More than there is: refused as a whole, and nothing of it may be done. */
	say("munmap of all and more: %s", outcome(sc(SYS_munmap, 0, -1ul)));
	say("munmap up to the end: %s", outcome(sc(SYS_munmap, 4096, -4096ul)));
	say("munmap beyond: %s", outcome(sc(SYS_munmap, -8192ul, 4096)));
	say("alive");
	return 0;
}
