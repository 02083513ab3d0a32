/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_freeze.c - agent/freeze.c: a process with a hundred megabytes is frozen, and
 * twenty copies of it find everything as it was and do to it what allocators do.
 *
 * Each test is a process of its own: what is frozen is frozen once.
 */
#include "freeze_shim.h"
/* clang-format off: cmocka.h has a macro skip() */
#include "../prog/frozen.h"
#include "unit.h"
/* clang-format on */

#define COPIES 20

/* Ends with 0 when all is well; says what is not on stderr. */
static int in_process(void (*run)(void))
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		/* cmocka's handlers would go on with the next test, in this process */
		for (int sig = 1; sig < 32; sig++)
			signal(sig, SIG_DFL);
		run();
		_exit(0);
	}
	return wait_for(pid);
}

static void one_copy(void)
{
	int null = open("/dev/null", O_WRONLY);

	must(null >= 0 && dup2(null, 1) == 1 && close(null) == 0);
	must(shim_start() == 0);
	frozen_checks(1);
	must(shim_caught > 10);
}

static void copies_of(enum wy_serve_freeze how, struct wy_freeze_result *r)
{
	struct rlimit fsize = { 4096, RLIM_INFINITY };
	int open_before, open_after;

	frozen_prepare(1);
	must(setrlimit(RLIMIT_FSIZE, &fsize) == 0); /* says nothing about memory */
	open_before = dup(2);
	wy_freeze(how, r);
	open_after = dup(2);
	must(open_after == open_before + 1);
	must(getrlimit(RLIMIT_FSIZE, &fsize) == 0 && fsize.rlim_cur == 4096);
	must(waitpid(-1, NULL, __WALL) == -1 && errno == ECHILD);
	frozen_contents();
	for (int i = 0; i < COPIES; i++)
		must(in_process(one_copy) == 0);
	frozen_contents();
}

static void file(void)
{
	struct wy_freeze_result r;

	copies_of(WY_FREEZE_MEMFD, &r);
	must(r.error == 0 && r.how == WY_FREEZE_MEMFD);
	/* map, none, big, constant, reserve, blocks: nothing of what may not, none of the zeros */
	must(r.bytes > 90 * FROZEN_MB && r.bytes < 130 * FROZEN_MB);
	must(r.extents >= 5 && r.extents < 100);
	must(r.fork_us_after > 0 && r.fork_us_after < r.fork_us_before);
	must(wy_freeze(WY_FREEZE_MEMFD, &r) == 0 && r.how == WY_FREEZE_OFF); /* once */
}

static void huge(void)
{
	struct wy_freeze_result r;

	copies_of(WY_FREEZE_THP, &r);
	must(r.how == WY_FREEZE_THP || r.error < 0);
}

static void automatic(void)
{
	struct wy_freeze_result r;

	copies_of(WY_FREEZE_AUTO, &r);
	must(r.how == WY_FREEZE_MEMFD && r.bytes > 60 * FROZEN_MB);
}

