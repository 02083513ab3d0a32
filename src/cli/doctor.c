/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - says what this machine allows, and which way waylay will take.
 *
 * Nothing is believed that can be tried: each check does, in a child of its
 * own, what the launcher or the agent will do.  The child may be killed by
 * what it tries (a seccomp filter, a signal that was asked for); the parent
 * reads the answer from memory they share.
 *
 * Only a few things are needed (struct check: needed); all others change how
 * fast or how wide waylay catches, and their lines say how.
 */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/json.h"
#include "base/log.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers of some distributions that waylay is built on. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define HWCAP2_FSGSBASE_BIT  (1ul << 1)
#define ARCH_SHSTK_STATUS_NR 0x5005

/* The argument of PROCMAP_QUERY, <linux/fs.h> from Linux 6.11 on. */
struct maps_query {
	unsigned long long size, flags, addr;
	unsigned long long start, end, vma_flags, page_size, offset, inode;
	unsigned int dev_major, dev_minor, name_size, build_id_size;
	unsigned long long name_addr, build_id_addr;
};
#define MAPS_QUERY _IOWR('f', 17, struct maps_query)

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_UNKNOWN,
};

struct check {
	const char *name;
	void (*look)(struct check *);
	bool needed; /* without it waylay run does not work */
	enum answer answer;
	char text[160]; /* what follows from the answer */
};

static void says(struct check *check, enum answer answer, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void says(struct check *check, enum answer answer, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(check->text, sizeof(check->text), fmt, ap);
	va_end(ap);
	check->answer = answer;
}

/* --- trying things in a child --- */

#define PROBE_SECONDS 10
#define PROBE_SILENT  1 /* the child ended without an answer */

/* Shared with the children, one at a time. */
static volatile long *shared;

/*
 * Runs probe in a child.  Returns what it returned, 0 or -errno; PROBE_SILENT
 * if it was killed before.  ret_signal, unless NULL, takes the signal that
 * killed it, or 0.
 */
static long in_child(long (*probe)(void), int *ret_signal)
{
	int status;
	pid_t pid;

	*shared = PROBE_SILENT;
	if (ret_signal)
		*ret_signal = 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		alarm(PROBE_SECONDS);
		*shared = probe();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ret_signal && WIFSIGNALED(status))
		*ret_signal = WTERMSIG(status);
	return *shared;
}

static const char *reason(long err)
{
	return err == PROBE_SILENT ? "the try was killed" : strerror((int)-err);
}

/* --- what is needed --- */

static void look_kernel(struct check *check)
{
	struct utsname name;

	if (uname(&name) < 0 || strcmp(name.machine, "x86_64") != 0)
		says(check, ANSWER_NO, "waylay runs on Linux x86-64 only");
	else
		says(check, ANSWER_YES, "Linux %s on x86-64", name.release);
}

/* From here on every call is caught, and as nobody handles the signal, the first one kills. */
static long probe_dispatch(void)
{
	prctl(PR_SET_DUMPABLE, 0); /* no core file */
	signal(SIGSYS, SIG_DFL);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 1, 1, NULL) < 0)
		return -errno;
	*shared = 0;
	getppid();
	return -EINVAL;
}

static void look_dispatch(struct check *check)
{
	int sig;
	long err = in_child(probe_dispatch, &sig);

	if (err == 0 && sig == SIGSYS)
		says(check, ANSWER_YES, "every system call can be caught");
	else if (err == -EINVAL)
		says(check, ANSWER_NO,
		     "this kernel does not have it, or it is switched off (Linux 5.11 brought it)");
	else
		says(check, ANSWER_NO, "%s", reason(err));
}

/* A child that is there to be looked at. */
static pid_t fork_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(PROBE_SECONDS);
		for (;;)
			pause();
	}
	return pid;
}

