/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher.c - a program that was executed by way of the agent's own image.
 *
 * Where the agent cannot be put into a program from outside (proto/userland.h),
 * the process executes this image instead.  The kernel has then done what an
 * exec does to a process: closed descriptors, reset signal actions, ended the
 * other threads, laid out arguments, environment and auxiliary vector.  What
 * is left is what the kernel does for an ELF file (fs/binfmt_elf.c):
 *
 * first half, in the image as the kernel has mapped it, not relocated, nothing
 * static written: maps the program and its interpreter, corrects the auxiliary
 * vector where it stands, and puts a copy of the agent where a loader would
 * put it (launch/place.c tells where that is, and why).
 *
 * second half, in that copy, when the agent has started: unmaps the image,
 * tells the kernel where things are now (so that /proc/PID/cmdline, stat, auxv
 * and brk(2) are right) and which file is executed, names the thread, closes
 * the descriptors, and starts the program.
 *
 * What is not done: which file is executed can only be told by who has
 * CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; for others /proc/PID/exe is the
 * image, and the program itself is answered in our place (exe.c).
 *
 * When the program cannot be mapped the process dies by SIGSEGV, as in a native
 * exec behind its point of no return.  When the agent has no place or cannot
 * start, the program runs without it.
 */
#include "agent/launcher.h"
#include "agent/arch/x86_64/launch.h"
#include "agent/exe.h"
#include "agent/session.h"
#include "agent/signal.h"
#include "agent/sys.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <elf.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#define PAGE         4096ul
#define KB           (1ul << 10)
#define MB           (1ul << 20)
#define GB           (1ul << 30)
#define LOWEST       (64 * KB) /* as launch/place.c */
#define AIR          (64 * KB)
#define PIE_BASE     0x555555554000ul  /* ELF_ET_DYN_BASE */
#define PIE_RANDOM   ((1ul << 28) - 1) /* pages: the default of vm.mmap_rnd_bits */
#define BRK_RANDOM   GB
#define NO_RANDOM    0x0040000ul /* ADDR_NO_RANDOMIZE of personality(2) */
#define PAGE_DOWN(n) ((n) & -PAGE)
#define PAGE_UP(n)   (((n) + PAGE - 1) & -PAGE)

/* What is not hidden may be reached by way of a table that would have to be relocated first. */
#define HIDDEN       __attribute__((visibility("hidden")))

extern const Elf64_Ehdr __ehdr_start HIDDEN; /* the linker's name for the start of the image */
extern const char wy_image_start[] HIDDEN;
void *memcpy(void *restrict to, const void *restrict from, size_t len) HIDDEN;
void wy_launch(unsigned long *sp) __attribute__((noreturn));

/* An ELF file that has been mapped. */
struct loaded {
	unsigned long bias, entry, phdr, phnum;
	unsigned long low, high; /* whole pages */
	unsigned long brk;
	unsigned long start_code, end_code, start_data, end_data;
	bool fixed, interpreter, exec_stack;
};

static void die(void)
{
	unsigned long set = WY_SIG_BIT(SIGSEGV), none[4] = { 0 };

	for (;;) {
		sys4(__NR_rt_sigaction, SIGSEGV, none, 0, 8);
		sys2(__NR_kill, sys0(__NR_getpid), SIGSEGV);
		sys_sigprocmask(SIG_UNBLOCK, &set, NULL);
		sys1(__NR_exit_group, 128 + SIGSEGV);
	}
}

static long map(unsigned long addr, unsigned long len, int prot, int flags)
{
	return sys_mmap(addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1);
}

static bool may_randomize(void)
{
	return !(sys1(__NR_personality, 0xffffffff) & NO_RANDOM);
}

static unsigned long random_below(unsigned long limit)
{
	unsigned long word = 0;

	if (may_randomize())
		sys3(__NR_getrandom, &word, sizeof(word), 0);
	return word % limit;
}

/* ---- mapping a file ---- */

static long read_at(unsigned long fd, void *buf, unsigned long len, unsigned long offset)
{
	return sys4(__NR_pread64, fd, buf, len, offset) == (long)len ? 0 : -EIO;
}

