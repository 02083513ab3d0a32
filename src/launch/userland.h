/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userland.h - starts a program with the agent in it where nobody may trace:
 * the child executes the launcher (proto/userland.h).
 */
#ifndef WY_LAUNCH_USERLAND_H
#define WY_LAUNCH_USERLAND_H

#include "proto/target.h"
#include "proto/userland.h"

#include <stdbool.h>

/* Returns a close-on-exec descriptor of the launcher's image, ready to be executed; or -errno. */
int wy_userland_image(void);

struct wy_userland {
	struct wy_target target;
	struct wy_userland_info info;
	char text[WY_USERLAND_TEXT];
	char **argv, **envp;
	int image_fd;
};

/*
 * Makes everything ready; info: all but the descriptors of files.  Returns 0,
 * or -errno as execve(2) would have it; -EPERM for a program that gives
 * privileges.  What is given must stay; wy_userland_fini() is due when it
 * returned 0.
 */
int wy_userland_init(struct wy_userland *u, const char *path, char **argv, char **envp,
		     const struct wy_userland_info *info);
void wy_userland_fini(struct wy_userland *u);

/* In the child, which may be a vfork one: executes.  Comes back with errno set if it fails. */
void wy_userland_exec(const struct wy_userland *u);

#endif
