/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.c - the one page of the agent's text that the loader writes, and what it
 * does in the program: it takes the descriptors of the session and of the
 * agent's image, and maps the rest of the text from the image.
 *
 * To write all of the text would cost more than anything else in an exec: every
 * 4 KB are then a page to be had, filled and given back.  What is mapped is there
 * already, sixteen pages for one fault.
 *
 * The page is the one that begins with the entry.  Nothing outside it can be
 * called before it is mapped, by the compiler neither (tools/check_agent looks).
 * Where there is no image, or the kernel does not let it be mapped, the loader
 * writes all the same.
 */
#include "agent/boot.h"
#include "agent/arch/x86_64/trap.h"
#include "agent/fdpass.h"
#include "agent/hot.h"
#include "agent/sys.h"

#include <asm/errno.h>
#include <linux/mman.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

/* The session and perhaps the image, through a socket of ours. */
WY_BOOT_CODE static long receive(int fd[WY_FDPASS_MAX])
{
	int pair[2];
	long ret = sys4(__NR_socketpair, WY_AF_UNIX, WY_SOCK_SEQPACKET | WY_SOCK_CLOEXEC, 0, pair);

	if (ret < 0)
		return ret;
	wy_trap(WY_TRAP_SESSION, pair[0], pair[1]);
	/* The loader has its own by now; when it dies, this end must see that nobody is left. */
	sys1(__NR_close, pair[1]);
	ret = wy_fdpass_receive(pair[0], fd);
	sys1(__NR_close, pair[0]);
	return ret < 0 ? ret : fd[0] < 0 ? -EBADMSG : 0;
}

/* Over our own page, too: the same stands there before and after. */
WY_BOOT_CODE static long map_text(const struct wy_boot *boot, int image)
{
	return sys_mmap(boot->region, boot->text_len, PROT_READ | PROT_EXEC,
			MAP_PRIVATE | MAP_FIXED, image);
}

/* What is used in each start.  An older kernel makes it ready page by page, when it is used. */
WY_BOOT_CODE static void make_ready(const struct wy_boot *boot)
{
	unsigned long begin = boot->region + boot->text_len;

	/* The kernel rounds up to whole pages. */
	sys3(__NR_madvise, begin, (unsigned long)wy_large_begin - begin, MADV_POPULATE_WRITE);
}

WY_BOOT_CODE long wy_boot(struct wy_boot *boot)
{
	int fd[WY_FDPASS_MAX] = { -1, -1 };
	long ret = boot->flags & WY_BOOT_NO_SESSION ? 0 : receive(fd);

	if (ret < 0)
		return ret;
	if (WY_IS_ERROR(map_text(boot, fd[1])))
		wy_trap(WY_TRAP_TEXT, 0, 0);
	if (fd[1] >= 0)
		sys1(__NR_close, fd[1]);
	make_ready(boot);
	boot->session_fd = fd[0];
	boot->ask = WY_ASK_START;
	return 0;
}
