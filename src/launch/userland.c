/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/userland.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "launch/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u /* Linux 6.3 */
#endif

int wy_userland_image(void)
{
	cleanup_fd int fd = memfd_create("waylay", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	struct rlimit old;
	int err;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("waylay", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	err = file_size_allow(wy_agent_blob_size, &old);
	if (err)
		return err;
	err = write_full(fd, wy_agent_blob, wy_agent_blob_size);
	file_size_restore(&old);
	if (err)
		return err;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return steal_fd(&fd);
}

static long open_file(int dir, const char *path, int flags)
{
	cleanup_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if (faccessat(dir, path, X_OK, AT_EACCESS) < 0)
		return -errno;
	return steal_fd(&fd);
}

static long judge_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & (S_ISUID | S_ISGID)) || fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return -EPERM;
	return 0;
}

static long read_bytes(int fd, void *buf, unsigned long len, unsigned long offset)
{
	return pread_full(fd, buf, len, (off_t)offset);
}

static void close_file(int fd)
{
	close(fd);
}

static const struct wy_target_io io = {
	.open = open_file,
	.judge = judge_file,
	.read = read_bytes,
	.close = close_file,
};

static size_t count(char **strings)
{
	size_t n = 0;

	while (strings[n])
		n++;
	return n;
}

static char **make_argv(const struct wy_target *t, char **argv)
{
	char **out = calloc(count(argv) + t->words + 1, sizeof(*out)), **p = out;

	for (unsigned int i = 0; out && i < t->words; i++)
		*p++ = (char *)t->word[i];
	for (size_t i = t->words ? 1 : 0; out && i < count(argv); i++)
		*p++ = argv[i];
	return out;
}

static char **make_envp(char **envp, const char *name, const char *text)
{
	size_t n = count(envp);
	char **out = calloc(n + 3, sizeof(*out));

	if (!out)
		return NULL;
	memcpy(out, envp, n * sizeof(*out));
	out[n] = (char *)name;
	out[n + 1] = (char *)text;
	return out;
}

int wy_userland_init(struct wy_userland *u, const char *path, char **argv, char **envp,
		     const struct wy_userland_info *info)
{
	int err;

	memset(u, 0, sizeof(*u));
	u->image_fd = -1;
	err = (int)wy_target_find(&u->target, &io, AT_FDCWD, path, 0, path);
	if (err)
		return err;
	u->info = *info;
	u->info.magic = WY_USERLAND_MAGIC;
	u->info.program_fd = (unsigned long)u->target.fd;
	u->info.interpreter_fd = (unsigned long)u->target.interpreter_fd;
	wy_userland_write(u->text, &u->info);
	u->argv = make_argv(&u->target, argv);
	u->envp = make_envp(envp, path, u->text);
	u->image_fd = wy_userland_image();
	if (!u->argv || !u->envp)
		err = -ENOMEM;
	else if (u->image_fd < 0)
		err = u->image_fd;
	if (err)
		wy_userland_fini(u);
	return err;
}

void wy_userland_fini(struct wy_userland *u)
{
	wy_target_close(&u->target, &io);
	close_fd(&u->image_fd);
	free(u->argv);
	free(u->envp);
	u->argv = u->envp = NULL;
}

void wy_userland_exec(const struct wy_userland *u)
{
	fcntl(u->target.fd, F_SETFD, 0);
	if (u->target.interpreter_fd >= 0)
		fcntl(u->target.interpreter_fd, F_SETFD, 0);
	fcntl((int)u->info.session_fd, F_SETFD, 0);
	syscall(SYS_execveat, u->image_fd, "", u->argv, u->envp, AT_EMPTY_PATH);
}