static int protection(const Elf64_Phdr *ph)
{
	return (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
	       (ph->p_flags & PF_X ? PROT_EXEC : 0);
}

static long map_segment(unsigned long fd, const Elf64_Phdr *ph, unsigned long bias)
{
	unsigned long start = PAGE_DOWN(ph->p_vaddr) + bias;
	unsigned long file_end = ph->p_vaddr + bias + ph->p_filesz;
	unsigned long end = PAGE_UP(ph->p_vaddr + bias + ph->p_memsz);
	unsigned long middle = ph->p_filesz ? PAGE_UP(file_end) : start;
	int prot = protection(ph);
	long ret = 0;

	if (ph->p_filesz)
		ret = sys6(__NR_mmap, start, middle - start, prot, MAP_PRIVATE | MAP_FIXED, fd,
			   PAGE_DOWN(ph->p_offset));
	if (WY_IS_ERROR(ret))
		return ret;
	/* The rest of the file's last page would be seen where zeros must be. */
	if (ph->p_filesz && ph->p_memsz > ph->p_filesz && (ph->p_flags & PF_W)) {
		for (unsigned char *p = (unsigned char *)file_end; (unsigned long)p < middle; p++)
			*p = 0;
	}
	if (end > middle)
		ret = map(middle, end - middle, prot, MAP_FIXED);
	return WY_IS_ERROR(ret) ? ret : 0;
}

/* Finds room for the whole, and leaves it free. */
static long choose_bias(const Elf64_Ehdr *eh, const struct loaded *l, unsigned long align,
			unsigned long *ret)
{
	unsigned long len = l->high - l->low;
	long at = -ENOMEM;

	if (eh->e_type == ET_EXEC) {
		at = map(l->low, len, PROT_NONE, MAP_FIXED_NOREPLACE | MAP_NORESERVE);
		if (WY_IS_ERROR(at))
			return at;
	}
	for (int turn = 0; l->interpreter && turn < 16 && WY_IS_ERROR(at); turn++) {
		unsigned long base = PIE_BASE + random_below(PIE_RANDOM + 1) * PAGE;

		at = map(base & -align, len, PROT_NONE, MAP_FIXED_NOREPLACE | MAP_NORESERVE);
	}
	if (WY_IS_ERROR(at)) {
		unsigned long more = align > PAGE ? align : 0;

		at = map(0, len + more, PROT_NONE, MAP_NORESERVE);
		if (WY_IS_ERROR(at))
			return at;
		sys2(__NR_munmap, at, len + more);
		at = (long)(((unsigned long)at + more) & -align);
	} else {
		sys2(__NR_munmap, at, len);
	}
	*ret = (unsigned long)at - l->low;
	return 0;
}

static void take_bounds(struct loaded *l, const Elf64_Phdr *ph, bool first)
{
	unsigned long end = ph->p_vaddr + ph->p_filesz;

	if (first || ph->p_vaddr < l->start_code)
		l->start_code = ph->p_vaddr;
	if (first || ph->p_vaddr > l->start_data)
		l->start_data = ph->p_vaddr;
	if ((ph->p_flags & PF_X) && end > l->end_code)
		l->end_code = end;
	if (end > l->end_data)
		l->end_data = end;
	if (ph->p_vaddr + ph->p_memsz > l->brk)
		l->brk = ph->p_vaddr + ph->p_memsz;
	if (first)
		l->low = PAGE_DOWN(ph->p_vaddr);
	l->high = PAGE_UP(ph->p_vaddr + ph->p_memsz);
}

static long load(unsigned long fd, bool with_interpreter, struct loaded *l)
{
	unsigned long align = PAGE;
	bool first = true;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	long ret = read_at(fd, &eh, sizeof(eh), 0);

	*l = (struct loaded){ .interpreter = with_interpreter };
	for (unsigned int i = 0; !ret && i < eh.e_phnum; i++) {
		ret = read_at(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph));
		if (ret || (ph.p_type != PT_LOAD && ph.p_type != PT_GNU_STACK))
			continue;
		if (ph.p_type == PT_GNU_STACK) {
			l->exec_stack = ph.p_flags & PF_X;
			continue;
		}
		take_bounds(l, &ph, first);
		first = false;
		if (ph.p_align > align && !(ph.p_align & (ph.p_align - 1)))
			align = ph.p_align;
		if (ph.p_offset <= eh.e_phoff && eh.e_phoff < ph.p_offset + ph.p_filesz)
			l->phdr = eh.e_phoff - ph.p_offset + ph.p_vaddr;
	}
	if (!ret)
		ret = choose_bias(&eh, l, align, &l->bias);
	for (unsigned int i = 0; !ret && i < eh.e_phnum; i++) {
		ret = read_at(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph));
		if (!ret && ph.p_type == PT_LOAD && ph.p_memsz)
			ret = map_segment(fd, &ph, l->bias);
	}
	l->fixed = eh.e_type == ET_EXEC;
	l->phnum = eh.e_phnum;
	l->entry = eh.e_entry + l->bias;
	l->phdr += l->bias;
	l->low += l->bias;
	l->high += l->bias;
	l->brk += l->bias;
	l->start_code += l->bias;
	l->end_code += l->bias;
	l->start_data += l->bias;
	l->end_data += l->bias;
	return ret;
}

