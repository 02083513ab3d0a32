/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - processes, descriptors and open files as events tell of them.
 *
 * Events are applied in the order of the run.  What was a file's name, class or
 * peer is then a look-up: the agent has already said which open file each call
 * was about.
 */
#ifndef WY_HOST_TRACE_WORLD_H
#define WY_HOST_TRACE_WORLD_H

#include "host/trace/event.h"

#include <stdio.h>
#include <sys/socket.h>

/* An open file description.  Stays as long as the world: a later event may name it. */
struct wy_file {
	unsigned int id;
	unsigned char class, sub; /* enum wy_fd_class, enum wy_fd_kind */
	int made_by;              /* the number of the call, -1: it was there before */
	unsigned long dev, ino;
	int flags;                           /* of open(2) */
	int domain, type, protocol;          /* of a socket */
	char *path;                          /* what /proc/PID/fd/N said, or NULL */
	struct sockaddr_storage local, peer; /* ss_family 0: not known */
	socklen_t local_len, peer_len;
};

struct wy_process {
	int pid, parent;
	unsigned int image;
	char *path; /* of what it executes, or NULL */
	char comm[16];
	char **argv; /* ends in NULL, or is NULL */
	bool ended;
	int status; /* as waitpid(2) says it; only when ended and known */
	bool status_known;
	bool told_again;      /* its end has just been told, and was known before */
	bool forked;          /* its first event was START, not IMAGE */
	unsigned int threads; /* that were started, the first one included */
	uint64_t began, over; /* ticks */
};

struct wy_world;

/* NULL: no memory. */
struct wy_world *wy_world_new(void);
void wy_world_free(struct wy_world *w);

/*
 * Takes in what an event says about files, descriptors and processes; then there is
 * a process for the event's pid.  Returns 0 or -ENOMEM.
 */
int wy_world_apply(struct wy_world *w, const struct wy_event_view *v);

/* By its number; NULL for 0 and for those not heard of. */
const struct wy_file *wy_world_file(const struct wy_world *w, unsigned int id);

/* What a descriptor of a process stands for now; NULL: nothing that is known. */
const struct wy_file *wy_world_fd(const struct wy_world *w, int pid, int fd);

/* The newest of this number; NULL: not heard of. */
const struct wy_process *wy_world_process(const struct wy_world *w, int pid);

/* Was what this END event, the newest one of its process, tells known before it? */
bool wy_world_told_again(const struct wy_world *w, const struct wy_event_view *v);

/* How many files and processes there were, and each in the order of their coming. */
size_t wy_world_files_nr(const struct wy_world *w);
const struct wy_file *wy_world_file_at(const struct wy_world *w, size_t i);
size_t wy_world_processes_nr(const struct wy_world *w);
const struct wy_process *wy_world_process_at(const struct wy_world *w, size_t i);

/* What events do not tell: how a process ended, as waitpid(2) says it. */
void wy_world_set_status(struct wy_world *w, int pid, int status);

/* Words for machines and people: "net", "pipe"...; "tcp", "epoll"... ("" for WY_FD_PLAIN). */
const char *wy_class_word(unsigned int class);
const char *wy_sub_word(unsigned int sub);

/*
 * What it is, as it stands in < > behind a descriptor: "/etc/passwd", "pipe:[123]",
 * "tcp 127.0.0.1:80<-127.0.0.1:36418" (accepted), "tcp 127.0.0.1:36418->127.0.0.1:80"
 * (connected), "tcp 0.0.0.0:80" (bound), "unix /run/x", "eventfd".
 */
void wy_file_print(FILE *out, const struct wy_file *f);

/* A name or argument, escaped as strace does; so are the characters of `more`. */
void wy_text_print(FILE *out, const char *text, const char *more);

/* A socket address: "127.0.0.1:80", "[::1]:80", "/run/x", "@abstract"; "" if there is none. */
void wy_address_print(FILE *out, const void *sock, socklen_t len);

#endif
