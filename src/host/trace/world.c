/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/world.h"

#include "host/trace/table.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Of a program, no more arguments are kept than this. */
#define ARGS_MAX 4096u

struct process {
	struct wy_process p;
	struct wy_table *fds; /* descriptor -> number of a file; another's after CLONE_FILES */
	struct wy_table own_fds;
	bool lent; /* own_fds are another's, too */
};

struct wy_world {
	struct wy_table file_of;    /* number -> struct wy_file */
	struct wy_table process_of; /* pid -> struct process, the newest of it */
	struct wy_file **file;
	size_t files, files_room;
	struct process **process;
	size_t processes, processes_room;
};

struct wy_world *wy_world_new(void)
{
	return calloc(1, sizeof(struct wy_world));
}

static void free_argv(char **argv)
{
	for (char **arg = argv; arg && *arg; arg++)
		free(*arg);
	free(argv);
}

void wy_world_free(struct wy_world *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->files; i++) {
		free(w->file[i]->path);
		free(w->file[i]);
	}
	for (size_t i = 0; i < w->processes; i++) {
		free(w->process[i]->p.path);
		free_argv(w->process[i]->p.argv);
		wy_table_free(&w->process[i]->own_fds);
		free(w->process[i]);
	}
	free(w->file);
	free(w->process);
	wy_table_free(&w->file_of);
	wy_table_free(&w->process_of);
	free(w);
}

/* Puts a fresh pointer behind the others of a list.  Returns 0 or -ENOMEM. */
static int append(void ***list, size_t *nr, size_t *room, void *pointer)
{
	if (*nr == *room) {
		size_t more = *room ? *room * 2 : 64;
		void **grown = reallocarray(*list, more, sizeof(void *));

		if (!grown)
			return -ENOMEM;
		*list = grown;
		*room = more;
	}
	(*list)[(*nr)++] = pointer;
	return 0;
}

/* made_by: of one that is new. */
static struct wy_file *get_file(struct wy_world *w, unsigned int id, int made_by)
{
	struct wy_file *f = wy_table_find(&w->file_of, id);

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->id = id;
	f->made_by = made_by;
	if (append((void ***)&w->file, &w->files, &w->files_room, f) < 0) {
		free(f);
		return NULL;
	}
	return wy_table_put(&w->file_of, id, f) < 0 ? NULL : f;
}

static struct process *new_process(struct wy_world *w, int pid)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->p.pid = pid;
	p->fds = &p->own_fds;
	if (append((void ***)&w->process, &w->processes, &w->processes_room, p) < 0) {
		free(p);
		return NULL;
	}
	return wy_table_put(&w->process_of, (unsigned int)pid, p) < 0 ? NULL : p;
}

static struct process *find_process(const struct wy_world *w, int pid)
{
	return wy_table_find(&w->process_of, (unsigned int)pid);
}

static struct process *get_process(struct wy_world *w, int pid)
{
	struct process *p = find_process(w, pid);

	return p ? p : new_process(w, pid);
}

/* The item's bytes as a string, up to its first 0.  NULL: no memory. */
static char *text_of(const struct wy_item_view *item)
{
	return strndup((const char *)item->bytes.at, item->bytes.len);
}

static void keep_address(struct sockaddr_storage *to, socklen_t *to_len,
			 const struct wy_item_view *item)
{
	size_t len = item->bytes.len < sizeof(*to) ? item->bytes.len : sizeof(*to);

	if (len < sizeof(sa_family_t))
		return;
	memset(to, 0, sizeof(*to));
	memcpy(to, item->bytes.at, len);
	*to_len = (socklen_t)len;
}

static int set_fd(struct wy_world *w, int pid, long fd, unsigned int file)
{
	struct process *p = get_process(w, pid);

	if (!p)
		return -ENOMEM;
	if (fd < 0 || !file)
		return 0;
	return wy_table_set(p->fds, (uint64_t)fd, file);
}

