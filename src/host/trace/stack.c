/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/stack.h"

#include "base/log.h"
#include "proto/event.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef WY_HAVE_DW

#include <elfutils/libdwfl.h>

#define FRAMES_MAX 64
#define RBP        6 /* numbers of registers in DWARF, for x86-64 */
#define RSP        7
#define THREAD     1 /* the only one that libdw is told of */

/* What is used of libdw. */
/* clang-format off */
#define FUNCTIONS(F) \
	F(dwfl_begin) \
	F(dwfl_end) \
	F(dwfl_report_begin) \
	F(dwfl_report_end) \
	F(dwfl_linux_proc_maps_report) \
	F(dwfl_linux_proc_find_elf) \
	F(dwfl_standard_find_debuginfo) \
	F(dwfl_attach_state) \
	F(dwfl_thread_state_registers) \
	F(dwfl_thread_state_register_pc) \
	F(dwfl_getthread_frames) \
	F(dwfl_frame_pc) \
	F(dwfl_addrmodule) \
	F(dwfl_module_addrinfo) \
	F(dwfl_module_info)
/* clang-format on */

#define DECLARE(f) __typeof__(&f) f;
struct library {
	void *handle;
	FUNCTIONS(DECLARE)
};

/* What a process has mapped. */
struct image {
	struct image *next;
	int pid;
	char *maps;
	size_t len;
	bool changed; /* since dwfl was made of it */
	Dwfl *dwfl;   /* NULL: not made yet */
};

struct wy_stacks {
	struct library dw;
	struct image *images;
	/* the call that is being looked at */
	struct wy_item_stack at;
	struct wy_bytes stack;
	Dwfl *dwfl;
	FILE *out;
	unsigned int frames;
};

static bool load(struct library *dw)
{
	dw->handle = dlopen("libdw.so.1", RTLD_NOW);
	if (!dw->handle)
		return false;
#define FIND(f)                                                   \
	dw->f = (__typeof__(&f))(uintptr_t)dlsym(dw->handle, #f); \
	if (!dw->f)                                               \
		return false;
	FUNCTIONS(FIND)
	return true;
}

struct wy_stacks *wy_stacks_new(void)
{
	struct wy_stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (!load(&s->dw)) {
		log_err("trace: -k needs libdw.so.1: %s", dlerror());
		free(s);
		return NULL;
	}
	return s;
}

static void forget(struct wy_stacks *s, struct image **at)
{
	struct image *i = *at;

	*at = i->next;
	if (i->dwfl)
		s->dw.dwfl_end(i->dwfl);
	free(i->maps);
	free(i);
}

void wy_stacks_free(struct wy_stacks *s)
{
	if (!s)
		return;
	while (s->images)
		forget(s, &s->images);
	dlclose(s->dw.handle);
	free(s);
}

/* ---- what is mapped ---- */

static struct image **find(struct wy_stacks *s, int pid)
{
	struct image **at = &s->images;

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	return at;
}

static struct image *get(struct wy_stacks *s, int pid)
{
	struct image **at = find(s, pid);

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at)
			(*at)->pid = pid;
	}
	return *at;
}

static void append(struct image *i, const void *text, size_t len)
{
	char *more = realloc(i->maps, i->len + len + 1);

	if (!more)
		return;
	memcpy(more + i->len, text, len);
	i->maps = more;
	i->len += len;
	i->changed = true;
}

static void take_maps(struct wy_stacks *s, const struct wy_event_view *v)
{
	struct image *i = get(s, v->pid);
	struct wy_item_view item;

	if (!i || !wy_item_find(v, WY_ITEM_PATH, 0, &item))
		return;
	if (v->e.arg[0] == 0)
		i->len = 0;
	append(i, item.bytes.at, item.bytes.len);
}

/* A child has what its parent has. */
static void copy_maps(struct wy_stacks *s, int parent, int child)
{
	struct image *from = *find(s, parent), *to;

	if (!from || parent == child)
		return;
	to = get(s, child);
	if (!to)
		return;
	to->len = 0;
	append(to, from->maps, from->len);
}

void wy_stacks_event(struct wy_stacks *s, const struct wy_event_view *v)
{
	if (v->e.kind == WY_EVENT_MAPS)
		take_maps(s, v);
	else if (v->e.kind == WY_EVENT_START && v->e.arg[0] == v->e.arg[2])
		copy_maps(s, (int)v->e.arg[1], (int)v->e.arg[0]);
	else if (v->e.kind == WY_EVENT_END && v->e.arg[3] && *find(s, v->pid))
		forget(s, find(s, v->pid));
}

