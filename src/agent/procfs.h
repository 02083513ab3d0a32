/* SPDX-License-Identifier: Apache-2.0 */
/* procfs.h - reading /proc: texts, and directories whose entries are numbers. */
#ifndef WY_AGENT_PROCFS_H
#define WY_AGENT_PROCFS_H

/*
 * Reads on at *at, which moves; returns what read(2) does.  The descriptor is a number like others:
 * a thread of the program may have put a file of its own there meanwhile.  In an empty eventfd(2),
 * pipe or socket read(2) would wait for ever; pread(2), which this is, fails.
 */
long wy_proc_read(long fd, void *buf, unsigned long len, unsigned long *at);

struct wy_dir {
	long fd;
	long len, at; /* of what is in buf */
	long error;
	_Alignas(8) char buf[1024];
};

/* Returns 0 or -errno; to be closed in any case. */
long wy_dir_open(struct wy_dir *dir, const char *path);
/* The next entry that is a number; -1 at the end, and dir->error tells whether it is one. */
long wy_dir_next_number(struct wy_dir *dir);
void wy_dir_close(struct wy_dir *dir);

#endif