static int apply_file(struct wy_world *w, const struct wy_event_view *v)
{
	const struct wy_event *e = &v->e;
	struct wy_file *f = e->file ? get_file(w, e->file, (int)e->ret) : NULL;
	struct wy_item_view item;

	if (!e->file)
		return 0;
	if (!f)
		return -ENOMEM;
	f->class = e->class;
	f->sub = e->sub;
	f->dev = (unsigned long)e->arg[0];
	f->ino = (unsigned long)e->arg[1];
	f->flags = (int)e->arg[3];
	f->domain = (unsigned char)((unsigned long)e->arg[3] >> 56);
	f->type = (unsigned char)((unsigned long)e->arg[3] >> 48);
	f->protocol = (unsigned short)((unsigned long)e->arg[3] >> 32);
	if (wy_item_find(v, WY_ITEM_PATH, 0, &item)) {
		free(f->path);
		f->path = text_of(&item);
		if (!f->path)
			return -ENOMEM;
	}
	if (wy_item_find(v, WY_ITEM_LOCAL, 0, &item))
		keep_address(&f->local, &f->local_len, &item);
	if (wy_item_find(v, WY_ITEM_PEER, 0, &item))
		keep_address(&f->peer, &f->peer_len, &item);
	/* Who asked for it may say so when another thread has got the number again. */
	if (e->ret < 0 && wy_world_fd(w, v->pid, (int)e->arg[2]))
		return 0;
	return set_fd(w, v->pid, e->arg[2], e->file);
}

static int apply_fd(struct wy_world *w, const struct wy_event_view *v)
{
	struct process *p;
	unsigned long fd = (unsigned long)v->e.arg[0];
	uint64_t file;

	if (v->e.nr != WY_FD_CLOSED && v->e.nr != WY_FD_EXEC_CLOSED)
		return set_fd(w, v->pid, v->e.arg[0], v->e.file);
	p = find_process(w, v->pid);
	/* Closed by one thread and opened by another: the newer file stays. */
	if (p && wy_table_get(p->fds, fd, &file) && (!v->e.file || file == v->e.file))
		wy_table_remove(p->fds, fd);
	return 0;
}

static int keep_arguments(struct wy_process *p, const struct wy_event_view *v)
{
	struct wy_bytes items = v->items;
	struct wy_item_view item;
	size_t nr = 0;

	while (wy_item_next(&items, &item))
		nr += item.what == WY_ITEM_STRING;
	if (nr > ARGS_MAX)
		nr = ARGS_MAX;
	free_argv(p->argv);
	p->argv = calloc(nr + 1, sizeof(char *));
	if (!p->argv)
		return -ENOMEM;
	items = v->items;
	for (size_t i = 0; i < nr && wy_item_next(&items, &item);) {
		if (item.what != WY_ITEM_STRING)
			continue;
		p->argv[i] = text_of(&item);
		if (!p->argv[i++])
			return -ENOMEM;
	}
	return 0;
}

static int apply_image(struct wy_world *w, const struct wy_event_view *v)
{
	const struct wy_event *e = &v->e;
	struct process *p = get_process(w, (int)e->arg[0]);
	struct wy_item_view item;
	const char *name;

	/* A number that is used again. */
	if (p && p->p.ended && e->arg[3] != WY_IMAGE_EXEC)
		p = new_process(w, (int)e->arg[0]);
	if (!p)
		return -ENOMEM;
	if (!p->p.began)
		p->p.began = e->time;
	p->p.parent = (int)e->arg[1];
	p->p.image = v->image;
	p->p.threads += !p->p.threads;
	/* They are its own from now on, and are told anew. */
	p->fds = &p->own_fds;
	if (!p->lent)
		wy_table_free(p->fds);
	if (!wy_item_find(v, WY_ITEM_PATH, 0, &item))
		return keep_arguments(&p->p, v);
	free(p->p.path);
	p->p.path = text_of(&item);
	if (!p->p.path)
		return -ENOMEM;
	name = strrchr(p->p.path, '/');
	strncpy(p->p.comm, name ? name + 1 : p->p.path, sizeof(p->p.comm) - 1);
	return keep_arguments(&p->p, v);
}

