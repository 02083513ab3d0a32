/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads 64 bytes of the file IN into the file OUT by an io_uring: one operation each.  With a
 * third argument "poll" the kernel polls the ring; with "open" IN is opened by it, too, and a socket
 * is made.  2: there is no io_uring here.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES     64
#define OP_SOCKET 45 /* IORING_OP_SOCKET, Linux 5.19 */

static struct io_uring_params p;
static int ring;
static char *queue;
static struct io_uring_sqe *entry;

static void *map(size_t len, off_t at)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, at);
}

static unsigned int *word(unsigned int at)
{
	return (unsigned int *)(queue + at);
}

/* Submits one operation and waits for it.  Returns how many were submitted. */
static long submit(int opcode, int fd, void *bytes)
{
	unsigned int tail = *word(p.sq_off.tail), slot = tail & *word(p.sq_off.ring_mask);
	unsigned int flags = IORING_ENTER_GETEVENTS;

	entry[slot] = (struct io_uring_sqe){ .opcode = (unsigned char)opcode,
					     .fd = fd,
					     .addr = (unsigned long)bytes,
					     .off = opcode == OP_SOCKET ? SOCK_STREAM : 0,
					     .len = opcode == OP_SOCKET ? 0 : BYTES };
	word(p.sq_off.array)[slot] = slot;
	__atomic_store_n(word(p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (p.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	return syscall(SYS_io_uring_enter, ring, 1, tail + 1, flags, NULL, 0);
}

/* What has become of the operation that was submitted last. */
static int result(void)
{
	const struct io_uring_cqe *all = (const struct io_uring_cqe *)(queue + p.cq_off.cqes);

	return all[(*word(p.cq_off.tail) - 1) & *word(p.cq_off.ring_mask)].res;
}

static int open_in(char *path, bool by_ring)
{
	if (!by_ring)
		return open(path, O_RDONLY);
	if (submit(OP_SOCKET, AF_INET, NULL) != 1 || result() < 0)
		return -1;
	return submit(IORING_OP_OPENAT, AT_FDCWD, path) == 1 ? result() : -1;
}

int main(int argc, char **argv)
{
	static char bytes[BYTES];
	int in, out;

	if (argc < 3)
		return 1;
	p.flags = argc > 3 && strcmp(argv[3], "poll") == 0 ? IORING_SETUP_SQPOLL : 0;
	ring = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0)
		return 2;
	queue = map(p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	entry = map(p.sq_entries * sizeof(*entry), IORING_OFF_SQES);
	in = open_in(argv[1], argc > 3 && !p.flags);
	out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (queue == MAP_FAILED || entry == MAP_FAILED || in < 0 || out < 0)
		return 1;
	return submit(IORING_OP_READ, in, bytes) != 1 || submit(IORING_OP_WRITE, out, bytes) != 1;
}