static void end_child(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void look_ptrace(struct check *check)
{
	pid_t pid = fork_sleeper();
	int status = 0;
	long err = 0;

	if (pid < 0 || ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		err = -errno;
	else if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		 ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		err = -ESRCH;
	end_child(pid);
	if (err)
		says(check, ANSWER_NO, "no program can be started: %s", reason(err));
	else
		says(check, ANSWER_YES, "programs can be started, and followed over exec");
}

static void look_memfd(struct check *check)
{
	cleanup_fd int fd = memfd_create("waylay-doctor", MFD_CLOEXEC);

	if (fd < 0)
		says(check, ANSWER_NO, "there is no memory to share with programs: %s",
		     strerror(errno));
	else
		says(check, ANSWER_YES, "counters live in memory that outlives the program");
}

/* --- what changes the way --- */

static void look_yama(struct check *check)
{
	static const char *const means[] = {
		"any program of yours can be attached to",
		"programs that waylay starts are followed; attaching to others needs privileges",
		"only a tracer with CAP_SYS_PTRACE may follow programs",
		"no program may be followed, whoever asks",
	};
	long scope;
	int err = read_file_long("/proc/sys/kernel/yama/ptrace_scope", &scope);

	if (err == -ENOENT)
		says(check, ANSWER_NO, "not in this kernel; %s", means[0]);
	else if (err < 0 || scope < 0 || scope > 3)
		says(check, ANSWER_UNKNOWN, "ptrace_scope cannot be read");
	else
		says(check, scope ? ANSWER_YES : ANSWER_NO, "ptrace_scope is %ld: %s", scope,
		     means[scope]);
}

static long probe_mem(void)
{
	cleanup_fd int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	if (fd < 0 || page == MAP_FAILED)
		return -errno;
	err = pwrite_full(fd, "waylay", 6, (off_t)(unsigned long)page);
	if (err < 0)
		return err;
	return memcmp(page, "waylay", 6) == 0 ? 0 : -EIO;
}

static void look_mem(struct check *check)
{
	long err = in_child(probe_mem, NULL);

	if (err)
		says(check, ANSWER_NO,
		     "code is rewritten by mprotect(2), and only in programs with one thread: %s",
		     reason(err));
	else
		says(check, ANSWER_YES, "calls go by a jump after the first time");
}

static long probe_membarrier(void)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (commands < 0)
		return -errno;
	if (!(commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE))
		return -EOPNOTSUPP;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) < 0)
		return -errno;
	return 0;
}

static void look_membarrier(struct check *check)
{
	long err = in_child(probe_membarrier, NULL);

	if (err)
		says(check, ANSWER_NO,
		     "a thread may run old code for a moment after it was rewritten: %s",
		     reason(err));
	else
		says(check, ANSWER_YES, "code can be rewritten while other threads run");
}

static void look_fsgsbase(struct check *check)
{
	if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT)
		says(check, ANSWER_YES, "a thread finds its own memory without a system call");
	else
		says(check, ANSWER_NO, "a thread has no way to find its own memory");
}

static long probe_maps_query(void)
{
	cleanup_fd int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct maps_query query = { .size = sizeof(query), .addr = (unsigned long)&query };

	if (fd < 0 || ioctl(fd, MAPS_QUERY, &query) < 0)
		return -errno;
	return query.start <= query.addr && query.addr < query.end ? 0 : -EIO;
}

static void look_maps_query(struct check *check)
{
	long err = in_child(probe_maps_query, NULL);

	if (err)
		says(check, ANSWER_NO,
		     "memory maps are read as text (Linux 6.11 has a faster way)");
	else
		says(check, ANSWER_YES, "a mapping is found by one call");
}

static void look_pidfd_getfd(struct check *check)
{
	pid_t pid = fork_sleeper();
	cleanup_fd int pidfd = -1;
	cleanup_fd int fd = -1;
	long err = 0;

	if (pid > 0)
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, STDERR_FILENO, 0);
	if (fd < 0)
		err = -errno;
	end_child(pid);
	if (err)
		says(check, ANSWER_NO, "memory cannot be handed to a program: %s", reason(err));
	else
		says(check, ANSWER_YES, "programs share their counters with waylay");
}

static void look_sigstack(struct check *check)
{
	unsigned long size = getauxval(AT_MINSIGSTKSZ);

	if (size)
		says(check, ANSWER_YES, "a signal frame takes up to %lu bytes here", size);
	else
		says(check, ANSWER_NO, "the size of a signal frame is guessed");
}

static void look_mdwe(struct check *check)
{
	int on = prctl(PR_GET_MDWE, 0, 0, 0, 0);

	if (on > 0)
		says(check, ANSWER_YES,
		     "no memory becomes executable; code is written by /proc only");
	else if (on == 0)
		says(check, ANSWER_NO, "not in force");
	else
		says(check, ANSWER_NO, "not in this kernel");
}

static void look_shadow_stack(struct check *check)
{
	unsigned long features = 0;

	if (syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS_NR, &features) < 0)
		says(check, ANSWER_NO, "not in this kernel or processor");
	else if (features & 1)
		says(check, ANSWER_YES, "in force for this process; waylay is not tested with it");
	else
		says(check, ANSWER_NO, "not in force; a program may ask for it");
}

static void look_pkeys(struct check *check)
{
	int key = pkey_alloc(0, 0);

	if (key < 0) {
		says(check, ANSWER_NO, "not in this kernel or processor");
	} else {
		says(check, ANSWER_YES,
		     "a program that denies itself key 0 also denies it to waylay");
		pkey_free(key);
	}
}