/* The descriptors that a child says it has; it knows them better than its parent's events. */
static int take_fds(struct wy_table *to, struct wy_bytes bytes)
{
	struct wy_item_fd fd;

	for (; bytes.len >= sizeof(fd); bytes.at += sizeof(fd), bytes.len -= sizeof(fd)) {
		memcpy(&fd, bytes.at, sizeof(fd));
		if (fd.fd >= 0 && fd.file && wy_table_set(to, (uint64_t)fd.fd, fd.file) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What a child has from its parent: the program, and its descriptors if they are shared. */
static int inherit(struct process *child, struct process *parent, bool share_fds)
{
	memcpy(child->p.comm, parent->p.comm, sizeof(child->p.comm));
	child->p.image = parent->p.image;
	if (parent->p.path) {
		child->p.path = strdup(parent->p.path);
		if (!child->p.path)
			return -ENOMEM;
	}
	if (!share_fds)
		return 0;
	parent->lent = true;
	child->fds = parent->fds;
	return 0;
}

static int apply_start(struct wy_world *w, const struct wy_event_view *v)
{
	const struct wy_event *e = &v->e;
	struct process *parent = find_process(w, (int)e->arg[1]), *child;
	struct wy_item_view item;

	if (e->arg[3] & CLONE_THREAD || e->arg[0] == e->arg[1]) {
		child = get_process(w, (int)e->arg[0]);
		if (!child)
			return -ENOMEM;
		child->p.threads++;
		return 0;
	}
	child = new_process(w, (int)e->arg[0]);
	if (!child)
		return -ENOMEM;
	child->p.parent = (int)e->arg[1];
	child->p.began = e->time;
	child->p.forked = true;
	child->p.threads = 1;
	if (parent && inherit(child, parent, e->arg[3] & CLONE_FILES) < 0)
		return -ENOMEM;
	return wy_item_find(v, WY_ITEM_FDS, 0, &item) ? take_fds(child->fds, item.bytes) : 0;
}

static void end(struct process *p)
{
	p->p.ended = true;
	if (!p->lent)
		wy_table_free(&p->own_fds);
}

static int apply_end(struct wy_world *w, const struct wy_event_view *v)
{
	struct process *p = get_process(w, (int)v->e.arg[0]);

	if (!p)
		return -ENOMEM;
	p->p.told_again = v->e.arg[3] == 2 && p->p.ended && p->p.status_known;
	/* Who looks for processes that are gone finds them later than they end. */
	if (v->e.arg[3] != 2 || !p->p.ended)
		p->p.over = v->e.time;
	if (!v->e.arg[3])
		return 0;
	end(p);
	if (v->e.arg[3] == 1 && !p->p.status_known) {
		p->p.status = (int)(v->e.ret & 0xff) << 8;
		p->p.status_known = true;
	} else if (v->e.arg[3] == 2 && v->e.ret != -1) {
		p->p.status = (int)v->e.ret;
		p->p.status_known = true;
	}
	return 0;
}

/* Whoever waited for a process that was over before waylay could ask knows how it ended. */
static void apply_wait(struct wy_world *w, const struct wy_event_view *v)
{
	struct wy_item_view item;
	struct process *p;
	int status;

	if (v->e.nr != SYS_wait4 || v->e.ret <= 0 || !wy_item_find(v, WY_ITEM_OUT, 1, &item) ||
	    item.bytes.len != sizeof(status))
		return;
	memcpy(&status, item.bytes.at, sizeof(status));
	p = find_process(w, (int)v->e.ret);
	if (p && !p->p.status_known && (WIFEXITED(status) || WIFSIGNALED(status))) {
		p->p.status = status;
		p->p.status_known = true;
	}
}

int wy_world_apply(struct wy_world *w, const struct wy_event_view *v)
{
	int err = 0;

	switch (v->e.kind) {
	case WY_EVENT_FILE: err = apply_file(w, v); break;
	case WY_EVENT_FD: err = apply_fd(w, v); break;
	case WY_EVENT_IMAGE: err = apply_image(w, v); break;
	case WY_EVENT_START: err = apply_start(w, v); break;
	case WY_EVENT_END: err = apply_end(w, v); break;
	case WY_EVENT_CALL: apply_wait(w, v); break;
	}
	/* Whoever makes events is there, even if nobody has told of its start. */
	if (!err && !get_process(w, v->pid))
		err = -ENOMEM;
	return err;
}

void wy_world_set_status(struct wy_world *w, int pid, int status)
{
	struct process *p = find_process(w, pid);

	if (!p)
		return;
	end(p);
	p->p.status_known = true;
	p->p.status = status;
}

const struct wy_file *wy_world_file(const struct wy_world *w, unsigned int id)
{
	return wy_table_find(&w->file_of, id);
}

const struct wy_file *wy_world_fd(const struct wy_world *w, int pid, int fd)
{
	const struct process *p = find_process(w, pid);
	uint64_t id;

	if (!p || fd < 0 || !wy_table_get(p->fds, (uint64_t)fd, &id))
		return NULL;
	return wy_world_file(w, (unsigned int)id);
}

const struct wy_process *wy_world_process(const struct wy_world *w, int pid)
{
	const struct process *p = find_process(w, pid);

	return p ? &p->p : NULL;
}

bool wy_world_told_again(const struct wy_world *w, const struct wy_event_view *v)
{
	const struct process *p = find_process(w, (int)v->e.arg[0]);

	return p && p->p.told_again;
}

size_t wy_world_files_nr(const struct wy_world *w)
{
	return w->files;
}

const struct wy_file *wy_world_file_at(const struct wy_world *w, size_t i)
{
	return w->file[i];
}

size_t wy_world_processes_nr(const struct wy_world *w)
{
	return w->processes;
}

const struct wy_process *wy_world_process_at(const struct wy_world *w, size_t i)
{
	return &w->process[i]->p;
}
