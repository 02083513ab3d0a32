/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/decode.h"

#include "proto/calls.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void print_arg(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		      const struct wy_event_view *v, const struct wy_call_row *row, int i,
		      unsigned long arg)
{
	const struct wy_file *file;

	if (row->arg[i] != WY_ARG_FD && row->arg[i] != WY_ARG_DIRFD) {
		fprintf(out, arg < 65536 ? "%lu" : "%#lx", arg);
		return;
	}
	fprintf(out, "%d", (int)arg);
	file = i == row->fd ? wy_world_file(world, v->e.file) :
			      wy_world_fd(world, v->pid, (int)arg);
	if (!how->yy || !file)
		return;
	fputc('<', out);
	wy_file_print(out, file);
	fputc('>', out);
}

int wy_decode_call(FILE *out, const struct wy_decode *how, const struct wy_world *world,
		   const struct wy_event_view *v)
{
	const struct wy_call_row *row = wy_call_row_of(v->e.nr);
	unsigned long args[6];

	wy_event_args(v, args);
	if (*row->name)
		fprintf(out, "%s(", row->name);
	else
		fprintf(out, "syscall_%#x(", v->e.nr);
	for (int i = 0; i < row->nr_args; i++) {
		if (i)
			fputs(", ", out);
		print_arg(out, how, world, v, row, i, args[i]);
	}
	if (v->e.flags & WY_EVENT_NO_RETURN)
		fputs(") = ?", out);
	else if (v->e.ret < 0 && v->e.ret >= -4095)
		fprintf(out, ") = -1 %s (%s)", strerrorname_np((int)-v->e.ret),
			strerror((int)-v->e.ret));
	else
		fprintf(out, v->e.ret < 65536 ? ") = %ld" : ") = %#lx", v->e.ret);
	return ferror(out) ? -EIO : 0;
}

void wy_decode_signal(FILE *out, const struct wy_event_view *v)
{
	const char *name = sigabbrev_np(v->e.nr);

	fprintf(out, "SIG%s {si_signo=SIG%s, si_code=%ld}", name ? name : "?", name ? name : "?",
		v->e.arg[0]);
}
