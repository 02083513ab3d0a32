/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code.c - writing code.
 *
 * There are two ways to change a page that is mapped readable and executable:
 *
 *	/proc/self/mem	changes no mapping and disturbs no other processor.  But it is a
 *			descriptor: other threads would see its number taken, could close it or
 *			put a file of theirs in its place.  So only while there is one thread.
 *	mprotect(2)	and a plain store.  With other threads each change of the protection
 *			interrupts the processors that they run on.
 *
 * With one thread it is the cheaper one: opening, writing and closing cost as much as
 * changing the protection of some thirty pages twice.  So a small mapping is made writable
 * as a whole.  For others what is written close together is joined into one write: nobody
 * looks on.
 *
 * With several threads it is always mprotect.  A private mapping of a file that was
 * writable once is charged for (VM_ACCOUNT) for ever, and mappings that differ in that do
 * not become one again.  So the first time it is the whole mapping, and a page of it later:
 * the parts are alike then, and what was split is joined when it is put back.
 *
 * Each way stands in for the other where that is forbidden (PR_SET_MDWE, no /proc).
 */
#include "agent/code.h"
#include "agent/fault.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/membarrier.h>
#include <linux/mman.h>

#define PAGE        4096ul
#define SMALL_VMA   (16 * PAGE)
#define CHARGED_MAX 16u

/* Around each call to the kernel here: rewriting is short enough for what comes behind to show. */
static inline __attribute__((always_inline)) long called(long ret)
{
	if (wy_session->flags & WY_FILL_RETURNS)
		arch_fill_returns();
	return ret;
}

/* Mappings that were writable as a whole once; an old entry only means that one stays split. */
static struct {
	unsigned long start, end;
} charged[CHARGED_MAX];
static unsigned int charged_next;

static bool was_charged(unsigned long start, unsigned long end)
{
	for (unsigned int i = 0; i < CHARGED_MAX; i++) {
		if (charged[i].start == start && charged[i].end == end)
			return true;
	}
	return false;
}

void wy_code_begin(struct wy_code *code, const struct wy_map *map)
{
	code->alone = wy_thread_alone();
	code->fd = -ENOENT;
	code->open = code->open_len = code->len = 0;
	code->vma = code->vma_end = 0;
	if (map && map->inode) {
		code->vma = map->start;
		code->vma_end = map->end;
	}
	code->small = code->vma_end - code->vma <= SMALL_VMA;
}

static void close_pages(struct wy_code *code)
{
	if (code->open_len)
		called(sys3(__NR_mprotect, code->open, code->open_len, PROT_READ | PROT_EXEC));
	code->open_len = 0;
}

static bool in_vma(const struct wy_code *code, unsigned long addr, size_t len)
{
	return addr >= code->vma && addr + len <= code->vma_end;
}

/* Is it written to /proc/self/mem, and can wait for what else will be? */
static bool by_mem(const struct wy_code *code, unsigned long addr, size_t len)
{
	return code->alone && !(code->small && in_vma(code, addr, len));
}

static bool open_pages(struct wy_code *code, unsigned long addr, size_t len)
{
	unsigned long first = addr & -PAGE, end = (addr + len + PAGE - 1) & -PAGE;
	bool charged_now = in_vma(code, addr, len) && !was_charged(code->vma, code->vma_end);

	if (code->open_len && first >= code->open && end <= code->open + code->open_len)
		return true;
	close_pages(code);
	if (charged_now || (code->small && in_vma(code, addr, len))) {
		first = code->vma;
		end = code->vma_end;
	}
	if (called(sys3(__NR_mprotect, first, end - first, PROT_READ | PROT_WRITE | PROT_EXEC)) < 0)
		return false;
	code->open = first;
	code->open_len = end - first;
	if (charged_now) {
		charged[charged_next % CHARGED_MAX].start = first;
		charged[charged_next++ % CHARGED_MAX].end = end;
	}
	return true;
}

static long write_mem(struct wy_code *code, unsigned long addr, const void *bytes, size_t len)
{
	long ret;

	if (code->fd < 0)
		code->fd = called(sys3(__NR_open, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0));
	ret = code->fd < 0 ? code->fd : called(sys4(__NR_pwrite64, code->fd, bytes, len, addr));
	return ret == (long)len ? 0 : ret < 0 ? ret : -EIO;
}

static long write_bytes(struct wy_code *code, unsigned long addr, const void *bytes, size_t len)
{
	bool mem_first = by_mem(code, addr, len);
	long ret;

	if (mem_first && write_mem(code, addr, bytes, len) == 0)
		return 0;
	/* An aligned word is one store.  A protection key can still forbid it. */
	if (open_pages(code, addr, len) && wy_usermem_copy((void *)addr, bytes, len) == 0)
		return 0;
	ret = mem_first ? -EACCES : write_mem(code, addr, bytes, len);
	if (ret < 0)
		wy_fault(WY_FAULT_WRITE);
	return ret;
}

static long write_joined(struct wy_code *code)
{
	size_t len = code->len;

	code->len = 0;
	return len ? write_bytes(code, code->at, code->bytes, len) : 0;
}

/* Adds the bytes to what is not written yet, with what stands between. */
static bool join(struct wy_code *code, unsigned long addr, const unsigned char *bytes, size_t len)
{
	unsigned long start = code->len && code->at < addr ? code->at : addr;
	unsigned long end = addr + len;
	unsigned char all[WY_CODE_WINDOW];

	if (code->len && code->at + code->len > end)
		end = code->at + code->len;
	/* Within a page, so that it is written as a whole or not at all. */
	if (end - start > sizeof(all) || start / PAGE != (end - 1) / PAGE ||
	    copy_from_program(all, start, end - start) < 0)
		return false;
	for (size_t i = 0; i < code->len; i++)
		all[code->at - start + i] = code->bytes[i];
	for (size_t i = 0; i < len; i++)
		all[addr - start + i] = bytes[i];
	for (size_t i = 0; i < end - start; i++)
		code->bytes[i] = all[i];
	code->at = start;
	code->len = end - start;
	return true;
}

long wy_code_write(struct wy_code *code, unsigned long addr, const void *bytes, size_t len)
{
	bool joins = by_mem(code, addr, len);
	unsigned long word_at = addr & -8ul;
	unsigned long word;
	unsigned char *b = (unsigned char *)&word;
	long ret;

	if (joins && join(code, addr, bytes, len))
		return 0;
	ret = write_joined(code); /* what this leads to must be there */
	if (ret < 0)
		return ret;
	if (joins && join(code, addr, bytes, len))
		return 0;
	if (addr + len > word_at + 8)
		return write_bytes(code, addr, bytes, len);
	if (copy_from_program(&word, word_at, 8) < 0)
		return -EFAULT;
	for (size_t i = 0; i < len; i++)
		b[addr - word_at + i] = ((const unsigned char *)bytes)[i];
	return write_bytes(code, word_at, &word, 8);
}

long wy_code_end(struct wy_code *code)
{
	long ret = write_joined(code);

	close_pages(code);
	if (code->fd >= 0)
		called(sys1(__NR_close, code->fd));
	return ret;
}

void wy_code_sync_register(void)
{
	sys3(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

void wy_code_sync(void)
{
	if (wy_thread_alone())
		return;
	if (called(sys3(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0)) < 0) {
		wy_code_sync_register();
		sys3(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
	}
}