/* ---- a place for the agent ---- */

static unsigned long try_at(unsigned long addr, unsigned long len)
{
	long ret = map(addr, len, PROT_READ | PROT_WRITE, addr ? MAP_FIXED_NOREPLACE : 0);

	return WY_IS_ERROR(ret) ? 0 : (unsigned long)ret;
}

static unsigned long distance(unsigned long a, unsigned long b)
{
	return a > b ? a - b : b - a;
}

static unsigned long place_near(unsigned long target, unsigned long len)
{
	unsigned long at = try_at(0, len);

	if (!at || distance(at, target) < GB)
		return at;
	sys2(__NR_munmap, at, len);
	at = 0;
	for (unsigned long away = 16 * MB; !at && away <= GB; away *= 4) {
		if (target > away + len + LOWEST)
			at = try_at((target - away - len) & -AIR, len);
		if (!at)
			at = try_at((target + away) & -AIR, len);
	}
	return at ? at : try_at(0, len);
}

/* Under a program that stands at a fixed address; else between it and its heap, or over that. */
static unsigned long place_around(const struct loaded *l, unsigned long heap, unsigned long len)
{
	unsigned long at = 0;

	if (l->low >= len + AIR + LOWEST)
		at = try_at((l->low - len - AIR) & -AIR, len);
	if (!at && l->low >= len + LOWEST)
		at = try_at(LOWEST, len);
	if (!at && heap >= l->high + len + 2 * AIR)
		at = try_at((l->high + AIR) & -AIR, len);
	for (unsigned long away = GB; !at && away >= 64 * MB; away /= 2) {
		unsigned long addr = (heap + away) & -AIR;

		if (addr + len - l->low < 2 * GB - MB)
			at = try_at(addr, len);
	}
	return at ? at : try_at(0, len);
}

struct layout {
	unsigned long text_len, len, boot_off, arena_off, region_len;
};

static const Elf64_Phdr *own_phdr(unsigned int i)
{
	return (const Elf64_Phdr *)((const char *)&__ehdr_start + __ehdr_start.e_phoff) + i;
}

static struct layout layout_of_image(void)
{
	struct layout l = { 0 };

	for (unsigned int i = 0; i < __ehdr_start.e_phnum; i++) {
		const Elf64_Phdr *p = own_phdr(i);

		if (p->p_type != PT_LOAD)
			continue;
		if ((p->p_flags & PF_W) && !l.text_len)
			l.text_len = PAGE_DOWN(p->p_vaddr);
		l.len = PAGE_UP(p->p_vaddr + p->p_memsz);
	}
	if (!l.text_len)
		l.text_len = l.len;
	l.boot_off = l.len;
	l.arena_off = l.boot_off + PAGE + WY_BOOT_STACK;
	l.region_len = l.arena_off + WY_ARENA_CODE + WY_ARENA_DATA;
	return l;
}

