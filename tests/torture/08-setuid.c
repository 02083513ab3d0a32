/* SPDX-License-Identifier: Apache-2.0 */
/* torture: needs=root; notes=may; modes=run,no-patch,stats,userland */
/* A set-user-ID program gets its rights, whoever watches the one that starts it. */
#include "torture.h"
#include <sys/auxv.h>

extern char **environ;

int main(int argc, char **argv)
{
	char line[8192], path[4096];
	ssize_t n;
	pid_t pid;

	if (argc > 1) {
		say("  euid %d, uid %s, secure %lu", (int)geteuid(), getuid() == 65534 ? "nobody" : "?",
		    getauxval(AT_SECURE));
		return 21;
	}
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	must(n > 0);
	path[n] = 0;
	snprintf(line, sizeof(line), "cp '%s' raised && chmod 4755 raised && chmod 755 .", path);
	must(system(line) == 0);
	for (int how = 0; how < 3; how++) {
		pid = fork();
		if (pid == 0) {
			if (how < 2)
				must(setgid(65534) == 0 && setuid(65534) == 0);
			if (how == 1)
				must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
			execl("./raised", "raised", "x", NULL);
			_exit(99);
		}
		say("%s: %s", how == 0 ? "set-user-ID" : how == 1 ? "without new privileges" : "as root",
		    status_name(wait_for(pid)));
	}
	must(chmod("raised", 02755) == 0);
	pid = fork();
	if (pid == 0) {
		must(setgid(65534) == 0 && setuid(65534) == 0);
		/* through the shell, so that a followed process starts it */
		execl("/bin/sh", "sh", "-c", "./raised x; echo $?; true | cat", NULL);
	}
	say("set-group-ID by a shell: %s", status_name(wait_for(pid)));
	return 0;
}
