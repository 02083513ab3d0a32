/* SPDX-License-Identifier: Apache-2.0 */
/* fdabout.h - what the kernel says of a descriptor that is there. */
#ifndef WY_AGENT_FDABOUT_H
#define WY_AGENT_FDABOUT_H

#include "agent/fdclass.h"
#include <asm/stat.h>
#include <stdbool.h>

#define WY_LINK_MAX 1024u

struct wy_about {
	struct wy_fd_type type;
	struct stat st;
	int flags;
	long len; /* of link; 0: it was not asked for */
	char link[WY_LINK_MAX];
};

/* How it was opened, as far as that saves questions; by_what is not known: all zero. */
#define WY_OPENED_NAME 248
struct wy_opened {
	int flags; /* 0: not known, for there is more to them */
	/*
	 * Something of the absolute path: the same file by the same path has the same link.
	 * Never 1; 0: it was none, or a long one.
	 */
	unsigned long path;
	/*
	 * Or a file in a directory: its name is the directory's and this one, unless a symbolic
	 * link of this name was followed.  len 0: it is something else.
	 */
	int dir_fd;       /* AT_FDCWD: the current one */
	unsigned int dir; /* else the number of its open file */
	bool followed;    /* a link would have been */
	unsigned int len;
	char name[WY_OPENED_NAME];
};

/* Asks.  link: the text of its link in /proc is wanted, too.  False: it is not open. */
bool wy_fd_ask(long fd, struct wy_about *a, bool link, const struct wy_opened *how);

/* The name of an open directory, for those that will be opened in it. */
void wy_fd_keep_dir(const struct wy_about *a, unsigned int file);

/* Directories may be called otherwise from now on. */
void wy_fd_forget_names(void);

void wy_fd_read_link(struct wy_about *a, long fd);

bool wy_fd_is_open(long fd);

/* Something of its inode, to tell another one by.  Never 0. */
unsigned char wy_fd_mark(const struct stat *st);

#endif