/* Nothing but one mapping: the file ends with a hole, and zeros are not in it. */
static void holes(void)
{
	static unsigned char there[16 * FROZEN_MB / FROZEN_PAGE];
	const size_t huge_page = 2 * FROZEN_MB, used = 500 * FROZEN_PAGE;
	unsigned char *m = frozen_map(32 * FROZEN_MB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct wy_freeze_result r;

	m = (unsigned char *)(((uintptr_t)m + huge_page - 1) & -huge_page);
	frozen_fill(m, used, 1);
	memset(m + 8 * FROZEN_MB, 0, 16 * FROZEN_MB);
	must(wy_freeze(WY_FREEZE_MEMFD, &r) == 0);
	must(r.bytes == used && r.extents == 1);
	must(mincore(m + 8 * FROZEN_MB, 16 * FROZEN_MB, there) == 0);
	for (size_t i = 0; i < sizeof(there); i++)
		must(!(there[i] & 1));
	must(frozen_holds(m, used, 0, 1));
	must(frozen_zero(m + used, 30 * FROZEN_MB - used));
	memset(m, 2, 30 * FROZEN_MB);
}

/* Can this kernel make a file's pages huge at all?  (Linux 6.1) */
static bool kernel_collapses(void)
{
	const size_t huge_page = 2 * FROZEN_MB;
	int fd = memfd_create("probe", MFD_CLOEXEC);
	unsigned char *m = frozen_map(2 * huge_page, PROT_NONE, MAP_PRIVATE);
	bool ret;

	m = (unsigned char *)(((uintptr_t)m + huge_page - 1) & -huge_page);
	must(fd >= 0 && ftruncate(fd, (off_t)huge_page) == 0);
	must(mmap(m, huge_page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == m);
	memset(m, 1, huge_page);
	ret = madvise(m, huge_page, 25 /* MADV_COLLAPSE */) == 0;
	must(munmap(m, huge_page) == 0 && close(fd) == 0);
	return ret;
}

/*
 * KB of frozen memory that are mapped as huge pages.  All of it must be where it could be:
 * its address and its place in the file are the same modulo 2 MB.
 */
static unsigned long huge_kb(void)
{
	unsigned long start, offset, kb, sum = 0, found = 0;
	FILE *f = fopen("/proc/self/smaps", "re");
	bool ours = false;
	char line[512];

	must(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%*x %*s %lx ", &start, &offset) == 2) {
			ours = strstr(line, "/memfd:waylay") != NULL;
			found += ours;
			must(!ours || start % (2 * FROZEN_MB) == offset % (2 * FROZEN_MB));
		} else if (ours && sscanf(line, "ShmemPmdMapped: %lu kB", &kb) == 1) {
			sum += kb;
		}
	}
	fclose(f);
	must(found);
	return sum;
}

/* Two places at an odd distance; a copy, and then the process itself, write to a huge page. */
static void huge_file(void)
{
	const size_t len = 21 * FROZEN_MB + 5 * FROZEN_PAGE, other_len = 9 * FROZEN_MB;
	unsigned char *m = frozen_map(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	unsigned char *other = frozen_map(64 * FROZEN_MB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	const size_t at = 10 * FROZEN_MB + 7 * FROZEN_PAGE, behind = at + FROZEN_PAGE;
	struct wy_freeze_result r;

	frozen_fill(m, len, 1);
	other += 40 * FROZEN_MB + 3 * FROZEN_PAGE;
	frozen_fill(other, other_len, 2);
	must(wy_freeze(WY_FREEZE_MEMFD, &r) == 0);
	/* Where a place begins or ends shortly before a boundary of 2 MB, a little stays as it is. */
	must(r.how == WY_FREEZE_MEMFD && r.bytes + 4 * 64 * FROZEN_PAGE >= len + other_len);
	for (int copy = 1; copy >= 0; copy--) {
		pid_t pid = copy ? fork() : 0;

		must(pid >= 0);
		if (pid) {
			must(wait_for(pid) == 0);
			continue;
		}
		must(frozen_holds(m, len, 0, 1) && frozen_holds(other, other_len, 0, 2));
		if (kernel_collapses()) /* all but the ends */
			must(huge_kb() >= (18 + 6) * 1024);
		else
			huge_kb();
		memset(m + at, 0xee, FROZEN_PAGE);
		for (size_t i = 0; i < FROZEN_PAGE; i++)
			must(m[at + i] == 0xee);
		must(frozen_holds(m, at, 0, 1));
		must(frozen_holds(m + behind, len - behind, behind, 1));
		if (copy)
			_exit(0);
	}
}

/* Huge pages are made for several places ahead; one of them holds zeros where data was expected. */
static void zeros_among_huge(void)
{
	const size_t huge_page = 2 * FROZEN_MB, len = 6 * huge_page;
	const size_t zeros = huge_page, zeros_len = 50 * FROZEN_PAGE;
	const size_t behind = zeros + zeros_len;
	unsigned char *m = frozen_map(len + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct wy_freeze_result r;
	pid_t pid;

	m = (unsigned char *)(((uintptr_t)m + huge_page - 1) & -huge_page);
	frozen_fill(m, len, 1);
	memset(m + zeros, 0, zeros_len);
	must(wy_freeze(WY_FREEZE_MEMFD, &r) == 0);
	must(r.how == WY_FREEZE_MEMFD && r.bytes == len - zeros_len);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		must(frozen_holds(m, zeros, 0, 1) && frozen_zero(m + zeros, zeros_len));
		must(frozen_holds(m + behind, len - behind, behind, 1));
		_exit(0);
	}
	must(wait_for(pid) == 0);
}

static void little(void)
{
	struct wy_freeze_result r;

	must(wy_freeze(WY_FREEZE_AUTO, &r) == 0);
	must(r.how == WY_FREEZE_OFF && r.bytes == 0);
	must(wy_freeze(WY_FREEZE_OFF, &r) == 0);
	must(r.how == WY_FREEZE_OFF && r.bytes == 0);
}

/* Copies while nothing could be frozen: nothing has changed. */
static void limited(int resource, rlim_t limit, long error)
{
	struct rlimit r = { limit, limit };
	struct wy_freeze_result result;

	frozen_prepare(1);
	must(setrlimit(resource, &r) == 0);
	wy_freeze(WY_FREEZE_MEMFD, &result);
	if (result.error != error)
		die("%s in place of %s", outcome(result.error), outcome(error));
	must(result.how == WY_FREEZE_OFF && result.bytes == 0);
	frozen_contents();
}

static void no_descriptors(void)
{
	limited(RLIMIT_NOFILE, 3, -EMFILE);
}

static void no_long_files(void)
{
	limited(RLIMIT_FSIZE, 1 << 20, -EFBIG);
}

static void test_file(void **state)
{
	assert_int_equal(in_process(file), 0);
}

static void test_huge(void **state)
{
	assert_int_equal(in_process(huge), 0);
}

static void test_zeros_among_huge(void **state)
{
	assert_int_equal(in_process(zeros_among_huge), 0);
}

static void test_automatic(void **state)
{
	assert_int_equal(in_process(automatic), 0);
}

static void test_holes(void **state)
{
	assert_int_equal(in_process(holes), 0);
}

static void test_huge_file(void **state)
{
	assert_int_equal(in_process(huge_file), 0);
}

static void test_little(void **state)
{
	assert_int_equal(in_process(little), 0);
}

static void test_limits(void **state)
{
	assert_int_equal(in_process(no_descriptors), 0);
	assert_int_equal(in_process(no_long_files), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),      cmocka_unit_test(test_huge),
		cmocka_unit_test(test_automatic), cmocka_unit_test(test_holes),
		cmocka_unit_test(test_huge_file), cmocka_unit_test(test_little),
		cmocka_unit_test(test_limits),    cmocka_unit_test(test_zeros_among_huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
