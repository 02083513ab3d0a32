/* SPDX-License-Identifier: Apache-2.0 */
/* Cancellation of threads: in calls that wait, on the way into them, and anywhere at all. */
#include "torture.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/socket.h>

static int pipe_fd[2], sock;
static volatile int cleaned, tid_of;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void cleanup(void *arg)
{
	cleaned++;
	sc(SYS_getpid);
}

static void *in_read(void *arg)
{
	char c;

	pthread_cleanup_push(cleanup, NULL);
	tid_of = gettid_raw();
	for (;;)
		if (read(pipe_fd[0], &c, 1) != 1)
			die("read came back");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_cond(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push((void (*)(void *))(void *)pthread_mutex_unlock, &mutex);
	pthread_cleanup_push(cleanup, NULL);
	tid_of = gettid_raw();
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_accept(void *arg)
{
	pthread_cleanup_push(cleanup, NULL);
	tid_of = gettid_raw();
	accept(sock, NULL, NULL);
	die("accept came back");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_sleep(void *arg)
{
	struct timespec t = { 100, 0 };

	pthread_cleanup_push(cleanup, NULL);
	tid_of = gettid_raw();
	for (;;)
		nanosleep(&t, NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_poll(void *arg)
{
	pthread_cleanup_push(cleanup, NULL);
	tid_of = gettid_raw();
	for (;;)
		poll(NULL, 0, 100000);
	pthread_cleanup_pop(0);
	return NULL;
}

/* Calls that are points of cancellation, one after the other, without waiting. */
static void *in_loop(void *arg)
{
	int fd = open("/dev/null", O_WRONLY);

	pthread_cleanup_push(cleanup, NULL);
	tid_of = gettid_raw();
	for (;;) {
		if (write(fd, "x", 1) != 1)
			die("write");
		if (sc(SYS_getpid) != getpid())
			die("getpid");
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void *in_async(void *arg)
{
	int old;

	pthread_cleanup_push(cleanup, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	tid_of = gettid_raw();
	for (;;)
		sc(SYS_getppid);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *never(void *arg)
{
	char c;
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	tid_of = gettid_raw();
	if (read(pipe_fd[0], &c, 1) != 1 || c != 'n')
		die("read while cancellation is off");
	return (void *)42;
}

static void each(const char *name, void *(*fn)(void *), int wait_in, long count)
{
	cleaned = 0;
	for (long i = 0; i < count; i++) {
		pthread_t t;
		void *ret;

		tid_of = 0;
		must(pthread_create(&t, NULL, fn, NULL) == 0);
		if (i & 1 || wait_in == 2) {
			while (!tid_of)
				sched_yield();
			if (wait_in)
				wait_until_in(getpid(), tid_of, -1);
		}
		must(pthread_cancel(t) == 0);
		must(pthread_join(t, &ret) == 0);
		if (ret != PTHREAD_CANCELED)
			die("%s: not cancelled", name);
	}
	/* a thread that was cancelled before it pushed its handler cleans nothing */
	if (cleaned < count / 2 || cleaned > count)
		die("%s: cleaned %d", name, cleaned);
	say("%s: cancelled", name);
}

static void exit_in_handler(int sig, siginfo_t *info, void *context)
{
	pthread_exit((void *)7);
}

int main(void)
{
	long count = rounds(200, 5000);
	pthread_t t;
	void *ret;

	must(pipe(pipe_fd) == 0);
	{
		struct sockaddr name = { .sa_family = AF_UNIX };

		sock = socket(AF_UNIX, SOCK_STREAM, 0);
		must(bind(sock, &name, sizeof(sa_family_t)) == 0 && listen(sock, 1) == 0);
	}
	each("read", in_read, 1, count);
	each("cond_wait", in_cond, 1, count);
	each("accept", in_accept, 1, count);
	each("nanosleep", in_sleep, 1, count);
	each("poll", in_poll, 1, count);
	each("loop of calls", in_loop, 0, count);
	each("asynchronous", in_async, 0, count);
	tid_of = 0;
	must(pthread_create(&t, NULL, never, NULL) == 0);
	while (!tid_of)
		sched_yield();
	wait_until_in(getpid(), tid_of, SYS_read);
	must(pthread_cancel(t) == 0);
	must(write(pipe_fd[1], "n", 1) == 1);
	must(pthread_join(t, &ret) == 0);
	say("switched off: %ld", (long)ret);
	on_signal(SIGUSR1, exit_in_handler, 0);
	for (long i = 0; i < 50; i++) {
		tid_of = 0;
		must(pthread_create(&t, NULL, in_read, NULL) == 0);
		while (!tid_of)
			sched_yield();
		wait_until_in(getpid(), tid_of, SYS_read);
		pthread_kill(t, SIGUSR1);
		must(pthread_join(t, &ret) == 0 && ret == (void *)7);
	}
	say("pthread_exit in a handler");
	return 0;
}