static void look_vsyscall(struct check *check)
{
	cleanup_free char *maps = NULL;

	if (read_file("/proc/self/maps", 16 << 20, &maps, NULL) < 0)
		says(check, ANSWER_UNKNOWN, "/proc/self/maps cannot be read");
	else if (strstr(maps, "[vsyscall]"))
		says(check, ANSWER_YES, "calls through this old page cannot be caught");
	else
		says(check, ANSWER_NO, "nothing can bypass waylay through it");
}

static void look_io_uring(struct check *check)
{
	/* Without a place for its answer the call fails in any case; how, is the answer. */
	long err = syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0;

	if (err == EFAULT)
		says(check, ANSWER_YES,
		     "what a ring does is not caught, only the calls that drive it");
	else
		says(check, ANSWER_NO, "programs cannot use it: %s", strerror((int)err));
}

/* Finds "Name:\tNUMBER" in /proc/self/status.  Returns the number, or -errno. */
static long status_number(const char *name)
{
	cleanup_free char *status = NULL;
	int err = read_file("/proc/self/status", 1 << 20, &status, NULL);
	const char *at;

	if (err < 0)
		return err;
	at = strstr(status, name);
	return at ? strtol(at + strlen(name), NULL, 10) : -ENOENT;
}

static void look_seccomp(struct check *check)
{
	long mode = status_number("\nSeccomp:");

	if (mode == 0)
		says(check, ANSWER_NO, "no filter is in force");
	else if (mode == 2)
		says(check, ANSWER_YES, "a filter is in force; it sees waylay's own calls too");
	else
		says(check, ANSWER_UNKNOWN, "seccomp mode cannot be read");
}

static void look_traced(struct check *check)
{
	long tracer = status_number("\nTracerPid:");

	if (tracer > 0)
		says(check, ANSWER_YES, "by process %ld; what it traces too cannot be followed",
		     tracer);
	else if (tracer == 0)
		says(check, ANSWER_NO, "no other tracer is in the way");
	else
		says(check, ANSWER_UNKNOWN, "TracerPid cannot be read");
}

/* The proof: waylay itself, as a user would call it. */
static void look_trial(struct check *check)
{
	pid_t pid = fork();
	cleanup_fd int pidfd = -1;
	struct pollfd ended = { .events = POLLIN };
	int status = 0;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execl("/proc/self/exe", "waylay", "run", "--", "sh", "-c", "/bin/true; exit 42",
		      (char *)NULL);
		_exit(CLI_FAILED);
	}
	if (pid > 0)
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ended.fd = pidfd;
	if (pidfd < 0) {
		says(check, ANSWER_UNKNOWN, "cannot try it: %s", strerror(errno));
	} else if (poll(&ended, 1, PROBE_SECONDS * 1000) != 1) {
		says(check, ANSWER_NO, "'waylay run sh' did not end in %d seconds", PROBE_SECONDS);
		kill(pid, SIGKILL);
	}
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (check->text[0])
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 42)
		says(check, ANSWER_YES, "'waylay run sh' ran, and ended as sh did");
	else if (WIFSIGNALED(status))
		says(check, ANSWER_NO, "'waylay run sh' ended by signal %d", WTERMSIG(status));
	else
		says(check, ANSWER_NO, "'waylay run sh' ended with exit status %d instead of 42",
		     WEXITSTATUS(status));
}

/* --- the report --- */

static struct check checks[] = {
	{ "kernel", look_kernel, true, ANSWER_UNKNOWN, "" },
	{ "syscall user dispatch", look_dispatch, true, ANSWER_UNKNOWN, "" },
	{ "ptrace", look_ptrace, true, ANSWER_UNKNOWN, "" },
	{ "memfd_create", look_memfd, true, ANSWER_UNKNOWN, "" },
	{ "pidfd_getfd", look_pidfd_getfd, true, ANSWER_UNKNOWN, "" },
	{ "fsgsbase", look_fsgsbase, true, ANSWER_UNKNOWN, "" },
	{ "yama", look_yama, false, ANSWER_UNKNOWN, "" },
	{ "traced", look_traced, false, ANSWER_UNKNOWN, "" },
	{ "seccomp", look_seccomp, false, ANSWER_UNKNOWN, "" },
	{ "/proc/self/mem", look_mem, false, ANSWER_UNKNOWN, "" },
	{ "membarrier sync_core", look_membarrier, false, ANSWER_UNKNOWN, "" },
	{ "procmap_query", look_maps_query, false, ANSWER_UNKNOWN, "" },
	{ "minsigstksz", look_sigstack, false, ANSWER_UNKNOWN, "" },
	{ "mdwe", look_mdwe, false, ANSWER_UNKNOWN, "" },
	{ "shadow stack", look_shadow_stack, false, ANSWER_UNKNOWN, "" },
	{ "pkeys", look_pkeys, false, ANSWER_UNKNOWN, "" },
	{ "vsyscall page", look_vsyscall, false, ANSWER_UNKNOWN, "" },
	{ "io_uring", look_io_uring, false, ANSWER_UNKNOWN, "" },
	{ "trial", look_trial, true, ANSWER_UNKNOWN, "" },
};

