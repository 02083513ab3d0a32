/* SPDX-License-Identifier: Apache-2.0 */
/* torture: modes=run,no-patch,stats,userland */
/* execve and execveat in all their forms; failing ones leave the process as it was. */
#include "torture.h"
#include <pthread.h>
#include <sys/auxv.h>

extern char **environ;
static char self_path[4096];

static void make_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	must(fd >= 0);
	write_all(fd, text, strlen(text));
	must(fchmod(fd, mode) == 0 && close(fd) == 0);
}

/* Runs fn in a child and says how that ended. */
static void in_child(const char *name, void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(100);
	}
	status = wait_for(pid);
	say("%s: %s", name, status_name(status));
}

static char *const show_args[] = { "name-of-it", "@show", "two words", "", NULL };

static void script(void)
{
	make_file("script", "#!/bin/sh\necho \"script $# $1 $X\"\nexit 12\n", 0755);
	execle("./script", "script", "arg", "", NULL, (char *[]){ "X=env", NULL });
}

static void script_chain(void)
{
	make_file("inner", "#!/bin/sh\necho inner \"$@\"\n", 0755);
	make_file("outer", "#!./inner with option\n", 0755);
	execl("./outer", "outer", "a", "b", NULL);
}

static void script_loop(void)
{
	long ret;

	make_file("loop", "#!./loop\n", 0755);
	ret = sc(SYS_execve, "./loop", show_args, environ);
	say("loop: %s", err_name(ret));
}

static void script_missing(void)
{
	make_file("missing", "#!/does/not/exist\n", 0755);
	say("missing interpreter: %s", err_name(sc(SYS_execve, "./missing", show_args, environ)));
}

static void no_shebang(void)
{
	make_file("plain", "echo from a plain file\nexit 3\n", 0755);
	say("plain text: %s", err_name(sc(SYS_execve, "./plain", show_args, environ)));
	execlp("./plain", "plain", NULL);		/* libc tries the shell */
}

static void show_self(void)
{
	execve(self_path, show_args, (char *[]){ "ONLY=this", NULL });
}

static void empty_env(void)
{
	execve(self_path, show_args, (char *[]){ NULL });
}

static void null_env(void)
{
	sc(SYS_execve, self_path, show_args, NULL);
}

static void null_argv(void)
{
	static char *const env[] = { "EMPTY_ARGV=1", NULL };

	sc(SYS_execve, self_path, NULL, env);
}

static void by_fexecve(void)
{
	int fd = open(self_path, O_RDONLY | O_CLOEXEC);

	fexecve(fd, show_args, (char *[]){ NULL });
}

static void by_execveat(void)
{
	int fd = open(self_path, O_PATH | O_CLOEXEC);

	sc(SYS_execveat, fd, "", show_args, environ, AT_EMPTY_PATH);
}

static void by_execveat_dir(void)
{
	static char *const args[] = { "echo", "by directory", NULL };
	int fd = open("/bin", O_PATH | O_DIRECTORY);

	sc(SYS_execveat, fd, "echo", args, environ, 0);
}

static void by_execveat_script(void)
{
	int fd;

	make_file("script", "#!/bin/sh\necho script by descriptor\n", 0755);
	fd = open("script", O_RDONLY | O_CLOEXEC);
	say("script by a close-on-exec descriptor: %s",
	    err_name(sc(SYS_execveat, fd, "", show_args, environ, AT_EMPTY_PATH)));
	fd = open("script", O_RDONLY);
	sc(SYS_execveat, fd, "", show_args, environ, AT_EMPTY_PATH);
}

static void by_execveat_nofollow(void)
{
	must(symlink("/bin/true", "link") == 0 || errno == EEXIST);
	say("symlink with NOFOLLOW: %s",
	    err_name(sc(SYS_execveat, AT_FDCWD, "link", show_args, environ, AT_SYMLINK_NOFOLLOW)));
	say("bad flag: %s", err_name(sc(SYS_execveat, AT_FDCWD, "link", show_args, environ, 1)));
	say("bad descriptor: %s", err_name(sc(SYS_execveat, 99, "x", show_args, environ, 0)));
	sc(SYS_execveat, AT_FDCWD, "link", show_args, environ, 0);
}

static void by_memfd(void)
{
	int in = open(self_path, O_RDONLY | O_CLOEXEC), fd = (int)sc(SYS_memfd_create, "code", 1);
	char block[65536];
	ssize_t n;

	must(fd >= 0);
	while ((n = read(in, block, sizeof(block))) > 0)
		write_all(fd, block, (size_t)n);
	fexecve(fd, ((char *[]){ "memfd", "@brief", NULL }), environ);
}

static void deleted(void)
{
	char line[8192];

	snprintf(line, sizeof(line), "cp '%s' gone", self_path);
	must(system(line) == 0);
	int fd = open("gone", O_RDONLY | O_CLOEXEC);

	unlink("gone");
	fexecve(fd, ((char *[]){ "gone", "@brief", NULL }), environ);
}