/* Writes the image as it must be at its new place. */
static void copy_image(unsigned long region)
{
	const char *image = (const char *)&__ehdr_start;
	const Elf64_Dyn *dyn = NULL;
	unsigned long rela = 0, rela_len = 0;

	for (unsigned int i = 0; i < __ehdr_start.e_phnum; i++) {
		const Elf64_Phdr *p = own_phdr(i);

		if (p->p_type == PT_LOAD)
			memcpy((void *)(region + p->p_vaddr), image + p->p_vaddr, p->p_filesz);
		else if (p->p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(image + p->p_vaddr);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_RELA)
			rela = dyn->d_un.d_ptr;
		else if (dyn->d_tag == DT_RELASZ)
			rela_len = dyn->d_un.d_val;
	}
	for (unsigned long at = 0; at < rela_len; at += sizeof(Elf64_Rela)) {
		const Elf64_Rela *r = (const Elf64_Rela *)(image + rela + at);

		*(unsigned long *)(region + r->r_offset) = region + (unsigned long)r->r_addend;
	}
}

/*
 * A process may have forbidden itself to execute what it has written
 * (PR_SET_MDWE): then through /proc/self/mem, into pages that are new.
 */
static bool write_text(unsigned long region, const struct layout *l)
{
	const char *image = (const char *)&__ehdr_start;
	long fd = sys3(__NR_open, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
	bool done = fd >= 0;

	if (done)
		done = !WY_IS_ERROR(map(region, l->text_len, PROT_READ | PROT_EXEC, MAP_FIXED)) &&
		       !WY_IS_ERROR(map(region + l->arena_off, WY_ARENA_CODE, PROT_READ | PROT_EXEC,
					MAP_FIXED));
	for (unsigned int i = 0; done && i < __ehdr_start.e_phnum; i++) {
		const Elf64_Phdr *p = own_phdr(i);

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			done = sys4(__NR_pwrite64, fd, image + p->p_vaddr, p->p_filesz,
				    region + p->p_vaddr) == (long)p->p_filesz;
	}
	if (fd >= 0)
		sys1(__NR_close, fd);
	return done;
}

/* Returns the region, 0 if there can be none. */
static unsigned long place_agent(const struct layout *l, const struct loaded *program,
				 const struct loaded *interpreter, unsigned long heap)
{
	unsigned long region;

	if (interpreter)
		region = place_near(interpreter->low, l->region_len);
	else if (program->fixed)
		region = place_around(program, heap, l->region_len);
	else
		region = place_near(program->low, l->region_len);
	if (!region)
		return 0;
	copy_image(region);
	if ((sys3(__NR_mprotect, region, l->text_len, PROT_READ | PROT_EXEC) < 0 ||
	     sys3(__NR_mprotect, region + l->arena_off, WY_ARENA_CODE, PROT_READ | PROT_EXEC) <
		     0) &&
	    !write_text(region, l)) {
		sys2(__NR_munmap, region, l->region_len);
		return 0;
	}
	return region;
}

/* ---- the first half ---- */

struct vector {
	unsigned long type, value;
};

static void correct(struct vector *v, const struct loaded *program,
		    const struct loaded *interpreter, const char *name, struct wy_boot *boot)
{
	for (; v->type != AT_NULL; v++) {
		switch (v->type) {
		case AT_PHDR: v->value = program->phdr; break;
		case AT_PHNUM: v->value = program->phnum; break;
		case AT_BASE: v->value = interpreter ? interpreter->bias : 0; break;
		case AT_ENTRY: v->value = program->entry; break;
		case AT_EXECFN: v->value = (unsigned long)name; break;
		case AT_HWCAP2: boot->hwcap2 = v->value; break;
		case AT_SYSINFO_EHDR: boot->vdso = v->value; break;
		}
	}
}

/* From the stack pointer on to the end of the stack, and from now on as it grows. */
static void allow_code_on_stack(unsigned long sp, const char *last_string)
{
	unsigned long end = (unsigned long)last_string;

	while (*(const char *)end)
		end++;
	/* Behind it comes only the name by which we were executed. */
	sys3(__NR_mprotect, PAGE_DOWN(sp), PAGE_UP(end) - PAGE_DOWN(sp),
	     PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
}

static unsigned long end_of_strings(char **strings, unsigned long nr, unsigned long otherwise)
{
	unsigned long end = otherwise;

	if (nr) {
		end = (unsigned long)strings[nr - 1];
		while (*(const char *)end++)
			;
	}
	return end;
}

/* Takes the two last strings of the environment away; what stood behind them moves up. */
static struct vector *take_strings(char **envp, unsigned long envc)
{
	struct vector *from = (struct vector *)(envp + envc + 1),
		      *to = (struct vector *)(envp + envc - 1);
	struct vector *ret = to;

	envp[envc - 2] = NULL;
	do
		*to++ = *from;
	while (from++->type != AT_NULL);
	return ret;
}

static unsigned long vector_size(const struct vector *v)
{
	const struct vector *start = v;

	while (v->type != AT_NULL)
		v++;
	return (unsigned long)(v + 1 - start) * sizeof(*v);
}

static struct prctl_mm_map describe(unsigned long *sp, char **envp, unsigned long envc,
				    const struct vector *auxv, const struct loaded *program,
				    const struct wy_launch *launch)
{
	unsigned long argc = sp[0];
	char **argv = (char **)(sp + 1);
	struct prctl_mm_map m = {
		.start_code = program->start_code,
		.end_code = program->end_code,
		.start_data = program->start_data,
		.end_data = program->end_data,
		.start_stack = (unsigned long)sp,
		.auxv = (void *)auxv,
		.auxv_size = (unsigned int)vector_size(auxv),
		.exe_fd = (unsigned int)launch->info.program_fd,
	};

	m.arg_start = argc ? (unsigned long)argv[0] : (unsigned long)launch->name;
	m.arg_end = end_of_strings(argv, argc, m.arg_start);
	m.env_start = m.arg_end;
	m.env_end = end_of_strings(envp, envc, m.env_start);
	/* A static-PIE's heap is where the kernel has put ours, which is one, too. */
	if (program->fixed || program->interpreter)
		m.start_brk = PAGE_UP(program->brk) + PAGE_DOWN(random_below(BRK_RANDOM));
	else
		m.start_brk = (unsigned long)sys1(__NR_brk, 0);
	m.brk = m.start_brk;
	return m;
}

void wy_launch(unsigned long *sp)
{
	struct layout l = layout_of_image();
	struct loaded program, interpreter = { 0 };
	bool has_interpreter;
	char **envp = (char **)(sp + 1 + sp[0] + 1);
	unsigned long envc = 0, region;
	const char *last;
	struct wy_boot *boot;
	struct wy_launch *launch;
	struct vector *auxv;
	struct {
		struct wy_boot boot;
		struct wy_launch launch;
	} page = { 0 };

	while (envp[envc])
		envc++;
	/* Not started by one of us: somebody executes what /proc/PID/exe is. */
	if (envc < 2 || !wy_userland_read(envp[envc - 1], &page.launch.info))
		sys1(__NR_exit_group, 127);
	page.launch.name = envp[envc - 2];
	last = envp[envc - 1];
	auxv = take_strings(envp, envc);
	has_interpreter = page.launch.info.interpreter_fd != -1ul;
	if (load(page.launch.info.program_fd, has_interpreter, &program) < 0 ||
	    (has_interpreter && load(page.launch.info.interpreter_fd, false, &interpreter) < 0))
		die();
	page.launch.image = (unsigned long)&__ehdr_start;
	page.launch.image_len = l.len;
	page.launch.map = describe(sp, envp, envc - 2, auxv, &program, &page.launch);
	if (program.exec_stack)
		allow_code_on_stack((unsigned long)sp, last);
	page.boot = (struct wy_boot){
		.magic = WY_BOOT_MAGIC,
		.flags = page.launch.info.flags | WY_BOOT_EXEC | WY_BOOT_SELF,
		.region_len = l.region_len,
		.text_len = l.text_len,
		.arena_off = l.arena_off,
		.mask = page.launch.info.mask,
		.ignored = page.launch.info.ignored,
		.pc = has_interpreter ? interpreter.entry : program.entry,
		.sp = (unsigned long)sp,
		.session_fd = (int)page.launch.info.session_fd,
		.ask = WY_ASK_START,
	};
	correct(auxv, &program, has_interpreter ? &interpreter : NULL, page.launch.name,
		&page.boot);
	region = place_agent(&l, &program, has_interpreter ? &interpreter : NULL,
			     page.launch.map.start_brk);
	if (!region)
		wy_launch_finish(&page.boot, -ENOMEM);
	page.boot.region = page.launch.region = region;
	boot = (struct wy_boot *)(region + l.boot_off);
	launch = wy_launch_of(boot);
	memcpy(boot, &page.boot, sizeof(*boot));
	memcpy(launch, &page.launch, sizeof(*launch));
	wy_launch_jump(region + ((unsigned long)wy_image_start - page.launch.image),
		       (unsigned long)boot + PAGE + WY_BOOT_STACK, (unsigned long)boot);
}

/* ---- the second half ---- */

/*
 * A thread is named after the file as it was called.  Was it called by a descriptor ("/dev/fd/3"),
 * kernels before 6.14 take the number, later ones the file's own name: so they have done with us.
 */
static void set_name(const char *path, int fd)
{
	static const char by_fd[] = "/dev/fd/";
	char name[WY_LAUNCH_COMM] = "", own[256] = "";
	unsigned int n = 0;
	const char *base;

	while (by_fd[n] && path[n] == by_fd[n])
		n++;
	if (!by_fd[n] && sys2(__NR_prctl, PR_GET_NAME, name) == 0 && *name >= 'a') {
		while (path[n] >= '0' && path[n] <= '9')
			n++;
		if (!path[n] && wy_exe_path_of(fd, own, sizeof(own)) > 0)
			path = own;
	}
	n = 0;
	base = path;

	for (const char *p = path; *p; p++)
		base = *p == '/' ? p + 1 : base;
	while (n < sizeof(name) - 1 && base[n]) {
		name[n] = base[n];
		n++;
	}
	name[n] = 0;
	sys2(__NR_prctl, PR_SET_NAME, name);
}

/* Tells the kernel what the process is now.  Returns false if the file is still the image. */
static bool set_map(struct wy_launch *launch)
{
	struct prctl_mm_map *m = &launch->map;

	if (sys6(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, m, sizeof(*m), 0, 0) >= 0)
		return true;
	m->exe_fd = -1u;
	sys6(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, m, sizeof(*m), 0, 0);
	return false;
}

/* The signals that the agent has taken over, as an exec without it leaves them. */
static void give_signals_back(const struct wy_boot *boot)
{
	for (int sig = 1; sig <= 64; sig++) {
		unsigned long action[4] = { boot->ignored >> (sig - 1) & 1 };

		if (WY_SIGNALS_OWNED & WY_SIG_BIT(sig))
			sys4(__NR_rt_sigaction, sig, action, 0, 8);
	}
}

void wy_launch_files_limit(unsigned long limit)
{
	struct {
		unsigned long now, most;
	} files;

	if (!limit || sys4(__NR_prlimit64, 0, WY_RLIMIT_NOFILE, 0, &files) < 0)
		return;
	files.now = limit;
	sys4(__NR_prlimit64, 0, WY_RLIMIT_NOFILE, &files, 0);
}

void wy_launch_finish(const struct wy_boot *boot, long error)
{
	struct wy_launch *launch = wy_launch_of(boot);
	const struct wy_userland_info *info = &launch->info;
	struct wy_sigstack stack = { .flags = WY_STACK_DISABLED };
	unsigned long mask = boot->mask;
	bool is_file;

	if (launch->region)
		sys2(__NR_munmap, launch->image, launch->image_len);
	is_file = set_map(launch);
	set_name(launch->name, (int)info->program_fd);
	if (error) {
		give_signals_back(boot);
		arch_set_self(NULL);
		if (launch->region && wy_session)
			wy_session_note(WY_NOTE_UNFOLLOWED, WY_UNFOLLOWED_AGENT, (int)-error,
					launch->name);
	} else {
		const struct wy_thread *t = arch_self();

		if (!is_file)
			wy_exe_start((int)info->program_fd);
		mask &= ~WY_SIGNALS_STRIPPED;
		stack = (struct wy_sigstack){ .sp = wy_thread_block(t), .size = WY_ALT_SIZE };
	}
	sys1(__NR_close, info->program_fd);
	if (info->interpreter_fd != -1ul)
		sys1(__NR_close, info->interpreter_fd);
	/* The agent has closed the session's, if it came that far: then this does nothing. */
	sys1(__NR_close, info->session_fd);
	wy_launch_files_limit(info->files);
	arch_launch_program(boot->pc, boot->sp, mask, &stack);
}
