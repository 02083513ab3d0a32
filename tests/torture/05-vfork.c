/* SPDX-License-Identifier: Apache-2.0 */
/* torture: modes=run,no-patch,stats,userland */
/* vfork: the child runs on the parent's memory and stack until it executes or ends. */
#include "torture.h"
#include <pthread.h>
#include <spawn.h>

extern char **environ;

/*
 * The child pushes over the parent's stack below the point of the call, calls
 * a function there, and the parent finds its own registers and return address
 * as they were: everything in one piece of assembly, as vfork(3) itself is.
 */
long raw_vfork(void);
__asm__(".text\n.globl raw_vfork\n.type raw_vfork, @function\nraw_vfork:\n"
	"	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"	mov $0x1b1b, %rbx\n mov $0x2b2b, %rbp\n mov $0x3c3c, %r12\n"
	"	mov $0x4d4d, %r13\n mov $0x5e5e, %r14\n mov $0x6f6f, %r15\n"
	"	movq $0x7a7a, -8(%rsp)\n"
	"	mov $58, %eax\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jnz 2f\n"
	/* child: use the stack a lot, change every register, make calls, then end */
	"	cmpq $0x7a7a, -8(%rsp)\n jne 3f\n"
	"	mov $200, %ecx\n"
	"1:	push %rcx\n dec %ecx\n jnz 1b\n"
	"	mov $39, %eax\n syscall\n"
	"	push %rax\n call 4f\n pop %rax\n"
	"	mov $110, %eax\n syscall\n"
	"	xor %ebx, %ebx\n xor %ebp, %ebp\n xor %r12d, %r12d\n xor %r13d, %r13d\n"
	"	mov $42, %edi\n mov $60, %eax\n syscall\n"
	"3:	mov $43, %edi\n mov $60, %eax\n syscall\n hlt\n"
	"4:	mov $39, %eax\n syscall\n ret\n"
	"2:	cmp $0x1b1b, %rbx\n jne 5f\n cmp $0x2b2b, %rbp\n jne 5f\n cmp $0x3c3c, %r12\n jne 5f\n"
	"	cmp $0x4d4d, %r13\n jne 5f\n cmp $0x5e5e, %r14\n jne 5f\n cmp $0x6f6f, %r15\n jne 5f\n"
	"6:	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
	"5:	mov $-1000, %rax\n jmp 6b\n"
	".size raw_vfork, . - raw_vfork\n");

static volatile int shared;

static void raw(void)
{
	for (long i = 0; i < rounds(200, 10000); i++) {
		long pid = raw_vfork();

		if (pid <= 0)
			die("vfork: %s", err_name(pid));
		int status = wait_for((pid_t)pid);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
			die("child %s", status_name(status));
	}
	say("the parent's stack and registers are whole");
}

static void memory(void)
{
	pid_t pid, self = getpid();
	int fd = -1;

	shared = 1;
	pid = vfork();
	if (pid == 0) {
		shared = 2;
		if (sc(SYS_getppid) != self)
			_exit(3);
		dup2(1, 77);		/* only the child's table */
		_exit(7);
	}
	fd = fcntl(77, F_GETFD);
	say("memory %d, descriptor 77 %s, child %s", shared, fd < 0 ? "closed" : "open",
	    status_name(wait_for(pid)));
}

/* Failing execs change nothing; errno is the parent's as well; then one that works. */
static void exec(void)
{
	static char *const args[] = { "sh", "-c", "echo child; exit 5", NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		long a = sc(SYS_execve, "/does/not/exist", args, environ);
		long b = sc(SYS_execve, "/etc", args, environ);
		long c = sc(SYS_execve, "/etc/passwd", args, environ);
		long d = sc(SYS_execve, 8, args, environ);

		if (a != -ENOENT || b != -EACCES || c != -EACCES || d != -EFAULT)
			_exit(90);
		execve("/bin/sh", args, environ);
		_exit(91);
	}
	say("after failing ones: %s", status_name(wait_for(pid)));
	pid = vfork();
	if (pid == 0) {
		execve("/does/not/exist", args, environ);
		shared = errno;
		_exit(127);
	}
	say("only a failing one: %s, %s", err_name(shared), status_name(wait_for(pid)));
}

static void handler(int sig, siginfo_t *info, void *context)
{
	static char *const args[] = { "true", NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/bin/true", args, environ);
		_exit(99);
	}
	if (pid < 0 || wait_for(pid) != 0)
		die("vfork in a handler");
	shared++;
}

static void in_handler(void)
{
	shared = 0;
	on_signal(SIGUSR1, handler, 0);
	for (int i = 0; i < rounds(10, 500); i++)
		raise(SIGUSR1);
	say("%s handlers ran a child each", shared == rounds(10, 500) ? "all" : "not all");
}

/* A child of vfork that a signal kills, and one that gets a signal with the parent's handler. */
static void mark(int sig, siginfo_t *info, void *context)
{
	shared = 100 + (getpid() == (pid_t)shared);
}

