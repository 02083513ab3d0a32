/* SPDX-License-Identifier: Apache-2.0 */
/* test_maps.c - agent/maps.c: texts of all kinds, and this process's own. */
#include "agent/maps.h"
#include "unit.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Parses all of it; keeps the first few.  Returns how many there were. */
static int parse(const char *text, bool detailed, struct wy_map *ret, int max)
{
	struct wy_maps m;
	int n = 0;

	wy_maps_begin(&m, detailed);
	for (; *text; text++) {
		if (!wy_maps_take(&m, *text))
			continue;
		if (n < max)
			ret[n] = m.map;
		n++;
	}
	return n;
}

static void test_lines(void **state)
{
	struct wy_map map[4];

	assert_int_equal(
		parse("00400000-0040b000 r-xp 0000a000 fe:12 1234567   /bin/a b:c\n"
		      "7ffff7fc1000-7ffff7fc3000 ---s 00000000 00:00 0 \n"
		      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n",
		      false, map, 4),
		3);
	assert_int_equal(map[0].start, 0x400000);
	assert_int_equal(map[0].end, 0x40b000);
	assert_int_equal(map[0].offset, 0xa000);
	assert_int_equal(map[0].inode, 1234567);
	assert_int_equal(map[0].dev_major, 0xfe);
	assert_int_equal(map[0].dev_minor, 0x12);
	assert_int_equal(map[0].flags, WY_MAP_READ | WY_MAP_EXEC | WY_MAP_NAMED);
	assert_memory_equal(map[0].name, "/bin/a b", 8);
	assert_int_equal(map[1].end, 0x7ffff7fc3000);
	assert_int_equal(map[1].inode, 0);
	assert_int_equal(map[1].flags, WY_MAP_SHARED);
	assert_memory_equal(map[1].name, "\0\0\0\0\0\0\0", 8);
	assert_true(map[2].start == 0xffffffffff600000ul);
	assert_int_equal(map[2].flags, WY_MAP_EXEC | WY_MAP_NAMED);
}

#define HEAP "5600a000-5700a000 rw-p 00000000 00:00 0                  [heap]\n"
#define KEYS                                                                                      \
	"Size:              16384 kB\nKernelPageSize:        4 kB\nRss:               12345 kB\n" \
	"Pss:                   1 kB\nSwap:                 67 kB\nSwapPss:              99 kB\n" \
	"Locked:                0 kB\nTHPeligible:           0\nProtectionKey:         0\n"

static unsigned int flags_of(const char *vm_flags)
{
	char text[1024];
	struct wy_map map = { 0 };

	snprintf(text, sizeof(text), HEAP KEYS "VmFlags: %s\n", vm_flags);
	assert_int_equal(parse(text, true, &map, 1), 1);
	assert_int_equal(map.resident, 12345ul << 10);
	assert_int_equal(map.swapped, 67ul << 10);
	assert_memory_equal(map.name, "[heap]\0", 8);
	assert_int_equal(map.flags & 31, WY_MAP_READ | WY_MAP_WRITE | WY_MAP_NAMED);
	return map.flags & ~31u;
}

static void test_details(void **state)
{
	static const char *const odd[] = { "lo",
					   "dc",
					   "wf",
					   "gd",
					   "um",
					   "uw",
					   "ht",
					   "io",
					   "pf",
					   "mg",
					   "sl",
					   "dp",
					   "ss",
					   "bt",
					   "sh",
					   "??",
					   "r",
					   "rdx",
					   "abcdefghijklmnopqrstuvwxyz" };

	assert_int_equal(flags_of("rd wr mr mw me ac "), 0);
	assert_int_equal(flags_of("rd wr mr mw me ac sd"), 0); /* no space at the end */
	assert_int_equal(flags_of(""), 0);
	assert_int_equal(flags_of("rd wr mr mw me nr hg "), WY_MAP_NORESERVE | WY_MAP_HUGE);
	assert_int_equal(flags_of("rd nh mr"), WY_MAP_NOHUGE);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "rd wr mr %s ac ", odd[i]);
		assert_int_equal(flags_of(text), WY_MAP_ODD);
		snprintf(text, sizeof(text), "rd wr %s", odd[i]);
		assert_int_equal(flags_of(text), WY_MAP_ODD);
	}
}

