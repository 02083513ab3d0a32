/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uexec.c - the way into the launcher.
 *
 * Nothing may fail behind the kernel's exec, because then nobody is left to be
 * told.  So the program and its interpreters are found, opened and looked at
 * first (proto/target.c), and whatever is unusual goes the native way: it then
 * has the native error, or runs uncaught.  Errors of the arguments (E2BIG,
 * EFAULT) are found by the kernel in our exec as in a native one, and come back
 * from there.
 *
 * The host gives the session's descriptor and the launcher's image.  Neither
 * they nor the opened files are seen by the program: they are close-on-exec
 * but for the moment of the exec itself.  (A thread that forks and executes at
 * this very moment would take three of them along.)
 *
 * In a vfork child the memory is the parent's: what is mapped for the exec is
 * remembered in the child's block, and given back with it.
 */
#include "agent/uexec.h"
#include "agent/exe.h"
#include "agent/fdpass.h"
#include "agent/launcher.h"
#include "agent/seccomp.h"
#include "agent/session.h"
#include "agent/signal.h"
#include "agent/sys.h"
#include "agent/usermem.h"
#include "proto/target.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <elf.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#define EXECUTE      1
#define ELF_MAGIC    0x464c457fu
#define EXECVE_CHECK 0x10000 /* execveat(2), Linux 6.14 */
#define POINTERS_MAX (1ul << 20)
#define TRIES        50
#define FILES_ENOUGH 1024
#define UNREADABLE   (-EXDEV) /* may be executed, but not read */

/* All that is needed, in memory of its own. */
struct scratch {
	unsigned long len;
	struct wy_target target;
	char path[WY_TARGET_PATH];
	char name[WY_TARGET_PATH + 32]; /* AT_EXECFN */
	char info[WY_USERLAND_TEXT];
	unsigned long files; /* the limit of open files to go back to, 0: as it is */
	unsigned long pointer[];
};

/* ---- looking at files ---- */

static long may_execute(int fd)
{
	static const char none[] = "";
	long ret = sys6(__NR_execveat, fd, none, 0, 0, AT_EMPTY_PATH | EXECVE_CHECK, 0);

	if (ret == -EINVAL || ret == -ENOSYS)
		ret = sys4(__NR_faccessat2, fd, none, EXECUTE, AT_EACCESS | AT_EMPTY_PATH);
	return ret;
}

static long open_file(int dir, const char *path, int flags)
{
	struct stat st;
	char link[32] = "";
	long fd, ret;

	if (!*path && sys2(__NR_fcntl, dir, F_GETFL) & O_PATH) {
		wy_exe_link_of(link, (unsigned int)dir);
		path = link;
	}
	if (*path)
		fd = sys4(__NR_openat, dir, path,
			  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				  (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0),
			  0);
	else
		fd = sys3(__NR_fcntl, dir, F_DUPFD_CLOEXEC, 0);
	if (fd == -ENOENT && path == link) /* there is no /proc */
		return UNREADABLE;
	if (fd == -EACCES && *path && sys4(__NR_faccessat2, dir, path, EXECUTE, AT_EACCESS) >= 0)
		return UNREADABLE;
	if (fd < 0)
		return fd;
	ret = sys2(__NR_fstat, fd, &st);
	if (ret >= 0 && !S_ISREG(st.st_mode))
		ret = -EACCES;
	if (ret >= 0)
		ret = may_execute((int)fd);
	if (ret < 0)
		sys1(__NR_close, fd);
	return ret < 0 ? ret : fd;
}

static long judge_file(int fd)
{
	struct stat st;
	long ret = sys2(__NR_fstat, fd, &st);

	if (ret < 0)
		return ret;
	if ((st.st_mode & (S_ISUID | S_ISGID)) ||
	    sys4(__NR_fgetxattr, fd, "security.capability", 0, 0) > 0)
		return -EPERM;
	return 0;
}

static long read_file(int fd, void *buf, unsigned long len, unsigned long offset)
{
	return sys4(__NR_pread64, fd, buf, len, offset);
}

static void close_file(int fd)
{
	sys1(__NR_close, fd);
}

static const struct wy_target_io io = {
	.open = open_file,
	.judge = judge_file,
	.read = read_file,
	.close = close_file,
};

/* ---- names and arguments ---- */

static char *put_text(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	*to = 0;
	return to;
}

static char *put_number(char *to, unsigned int number)
{
	char digits[12];
	int n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		*to++ = digits[--n];
	*to = 0;
	return to;
}

