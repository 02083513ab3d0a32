/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - which file an execve(2) would run, and with which arguments.
 *
 * Follows scripts ("#!") to their interpreter and looks at the ELF file at the
 * end as the kernel does (fs/binfmt_script.c, fs/binfmt_elf.c).  What is not
 * an x86-64 program that can be mapped and read is an error here, whatever the
 * kernel would make of it: the caller then leaves the matter to the kernel,
 * which has the true error, too.
 */
#ifndef WY_PROTO_TARGET_H
#define WY_PROTO_TARGET_H

#define WY_TARGET_HEAD    256 /* BINPRM_BUF_SIZE: what the kernel reads of a file */
#define WY_TARGET_SCRIPTS 5   /* interpreters of interpreters */
#define WY_TARGET_PATH    4096

/* All files are reached through these; each returns -errno when it fails. */
struct wy_target_io {
	/*
	 * Opens a file that is to be executed, for reading.  dir is AT_FDCWD, or
	 * what execveat(2) was given; path "": dir itself.  -EACCES when it may
	 * not be executed.
	 */
	long (*open)(int dir, const char *path, int flags);
	/* -EPERM when this program would give privileges (a script's own bits mean nothing). */
	long (*judge)(int fd);
	/* Returns how many bytes there were. */
	long (*read)(int fd, void *buf, unsigned long len, unsigned long offset);
	void (*close)(int fd);
};

struct wy_target {
	int fd;             /* the program */
	int interpreter_fd; /* its PT_INTERP, or -1 */
	/* The words that stand in place of argv[0], none if it is not a script. */
	unsigned int words;
	const char *word[2 * WY_TARGET_SCRIPTS + 1];
	char head[WY_TARGET_SCRIPTS + 1][WY_TARGET_HEAD + 8]; /* ends in 0, aligned to 8 */
	char interpreter[WY_TARGET_PATH];
};

/*
 * name: the file as an interpreter could open it; NULL if it could not.
 * Returns 0 or -errno.
 */
long wy_target_find(struct wy_target *t, const struct wy_target_io *io, int dir, const char *path,
		    int flags, const char *name);

/* Closes what wy_target_find() has opened. */
void wy_target_close(struct wy_target *t, const struct wy_target_io *io);

#endif
