/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/access.h"

#include "base/fdio.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int wy_access_open(struct wy_access *a)
{
	int fd;

	if (!a->path)
		return 0;
	fd = open(a->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return log_errno(errno, "cannot write '%s'", a->path);
	if (a->fd >= 0)
		close(a->fd);
	a->fd = fd;
	return 0;
}

/* Where the front does not carry the bytes, the kernel has counted them. */
static bool count(const struct wy_connection *c, unsigned long *in, unsigned long *out)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	*in = c->bytes_in;
	*out = c->bytes_out;
	if (c->counted)
		return true;
	if (c->fd < 0 || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < offsetof(struct tcp_info, tcpi_bytes_retrans))
		return false;
	*in = info.tcpi_bytes_received;
	*out = info.tcpi_bytes_sent;
	/* The end of a direction counts as one. */
	if (*in && (info.tcpi_state == 8 /* CLOSE_WAIT */ || info.tcpi_state == 9 /* LAST_ACK */ ||
		    info.tcpi_state == 7 /* CLOSE */ || info.tcpi_state == 6 /* TIME_WAIT */))
		*in -= 1;
	return true;
}

void wy_access_write(const struct wy_access *a, const struct wy_connection *c, int status)
{
	char line[512], peer[ADDR_TEXT_MAX] = "unix:", bytes[64] = "";
	unsigned long in, out;
	struct timespec now;
	struct tm tm;
	int n;

	if (a->fd < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	if (c->peer.sin6_family != AF_UNIX)
		addr_print(peer, &c->peer, c->peer_len);
	if (count(c, &in, &out))
		snprintf(bytes, sizeof(bytes), " in=%lu out=%lu", in, out);
	n = snprintf(line, sizeof(line),
		     "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %u %s pid=%d %s=%d%s ms=%lu\n",
		     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		     now.tv_nsec / 1000000, c->serial, peer, c->pid,
		     WIFSIGNALED(status) ? "signal" : "exit",
		     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), bytes,
		     loop_now() - c->started);
	if (n > 0 && write_full(a->fd, line, (size_t)n) < 0)
		log_debug("cannot write '%s'", a->path);
}
