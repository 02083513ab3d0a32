/* SPDX-License-Identifier: Apache-2.0 */
/* exe.h - /proc/self/exe, where the kernel takes the launcher for the program. */
#ifndef WY_AGENT_EXE_H
#define WY_AGENT_EXE_H

/* From now on the program's /proc/self/exe is this file; nothing happens without a /proc. */
void wy_exe_start(int fd);

/* Reads the path of the file that is open as fd, and ends it with 0.  Its length, or -errno. */
long wy_exe_path_of(int fd, char *path, unsigned long size);

/* Writes "/proc/self/fd/N". */
void wy_exe_link_of(char text[32], unsigned int fd);

/* If this string of the program's names its own /proc/PID/exe: the path of the file, else NULL. */
const char *wy_exe_instead(unsigned long path);

#endif
