/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel does when a thread ends: clears the tid word, wakes, walks the robust list. */
#include "torture.h"
#include <linux/futex.h>
#include <pthread.h>

static unsigned tid_word, seen;
static pthread_mutex_t mutex;

static void *set_address(void *arg)
{
	long ret = sc(SYS_set_tid_address, &tid_word);

	if (ret != gettid_raw())
		die("set_tid_address says %ld", ret);
	__atomic_store_n(&tid_word, (unsigned)ret, __ATOMIC_SEQ_CST);
	sc(SYS_futex, &tid_word, FUTEX_WAKE, 1);
	while (!__atomic_load_n(&seen, __ATOMIC_SEQ_CST))
		sched_yield();
	/* libc waits for its own word at join, so the thread ends without libc */
	sc(SYS_exit, 0);
	return NULL;
}

static void *holder(void *arg)
{
	must(pthread_mutex_lock(&mutex) == 0);
	return NULL;		/* ends with the lock held */
}

static void robust_in_process(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	pid_t pid;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	must(pthread_mutex_init(m, &attr) == 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		kill(getpid(), SIGKILL);
	}
	wait_for(pid);
	say("lock of a killed process: %s", err_name(pthread_mutex_lock(m)));
	must(pthread_mutex_consistent(m) == 0 && pthread_mutex_unlock(m) == 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	wait_for(pid);
	say("lock of a process that executed: %s", err_name(pthread_mutex_lock(m)));
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t t;
	unsigned tid;
	void *head = NULL;
	size_t len = 0;

	must(pthread_create(&t, NULL, set_address, NULL) == 0);
	while ((tid = __atomic_load_n(&tid_word, __ATOMIC_SEQ_CST)) == 0)
		sc(SYS_futex, &tid_word, FUTEX_WAIT, 0, 0);
	__atomic_store_n(&seen, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&tid_word, __ATOMIC_SEQ_CST) == tid)
		sc(SYS_futex, &tid_word, FUTEX_WAIT, tid, 0);
	say("set_tid_address: word is %u", tid_word);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	must(pthread_mutex_init(&mutex, &attr) == 0);
	must(pthread_create(&t, NULL, holder, NULL) == 0);
	pthread_join(t, NULL);
	say("lock of an ended thread: %s", err_name(pthread_mutex_lock(&mutex)));
	must(pthread_mutex_consistent(&mutex) == 0);
	must(sc(SYS_get_robust_list, 0, &head, &len) == 0);
	say("get_robust_list: %s, %zu", head ? "set" : "not set", len);
	say("set_robust_list with a bad size: %s", outcome(sc(SYS_set_robust_list, head, 7)));
	robust_in_process();
	return 0;
}