/* ---- libdw's questions ---- */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return THREAD;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr at, Dwarf_Word *ret, void *arg)
{
	const struct wy_stacks *s = arg;

	if (at < s->at.sp || at - s->at.sp > s->stack.len ||
	    s->stack.len - (at - s->at.sp) < sizeof(*ret))
		return false;
	memcpy(ret, s->stack.at + (at - s->at.sp), sizeof(*ret));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct wy_stacks *s = arg;
	Dwarf_Word frame = s->at.frame, sp = s->at.sp;

	s->dw.dwfl_thread_state_register_pc(thread, s->at.pc);
	return s->dw.dwfl_thread_state_registers(thread, RBP, 1, &frame) &&
	       s->dw.dwfl_thread_state_registers(thread, RSP, 1, &sp);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

/* ---- frames ---- */

static int print_frame(Dwfl_Frame *frame, void *arg)
{
	struct wy_stacks *s = arg;
	const char *file = NULL, *name, *own;
	GElf_Off offset = 0;
	Dwfl_Module *module;
	Dwarf_Addr pc, start;
	GElf_Sym symbol;
	bool exact;

	if (!s->dw.dwfl_frame_pc(frame, &pc, &exact) || s->frames++ == FRAMES_MAX)
		return DWARF_CB_ABORT;
	module = s->dw.dwfl_addrmodule(s->dwfl, pc);
	if (!module) {
		fprintf(s->out, " > [%#lx]\n", (unsigned long)pc);
		return DWARF_CB_OK;
	}
	/* A return address may be the first one behind its function. */
	own = s->dw.dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, &file, NULL);
	name = s->dw.dwfl_module_addrinfo(module, exact ? pc : pc - 1, &offset, &symbol, NULL, NULL,
					  NULL);
	fprintf(s->out, " > %s", file ? file : own);
	if (name)
		fprintf(s->out, "(%s+%#lx)", name, (unsigned long)offset + !exact);
	fprintf(s->out, " [%#lx]\n", (unsigned long)(pc - start));
	return DWARF_CB_OK;
}

/* What is mapped may have changed: then all is read anew. */
static Dwfl *dwfl_of(struct wy_stacks *s, struct image *i)
{
	static char *no_path = "";
	static Dwfl_Callbacks callbacks = { .debuginfo_path = &no_path };
	FILE *maps;

	if (i->dwfl && !i->changed)
		return i->dwfl;
	if (i->dwfl)
		s->dw.dwfl_end(i->dwfl);
	callbacks.find_elf = s->dw.dwfl_linux_proc_find_elf;
	callbacks.find_debuginfo = s->dw.dwfl_standard_find_debuginfo;
	i->changed = false;
	i->dwfl = s->dw.dwfl_begin(&callbacks);
	maps = i->len ? fmemopen(i->maps, i->len, "r") : NULL;
	if (!i->dwfl || !maps) {
		if (maps)
			fclose(maps);
		return i->dwfl;
	}
	s->dw.dwfl_report_begin(i->dwfl);
	s->dw.dwfl_linux_proc_maps_report(i->dwfl, maps);
	s->dw.dwfl_report_end(i->dwfl, NULL, NULL);
	s->dw.dwfl_attach_state(i->dwfl, NULL, THREAD, &thread_callbacks, s);
	fclose(maps);
	return i->dwfl;
}

void wy_stacks_print(struct wy_stacks *s, FILE *out, const struct wy_event_view *v)
{
	struct image *i = *find(s, v->pid);
	struct wy_item_view item;

	if (!i || !wy_item_find(v, WY_ITEM_STACK, 0, &item) || item.bytes.len < sizeof(s->at))
		return;
	memcpy(&s->at, item.bytes.at, sizeof(s->at));
	s->stack =
		(struct wy_bytes){ item.bytes.at + sizeof(s->at), item.bytes.len - sizeof(s->at) };
	s->out = out;
	s->frames = 0;
	s->dwfl = dwfl_of(s, i);
	if (s->dwfl)
		s->dw.dwfl_getthread_frames(s->dwfl, THREAD, print_frame, s);
	if (!s->frames)
		fprintf(out, " > [%#lx]\n", s->at.pc);
}

#else

struct wy_stacks *wy_stacks_new(void)
{
	log_err("trace: this waylay was built without -k: libdw-dev was not there");
	return NULL;
}

void wy_stacks_free(struct wy_stacks *s)
{
	(void)s;
}

void wy_stacks_event(struct wy_stacks *s, const struct wy_event_view *v)
{
	(void)s;
	(void)v;
}

void wy_stacks_print(struct wy_stacks *s, FILE *out, const struct wy_event_view *v)
{
	(void)s;
	(void)out;
	(void)v;
}

#endif
