/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdio.h - whole reads and writes on file descriptors.  EINTR is not an end.
 */
#ifndef WY_BASE_FDIO_H
#define WY_BASE_FDIO_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Reads until len bytes are there or the end of file.  Returns the bytes read, or -errno. */
ssize_t read_full(int fd, void *buf, size_t len);

/* The same at a position; the fd's own position stays. */
ssize_t pread_full(int fd, void *buf, size_t len, off_t off);

/* Writes all of it.  Returns 0 or -errno (some bytes may have gone out). */
int write_full(int fd, const void *buf, size_t len);

/* The same at a position.  -EIO if the file takes no more bytes. */
int pwrite_full(int fd, const void *buf, size_t len, off_t off);

/*
 * The size of files may be limited (RLIMIT_FSIZE), which a file in memory has nothing to do with.
 * Lets this process make one of `size` bytes, until file_size_restore() gets what is in ret_old.
 * Returns 0 or -errno; -EFBIG if that is not ours to allow.
 */
int file_size_allow(size_t size, struct rlimit *ret_old);
void file_size_restore(const struct rlimit *old);

/*
 * Reads a whole file, of any kind and up to max bytes, into fresh memory that
 * the caller frees; a 0 byte follows the last one.  ret_len may be NULL.
 * Returns 0, or -errno; -EFBIG if there is more than max bytes.
 */
int read_file(const char *path, size_t max, char **ret_text, size_t *ret_len);

/* Reads a file that holds one decimal number.  Returns 0 or -errno; -EINVAL if it holds none. */
int read_file_long(const char *path, long *ret_value);

/*
 * Sends one byte with these descriptors, at most SEND_FDS_MAX, through a unix
 * socket.  Never waits, and no SIGPIPE comes.  Returns 0 or -errno.
 */
#define SEND_FDS_MAX 2
int send_fds(int sock, const int *fds, unsigned int nr);

#endif
