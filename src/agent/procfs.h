/* SPDX-License-Identifier: Apache-2.0 */
/* procfs.h - directories of /proc whose entries are numbers. */
#ifndef WY_AGENT_PROCFS_H
#define WY_AGENT_PROCFS_H

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
