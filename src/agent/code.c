/* SPDX-License-Identifier: Apache-2.0 */
/* code.c - see code.h. */
#include "agent/code.h"
#include "agent/fault.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include "agent/usermem.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/membarrier.h>
#include <linux/mman.h>

#define PAGE      4096ul
#define AT_FDCWD_ (-100)

/* PROCMAP_QUERY (Linux 6.11, include/uapi/linux/fs.h), which Debian 12's headers lack. */
struct procmap_query {
	unsigned long size, query_flags, query_addr;
	unsigned long vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	unsigned int dev_major, dev_minor, vma_name_size, build_id_size;
	unsigned long vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY_IOCTL 0xc0686611u /* _IOWR('f', 17, struct procmap_query) */
_Static_assert(sizeof(struct procmap_query) == 0x68, "struct procmap_query");
enum { QUERY_READABLE = 1, QUERY_WRITABLE = 2, QUERY_EXECUTABLE = 4, QUERY_SHARED = 8 };

static long open_proc(const char *path, int flags)
{
	return sys4(__NR_openat, AT_FDCWD_, path, flags | O_CLOEXEC, 0);
}

void wy_code_begin(struct wy_code *code)
{
	code->open = code->open_len = 0;
	code->fd = wy_thread_alone() ? open_proc("/proc/self/mem", O_RDWR) : -ENOENT;
}

static void close_pages(struct wy_code *code)
{
	if (code->open_len)
		sys3(__NR_mprotect, code->open, code->open_len, PROT_READ | PROT_EXEC);
	code->open_len = 0;
}

void wy_code_end(struct wy_code *code)
{
	close_pages(code);
	if (code->fd >= 0)
		sys1(__NR_close, code->fd);
}

static long open_pages(struct wy_code *code, unsigned long addr, size_t len)
{
	unsigned long first = addr & -PAGE;
	unsigned long size = ((addr + len + PAGE - 1) & -PAGE) - first;
	long ret;

	if (code->open_len && first >= code->open && first + size <= code->open + code->open_len)
		return 0;
	close_pages(code);
	ret = sys3(__NR_mprotect, first, size, PROT_READ | PROT_WRITE | PROT_EXEC);
	if (!ret) {
		code->open = first;
		code->open_len = size;
	}
	return ret;
}

static long write_bytes(struct wy_code *code, unsigned long addr, const void *bytes, size_t len)
{
	long ret;

	if (code->fd < 0 && open_pages(code, addr, len) == 0) {
		if (len == 8 && !(addr & 7))
			__atomic_store_n((unsigned long *)addr, *(const unsigned long *)bytes,
					 __ATOMIC_RELEASE);
		else
			wy_usermem_copy((void *)addr, bytes, len);
		return 0;
	}
	if (code->fd < 0)
		code->fd = open_proc("/proc/self/mem", O_RDWR);
	ret = sys4(__NR_pwrite64, code->fd, bytes, len, addr);
	if (ret == (long)len)
		return 0;
	wy_fault(WY_FAULT_WRITE);
	return ret < 0 ? ret : -EIO;
}

long wy_code_write(struct wy_code *code, unsigned long addr, const void *bytes, size_t len)
{
	unsigned long word_at = addr & -8ul;
	unsigned long word;
	unsigned char *b = (unsigned char *)&word;

	if (addr + len > word_at + 8)
		return write_bytes(code, addr, bytes, len);
	if (copy_from_program(&word, word_at, 8) < 0)
		return -EFAULT;
	for (size_t i = 0; i < len; i++)
		b[addr - word_at + i] = ((const unsigned char *)bytes)[i];
	return write_bytes(code, word_at, &word, 8);
}

void wy_code_sync_register(void)
{
	sys3(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

void wy_code_sync(void)
{
	if (wy_thread_alone())
		return;
	if (sys3(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) < 0) {
		wy_code_sync_register();
		sys3(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
	}
}

static bool hex(char c, unsigned long *value)
{
	if (c >= '0' && c <= '9')
		*value = *value << 4 | (unsigned long)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*value = *value << 4 | (unsigned long)(c - 'a' + 10);
	else
		return false;
	return true;
}

/* One line of /proc/self/maps, a character at a time: "start-end rwxp offset dev inode path". */
struct maps_line {
	struct wy_vma vma;
	unsigned long inode;
	int field, column;
};

static void maps_char(struct maps_line *l, char c)
{
	if (c == ' ' || (c == '-' && l->field == 0)) {
		l->field++;
		l->column = 0;
		return;
	}
	switch (l->field) {
	case 0: hex(c, &l->vma.start); break;
	case 1: hex(c, &l->vma.end); break;
	case 2:
		l->vma.readable |= c == 'r';
		l->vma.writable |= c == 'w';
		l->vma.executable |= c == 'x';
		l->vma.shared |= c == 's';
		break;
	case 3: hex(c, &l->vma.offset); break;
	case 5:
		if (c >= '0' && c <= '9')
			l->inode = l->inode * 10 + (unsigned long)(c - '0');
		break;
	}
	l->column++;
}

/* For kernels before 6.11. */
static long find_in_text(int fd, unsigned long addr, struct wy_vma *vma)
{
	struct maps_line line = { 0 };
	char buf[512];
	long n;

	while ((n = sys3(__NR_read, fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				if (line.field < 6)
					maps_char(&line, buf[i]);
				continue;
			}
			if (addr >= line.vma.start && addr < line.vma.end) {
				*vma = line.vma;
				vma->file_backed = line.inode != 0;
				return 0;
			}
			line = (struct maps_line){ 0 };
		}
	}
	return n < 0 ? n : -ENOENT;
}

long wy_vma_find(unsigned long addr, struct wy_vma *vma)
{
	struct procmap_query query = { .size = sizeof(query), .query_addr = addr };
	long fd = open_proc("/proc/self/maps", O_RDONLY);
	long ret;

	if (fd < 0)
		return fd;
	ret = sys3(__NR_ioctl, fd, PROCMAP_QUERY_IOCTL, &query);
	if (ret >= 0) {
		*vma = (struct wy_vma){
			.start = query.vma_start,
			.end = query.vma_end,
			.offset = query.vma_offset,
			.readable = query.vma_flags & QUERY_READABLE,
			.writable = query.vma_flags & QUERY_WRITABLE,
			.executable = query.vma_flags & QUERY_EXECUTABLE,
			.shared = query.vma_flags & QUERY_SHARED,
			.file_backed = query.inode != 0,
		};
		ret = 0;
	} else if (ret == -ENOTTY) {
		ret = find_in_text((int)fd, addr, vma);
	}
	sys1(__NR_close, fd);
	return ret;
}
