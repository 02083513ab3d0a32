/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that wait in the ways there are, and one that never waits, while the first one reads
 * the input.  Then each is woken, and says what it has kept: whoever is in a copy must not notice.
 * With an argument the first one holds a robust mutex meanwhile.
 */
#include "../harness/torture.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

enum { MUTEX, CONDITION, SLEEP, POLL, PIPE, SIGNAL, SPIN, NR };

static const char *const names[NR] = { "mutex", "condition", "sleep", "poll",
				       "pipe",	"signal",    "spin" };
static pthread_t threads[NR];
static int tids[NR];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t robust;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool ready, go;
static int event, pipes[2];
static pid_t own_pid; /* as it is before the input comes */
static clockid_t own_clock;
static __thread int mine;
static __thread volatile sig_atomic_t on_stack;
static char results[NR][256];

static void handler(int nr)
{
	stack_t stack;

	must(sigaltstack(NULL, &stack) == 0);
	on_stack = (stack.ss_flags & SS_ONSTACK) && mine ? mine : -1;
}

/* With numbers in vector registers all the time. */
static double spin(void)
{
	double x = 1, y = 0.5;

	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {
		x = x * 2;
		y = y / 2;
		__asm__ volatile("" : "+x"(x), "+x"(y));
		x = x / 2;
		y = y * 2;
	}
	return x + y;
}

static long wait_as(int what)
{
	struct timespec hour = { 3600, 0 }, moment = { 0, 1000000 };
	struct pollfd p = { event, POLLIN, 0 };
	sigset_t set;
	char c = 0;
	long ret = 0;

	switch (what) {
	case MUTEX:
		ret = pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		return ret;
	case CONDITION:
		pthread_mutex_lock(&other);
		while (!ready)
			pthread_cond_wait(&condition, &other);
		return pthread_mutex_unlock(&other);
	case SLEEP:
		while (ret == 0 && !__atomic_load_n(&go, __ATOMIC_ACQUIRE))
			ret = clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
		return ret;
	case POLL: return sc(SYS_ppoll, &p, 1, &hour, NULL, 8);
	case PIPE: return read(pipes[0], &c, 1) == 1 ? c : -errno;
	case SIGNAL:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		return sigtimedwait(&set, NULL, &hour);
	default: return (long)(spin() * 10);
	}
}

/* Signals sent to oneself arrive, and on the stack that was set before. */
static void *thread(void *arg)
{
	int what = (int)(long)arg;
	stack_t stack = { .ss_sp = malloc(64 << 10), .ss_size = 64 << 10 };
	sigset_t set;
	char name[16];
	long ret;

	must(sigaltstack(&stack, NULL) == 0);
	mine = what + 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + what);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	prctl(PR_SET_NAME, names[what], 0, 0, 0);
	__atomic_store_n(&tids[what], gettid_raw(), __ATOMIC_RELEASE);
	ret = wait_as(what);
	must(pthread_kill(pthread_self(), SIGUSR1) == 0);
	must(prctl(PR_GET_NAME, name, 0, 0, 0) == 0);
	must(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0);
	snprintf(results[what], sizeof(results[what]),
		 "%s: got %ld, is %s, mine %d, nice %d, %s, signal there %s, mask %s", names[what],
		 ret, name, mine, getpriority(PRIO_PROCESS, 0),
		 sc(SYS_sched_getscheduler, 0) == SCHED_BATCH ? "batch" : "not batch",
		 on_stack == mine ? "yes" : "no",
		 sigismember(&set, SIGRTMIN + what) && !sigismember(&set, SIGRTMIN + what + 1) ?
			 "kept" :
			 "lost");
	return NULL;
}

/* The kernel must know where the list of such locks is. */
static void *ends_with_a_lock(void *arg)
{
	pthread_mutex_lock(&robust);
	return NULL;
}

static void make_robust(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	/* musl tells the kernel of none but these */
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	must(pthread_mutex_init(&robust, &attr) == 0);
}

static void start(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	int tid;

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	event = eventfd(0, 0);
	must(event >= 0 && pipe(pipes) == 0);
	pthread_mutex_lock(&mutex);
	for (long i = 0; i < NR; i++)
		must(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
	for (int i = 0; i < NR; i++) {
		while (!(tid = __atomic_load_n(&tids[i], __ATOMIC_ACQUIRE)) ||
		       (i != SPIN && thread_state(getpid(), tid) != 'S'))
			sched_yield();
	}
}

/* By ids that were asked for before the input came. */
static void name_by_id(void)
{
	struct sched_param none = { 0 };
	struct timespec by_id, self;
	struct rlimit limit, got;
	clockid_t clock;

	must(sc(SYS_sched_setscheduler, tids[POLL], SCHED_BATCH, &none) == 0);
	must(setpriority(PRIO_PROCESS, (id_t)tids[PIPE], 5) == 0);
	must(getpriority(PRIO_PROCESS, (id_t)tids[PIPE]) == 5);
	must(pthread_getcpuclockid(threads[PIPE], &clock) == 0);
	must(clock_gettime(clock, &by_id) == 0);
	must(clock_gettime(own_clock, &by_id) == 0);
	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &self) == 0);
	must(by_id.tv_sec < self.tv_sec ||
	     (by_id.tv_sec == self.tv_sec && by_id.tv_nsec <= self.tv_nsec));
	must(prlimit(own_pid, RLIMIT_NOFILE, NULL, &limit) == 0);
	limit.rlim_cur--;
	must(prlimit(own_pid, RLIMIT_NOFILE, &limit, NULL) == 0);
	must(getrlimit(RLIMIT_NOFILE, &got) == 0 && got.rlim_cur == limit.rlim_cur);
}

static void wake_all(void)
{
	uint64_t one = 1;

	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&mutex);
	pthread_mutex_lock(&other);
	ready = true;
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&other);
	must(write(event, &one, 8) == 8 && write(pipes[1], "c", 1) == 1);
	must(pthread_kill(threads[SIGNAL], SIGUSR2) == 0);
}

int main(int argc, char **argv)
{
	pthread_t late;
	char text[256];
	long n, total = 0;

	make_robust();
	own_pid = getpid();
	must(clock_getcpuclockid(own_pid, &own_clock) == 0);
	start();
	must(argc < 2 || pthread_mutex_lock(&robust) == 0);
	while ((n = read(0, text, sizeof(text))) > 0)
		total += n;
	say("input: %ld bytes", total);
	name_by_id();
	wake_all();
	for (int i = 0; i < NR; i++) {
		must(pthread_join(threads[i], NULL) == 0);
		say("%s", results[i]);
	}
	must(argc < 2 || pthread_mutex_unlock(&robust) == 0);
	must(pthread_create(&late, NULL, ends_with_a_lock, NULL) == 0);
	must(pthread_join(late, NULL) == 0);
	say("a robust lock: %s", err_name(pthread_mutex_lock(&robust)));
	return 0;
}