static void test_several(void **state)
{
	struct wy_map map[3];

	/* what one mapping had, the next has not */
	assert_int_equal(parse(HEAP KEYS
			       "VmFlags: rd wr lo \n"
			       "5800a000-5900a000 r--p 00000000 00:00 0 \nRss: 0 kB\nVmFlags: rd \n"
			       "5a00a000-5b00a000 rw-p 00000000 00:00 0 \nRss: 8 kB\n",
			       true, map, 3),
			 2); /* the third has not ended */
	assert_true(map[0].flags & WY_MAP_ODD);
	assert_int_equal(map[1].flags, WY_MAP_READ);
	assert_int_equal(map[1].resident, 0);
	assert_int_equal(map[1].swapped, 0);
	assert_int_equal(map[1].start, 0x5800a000);
}

/* Nothing that comes in may do harm: sanitizers watch. */
static void test_noise(void **state)
{
	static const char letters[] = "0123456789abcdefRSVw-rxp: \n\n/[]kBzwmFlags\xff";
	struct wy_maps m;
	unsigned int x = 1;

	for (int detailed = 0; detailed < 2; detailed++) {
		wy_maps_begin(&m, detailed);
		for (int i = 0; i < 1000000; i++) {
			x = x * 1103515245 + 12345;
			wy_maps_take(&m, letters[(x >> 16) % (sizeof(letters) - 1)]);
		}
		/* the next whole line is understood all the same */
		wy_maps_take(&m, '\n');
		for (const char *c = "1000-3000 rw-p 00000000 00:00 0 \n"; *c; c++)
			assert_int_equal(wy_maps_take(&m, *c), !detailed && *c == '\n');
		assert_int_equal(m.map.start, 0x1000);
		assert_int_equal(m.map.end, 0x3000);
		assert_int_equal(m.map.flags, WY_MAP_READ | WY_MAP_WRITE);
	}
}

static char *slurp(const char *path)
{
	size_t size = 4 << 20, n;
	char *text = malloc(size);
	FILE *f = fopen(path, "re");

	assert_true(text && f);
	n = fread(text, 1, size - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

static void test_own(void **state)
{
	const unsigned long len = 3 << 20;
	char *mine = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct wy_map map[4096];
	unsigned long at = (unsigned long)mine;
	struct wy_maps_query q;
	struct wy_map one;
	bool seen = false;
	char *text;
	int n;

	assert_true(mine != MAP_FAILED && page != MAP_FAILED);
	memset(mine, 1, len);
	assert_int_equal(madvise(mine, len, MADV_DONTFORK), 0);
	text = slurp("/proc/self/smaps");
	n = parse(text, true, map, 4096);
	free(text);
	assert_true(n > 5 && n < 4096);
	for (int i = 0; i < n; i++) {
		assert_true(map[i].start < map[i].end);
		assert_true(!i || map[i - 1].end <= map[i].start);
		if (map[i].start != at)
			continue;
		seen = true;
		assert_int_equal(map[i].end, at + len);
		assert_true(map[i].resident >= len);
		assert_true(map[i].flags & WY_MAP_ODD);
		assert_int_equal(map[i].inode, 0);
	}
	assert_true(seen);
	assert_int_equal(wy_maps_open(&q), 0);
	assert_int_equal(wy_maps_at(&q, at + 5000, &one), 0);
	assert_int_equal(one.start, at);
	assert_int_equal(one.end, at + len);
	assert_int_equal(one.flags, WY_MAP_READ | WY_MAP_WRITE);
	assert_int_equal(wy_maps_at(&q, (unsigned long)page, &one), 0);
	assert_int_equal(one.flags, WY_MAP_READ | WY_MAP_SHARED);
	assert_int_equal(wy_maps_at(&q, 0, &one), 0); /* the first there is */
	assert_int_equal(one.start, map[0].start);
	assert_int_equal(wy_maps_at(&q, (unsigned long)test_own, &one), 0);
	assert_true(one.inode != 0 && one.flags & WY_MAP_EXEC);
	wy_maps_close(&q);
	assert_int_equal(wy_maps_find((unsigned long)test_own, &one), 0);
	assert_true(one.inode != 0 && one.flags & WY_MAP_EXEC);
	assert_int_equal(wy_maps_find(0, &one), -ENOENT);
	munmap(mine, len);
	munmap(page, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),   cmocka_unit_test(test_details),
		cmocka_unit_test(test_several), cmocka_unit_test(test_noise),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
