/* SPDX-License-Identifier: Apache-2.0 */
#include "host/program.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/signals.h"
#include "launch/userland.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;

/* Returns 0 if it is a file that we may execute. */
static int is_executable(const char *path, struct stat *st)
{
	if (stat(path, st) < 0)
		return -errno;
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!S_ISREG(st->st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* Puts dir/name at path; an empty dir is the current one. */
static bool join(char path[PATH_MAX], const char *dir, size_t dir_len, const char *name)
{
	size_t name_len = strlen(name);

	if (dir_len + 1 + name_len >= PATH_MAX)
		return false;
	memcpy(path, dir, dir_len);
	if (dir_len)
		path[dir_len++] = '/';
	memcpy(path + dir_len, name, name_len + 1);
	return true;
}

static int look_up(struct wy_program *p, const char *name, struct stat *st)
{
	const char *dir = getenv("PATH"), *end;
	int err, found = -ENOENT;

	if (strchr(name, '/') || !*name) {
		if (!join(p->path, "", 0, name))
			return -ENAMETOOLONG;
		return is_executable(p->path, st);
	}
	if (!dir)
		dir = "/bin:/usr/bin";
	for (;; dir = end + 1) {
		end = strchrnul(dir, ':');
		if (join(p->path, dir, (size_t)(end - dir), name)) {
			err = is_executable(p->path, st);
			if (err == 0)
				return 0;
			if (err == -EACCES)
				found = err; /* unless a later directory has a better one */
		}
		if (!*end)
			return found;
	}
}

/* Would this file give privileges to who executes it, that a tracer takes away? */
static bool gives_privileges(const char *path, const struct stat *st)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return false;
	if ((st->st_mode & S_ISUID) && st->st_uid != geteuid())
		return true;
	if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st->st_gid != getegid())
		return true;
	return getxattr(path, "security.capability", NULL, 0) > 0;
}

/*
 * Says what it is, if it is an ELF file that cannot be caught; else NULL.  A
 * program for another machine may still have an interpreter (binfmt_misc),
 * which can be.
 */
static const char *foreign(const char *path, bool *ret_elf)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	Elf64_Ehdr eh = { 0 };

	/* Whatever cannot be read or is no ELF file is the kernel's business. */
	if (fd < 0 || read(fd, &eh, sizeof(eh)) < SELFMAG)
		return NULL;
	*ret_elf = memcmp(eh.e_ident, ELFMAG, SELFMAG) == 0;
	if (!*ret_elf)
		return NULL;
	if (eh.e_machine == EM_386)
		return "a 32-bit x86 program";
	if (eh.e_machine == EM_X86_64 && eh.e_ident[EI_CLASS] != ELFCLASS64)
		return "an x32 program";
	return NULL;
}

int wy_program_find(struct wy_program *p, const char *name, bool privileged)
{
	struct stat st;
	const char *what;
	int err = look_up(p, name, &st);

	if (err)
		return log_errno(err, "cannot run '%s'", name);
	p->elf = false;
	what = foreign(p->path, &p->elf);
	if (what) {
		log_err("cannot run '%s': it is %s, and waylay runs x86-64 programs only", name,
			what);
		return -ENOEXEC;
	}
	p->kind = !privileged && gives_privileges(p->path, &st) ? WY_PROGRAM_SETID :
								  WY_PROGRAM_PLAIN;
	return 0;
}

/* What else a process gives to the program that it executes, but not to a child. */
struct heirloom {
	int death_signal, subreaper;
};

struct start {
	const char *path;
	char **argv, **sh_argv;
	const struct wy_program_io *io;
	const struct wy_userland *userland;
	unsigned long mask;
	struct heirloom heirloom;
	bool trace, elf;
	bool only_traced; /* do not execute it if it cannot be traced */
	bool failed;
	int trace_error, exec_error;
};

/*
 * Runs in the child, on the parent's memory (vfork): nothing but system calls,
 * and the results in *s.
 */