static void signals(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		sc(SYS_kill, sc(SYS_getpid), SIGKILL);
		_exit(1);
	}
	say("killed: %s", status_name(wait_for(pid)));
	on_signal(SIGUSR1, mark, 0);
	pid = vfork();
	if (pid == 0) {
		shared = (int)sc(SYS_getpid);
		sc(SYS_kill, shared, SIGUSR1);
		_exit(4);
	}
	say("handler in the child: %d, %s", shared, status_name(wait_for(pid)));
	/* the child's own dispositions are a copy */
	pid = vfork();
	if (pid == 0) {
		signal(SIGUSR1, SIG_IGN);
		signal(SIGUSR2, SIG_IGN);
		_exit(0);
	}
	wait_for(pid);
	{
		struct sigaction now;

		sigaction(SIGUSR1, NULL, &now);
		say("handler here: %s", now.sa_sigaction == mark ? "kept" : "lost");
		sigaction(SIGUSR2, NULL, &now);
		say("SIGUSR2 here: %s", now.sa_handler == SIG_DFL ? "default" : "changed");
	}
}

static void spawn(void)
{
	static char *const args[] = { "sh", "-c",
		"grep -E '^Sig(Blk|Ign):' /proc/self/status; read line; echo \"$line\" $X >&9; "
		"ls /proc/self/fd | wc -l; exit 3", NULL };
	char *env[] = { "PATH=/usr/bin:/bin", "X=y", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	pid_t pid;
	int ret, p[2];

	must(pipe(p) == 0 && write(p[1], "line\n", 5) == 5);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigdefault(&attr, &set);
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p[0], 0);
	posix_spawn_file_actions_addopen(&actions, 9, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 1, 9);
	posix_spawn_file_actions_addclose(&actions, p[1]);
	posix_spawn_file_actions_addclose(&actions, p[0]);
	ret = posix_spawn(&pid, "/bin/sh", &actions, &attr, args, env);
	must(ret == 0);
	say("spawned: %s", status_name(wait_for(pid)));
	ret = posix_spawn(&pid, "/does/not/exist", &actions, &attr, args, env);
	say("spawn of nothing: %s", err_name(ret));
	posix_spawn_file_actions_adddup2(&actions, 999, 5);
	ret = posix_spawn(&pid, "/bin/sh", &actions, &attr, args, env);
	say("spawn with a bad descriptor: %s", err_name(ret));
}

static volatile int stop_now;
static void *busy(void *arg)
{
	long *calls = arg;
	struct sigaction sa;

	while (!stop_now) {
		if (sc(SYS_getpid) != getpid())
			die("getpid in a thread");
		sigaction(SIGUSR1, NULL, &sa);
		if (sa.sa_sigaction != mark)
			die("a child changed the parent's table");
		if (fcntl(60, F_GETFD) >= 0)
			die("a child changed the parent's descriptors");
		++*calls;
	}
	return NULL;
}

static void *spawner(void *arg)
{
	static char *const args[] = { "true", NULL };
	long count = rounds(30, 2000);

	for (long i = 0; i < count; i++) {
		posix_spawn_file_actions_t actions;
		posix_spawnattr_t attr;
		sigset_t all;
		pid_t pid;

		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_adddup2(&actions, 1, 60);
		posix_spawnattr_init(&attr);
		sigfillset(&all);
		sigdelset(&all, SIGKILL);
		sigdelset(&all, SIGSTOP);
		posix_spawnattr_setsigdefault(&attr, &all);
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
		if (posix_spawn(&pid, "/bin/true", &actions, &attr, args, environ) != 0)
			die("spawn");
		if (wait_for(pid) != 0)
			die("the child failed");
		posix_spawn_file_actions_destroy(&actions);
		posix_spawnattr_destroy(&attr);
	}
	return NULL;
}

static void threads(void)
{
	pthread_t t[4];
	long calls[2] = { 0 };

	on_signal(SIGUSR1, mark, 0);
	for (int i = 0; i < 2; i++)
		must(pthread_create(&t[i], NULL, busy, &calls[i]) == 0);
	for (int i = 2; i < 4; i++)
		must(pthread_create(&t[i], NULL, spawner, NULL) == 0);
	for (int i = 2; i < 4; i++)
		pthread_join(t[i], NULL);
	stop_now = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	say("children of a process with threads: the threads never noticed");
}

/* Each child waits in a vfork of its own; all of them are there at the same time. */
static volatile int deepest;
__attribute__((noinline)) static void deeper(int left)
{
	volatile pid_t self = (pid_t)sc(SYS_getpid);
	pid_t pid;

	deepest++;
	if (left == 0)
		return;
	pid = vfork();
	if (pid == 0) {
		deeper(left - 1);
		_exit(7);
	}
	must(pid > 0 && sc(SYS_getpid) == self);
	must(wait_for(pid) == 7 << 8);
}

static void nested(void)
{
	deeper(100);
	say("%d vforks within each other", deepest - 1);
}

static void system_and_popen(void)
{
	char line[64] = "";
	FILE *f = popen("echo from popen; exit 9", "r");

	must(f && fgets(line, sizeof(line), f));
	line[strcspn(line, "\n")] = 0;
	say("%s, %s", line, status_name(pclose(f)));
	say("system: %s", status_name(system("kill -9 $$")));
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "raw", raw }, { "memory", memory }, { "exec", exec }, { "in-handler", in_handler },
		{ "signals", signals }, { "spawn", spawn }, { "threads", threads },
		{ "system", system_and_popen }, { "nested", nested },
	};

	return RUN_CASES(cases, argc, argv);
}
