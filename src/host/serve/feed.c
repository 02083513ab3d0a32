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

static int give(struct wy_feed *f, const char *chunk, size_t len)
{
	/* The position of a file is the program's. */
	int err = f->file ? pwrite_full(*f->to, chunk, len, f->at) : write_full(*f->to, chunk, len);

	f->at += (off_t)len;
	return err;
}

static const char *path_of(const struct wy_feed *f)
{
	return f->next < sizeof(f->path) / sizeof(f->path[0]) ? f->path[f->next] : NULL;
}

static void *run(void *arg)
{
	static char chunk[CHUNK];
	struct wy_feed *f = arg;
	const char *path = path_of(f);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned int *word = &f->session->feed;
	ssize_t n = fd < 0 ? -errno : 0;

	while (n >= 0 && (n = read_full(fd, chunk, sizeof(chunk))) > 0) {
		int err = give(f, chunk, (size_t)n);

		if (err)
			n = err;
		__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
		wake(word);
	}
	if (n < 0)
		log_errno((int)n, "cannot give '%s' to the program", path);
	f->next++;
	if (!path_of(f)) {
		close_fd(f->to);
		__atomic_store_n(word, 0, __ATOMIC_SEQ_CST);
	} else {
		/* From here on the next one may be asked for, and begun. */
		__atomic_fetch_add(&f->session->nr_fed, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	}
	wake(word);
	return NULL;
}

void wy_feed_init(struct wy_feed *f, struct wy_serve_session *session,
		  const struct wy_serve_options *o, int *to)
{
	f->session = session;
	f->path[0] = o->preload ? o->preload : o->warm;
	f->path[1] = o->preload ? o->warm : NULL;
	f->file = o->input == WY_STDIN_FILE;
	f->to = to;
	session->feed = f->path[0] != NULL;
	if (!f->path[0])
		close_fd(to);
}

void wy_feed_start(struct wy_feed *f)
{
	unsigned int fed = __atomic_load_n(&f->session->nr_fed, __ATOMIC_SEQ_CST);
	sigset_t all, before;

	/* Once for each: a program may say anything. */
	if (!f->path[0] || f->begun != fed)
		return;
	f->begun++;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&f->thread, NULL, run, f) == 0)
		pthread_detach(f->thread);
	else
		log_err("cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void wy_feed_stop(struct wy_feed *f)
{
	if (f->path[0] && !f->begun)
		close_fd(f->to);
}