__attribute__((noreturn, noinline)) static void run_child(struct start *s)
{
	unsigned long only_trap = ~(1ul << (SIGTRAP - 1));

	wy_signals_give_back();
	if (s->io) {
		dup2(s->io->in, STDIN_FILENO);
		dup2(s->io->out, STDOUT_FILENO);
		setpgid(0, 0);
	}
	if (s->heirloom.death_signal)
		prctl(PR_SET_PDEATHSIG, s->heirloom.death_signal, 0, 0, 0);
	if (s->heirloom.subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (s->trace && ptrace(PTRACE_TRACEME, 0, 0, 0) < 0) {
		s->trace_error = errno;
		s->trace = false;
		s->failed = true;
		if (s->only_traced)
			_exit(127);
		s->failed = false;
	}
	if (s->userland) {
		unsigned long all = -1ul;

		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
		wy_userland_exec(s->userland);
		s->userland = NULL;
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, s->trace ? &only_trap : &s->mask, NULL,
		sizeof(s->mask));
	execve(s->path, s->argv, environ);
	s->exec_error = errno;
	if (errno == ENOEXEC && !s->elf) /* a script without a first line: as execvp(3) does */
		execve("/bin/sh", s->sh_argv, environ);
	s->failed = true;
	_exit(127);
}

/* A function of its own: nothing here may be kept in a register over the second return of vfork. */
__attribute__((noinline)) static pid_t start_child(struct start *s)
{
	pid_t pid = vfork();

	/* It is made for this, and touches only what is said there. */
	if (pid == 0)
		run_child(s); /* NOLINT(clang-analyzer-unix.Vfork) */
	return pid;
}

static char **script_argv(const char *path, char **argv)
{
	size_t n = 0;
	char **out;

	while (argv[n])
		n++;
	out = calloc(n + 3, sizeof(*out));
	if (!out)
		return NULL;
	out[0] = (char *)"/bin/sh";
	out[1] = (char *)path;
	for (size_t i = 1; i < n; i++)
		out[i + 1] = argv[i];
	return out;
}

/* Starts the child.  Returns 0 when it has executed, 1 when not: it is gone again; or -errno. */
static int start(struct wy_program *p, struct start *s)
{
	unsigned long all = -1ul, before;
	pid_t pid;

	prctl(PR_GET_PDEATHSIG, &s->heirloom.death_signal, 0, 0, 0);
	prctl(PR_GET_CHILD_SUBREAPER, &s->heirloom.subreaper, 0, 0, 0);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
	pid = start_child(s);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
	if (pid < 0)
		return log_errno(errno, "cannot start '%s'", s->argv[0]);
	p->pid = pid;
	p->trace_error = s->trace_error;
	if (!s->failed)
		return 0;
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return 1;
}

/* It shall bring the agent along; if it cannot, it runs as it is. */
static int start_in_userland(struct wy_program *p, struct start *s)
{
	struct wy_userland u;
	int result, err = wy_userland_init(&u, s->path, s->argv, environ, p->userland);

	if (err == -ENOEXEC && !s->elf)
		err = wy_userland_init(&u, "/bin/sh", s->sh_argv, environ, p->userland);
	s->trace = s->failed = false;
	if (err)
		s->trace_error = -err;
	else if (!s->trace_error)
		s->trace_error = EPERM;
	s->userland = err ? NULL : &u;
	result = start(p, s);
	/* The child says whether it was the launcher that it has executed. */
	p->in_userland = s->userland && result == 0;
	if (p->in_userland)
		p->trace_error = 0;
	if (!err)
		wy_userland_fini(&u);
	return result;
}

int wy_program_start(struct wy_program *p, char **argv, bool trace)
{
	cleanup_free char **sh_argv = script_argv(p->path, argv);
	struct start s = { .path = p->path,
			   .argv = argv,
			   .sh_argv = sh_argv,
			   .io = p->io,
			   .trace = trace,
			   .elf = p->elf,
			   .only_traced = p->userland,
			   .mask = wy_signals_inherited_mask() };
	int err = 1;

	if (!sh_argv)
		return log_errno(ENOMEM, "cannot start '%s'", argv[0]);
	if (!trace || !p->always_userland)
		err = start(p, &s);
	if (trace && p->userland && err == 1 && (s.trace_error || p->always_userland))
		err = start_in_userland(p, &s);
	if (err <= 0)
		return err;
	if (s.exec_error == ENOEXEC && p->elf)
		return log_errno(ENOEXEC,
				 "cannot run '%s': it is a program for another kind of machine",
				 argv[0]);
	if (s.exec_error == ENOENT) {
		log_err("cannot run '%s': the interpreter that it names is not there", argv[0]);
		return -ENOEXEC;
	}
	/* The analyzer does not know of cleanup_free. */
	return log_errno(s.exec_error, "cannot run '%s'", argv[0]); /* NOLINT(*unix.Malloc) */
}