#define CHECKS_NR (sizeof(checks) / sizeof(checks[0]))

static const char *const answers[] = { "no", "yes", "unknown" };

static bool answered_yes(void (*look)(struct check *))
{
	for (size_t i = 0; i < CHECKS_NR; i++) {
		if (checks[i].look == look)
			return checks[i].answer == ANSWER_YES;
	}
	return false;
}

/* Returns whether waylay run will work; text takes why not, or which way it will take. */
static bool verdict(char *text, size_t size)
{
	for (size_t i = 0; i < CHECKS_NR; i++) {
		if (checks[i].needed && checks[i].answer == ANSWER_NO) {
			snprintf(text, size, "waylay run does not work here: %s: %s",
				 checks[i].name, checks[i].text);
			return false;
		}
	}
	snprintf(text, size, "waylay run works here: calls are caught by syscall user dispatch, %s",
		 answered_yes(look_mem) ? "then by jumps" :
					  "and by jumps while there is one thread");
	return true;
}

static int print_lines(bool works, const char *text)
{
	for (size_t i = 0; i < CHECKS_NR; i++)
		printf("%s: %s: %s\n", checks[i].name, answers[checks[i].answer], checks[i].text);
	printf("verdict: %s: %s\n", answers[works], text);
	if (fflush(stdout) == EOF || ferror(stdout))
		return -errno;
	return 0;
}

static int print_json(bool works, const char *text)
{
	struct json j;

	json_init(&j, stdout);
	json_object_open(&j);
	json_key(&j, "version");
	json_number(&j, 1);
	json_key(&j, "waylay");
	json_string(&j, cli_version());
	json_key(&j, "works");
	json_bool(&j, works);
	json_key(&j, "verdict");
	json_string(&j, text);
	json_key(&j, "checks");
	json_array_open(&j);
	for (size_t i = 0; i < CHECKS_NR; i++) {
		json_object_open(&j);
		json_key(&j, "name");
		json_string(&j, checks[i].name);
		json_key(&j, "answer");
		json_string(&j, answers[checks[i].answer]);
		json_key(&j, "needed");
		json_bool(&j, checks[i].needed);
		json_key(&j, "text");
		json_string(&j, checks[i].text);
		json_object_close(&j);
	}
	json_array_close(&j);
	json_object_close(&j);
	return json_finish(&j);
}

static const char help[] =
	"Usage: waylay doctor [--json]\n"
	"\n"
	"Tries out what this machine allows and says what follows for waylay: a line\n"
	"'NAME: yes|no|unknown: WHAT FOLLOWS' for each thing, and a last line with the\n"
	"verdict. A 'no' is not a fault by itself; the verdict counts.\n"
	"\n"
	"Options:\n"
	"      --json     the same as JSON\n"
	"  -v, --verbose  say more about what waylay does\n"
	"      --help     print this text\n"
	"\n"
	"Exit status: 0 'waylay run' will work, 1 it will not, 2 trouble.\n";

int cli_doctor(int argc, char **argv)
{
	enum { OPT_HELP = 256, OPT_JSON };
	static const struct option options[] = {
		{ "help", no_argument, NULL, OPT_HELP },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	bool as_json = false, works;
	char text[256];
	int option, err;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, "+v", options, NULL)) != -1) {
		switch (option) {
		case OPT_HELP: return cli_print(CLI_TROUBLE, help);
		case OPT_JSON: as_json = true; break;
		case 'v': log_more(); break;
		default: return cli_bad_option(CLI_TROUBLE, "doctor", argv);
		}
	}
	if (optind < argc)
		return cli_bad_usage(CLI_TROUBLE, "doctor", "it takes no operands, not '%s'",
				     argv[optind]);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		log_errno(errno, "doctor: cannot map memory");
		return CLI_TROUBLE;
	}
	fflush(stdout);
	for (size_t i = 0; i < CHECKS_NR; i++) {
		log_info("doctor: trying %s", checks[i].name);
		checks[i].look(&checks[i]);
	}
	works = verdict(text, sizeof(text));
	err = as_json ? print_json(works, text) : print_lines(works, text);
	if (err < 0) {
		log_errno(err, "doctor: cannot write to stdout");
		return CLI_TROUBLE;
	}
	return works ? CLI_GOOD : CLI_FINDING;
}