static volatile int phase;
static void *exec_from_thread(void *arg)
{
	while (!phase)
		sched_yield();
	execve(self_path, ((char *[]){ "from-thread", "@threads", NULL }), environ);
	return NULL;
}

static void *busy(void *arg)
{
	for (;;) {
		phase = 1;
		sc(SYS_getpid);
	}
	return NULL;
}

static void from_thread(void)
{
	pthread_t t[4];

	for (int i = 0; i < 3; i++)
		must(pthread_create(&t[i], NULL, busy, NULL) == 0);
	must(pthread_create(&t[3], NULL, exec_from_thread, NULL) == 0);
	for (;;)
		pause();
}

/* All threads execute at once: one wins. */
static void all_threads(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		must(pthread_create(&t[i], NULL, exec_from_thread, NULL) == 0);
	phase = 1;
	exec_from_thread(NULL);
}

static void *fail_in_thread(void *arg)
{
	say("exec of nothing in a thread: %s",
	    err_name(sc(SYS_execve, "/does/not/exist", show_args, environ)));
	return NULL;
}

static void failing(void)
{
	static char long_name[5000];
	char **many = calloc(3, sizeof(char *));
	sigset_t set, now;
	pthread_t t;

	memset(long_name, 'x', sizeof(long_name) - 1);
	make_file("not-executable", "x", 0644);
	make_file("empty", "", 0755);
	make_file("rubbish", "\177ELF\2\1\1", 0755);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
	say("missing: %s", err_name(sc(SYS_execve, "/does/not/exist", show_args, environ)));
	say("directory: %s", err_name(sc(SYS_execve, "/etc", show_args, environ)));
	say("not executable: %s", err_name(sc(SYS_execve, "not-executable", show_args, environ)));
	say("empty: %s", err_name(sc(SYS_execve, "empty", show_args, environ)));
	say("short ELF: %s", err_name(sc(SYS_execve, "rubbish", show_args, environ)));
	say("under a file: %s", err_name(sc(SYS_execve, "empty/x", show_args, environ)));
	say("long name: %s", err_name(sc(SYS_execve, long_name, show_args, environ)));
	say("empty name: %s", err_name(sc(SYS_execve, "", show_args, environ)));
	say("null name: %s", err_name(sc(SYS_execve, NULL, show_args, environ)));
	say("bad argv: %s", err_name(sc(SYS_execve, "/bin/true", 8, environ)));
	many[0] = (char *)8;
	say("bad argument: %s", err_name(sc(SYS_execve, "/bin/true", many, environ)));
	say("bad environment: %s", err_name(sc(SYS_execve, "/bin/true", show_args, many)));
	{
		size_t size = 200000;
		char *big = malloc(size);

		memset(big, 'a', size);
		big[size - 1] = 0;
		many[0] = big;
		say("one argument of 200000 bytes: %s",
		    err_name(sc(SYS_execve, "/bin/true", many, environ)));
	}
	must(pthread_create(&t, NULL, fail_in_thread, NULL) == 0);
	pthread_join(t, NULL);
	{
		int fd = open("busy-file", O_RDWR | O_CREAT | O_TRUNC, 0755);

		must(fd >= 0);
		write_all(fd, "#!/bin/sh\n", 10);
		say("being written: %s", err_name(sc(SYS_execve, "busy-file", show_args, environ)));
	}
	must(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
	say("mask afterwards: %s", sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2) &&
	    !sigismember(&now, SIGSYS) && !sigismember(&now, SIGTERM) ? "as it was" : "changed");
	say("still here");
}

static void small_stack(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_STACK, &r);
	r.rlim_cur = 128 << 10;
	must(setrlimit(RLIMIT_STACK, &r) == 0);
	execve(self_path, ((char *[]){ "small-stack", "@brief", NULL }), environ);
}

static void big_argv(void)
{
	long count = 24;
	char **args = calloc((size_t)count + 3, sizeof(char *));

	args[0] = "big";
	args[1] = "@big";
	for (long i = 0; i < count; i++) {
		args[i + 2] = malloc(80001);
		memset(args[i + 2], 'a' + (int)i, 80000);
		args[i + 2][80000] = 0;
	}
	execve(self_path, args, environ);
	say("%s", err_name(errno));
}

static void handler(int sig, siginfo_t *info, void *context)
{
	execve(self_path, ((char *[]){ "from-handler", "@mask", NULL }), environ);
}

static void from_handler(void)
{
	on_signal(SIGUSR1, handler, 0);
	raise(SIGUSR1);
}

static void kept(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGSYS);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGSYS, SIG_IGN);
	on_signal(SIGTERM, handler, 0);
	alarm(100);
	raise(SIGUSR2);
	umask(027);
	dup2(1, 40);
	fcntl(40, F_SETFD, 0);
	dup2(1, 41);
	fcntl(41, F_SETFD, FD_CLOEXEC);
	execve(self_path, ((char *[]){ "kept", "@kept", NULL }), environ);
}

static void chain(void)
{
	setenv("CHAIN", "30", 1);
	execve(self_path, ((char *[]){ "chain", "@chain", NULL }), environ);
}