/* As the kernel does: a file that is named by a descriptor is called /dev/fd/N. */
static void make_name(struct scratch *s, int dir)
{
	char *to = s->name;

	if (*s->path != '/' && dir != AT_FDCWD) {
		to = put_number(put_text(to, "/dev/fd/"), (unsigned int)dir);
		if (*s->path)
			to = put_text(to, "/");
	}
	put_text(to, s->path);
}

/* Returns how many there are before the NULL, or -errno. */
static long count_pointers(unsigned long at)
{
	unsigned long word;

	for (unsigned long n = 0; at && n < POINTERS_MAX; n++) {
		if (copy_from_program(&word, at + n * 8, 8) < 0)
			return -EFAULT;
		if (!word)
			return (long)n;
	}
	return at ? -E2BIG : 0;
}

static struct scratch *get_scratch(struct wy_thread *t, unsigned long pointers)
{
	unsigned long len = (sizeof(struct scratch) + pointers * 8 + 4095) & -4096ul;
	long at = sys_mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct scratch *s = (struct scratch *)at;

	if (WY_IS_ERROR(at))
		return NULL;
	s->len = len;
	t->exec_mem = (unsigned long)at;
	t->exec_len = len;
	return s;
}

static void put_scratch(struct wy_thread *t)
{
	sys2(__NR_munmap, t->exec_mem, t->exec_len);
	t->exec_mem = t->exec_len = 0;
}

/* ---- what the host has ---- */

static void wait_a_little(void)
{
	struct __kernel_timespec tick = { .tv_nsec = 1000000 };

	sys4(__NR_nanosleep, &tick, 0, 0, 0);
}

/* ret_fd: the session, the image.  The host may be about to be replaced by another: ask again. */
static bool ask_host(int ret_fd[WY_FDPASS_MAX])
{
	const struct wy_rendezvous *r = &wy_session->rendezvous;

	for (int turn = 0; turn < TRIES && wy_session_host_alive(); turn++) {
		struct {
			unsigned short family;
			char name[1 + WY_RENDEZVOUS_NAME];
		} addr = { .family = WY_AF_UNIX };
		unsigned int len = 0;
		long sock, ret;

		if (turn)
			wait_a_little();
		if (!__atomic_load_n(&r->open, __ATOMIC_ACQUIRE))
			return false;
		for (; len < WY_RENDEZVOUS_NAME && r->name[len]; len++)
			addr.name[1 + len] = r->name[len];
		sock = sys3(__NR_socket, WY_AF_UNIX, WY_SOCK_SEQPACKET | WY_SOCK_CLOEXEC, 0);
		if (sock < 0)
			return false;
		ret = sys3(__NR_connect, sock, &addr, sizeof(addr.family) + 1 + len);
		if (ret >= 0)
			ret = sys6(__NR_sendto, sock, r->token, sizeof(r->token), WY_MSG_NOSIGNAL,
				   0, 0);
		if (ret >= 0) {
			wy_session_ring();
			ret = wy_fdpass_receive((int)sock, ret_fd);
		}
		sys1(__NR_close, sock);
		if (ret > 0 && ret_fd[0] >= 0 && ret_fd[1] >= 0)
			return true;
	}
	return false;
}

/* ---- the exec ---- */

