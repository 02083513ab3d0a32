/* SPDX-License-Identifier: Apache-2.0 */
/* Forks from threads while others make calls from places never called before, and forks by the thousand. */
#include "torture.h"
#include <pthread.h>

static volatile int stop_now;

/* Code with many different call sites: getppid from each of 1000 places. */
long many_sites(long start, long count);
__asm__(".text\n.globl many_sites\n.type many_sites, @function\nmany_sites:\n"
	"	push %rbx\n push %r12\n push %r13\n"
	"	mov %rsi, %r12\n"
	"	xor %r13d, %r13d\n"
	"	lea site_table(%rip), %rax\n"
	"	shl $5, %rdi\n"
	"	add %rdi, %rax\n"
	"	jmp *%rax\n"
	"	.balign 32\n"
	"site_table:\n"
	"	.rept 1000\n"
	"	.balign 32\n"
	"	mov $110, %eax\n"
	"	syscall\n"
	"	add %rax, %r13\n"
	"	dec %r12\n"
	"	js site_out\n"
	"	.endr\n"
	"	nop\n"
	"site_out:\n"
	"	mov %r13, %rax\n"
	"	pop %r13\n pop %r12\n pop %rbx\n ret\n"
	".size many_sites, . - many_sites\n");

static void *toucher(void *arg)
{
	unsigned noise = (unsigned)(long)arg * 7919;
	long parent = sc(SYS_getppid);

	while (!stop_now) {
		noise = noise * 1103515245 + 12345;
		if (many_sites((noise >> 16) % 990, 5) != 6 * parent)
			die("getppid somewhere");
	}
	return NULL;
}

static void *forker(void *arg)
{
	long count = rounds(100, 5000);

	for (long i = 0; i < count; i++) {
		long me = sc(SYS_getpid);
		pid_t pid = fork();

		if (pid == 0) {
			/* whatever the other thread was doing, the child can do it again */
			for (long k = 0; k < 20; k++)
				if (many_sites((i * 37 + k * 41) % 990, 3) != 4 * me)
					_exit(1);
			_exit(12);
		}
		must(pid > 0);
		if (wait_for(pid) != 12 << 8)
			die("a child of a thread");
	}
	return NULL;
}

static void in_threads(void)
{
	pthread_t t[4];

	for (long i = 0; i < 2; i++)
		must(pthread_create(&t[i], NULL, toucher, (void *)i) == 0);
	for (long i = 2; i < 4; i++)
		must(pthread_create(&t[i], NULL, forker, NULL) == 0);
	for (int i = 2; i < 4; i++)
		pthread_join(t[i], NULL);
	stop_now = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	say("forks of threads");
}

static void thousand(void)
{
	long count = rounds(300, 1000);
	pid_t *pids = calloc((size_t)count, sizeof(*pids));
	int p[2];
	char c;

	must(pipe(p) == 0);
	for (long i = 0; i < count; i++) {
		pids[i] = fork();
		must(pids[i] >= 0);
		if (pids[i] == 0) {
			close(p[1]);
			read(p[0], &c, 1);		/* all live at once */
			_exit((int)(i % 100));
		}
	}
	close(p[0]);
	close(p[1]);
	for (long i = 0; i < count; i++)
		if (wait_for(pids[i]) != (i % 100) << 8)
			die("child %ld", i);
	say("%ld at once", count);
}

/* Each child forks the next. */
static void deep(void)
{
	long depth = rounds(100, 1000), i;

	for (i = 0; i < depth; i++) {
		pid_t pid = fork();

		must(pid >= 0);
		if (pid > 0) {
			int status = wait_for(pid);

			if (i > 0)
				_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
			say("%ld deep: %s", depth, status_name(status));
			return;
		}
	}
	_exit(17);
}

static int prepared, in_parent, in_child;
static void prepare(void) { prepared++; sc(SYS_getpid); }
static void parent(void) { in_parent++; sc(SYS_getpid); }
static void child(void) { in_child++; sc(SYS_getpid); }

static void atfork(void)
{
	pid_t pid;

	must(pthread_atfork(prepare, parent, child) == 0);
	pid = fork();
	if (pid == 0) {
		say("child: prepare %d parent %d child %d", prepared, in_parent, in_child);
		_exit(0);
	}
	wait_for(pid);
	say("parent: prepare %d parent %d child %d", prepared, in_parent, in_child);
}

/* No more processes are allowed: fork says so, and all goes on. */
static void limited(void)
{
	struct rlimit none = { 1, 1 };
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		if (geteuid() == 0)
			must(setuid(65534 - 3) == 0);
		must(setrlimit(RLIMIT_NPROC, &none) == 0);
		say("fork: %s", outcome(sc(SYS_fork)));
		say("vfork: %s", outcome(sc(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)));
		say("clone: %s", outcome(sc(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
		say("thread: %s", err_name(pthread_create(&t, NULL, toucher, NULL)));
		say("still here: %d", sc(SYS_getpid) == getpid());
		_exit(0);
	}
	say("limited: %s", status_name(wait_for(pid)));
}

/* The child's identity: pids, times, pending signals, alarms are new. */
static void identity(void)
{
	pid_t pid, self = getpid();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	alarm(100);
	pid = fork();
	if (pid == 0) {
		sigpending(&set);
		say("child: parent %s, tid %s pid, pending %d, alarm %u",
		    getppid() == self ? "right" : "wrong",
		    gettid_raw() == getpid() ? "is" : "is not",
		    sigismember(&set, SIGUSR1), alarm(0));
		_exit(0);
	}
	wait_for(pid);
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "in-threads", in_threads }, { "thousand", thousand }, { "deep", deep },
		{ "atfork", atfork }, { "limited", limited }, { "identity", identity },
	};

	return RUN_CASES(cases, argc, argv);
}
