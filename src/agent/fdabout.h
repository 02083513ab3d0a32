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

/*
 * Asks.  link: the text of its link in /proc is wanted, too.  hint: something of
 * the absolute path that it was opened by, 0: there is none; the same file by
 * the same path has the same link.  False: it is not open.
 */
bool wy_fd_ask(long fd, struct wy_about *a, bool link, unsigned long hint);

void wy_fd_read_link(struct wy_about *a, long fd);

bool wy_fd_is_open(long fd);

/* Something of its inode, to tell another one by.  Never 0. */
unsigned char wy_fd_mark(const struct stat *st);

#endif
