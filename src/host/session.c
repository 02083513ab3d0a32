/* SPDX-License-Identifier: Apache-2.0 */
#include "host/session.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "launch/arch/x86_64/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>

/* The kernel walks this list when the thread dies, in whatever way. */
static struct robust_list life_node;
static struct robust_list_head life_head;

void wy_host_session_leave_life(struct wy_host_session *h)
{
	static unsigned int times;

	/* First, and with the list still there: at no moment may it look held for ever. */
	__atomic_store_n(&h->mem->host_life, WY_LIFE_AWAY | (++times & 0xffff), __ATOMIC_SEQ_CST);
	life_head.list.next = &life_head.list;
}

void wy_host_session_take_life(struct wy_host_session *h)
{
	int tid = (int)syscall(SYS_gettid);

	life_head.list_op_pending = NULL;
	life_head.futex_offset = (char *)&h->mem->host_life - (char *)&life_node;
	life_node.next = &life_head.list;
	life_head.list.next = &life_node;
	syscall(SYS_set_robust_list, &life_head, sizeof(life_head));
	h->mem->host_pid = getpid();
	/* Marked as waited for, else nobody would be woken. */
	__atomic_store_n(&h->mem->host_life, (unsigned int)tid | FUTEX_WAITERS, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &h->mem->host_life, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool may_trace_all(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[0].effective & (1u << CAP_SYS_PTRACE);
}

/* Returns NULL if it cannot be. */
static struct wy_session *map(const struct wy_host_session *h, void *addr)
{
	void *mem = mmap(addr, h->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE | (addr ? MAP_FIXED : 0), h->fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static int set_size(int fd, size_t size)
{
	struct rlimit old;
	int err = file_size_allow(size, &old);

	if (err)
		return err;
	err = ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	file_size_restore(&old);
	return err;
}

#define FAMILY_ZEN_5 0x1au

/*
 * Does the kernel's way back to user space leave the processor's return predictions useless?
 * Where it protects itself from Inception (AMD) by Safe RET it does, but for processors from Zen 5
 * on, which get over it themselves: measured, docs/bench.md.
 */
static bool kernel_spoils_returns(void)
{
	char text[128];
	cleanup_fd int fd = open("/sys/devices/system/cpu/vulnerabilities/spec_rstack_overflow",
				 O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	return strstr(text, "Safe RET") && wy_cpu_family() < FAMILY_ZEN_5;
}

struct wy_trace *wy_host_session_trace(const struct wy_host_session *h)
{
	return h->size > WY_SESSION_SIZE ? (struct wy_trace *)((char *)h->mem + WY_SESSION_SIZE) :
					   NULL;
}

int wy_host_session_new(struct wy_host_session *ret, unsigned int flags)
{
	cleanup_fd int fd = memfd_create("waylay", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct wy_host_session h = { .fd = fd, .size = WY_SESSION_SIZE };
	int err;

	if (fd < 0)
		return -errno;
	if (flags & WY_LAYER_TRACE)
		h.size += WY_TRACE_SIZE;
	err = set_size(fd, h.size);
	if (err)
		return err;
	/* Whoever finds the file (/proc/PID/fd) shall not cut off what is mapped here. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
	h.mem = map(&h, NULL);
	if (!h.mem)
		return -errno;
	h.mem->magic = WY_SESSION_MAGIC;
	if (getrandom(&h.mem->token, sizeof(h.mem->token), GRND_NONBLOCK) < 0)
		h.mem->token = (unsigned long)h.mem;
	h.mem->token = (h.mem->token | 4096ul) & -4096ul;
	h.mem->version = WY_SESSION_VERSION;
	h.mem->flags = flags | (may_trace_all() ? WY_HOST_PRIVILEGED : 0) |
		       (kernel_spoils_returns() ? WY_FILL_RETURNS : 0);
	wy_host_session_take_life(&h);
	steal_fd(&fd);
	*ret = h;
	return 0;
}

/* Puts memory of our own where the session is, so that a signal handler may still ring there. */
static int unmap(struct wy_host_session *h)
{
	void *mem = mmap(h->mem, h->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return mem == MAP_FAILED ? -errno : 0;
}

/*
 * Who has the session is not in any list that can be trusted: a process may be
 * in another pid namespace, or killed.  But the kernel knows: a memfd cannot
 * be sealed against writing as long as somebody has it mapped writable.
 */
bool wy_host_session_in_use(struct wy_host_session *h)
{
	wy_host_session_leave_life(h);
	if (unmap(h) < 0) {
		wy_host_session_take_life(h);
		return true;
	}
	if (fcntl(h->fd, F_ADD_SEALS, F_SEAL_WRITE) == 0) {
		/* What was counted can still be read. */
		if (mmap(h->mem, h->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, h->fd, 0) == MAP_FAILED)
			log_errno(errno, "cannot read the session any more");
		return false;
	}
	if (!map(h, h->mem)) {
		log_errno(errno, "cannot map the session again");
		return true;
	}
	wy_host_session_take_life(h);
	return true;
}

static const char *const unfollowed_why[] = {
	[WY_UNFOLLOWED_SETID] = "it is a set-user-ID, set-group-ID or capability program",
	[WY_UNFOLLOWED_TRACED] = "another tracer has it",
	[WY_UNFOLLOWED_FOREIGN] = "it is not an x86-64 program",
	[WY_UNFOLLOWED_NO_HOST] = "waylay itself has ended",
	[WY_UNFOLLOWED_REFUSED] = "the kernel does not allow it",
	[WY_UNFOLLOWED_AGENT] = "the agent could not start in it",
	[WY_UNFOLLOWED_FILTER] = "its seccomp filter would refuse what the agent does",
};
static const char *const unfollowed_word[] = {
	[WY_UNFOLLOWED_SETID] = "set-id",    [WY_UNFOLLOWED_TRACED] = "traced",
	[WY_UNFOLLOWED_FOREIGN] = "foreign", [WY_UNFOLLOWED_NO_HOST] = "no-host",
	[WY_UNFOLLOWED_REFUSED] = "refused", [WY_UNFOLLOWED_AGENT] = "agent",
	[WY_UNFOLLOWED_FILTER] = "filter",
};

const char *wy_host_unfollowed_why(int kind)
{
	if (kind < WY_UNFOLLOWED_SETID || kind > WY_UNFOLLOWED_FILTER)
		return "the reason is not known";
	return unfollowed_why[kind];
}

const char *wy_host_unfollowed_word(int kind)
{
	if (kind < WY_UNFOLLOWED_SETID || kind > WY_UNFOLLOWED_FILTER)
		return "unknown";
	return unfollowed_word[kind];
}

void wy_host_note(struct wy_session *s, int kind, int pid, int arg, int arg2, const char *text)
{
	for (int i = 0; i < WY_NOTE_SLOTS; i++) {
		struct wy_note *n = &s->note[i];
		unsigned int none = 0;

		if (!__atomic_compare_exchange_n(&n->state, &none, 1, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		n->kind = kind;
		n->pid = pid;
		n->arg = arg;
		n->arg2 = arg2;
		strncpy(n->text, text, WY_NOTE_TEXT - 1);
		n->text[WY_NOTE_TEXT - 1] = '\0';
		__atomic_store_n(&n->state, 2, __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_fetch_add(&s->notes_lost, 1, __ATOMIC_SEQ_CST);
}

struct wy_note wy_host_note_copy(const struct wy_note *note)
{
	struct wy_note n = *note;

	n.text[WY_NOTE_TEXT - 1] = '\0';
	if (n.arg2 < 0 && n.arg2 > -4096)
		n.arg2 = -n.arg2;
	else if (n.arg2 < 0)
		n.arg2 = 0;
	return n;
}

static void print_note(const struct wy_note *n)
{
	if (n->kind == WY_NOTE_INFO)
		log_warn("%s", n->text);
	else if (n->kind != WY_NOTE_UNFOLLOWED)
		return;
	else if (n->arg2)
		log_warn("%s (process %d) runs uncaught: %s: %s", n->text, n->pid,
			 wy_host_unfollowed_why(n->arg), strerror(n->arg2));
	else
		log_warn("%s (process %d) runs uncaught: %s", n->text, n->pid,
			 wy_host_unfollowed_why(n->arg));
}

void wy_host_notes_print(struct wy_session *s)
{
	for (int i = 0; i < WY_NOTE_SLOTS; i++) {
		struct wy_note *n = &s->note[i];
		unsigned int state = __atomic_load_n(&n->state, __ATOMIC_ACQUIRE);
		struct wy_note copy;

		if (state == 0)
			break; /* They are taken in order.  What nobody wrote has no memory yet. */
		if (state != 2)
			continue;
		copy = wy_host_note_copy(n);
		print_note(&copy);
		__atomic_store_n(&n->state, 3, __ATOMIC_RELEASE);
	}
}

static const struct {
	const char *word, *text;
} faults[WY_FAULTS] = {
	[WY_FAULT_NO_STUB] = { "no-stub", "no room for one more place that makes system calls" },
	[WY_FAULT_NO_BLOCK] = { "no-block", "no memory for a new thread" },
	[WY_FAULT_NO_SLOT] = { "no-slot", "no counters for a thread: its calls are not counted" },
	[WY_FAULT_ARM] = { "arm", "a new thread is not caught" },
	[WY_FAULT_REQUEUE] = { "requeue", "a signal lost what came with it" },
	[WY_FAULT_AGENT] = { "agent", "a fault in the agent itself" },
	[WY_FAULT_WRITE] = { "write", "code could not be rewritten" },
};

const char *wy_host_fault_word(enum wy_fault fault)
{
	return faults[fault].word;
}

void wy_host_faults_print(const struct wy_session *s)
{
	unsigned int lost = __atomic_load_n(&s->notes_lost, __ATOMIC_RELAXED);

	for (int i = 0; i < WY_FAULTS; i++) {
		unsigned long times = __atomic_load_n(&s->faults[i], __ATOMIC_RELAXED);

		if (times)
			log_info("let through (%lu times): %s", times, faults[i].text);
	}
	if (lost)
		log_info("%u lines of the kind 'runs uncaught' found no room", lost);
}