static void interpreter(void)
{
	/* the dynamic loader itself as the program, if there is one */
	if (access("/lib64/ld-linux-x86-64.so.2", X_OK) != 0)
		_exit(0);
	execl("/lib64/ld-linux-x86-64.so.2", "ld", "/bin/echo", "by the loader", NULL);
}

static void many_at_once(void)
{
	pid_t pids[20];

	for (long round = 0; round < rounds(3, 100); round++) {
		for (int i = 0; i < 20; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				execl("/bin/true", "true", NULL);
				_exit(99);
			}
		}
		for (int i = 0; i < 20; i++)
			if (wait_for(pids[i]) != 0)
				die("one of many failed");
	}
	_exit(0);
}

static void show_what_was_executed(int argc, char **argv)
{
	if (strcmp(argv[1], "@show") == 0) {
		say("  %d arguments: %s|%s|%s|%s", argc, argv[0], argv[1], argv[2], argv[3]);
		for (char **e = environ; *e; e++)
			say("  environment %s", strncmp(*e, "PWD", 3) && strncmp(*e, "HOME", 4) ?
			    *e : "PWD or HOME");
		_exit(11);
	}
	if (strcmp(argv[1], "@brief") == 0) {
		say("  %s runs, secure %lu", argv[0], getauxval(AT_SECURE));
		_exit(15);
	}
	if (strcmp(argv[1], "@threads") == 0) {
		int leader = gettid_raw() == getpid();

		say("  tid %s pid", leader ? "is" : "is not");
		_exit(13);
	}
	if (strcmp(argv[1], "@big") == 0) {
		for (int i = 2; i < argc; i++)
			if (strlen(argv[i]) != 80000 || argv[i][0] != 'a' + i - 2 ||
			    argv[i][79999] != 'a' + i - 2)
				die("argument %d", i);
		say("  %d arguments", argc);
		_exit(14);
	}
	if (strcmp(argv[1], "@mask") == 0) {
		sigset_t now;

		sigprocmask(SIG_BLOCK, NULL, &now);
		say("  SIGUSR1 is %s", sigismember(&now, SIGUSR1) ? "blocked" : "open");
		_exit(16);
	}
	if (strcmp(argv[1], "@kept") == 0) {
		unsigned long mask = 0, pending = 0;

		must(sc(SYS_rt_sigprocmask, 0, 0, &mask, 8) == 0);
		must(sc(SYS_rt_sigpending, &pending, 8) == 0);
		say("  mask %#lx pending %#lx umask %o alarm %s", mask, pending, umask(0),
		    alarm(0) ? "kept" : "lost");
		for (int i = 0; i < 3; i++) {
			static const int sigs[] = { SIGHUP, SIGTERM, SIGSYS };
			struct sigaction sa;

			sigaction(sigs[i], NULL, &sa);
			say("  %s %s", sig_name(sigs[i]), sa.sa_handler == SIG_IGN ? "ignored" :
			    sa.sa_handler == SIG_DFL ? "default" : "handled");
		}
		say("  descriptor 40 %s, 41 %s", fcntl(40, F_GETFD) < 0 ? "closed" : "open",
		    fcntl(41, F_GETFD) < 0 ? "closed" : "open");
		_exit(17);
	}
	if (strcmp(argv[1], "@chain") == 0) {
		int left = atoi(getenv("CHAIN"));
		char text[16];

		if (left == 0)
			_exit(18);
		snprintf(text, sizeof(text), "%d", left - 1);
		setenv("CHAIN", text, 1);
		execve("/proc/self/exe", argv, environ);
		_exit(99);
	}
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*fn)(void); } all[] = {
		{ "script", script }, { "script-chain", script_chain }, { "script-loop", script_loop },
		{ "script-missing", script_missing }, { "no-shebang", no_shebang },
		{ "show", show_self }, { "empty-env", empty_env }, { "null-env", null_env },
		{ "null-argv", null_argv }, { "fexecve", by_fexecve }, { "execveat", by_execveat },
		{ "execveat-dir", by_execveat_dir }, { "execveat-script", by_execveat_script },
		{ "execveat-nofollow", by_execveat_nofollow }, { "memfd", by_memfd },
		{ "deleted", deleted }, { "from-thread", from_thread },
		{ "all-threads", all_threads }, { "failing", failing },
		{ "small-stack", small_stack }, { "big-argv", big_argv },
		{ "from-handler", from_handler }, { "kept", kept }, { "chain", chain },
		{ "interpreter", interpreter }, { "many", many_at_once },
	};
	ssize_t n;

	if (argc == 1 && getenv("EMPTY_ARGV")) {
		say("  argument 0 is \"%s\"", argv[0]);
		return 19;
	}
	if (argc > 1 && argv[1][0] == '@')
		show_what_was_executed(argc, argv);
	n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	must(n > 0);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		if (argc > 1 && strcmp(argv[1], all[i].name) != 0)
			continue;
		in_child(all[i].name, all[i].fn);
	}
	return 0;
}
