/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rundir.c - what is made of a run.trc beside it: PID.log and summary.txt.
 *
 * A run may have many processes, more than files can be open: those that were
 * written to last are, the others are opened again when they get a line.  If a
 * number was used by several processes, the second one's file is PID-2.log.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "host/trace/export.h"
#include "host/trace/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_MAX_LOGS 64

struct log {
	int pid;
	unsigned int generation; /* of this pid, from 1 */
	bool made;
	FILE *out;
};

struct finishing {
	int dir;
	enum wy_csv_style style;
	struct wy_csv *csv;
	struct wy_table log_of;    /* address of a struct wy_process -> struct log */
	struct wy_table newest_of; /* pid -> struct log */
	struct log *open[OPEN_MAX_LOGS];
	unsigned int next; /* the one of open[] to be closed next */
};

static FILE *create_in(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out) {
		log_errno(errno, "cannot write %s", name);
		if (fd >= 0)
			close(fd);
	}
	return out;
}

/* Says if the file has not taken everything. */
static int close_file(FILE *out, const char *name)
{
	int err = ferror(out) ? -EIO : 0;

	errno = 0;
	if (fclose(out) != 0)
		err = errno ? -errno : -EIO;
	return err ? log_errno(err, "cannot write %s", name) : 0;
}

static void log_name(char name[64], const struct log *l)
{
	if (l->generation > 1)
		snprintf(name, 64, "%d-%u.log", l->pid, l->generation);
	else
		snprintf(name, 64, "%d.log", l->pid);
}

static int close_log(struct log *l)
{
	char name[64];
	FILE *out = l->out;

	l->out = NULL;
	log_name(name, l);
	return close_file(out, name);
}

static struct log *get_log(struct finishing *f, const struct wy_process *process)
{
	struct log *l = wy_table_find(&f->log_of, (uintptr_t)process);
	const struct log *older = wy_table_find(&f->newest_of, (unsigned int)process->pid);

	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	if (wy_table_put(&f->log_of, (uintptr_t)process, l) < 0) {
		free(l);
		return NULL;
	}
	l->pid = process->pid;
	l->generation = older ? older->generation + 1 : 1;
	return wy_table_put(&f->newest_of, (unsigned int)process->pid, l) < 0 ? NULL : l;
}

/* The file of a process, open.  Returns 0 or -errno, which was said. */
static int open_log(struct finishing *f, const struct wy_process *process, FILE **ret)
{
	struct log *l = get_log(f, process), **place = &f->open[f->next];
	char name[64];
	int err;

	if (!l)
		return log_errno(ENOMEM, "cannot write the log of process %d", process->pid);
	if (!l->out) {
		if (*place && (*place)->out) {
			err = close_log(*place);
			if (err)
				return err;
		}
		log_name(name, l);
		l->out = create_in(f->dir, name, l->made ? O_APPEND : O_TRUNC);
		if (!l->out)
			return -EIO;
		if (!l->made)
			wy_csv_head(f->csv, l->out);
		l->made = true;
		*place = l;
		f->next = (f->next + 1) % OPEN_MAX_LOGS;
	}
	*ret = l->out;
	return 0;
}

static int begin(void *arg, const struct wy_run *run)
{
	struct finishing *f = arg;

	f->csv = wy_csv_new(run, f->style);
	return f->csv ? 0 : -ENOMEM;
}

static int event(void *arg, const struct wy_run *run, const struct wy_event_view *v)
{
	struct finishing *f = arg;
	FILE *out = NULL;
	int err;

	if (!wy_csv_wants(f->csv, v))
		return 0;
	err = open_log(f, wy_world_process(run->world, v->pid), &out);
	return err ? err : wy_csv_event(f->csv, out, v);
}

static int end(void *arg, const struct wy_run *run)
{
	struct finishing *f = arg;
	FILE *out = NULL;
	int err;

	for (size_t i = 0; i < wy_tally_processes(run->tally); i++) {
		err = open_log(f, wy_tally_process(run->tally, i)->process, &out);
		if (err)
			return err;
		wy_csv_tail(f->csv, out, (long)i);
	}
	out = create_in(f->dir, "summary.txt", O_TRUNC);
	if (!out)
		return -EIO;
	err = wy_report(run, out);
	return close_file(out, "summary.txt") ? -EIO : err;
}

int wy_rundir_finish(const char *dir, enum wy_csv_style style)
{
	cleanup_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct finishing f = { .dir = fd, .style = style };
	struct wy_play play = { begin, event, end, &f };
	int err;

	if (fd < 0)
		return log_errno(errno, "cannot open %s", dir);
	err = wy_play(dir, &play);
	for (unsigned int i = 0; i < OPEN_MAX_LOGS; i++) {
		if (f.open[i] && f.open[i]->out && close_log(f.open[i]) < 0)
			err = -EIO;
	}
	for (size_t i = 0; i < f.log_of.room; i++) {
		if (f.log_of.entry[i].used)
			free((void *)(uintptr_t)f.log_of.entry[i].value);
	}
	wy_table_free(&f.log_of);
	wy_table_free(&f.newest_of);
	wy_csv_free(f.csv);
	return err;
}
