/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of threads, by pthread_create and by raw clone3; each has its own everything. */
#include "torture.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>

static unsigned ended;
static pid_t pid;

static void *one(void *arg)
{
	long number = (long)arg;
	int tid = gettid_raw();

	if (tid == pid || sc(SYS_getpid) != pid)
		die("thread %ld has tid %d", number, tid);
	if (sc(SYS_close, -1) != -EBADF)
		die("close");
	__atomic_add_fetch(&ended, 1, __ATOMIC_RELAXED);
	return (void *)(number * 3);
}

static void one_by_one(void)
{
	long count = rounds(1000, 10000);

	for (long i = 0; i < count; i++) {
		pthread_t t;
		void *ret;

		must(pthread_create(&t, NULL, one, (void *)i) == 0);
		must(pthread_join(t, &ret) == 0 && ret == (void *)(i * 3));
	}
	say("%u threads, one after the other", ended);
}

static void in_groups(void)
{
	long count = rounds(20, 200);

	for (long i = 0; i < count; i++) {
		pthread_t t[50];
		void *ret;

		for (long k = 0; k < 50; k++)
			must(pthread_create(&t[k], NULL, one, (void *)k) == 0);
		for (long k = 0; k < 50; k++)
			must(pthread_join(t[k], &ret) == 0 && ret == (void *)(k * 3));
	}
	say("%u threads, 50 at a time", ended);
}

static void detached(void)
{
	long count = rounds(500, 10000);
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (long i = 0; i < count; i++) {
		pthread_t t;
		int err;

		while ((err = pthread_create(&t, &attr, one, (void *)i)) == EAGAIN)
			sched_yield();
		must(err == 0);
	}
	while (__atomic_load_n(&ended, __ATOMIC_RELAXED) < count)
		sched_yield();
	say("%u detached threads", ended);
}

/* Bare clone3: the stack comes in the arguments; the child must not return from the call. */
static long clone3_run(struct clone_args *args, size_t size, void (*fn)(void *), void *arg)
{
	register long r12 __asm__("r12") = (long)fn;
	register long r13 __asm__("r13") = (long)arg;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "xor %%edi, %%edi\n\t"
			 "mov $60, %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "0"(435L), "D"(args), "S"(size), "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	return ret;
}

static void raw_child(void *arg)
{
	unsigned *word = arg;

	if (sc(SYS_gettid) == pid)
		sc(SYS_exit_group, 98);
	if (sc(SYS_getpid) != pid)
		sc(SYS_exit_group, 97);
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
}

static void raw(void)
{
	static char stacks[8][16384] __attribute__((aligned(64)));
	static unsigned word, tids[8];
	long count = rounds(200, 5000);

	for (long i = 0; i < count; i++) {
		for (int k = 0; k < 8; k++) {
			struct clone_args a = {
				.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
					 CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID |
					 CLONE_CHILD_CLEARTID,
				.parent_tid = (long)&tids[k], .child_tid = (long)&tids[k],
				.stack = (long)stacks[k], .stack_size = sizeof(stacks[k]),
			};
			long tid = clone3_run(&a, sizeof(a), raw_child, &word);

			if (tid <= 0)
				die("clone3: %s", err_name(tid));
		}
		for (int k = 0; k < 8; k++) {
			unsigned tid;

			while ((tid = __atomic_load_n(&tids[k], __ATOMIC_SEQ_CST)) != 0)
				sc(SYS_futex, &tids[k], FUTEX_WAIT, tid, 0);
		}
	}
	say("%u bare threads", word);
}

/* What clone3 refuses, it refuses; what it gives back, it gives back. */
static void arguments(void)
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	int pidfd = -1, tid = 0;
	long ret;

	say("size 0: %s", outcome(sc(435, &a, 0)));
	say("size 63: %s", outcome(sc(435, &a, 63)));
	say("bad pointer: %s", outcome(sc(435, 8, sizeof(a))));
	a.flags = CLONE_SIGHAND;
	say("SIGHAND without VM: %s", outcome(sc(435, &a, sizeof(a))));
	a.flags = CLONE_THREAD;
	say("THREAD alone: %s", outcome(sc(435, &a, sizeof(a))));
	a.flags = 0;
	a.stack_size = 4096;
	say("size without stack: %s", outcome(sc(435, &a, sizeof(a))));
	a.stack_size = 0;
	a.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
	a.pidfd = (long)&pidfd;
	a.parent_tid = (long)&tid;
	a.child_tid = (long)&tid;
	ret = sc(435, &a, sizeof(a));
	if (ret == 0)
		sc(SYS_exit, tid == sc(SYS_gettid) ? 21 : 22);
	must(ret > 0);
	say("fork by clone3: tid %s, pidfd %s, %s", tid == ret ? "right" : "wrong",
	    fcntl(pidfd, F_GETFD) == FD_CLOEXEC ? "open, close-on-exec" : "?",
	    status_name(wait_for((pid_t)ret)));
	a.flags = 0;
	a.exit_signal = 0;
	ret = sc(435, &a, sizeof(a));
	if (ret == 0)
		sc(SYS_exit, 23);
	{
		int status = 0;

		say("no exit signal: wait says %s", outcome(sc(SYS_wait4, ret, &status, 0, 0)));
		must(sc(SYS_wait4, ret, &status, __WALL, 0) == ret);
		say("with __WALL: %s", status_name(status));
	}
}

int main(int argc, char **argv)
{
	static const struct torture_case cases[] = {
		{ "one-by-one", one_by_one }, { "in-groups", in_groups }, { "detached", detached },
		{ "raw", raw }, { "arguments", arguments },
	};

	pid = getpid();
	if (argc > 1)
		return RUN_CASES(cases, argc, argv);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		pid_t child = fork();

		if (child == 0) {
			pid = getpid();
			cases[i].run();
			return 0;
		}
		say("%s: %s", cases[i].name, status_name(wait_for(child)));
	}
	return 0;
}
