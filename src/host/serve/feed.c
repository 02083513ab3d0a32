/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/feed.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#define CHUNK (64ul << 10)

static void wake(unsigned int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int give(const struct wy_feed *f, const char *chunk, size_t len, off_t at)
{
	/* The position of a file is the program's. */
	return f->file ? pwrite_full(*f->to, chunk, len, at) : write_full(*f->to, chunk, len);
}

static void *run(void *arg)
{
	static char chunk[CHUNK];
	struct wy_feed *f = arg;
	cleanup_fd int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : 0;
	off_t at = 0;

	while (n >= 0 && (n = read_full(fd, chunk, sizeof(chunk))) > 0) {
		int err = give(f, chunk, (size_t)n, at);

		at += n;
		if (err)
			n = err;
		__atomic_fetch_add(f->word, 1, __ATOMIC_SEQ_CST);
		wake(f->word);
	}
	if (n < 0)
		log_errno((int)n, "cannot give '%s' to the program", f->path);
	close_fd(f->to);
	__atomic_store_n(f->word, 0, __ATOMIC_SEQ_CST);
	wake(f->word);
	return NULL;
}

void wy_feed_init(struct wy_feed *f, unsigned int *word, const struct wy_serve_options *o, int *to)
{
	f->word = word;
	f->path = o->preload ? o->preload : o->warm;
	f->file = o->input == WY_STDIN_FILE;
	f->to = to;
	if (!f->path)
		close_fd(to);
}

void wy_feed_start(struct wy_feed *f)
{
	sigset_t all, before;

	if (!f->path || f->started)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	f->started = pthread_create(&f->thread, NULL, run, f) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!f->started)
		log_err("cannot start a thread");
}

void wy_feed_stop(struct wy_feed *f)
{
	if (f->path && !f->started)
		close_fd(f->to);
}
