/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring without its library: files written and read by the ring, with a signal mask too. */
#include "torture.h"
#include <linux/io_uring.h>

static struct io_uring_params params;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static int ring;

static void open_ring(void)
{
	char *sq, *cq;
	long fd = sc(SYS_io_uring_setup, 8, &params);

	if (fd < 0)
		skip("no io_uring here: %s", err_name(fd));
	ring = (int)fd;
	sq = mmap(NULL, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(*cqes),
		  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	sqes = mmap(NULL, params.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	must(sq != MAP_FAILED && cq != MAP_FAILED && sqes != MAP_FAILED);
	sq_tail = (unsigned *)(sq + params.sq_off.tail);
	sq_mask = (unsigned *)(sq + params.sq_off.ring_mask);
	sq_array = (unsigned *)(sq + params.sq_off.array);
	cq_head = (unsigned *)(cq + params.cq_off.head);
	cq_tail = (unsigned *)(cq + params.cq_off.tail);
	cq_mask = (unsigned *)(cq + params.cq_off.ring_mask);
	cqes = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
}

static int one(int op, int fd, void *buf, unsigned len, unsigned long *mask)
{
	unsigned tail = *sq_tail, at = tail & *sq_mask;
	long ret;
	int res;

	memset(&sqes[at], 0, sizeof(sqes[at]));
	sqes[at].opcode = (unsigned char)op;
	sqes[at].fd = fd;
	sqes[at].addr = (unsigned long)buf;
	sqes[at].len = len;
	sq_array[at] = at;
	__atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
	do {
		ret = sc(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, mask, 8);
	} while (ret == -EINTR);
	if (ret != 1)
		die("io_uring_enter: %s", err_name(ret));
	must(*cq_head != __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE));
	res = cqes[*cq_head & *cq_mask].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return res;
}

/* The call waits with a mask of its own: a handler starts from that one. */
static void handler(int sig, siginfo_t *info, void *context)
{
	unsigned long mask = 0;

	must(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0, &mask, 8) == 0);
	say("mask in the handler: %#lx, to come back to: %#lx", mask,
	    *(unsigned long *)&((ucontext_t *)context)->uc_sigmask);
}

static void interrupted(const char *how, unsigned int flags, void *arg, size_t size)
{
	unsigned long outside = 1ul << (SIGALRM - 1) | 1ul << (SIGUSR2 - 1) | 1ul << (SIGSYS - 1);
	struct itimerval soon = { { 0, 0 }, { 0, 1000 } };
	unsigned long none = 0;

	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &outside, 0, 8) == 0);
	must(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	say("%s: %s", how,
	    err_name(sc(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS | flags, arg, size)));
	must(sc(SYS_rt_sigprocmask, SIG_SETMASK, &none, &outside, 8) == 0);
	say("mask afterwards: %#lx", outside);
}

static void masks(void)
{
	unsigned long mask = 1ul << (SIGUSR1 - 1);
	struct {
		unsigned long mask;
		unsigned int size, pad;
		unsigned long time;
	} ext = { .mask = (unsigned long)&mask, .size = 8 };

	on_signal(SIGALRM, handler, 0);
	interrupted("a mask", 0, &mask, 8);
	interrupted("a mask of another size", 0, &mask, 4);
	if (!(params.features & IORING_FEAT_EXT_ARG))
		return;
	interrupted("a mask and a time", IORING_ENTER_EXT_ARG, &ext, sizeof(ext));
	interrupted("nowhere", IORING_ENTER_EXT_ARG, (void *)16, sizeof(ext));
}

int main(void)
{
	char text[32] = "";
	unsigned long all = ~0ul;
	int fd;

	open_ring();
	fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	say("nop: %s", outcome(one(IORING_OP_NOP, -1, NULL, 0, NULL)));
	say("write: %d", one(IORING_OP_WRITE, fd, "by the ring", 11, NULL));
	say("read with all signals blocked: %d", one(IORING_OP_READ, fd, text, 31, &all));
	say("text: %s", text);
	say("bad descriptor: %s", err_name(one(IORING_OP_READ, 999, text, 31, &all)));
	for (int i = 0; i < 500; i++)
		must(one(IORING_OP_NOP, -1, NULL, 0, i & 1 ? &all : NULL) == 0);
	masks();
	all = 0;
	must(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0, &all, 8) == 0);
	say("mask afterwards: %#lx", all);
	return 0;
}
