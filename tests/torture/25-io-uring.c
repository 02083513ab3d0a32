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
	all = 0;
	must(sc(SYS_rt_sigprocmask, SIG_BLOCK, 0, &all, 8) == 0);
	say("mask afterwards: %#lx", all);
	return 0;
}
