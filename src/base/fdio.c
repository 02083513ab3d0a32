/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdio.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t read_full(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

ssize_t pread_full(int fd, void *buf, size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, off + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

int write_full(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += n;
	}
	return 0;
}

int pwrite_full(int fd, const void *buf, size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, off + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		done += n;
	}
	return 0;
}

int read_file(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_free char *text = NULL;
	size_t len = 0, size = 0;

	if (fd < 0)
		return -errno;
	/* Files under /proc have no size to ask for: read until there is no more. */
	for (;;) {
		ssize_t n;

		if (len == size) {
			size_t bigger = size ? size * 2 : 4096;
			char *grown = realloc(text, bigger + 1);

			if (!grown)
				return -ENOMEM;
			text = grown;
			size = bigger;
		}
		n = read_full(fd, text + len, size - len);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		len += n;
		if (len > max)
			return -EFBIG;
	}
	text[len] = 0;
	*ret_text = steal_pointer(&text);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int read_file_long(const char *path, long *ret_value)
{
	cleanup_free char *text = NULL;
	int err = read_file(path, 4096, &text, NULL);
	char *end;
	long value;

	if (err < 0 || !text)
		return err;
	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || errno)
		return -EINVAL;
	while (isspace((unsigned char)*end))
		end++;
	if (*end)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int file_size_allow(size_t size, struct rlimit *ret_old)
{
	struct rlimit high;

	if (getrlimit(RLIMIT_FSIZE, ret_old) < 0)
		return -errno;
	if (ret_old->rlim_cur >= size)
		return 0;
	if (ret_old->rlim_max < size)
		return -EFBIG;
	high = (struct rlimit){ ret_old->rlim_max, ret_old->rlim_max };
	return setrlimit(RLIMIT_FSIZE, &high) < 0 ? -errno : 0;
}

void file_size_restore(const struct rlimit *old)
{
	if (old->rlim_cur != old->rlim_max)
		setrlimit(RLIMIT_FSIZE, old);
}

int send_fds(int sock, const int *fds, unsigned int nr)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))];
	} control = { 0 };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &data,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(nr * sizeof(int)) };

	if (nr > SEND_FDS_MAX)
		return -EINVAL;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, nr * sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}