static void keep_over_exec(long fd, bool keep)
{
	if (fd >= 0)
		sys3(__NR_fcntl, fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

/*
 * Five descriptors more are needed for a moment, which shall not fail for want of numbers.
 * Returns the limit to go back to, 0 if it was enough.
 */
static unsigned long raise_files_limit(void)
{
	struct {
		unsigned long now, most;
	} files;
	unsigned long old;

	if (sys4(__NR_prlimit64, 0, WY_RLIMIT_NOFILE, 0, &files) < 0 || files.now >= FILES_ENOUGH ||
	    files.now >= files.most)
		return 0;
	old = files.now;
	files.now = files.most;
	return sys4(__NR_prlimit64, 0, WY_RLIMIT_NOFILE, &files, 0) < 0 ? 0 : old;
}

/* Returns only -errno. */
static long execute(struct wy_thread *t, struct scratch *s, unsigned long argv, long argc,
		    unsigned long envp, long envc, const int fd[WY_FDPASS_MAX])
{
	unsigned long *args = s->pointer, *env, *p = args;
	const long kept[3] = { s->target.fd, s->target.interpreter_fd, fd[0] };
	unsigned long all = ~0ul, before;
	struct wy_userland_info info = {
		.magic = WY_USERLAND_MAGIC,
		.mask = wy_signal_mask(t),
		.ignored = wy_signal_ignored(t),
		.program_fd = (unsigned long)s->target.fd,
		.interpreter_fd = (unsigned long)s->target.interpreter_fd,
		.session_fd = (unsigned long)fd[0],
		.files = s->files,
	};
	long ret;

	for (unsigned int i = 0; i < s->target.words; i++)
		*p++ = (unsigned long)s->target.word[i];
	/* argv[0] gives way to the words of a script. */
	for (long i = s->target.words ? 1 : 0; i < argc; i++, p++) {
		if (copy_from_program(p, argv + (unsigned long)i * 8, 8) < 0)
			return -EFAULT;
	}
	*p++ = 0;
	env = p;
	for (long i = 0; i < envc; i++, p++) {
		if (copy_from_program(p, envp + (unsigned long)i * 8, 8) < 0)
			return -EFAULT;
	}
	wy_userland_write(s->info, &info);
	*p++ = (unsigned long)s->name;
	*p++ = (unsigned long)s->info;
	*p = 0;
	sys_sigprocmask(SIG_BLOCK, &all, &before);
	for (int i = 0; i < 3; i++)
		keep_over_exec(kept[i], true);
	ret = sys6(__NR_execveat, fd[1], "", args, env, AT_EMPTY_PATH, 0);
	for (int i = 0; i < 3; i++)
		keep_over_exec(kept[i], false);
	sys_sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* A process that shares its descriptors with another one would leave ours open there. */
static bool shares_files(const struct wy_thread *t)
{
	return (t->clone_flags & CLONE_FILES) && !(t->clone_flags & CLONE_THREAD);
}

static long open_target(struct scratch *s, int dir, unsigned long path, int flags)
{
	const char *own = wy_exe_instead(path), *name = s->name;
	long ret = copy_string_from_program(s->path, path, sizeof(s->path));

	if (ret < 0)
		return ret;
	if (!*s->path && (!(flags & AT_EMPTY_PATH) || dir < 0))
		return -ENOENT;
	make_name(s, dir);
	/* An interpreter can only open what an exec leaves open. */
	if (*s->path != '/' && dir != AT_FDCWD && (sys2(__NR_fcntl, dir, F_GETFD) & FD_CLOEXEC))
		name = NULL;
	return wy_target_find(&s->target, &io, dir, own ? own : s->path, flags, name);
}

static bool is_32bit(const char *head)
{
	return *(const unsigned int *)head == ELF_MAGIC && head[EI_CLASS] == ELFCLASS32;
}

/* What is to be said when the target was not found to be what we can map. */
static void explain(const struct scratch *s, long ret, int *why, int *error)
{
	switch (ret) {
	case -EPERM:
		*why = WY_UNFOLLOWED_SETID;
		*error = 0;
		break;
	case -ENOEXEC:
		/* Of any other file it is not known whether the kernel will take it. */
		*why = is_32bit(s->target.head[0]) ? WY_UNFOLLOWED_FOREIGN : 0;
		*error = 0;
		break;
	case -EACCES:
	case -EFAULT:
	case -ELIBBAD:
	case -ELOOP:
	case -ENAMETOOLONG:
	case -ENOENT:
	case -ENOTDIR:
	case -ETXTBSY:
		*why = *error = 0; /* it will not run natively, either */
		break;
	case -EBADF: /* open for writing only */
	case UNREADABLE: *error = EACCES; break;
	default: *error = (int)-ret;
	}
}

void wy_uexec(struct wy_thread *t, int dir, unsigned long path, unsigned long argv,
	      unsigned long envp, int flags, int *why, int *error)
{
	long ret;
	long argc = count_pointers(argv), envc = count_pointers(envp);
	struct scratch *s;
	int fd[WY_FDPASS_MAX] = { -1, -1 };

	if (argc < 0 || envc < 0 || (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))) {
		*why = *error = 0; /* as the kernel will say */
		return;
	}
	if (shares_files(t) || wy_seccomp_region())
		return;
	s = get_scratch(t, (unsigned long)argc + (unsigned long)envc + 2 * WY_TARGET_SCRIPTS + 8);
	if (!s)
		return;
	s->files = raise_files_limit();
	ret = open_target(s, dir, path, flags);
	if (ret >= 0) {
		if (ask_host(fd))
			ret = execute(t, s, argv, argc, envp, envc, fd);
		/* What is wrong with the arguments, or with the process, is so natively. */
		if (ret == -E2BIG || ret == -EFAULT || ret == -EAGAIN || ret == -ENOMEM)
			*why = *error = 0;
		wy_target_close(&s->target, &io);
	} else {
		explain(s, ret, why, error);
	}
	for (int i = 0; i < WY_FDPASS_MAX; i++) {
		if (fd[i] >= 0)
			sys1(__NR_close, fd[i]);
	}
	wy_launch_files_limit(s->files);
	put_scratch(t);
}
