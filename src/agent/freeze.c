/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.c - see freeze.h; frozen.c has what comes after.
 *
 * fork(2) copies the page tables of private anonymous memory, 20 to 35 ns for
 * each page of 4 KB: that is the price of a copy of a big process.  Two things
 * make it cheap, and the program sees neither.
 *
 * memfd.  What is there of the memory moves into a file, which is mapped privately
 * in its place.  It is copied on writing as before, but a private mapping of a
 * file that nobody has written to has no page tables that a fork must copy: the
 * child faults in what it touches.  Done in pieces of 2 MB, each given back
 * when it is in the file, so that memory never doubles, and whenever this must
 * stop (a limit, no memory) every piece is whole, the old way or the new one.
 * Only what is there goes into the file: memory that was only reserved stays
 * what it is, and so do runs of zeros, whose pages are given back.
 *
 * A copy then pays for its first touch of each 64 KB or so: 5 us.  So the file's pages are
 * gathered into huge ones where all of 2 MB is data, as long as that goes fast;
 * then it pays once for each 2 MB, and what it writes is still copied by 4 KB.
 * For this, an address and its place in the file are the same modulo 2 MB.  The place
 * becomes a huge page when there is only one page in it, of zeros, and then it is
 * written: so all is copied once, and no page is made to be thrown away.  Each such
 * call waits until all processors have put their lists of pages in order, 1 to 15 ms
 * if they have other work; so it is made for many places, before what is written there is
 * looked at.  Plain pages are right, too: kernels before 6.1 have nothing else.
 *
 * thp.  Anonymous pages are gathered into huge ones, whose tables are 512 times
 * smaller.  A copy pays for tables of all memory, but less for what it reads.
 *
 * auto: nothing below 32 MB, or where a child that ends at once shows that copies
 * are cheap already.  Else the file, with which the cost of a copy, in time
 * and in page tables, does not grow with the program; thp where it cannot be.
 *
 * Which memory: private anonymous mappings with no other property than that they
 * can be read, by a list of what is known to do no harm.  Not stacks, nothing
 * locked, executable, kept from children, watched, with a key, with a policy of
 * its own, nor of the agent; and no file at all while something is pinned for a
 * device or the kernel may still write to it (aio).
 *
 * Not hidden: maps(5) shows the file; MADV_WIPEONFORK is refused on frozen memory,
 * as old kernels do; a core dump holds of it what the copy has written to;
 * userfaultfd(2) sees the faults of a file.
 */
#include "agent/freeze.h"
#include "agent/frozen.h"
#include "agent/maps.h"
#include "agent/own.h"
#include "agent/procfs.h"
#include "agent/sys.h"
#include "agent/thread.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/mman.h>
#include <asm/resource.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/time.h>
#include <linux/wait.h>

#define PAGE           4096ul
#define HUGE           (2ul << 20)
#define AUTO_MIN       (32ul << 20) /* less is copied fast enough as it is */
#define AUTO_FORK_US   100          /* a copy that is cheap enough */
#define REGION_MIN     (1ul << 20)  /* of what is there in a mapping */
#define REGIONS_MAX    1024u
#define GAP_PAGES      64u  /* so many pages with nothing in them end a piece */
#define PIECE_PAGES    64u  /* no piece is smaller: a mapping costs a fork what 35 pages do */
#define HUGE_PRESENT   384u /* pages that are there of those that one huge page holds */
#define THP_FAILURES   16u
#define HUGE_US        1500000ul /* to make pages of the file huge: in all, ... */
#define HUGE_US_PER_GB 1000000ul /* ... more for each GB, ... */
#define HUGE_US_EACH   20000ul   /* ... and not so much for each, once there are ... */
#define HUGE_FIRST     4u        /* ... so many */
#define HUGE_BATCH     16u       /* made at once */

#define PAGEMAP_PAGES  8192u

#define MADV_COLLAPSE_ 25 /* Linux 6.1 */

/* Shared memory, so that it never becomes a part of one of the mappings that it lists. */
struct work {
	struct wy_map region[REGIONS_MAX];
	unsigned int nr_regions;
	unsigned long bytes; /* that are there in all of them */
	bool busy;           /* the kernel may write to pages that it has found before */
	long pagemap;
	unsigned long first; /* address of what is in word[] */
	unsigned int words;
	unsigned long word[PAGEMAP_PAGES];
	char text[16384];

	/* memfd */
	long fd;
	unsigned long file_len;
	unsigned long huge_end; /* of the places in the file that were made huge ahead */
	unsigned long window;   /* room for a batch of them, at such a bound; 0: none */
	unsigned int piece_min; /* pages */
	unsigned long huge_us;  /* spent on making huge pages */
	unsigned int huge_tried, huge_failed;
	bool no_huge;
	/* the pages of one region since the last one that was dealt with */
	unsigned long piece;          /* the first that holds something; 0: none */
	unsigned long piece_end;      /* behind the last one that does */
	unsigned long gap;            /* where nothing is, up to the page that is looked at */
	unsigned int data, gap_zeros; /* pages in each: with data; there, but zero */
	unsigned long bits[HUGE / PAGE / 64 + 1]; /* of the piece: which hold something */
};

static unsigned long now_us(void)
{
	struct {
		long sec, ns;
	} t = { 0, 0 };

	sys2(__NR_clock_gettime, CLOCK_MONOTONIC, &t);
	return (unsigned long)t.sec * 1000000 + (unsigned long)t.ns / 1000;
}

/* A child that ends at once, without a signal that the program could notice. */
static unsigned int fork_once(void)
{
	unsigned long start = now_us();
	long pid = sys6(__NR_clone, 0, 0, 0, 0, 0, 0);

	if (pid == 0) {
		for (;;)
			sys1(__NR_exit_group, 0);
	}
	if (pid < 0)
		return 0;
	while (sys4(__NR_wait4, pid, 0, __WALL, 0) == -EINTR)
		;
	return (unsigned int)(now_us() - start);
}

static unsigned int fork_us(void)
{
	unsigned int best = fork_once();

	/* The first one also pays for what it is the first to share. */
	for (int i = 0; i < 4 && best < 10000; i++) {
		unsigned int us = fork_once();

		if (us < best)
			best = us;
	}
	return best;
}

/* ---- which memory ---- */

static bool starts_with(const struct wy_map *map, const char *name)
{
	for (int i = 0; name[i]; i++) {
		if (map->name[i] != name[i])
			return false;
	}
	return true;
}

static bool has_policy(unsigned long addr)
{
	int mode = 0;

	/* 2: MPOL_F_ADDR; kernels without it have no policies. */
	return sys6(__NR_get_mempolicy, &mode, 0, 0, addr, 2, 0) == 0 && mode != 0;
}

static bool is_candidate(const struct wy_map *map)
{
	return map->flags & WY_MAP_READ && !map->inode &&
	       !(map->flags & (WY_MAP_EXEC | WY_MAP_SHARED | WY_MAP_ODD)) &&
	       map->resident + map->swapped >= REGION_MIN && !has_policy(map->start);
}

/* The first range in [start, end) that the agent uses itself, or nothing at its end. */
static void next_own(unsigned long start, unsigned long end, unsigned long *ret_start,
		     unsigned long *ret_end)
{
	/* Should the table of ranges have been full: what may not change while it moves. */
	unsigned long stack = (unsigned long)__builtin_frame_address(0) & -WY_BLOCK_SIZE;

	if (!wy_own_touches(start, end - start, ret_start, ret_end))
		*ret_start = *ret_end = end;
	if (stack < *ret_start && stack + WY_BLOCK_SIZE > start) {
		*ret_start = stack;
		*ret_end = stack + WY_BLOCK_SIZE;
	}
}

/* What of the mapping is not the agent's own. */
static void add_region(struct work *w, const struct wy_map *map)
{
	unsigned long start = map->start, own_start, own_end;
	struct wy_map part = *map;

	w->bytes += map->resident + map->swapped;
	for (; start < map->end && w->nr_regions < REGIONS_MAX; start = own_end) {
		next_own(start, map->end, &own_start, &own_end);
		if (own_start > start) {
			part.start = start;
			part.end = own_start;
			w->region[w->nr_regions++] = part;
		}
	}
}

static long find_regions(struct work *w)
{
	long fd = sys3(__NR_open, "/proc/self/smaps", O_RDONLY | O_CLOEXEC, 0);
	struct wy_maps maps;
	unsigned long at = 0;
	long n;

	if (fd < 0)
		return fd;
	w->nr_regions = 0;
	w->bytes = 0;
	wy_maps_begin(&maps, true);
	while ((n = wy_proc_read(fd, w->text, sizeof(w->text), &at)) > 0) {
		for (long i = 0; i < n; i++) {
			if (!wy_maps_take(&maps, w->text[i]))
				continue;
			if (starts_with(&maps.map, "/[aio]"))
				w->busy = true;
			if (is_candidate(&maps.map))
				add_region(w, &maps.map);
		}
	}
	sys1(__NR_close, fd);
	return n;
}

/* "VmPin: 0 kB": memory that a device knows by its place. */
static bool has_pinned(struct work *w)
{
	static const char key[] = "\nVmPin:";
	long fd = sys3(__NR_open, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
	unsigned long len = 0;

	if (fd < 0)
		return true;
	while (len < sizeof(w->text) &&
	       wy_proc_read(fd, w->text + len, sizeof(w->text) - len, &len) > 0)
		;
	sys1(__NR_close, fd);
	for (unsigned long i = 0; i + sizeof(key) <= len; i++) {
		long at = 0;

		while (key[at] && key[at] == w->text[i + at])
			at++;
		if (key[at])
			continue;
		for (i += at; i < len && w->text[i] != '\n'; i++) {
			if (w->text[i] >= '1' && w->text[i] <= '9')
				return true;
		}
		return false;
	}
	return false;
}

/* The word of /proc/self/pagemap for a page that is below `end`; 0 if it cannot be had. */
static unsigned long pagemap_at(struct work *w, unsigned long addr, unsigned long end)
{
	unsigned long at = (addr - w->first) / PAGE, count = (end - addr) / PAGE;
	long n;

	if (addr < w->first || at >= w->words) {
		if (count > PAGEMAP_PAGES)
			count = PAGEMAP_PAGES;
		n = sys4(__NR_pread64, w->pagemap, w->word, count * 8, addr / PAGE * 8);
		w->first = addr;
		w->words = n > 0 ? (unsigned int)(n / 8) : 0;
		at = 0;
	}
	return at < w->words ? w->word[at] : 0;
}

/* ---- memfd ---- */

static bool is_zero_page(unsigned long addr)
{
	const unsigned long *word = (const unsigned long *)addr;

	for (unsigned long i = 0; i < PAGE / 8; i++) {
		if (word[i])
			return false;
	}
	return true;
}

enum content { NOTHING, ZEROS, DATA };
static enum content content_of(struct work *w, unsigned long addr, unsigned long end)
{
	unsigned long word = pagemap_at(w, addr, end);

	if (word & WY_PAGEMAP_SWAPPED)
		return DATA;
	if (!(word & WY_PAGEMAP_PRESENT))
		return NOTHING;
	/* It is there and nobody else runs who could take it away: this cannot fault. */
	return is_zero_page(addr) ? ZEROS : DATA;
}

static long write_file(const struct work *w, unsigned long addr, unsigned long len,
		       unsigned long at)
{
	while (len) {
		long n = sys4(__NR_pwrite64, w->fd, addr, len, at);

		if (n <= 0)
			return n < 0 ? n : -EIO;
		addr += (unsigned long)n;
		at += (unsigned long)n;
		len -= (unsigned long)n;
	}
	return 0;
}

/* The piece's pages that hold something; what is between them stays a hole. */
static long write_piece(const struct work *w, unsigned long to)
{
	unsigned long pages = (w->piece_end - w->piece) / PAGE;
	long ret = 0;

	for (unsigned long i = 0, run; !ret && i < pages; i += run + 1) {
		for (run = 0; i + run < pages; run++) {
			if (!(w->bits[(i + run) / 64] >> ((i + run) % 64) & 1))
				break;
		}
		ret = write_file(w, w->piece + i * PAGE, run * PAGE, to + i * PAGE);
	}
	return ret;
}

static long map_piece(const struct work *w, const struct wy_map *region, unsigned long from)
{
	unsigned long len = w->piece_end - w->piece;
	int flags = MAP_PRIVATE | MAP_FIXED;
	long ret;

	if (region->flags & WY_MAP_NORESERVE)
		flags |= MAP_NORESERVE;
	ret = sys6(__NR_mmap, w->piece, len, wy_map_protection(region->flags), flags, w->fd, from);
	if (WY_IS_ERROR(ret))
		return ret;
	if (region->flags & WY_MAP_HUGE)
		sys3(__NR_madvise, w->piece, len, MADV_HUGEPAGE);
	if (region->flags & WY_MAP_NOHUGE)
		sys3(__NR_madvise, w->piece, len, MADV_NOHUGEPAGE);
	return 0;
}

/* Pages of one place for a huge page. */
static unsigned int present_pages(struct work *w, unsigned long addr, unsigned long end)
{
	unsigned int n = 0;

	for (unsigned long at = addr; at < addr + HUGE; at += PAGE)
		n += (pagemap_at(w, at, end) & (WY_PAGEMAP_PRESENT | WY_PAGEMAP_SWAPPED)) != 0;
	return n;
}

/* Of the region, from the piece on: how much in a row is there as a whole, a batch at most. */
static unsigned int places_ahead(struct work *w, const struct wy_map *region)
{
	unsigned int n = 1, max = w->huge_tried < HUGE_FIRST ? HUGE_FIRST : HUGE_BATCH;
	unsigned long at = w->piece + HUGE;

	while (n < max && at + HUGE <= region->end &&
	       present_pages(w, at, region->end) == HUGE / PAGE) {
		at += HUGE;
		n++;
	}
	return n;
}

/*
 * Before the piece is written to `to`.  That stays right whatever comes of this: what is made ahead
 * is zero, as the rest of the file.
 */
static void make_huge(struct work *w, const struct wy_map *region, unsigned long to)
{
	unsigned long start, len;
	unsigned int nr;
	long err;

	/* Pieces do not cross the bounds of huge pages: so it is one. */
	if (w->no_huge || !w->window || w->data < HUGE / PAGE || region->flags & WY_MAP_NOHUGE ||
	    to < w->huge_end)
		return;
	nr = places_ahead(w, region);
	len = nr * HUGE;
	start = now_us();
	err = sys2(__NR_ftruncate, w->fd, to + len);
	if (!err)
		w->huge_end = to + len;
	for (unsigned long at = to; !err && at < to + len; at += HUGE)
		err = write_file(w, (unsigned long)"", 1, at);
	/* Private: a file that is mapped shared cannot be sealed. */
	if (err ||
	    WY_IS_ERROR(sys6(__NR_mmap, w->window, len, PROT_READ, MAP_PRIVATE | MAP_FIXED, w->fd,
			     to)) ||
	    sys3(__NR_madvise, w->window, len, MADV_COLLAPSE_) < 0)
		w->huge_failed += nr;
	w->huge_us += now_us() - start;
	w->huge_tried += nr;
	w->no_huge = w->huge_failed >= THP_FAILURES ||
		     w->huge_us > HUGE_US + (w->bytes >> 20) * HUGE_US_PER_GB / 1024 ||
		     (w->huge_tried >= HUGE_FIRST && w->huge_us > w->huge_tried * HUGE_US_EACH);
}

static struct wy_frozen_extent *last_extent(void)
{
	return wy_frozen.nr ? &wy_frozen.extent[wy_frozen.nr - 1] : NULL;
}

/* Ends the piece: it is frozen if that pays, and the holes do not.  Returns 0 or -errno. */
static long finish_piece(struct work *w, const struct wy_map *region, struct wy_freeze_result *r)
{
	unsigned long len = w->piece_end - w->piece;
	struct wy_frozen_extent *last = last_extent();
	bool joins = last && w->piece && last->end == w->piece && w->piece > region->start;
	/* The next place in the file that a huge page could be mapped from. */
	unsigned long to = w->file_len + (w->piece - w->file_len) % HUGE;
	long ret = 0;

	if (w->data && w->data * 4ul >= len / PAGE &&
	    (joins || (w->data >= w->piece_min && wy_frozen.nr < WY_FROZEN_MAX))) {
		make_huge(w, region, to);
		ret = write_piece(w, to);
		if (!ret && to + len > w->huge_end) /* it may end in a hole */
			ret = sys2(__NR_ftruncate, w->fd, to + len);
		if (!ret)
			ret = map_piece(w, region, to);
		if (ret) {
			sys2(__NR_ftruncate, w->fd, w->file_len);
			return ret;
		}
		w->file_len = to + len;
		r->bytes += w->data * PAGE;
		if (joins)
			last->end = w->piece_end;
		else
			wy_frozen.extent[wy_frozen.nr++] =
				(struct wy_frozen_extent){ w->piece, w->piece_end };
	}
	w->piece = 0;
	w->data = 0;
	for (unsigned long i = 0; i < sizeof(w->bits) / sizeof(w->bits[0]); i++)
		w->bits[i] = 0;
	return ret;
}

/* [w->gap, end) holds nothing but zeros: their pages need not be there. */
static void finish_gap(struct work *w, unsigned long end)
{
	if (w->gap && w->gap_zeros >= PIECE_PAGES)
		sys3(__NR_madvise, w->gap, end - w->gap, MADV_DONTNEED);
	w->gap = 0;
	w->gap_zeros = 0;
}

/* A piece goes on behind `at`: its first part is dealt with. */
static long finish_block(struct work *w, unsigned long at, const struct wy_map *region,
			 struct wy_freeze_result *r)
{
	long ret;

	w->piece_end = at;
	ret = finish_piece(w, region, r);
	if (!ret && wy_frozen.nr && last_extent()->end == at)
		w->piece = w->piece_end = at;
	return ret;
}

static long freeze_region(struct work *w, const struct wy_map *region, struct wy_freeze_result *r)
{
	long ret = 0;

	w->words = 0;
	w->piece = w->gap = 0;
	for (unsigned long at = region->start; !ret && at < region->end; at += PAGE) {
		enum content content = content_of(w, at, region->end);
		unsigned long page;

		/* Pieces end where huge pages do, or these would be split. */
		if (w->piece && at % HUGE == 0)
			ret = finish_block(w, at, region, r);
		if (content == DATA) {
			finish_gap(w, at);
			if (!w->piece)
				w->piece = at;
			page = (at - w->piece) / PAGE;
			w->bits[page / 64] |= 1ul << (page % 64);
			w->data++;
			w->piece_end = at + PAGE;
			continue;
		}
		if (!w->gap)
			w->gap = at;
		w->gap_zeros += content == ZEROS;
		if (w->piece && at + PAGE - w->piece_end >= GAP_PAGES * PAGE)
			ret = finish_piece(w, region, r);
	}
	if (!ret)
		ret = finish_piece(w, region, r);
	finish_gap(w, region->end);
	return ret;
}

/* Some systems forbid to make a file's memory executable, which that of a program may become. */
static long probe_file(const struct work *w)
{
	long at = sys6(__NR_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, w->fd, 0);
	long ret;

	if (WY_IS_ERROR(at))
		return at;
	ret = sys3(__NR_mprotect, at, PAGE, PROT_READ | PROT_EXEC);
	sys2(__NR_munmap, at, PAGE);
	return ret;
}

static long make_file(struct work *w)
{
	struct stat st;
	long ret;

	w->fd = sys2(__NR_memfd_create, "waylay", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (w->fd < 0)
		return w->fd;
	ret = sys2(__NR_fstat, w->fd, &st);
	if (ret < 0)
		return ret;
	wy_frozen.inode = st.st_ino;
	wy_frozen.dev_major = (unsigned int)(st.st_dev >> 8 & 0xfff);
	wy_frozen.dev_minor = (unsigned int)((st.st_dev & 0xff) | (st.st_dev >> 12 & 0xfff00));
	return probe_file(w);
}

#define ROOM ((HUGE_BATCH + 1) * HUGE)
static long freeze_to_file(struct work *w, struct wy_freeze_result *r)
{
	struct rlimit64 old, most;
	long ret, room = -ENOMEM;

	if (w->busy || has_pinned(w))
		return -EBUSY;
	ret = make_file(w);
	if (ret < 0)
		goto out;
	room = sys_mmap(0, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	w->window = WY_IS_ERROR(room) ? 0 : ((unsigned long)room + HUGE - 1) & -HUGE;
	w->piece_min = (unsigned int)(w->bytes / PAGE / WY_FROZEN_MAX);
	if (w->piece_min < PIECE_PAGES)
		w->piece_min = PIECE_PAGES;
	/* How long files may become is not about memory; SIGXFSZ would come. */
	ret = sys4(__NR_prlimit64, 0, RLIMIT_FSIZE, 0, &old);
	if (ret < 0)
		goto out;
	most = (struct rlimit64){ old.rlim_max, old.rlim_max };
	/* Holes included: see finish_piece() for those in pieces, and PIECE_PAGES and HUGE. */
	if (most.rlim_cur < 12 * w->bytes + HUGE_BATCH * HUGE) {
		ret = -EFBIG;
		goto out;
	}
	if (old.rlim_cur != old.rlim_max)
		sys4(__NR_prlimit64, 0, RLIMIT_FSIZE, &most, 0);
	for (unsigned int i = 0; !ret && i < w->nr_regions; i++)
		ret = freeze_region(w, &w->region[i], r);
	if (old.rlim_cur != old.rlim_max)
		sys4(__NR_prlimit64, 0, RLIMIT_FSIZE, &old, 0);
	sys2(__NR_ftruncate, w->fd, w->file_len);
	sys3(__NR_fcntl, w->fd, F_ADD_SEALS,
	     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
out:
	if (!WY_IS_ERROR(room))
		sys2(__NR_munmap, room, ROOM);
	if (w->fd >= 0)
		sys1(__NR_close, w->fd);
	r->extents = wy_frozen.nr;
	return ret;
}

/* ---- huge pages ---- */

static long collapse_all(struct work *w, struct wy_freeze_result *r)
{
	unsigned int failures = 0;
	long ret = 0;

	for (unsigned int i = 0; i < w->nr_regions; i++) {
		const struct wy_map *region = &w->region[i];
		unsigned long at = (region->start + HUGE - 1) & -HUGE;

		if (region->flags & WY_MAP_NOHUGE)
			continue;
		w->words = 0;
		for (; at + HUGE <= region->end; at += HUGE) {
			if (present_pages(w, at, region->end) < HUGE_PRESENT)
				continue;
			ret = sys3(__NR_madvise, at, HUGE, MADV_COLLAPSE_);
			if (ret == 0)
				r->bytes += HUGE;
			else if (++failures == THP_FAILURES)
				return ret;
		}
	}
	return failures ? ret : 0;
}

/* ---- freeze ---- */

static long choose(struct work *w, enum wy_serve_freeze how, struct wy_freeze_result *r)
{
	long ret = 0;

	if (how == WY_FREEZE_AUTO && (w->bytes < AUTO_MIN || r->fork_us_before <= AUTO_FORK_US))
		return 0;
	if (how != WY_FREEZE_THP)
		ret = freeze_to_file(w, r);
	if (wy_frozen.nr) {
		r->how = WY_FREEZE_MEMFD;
	} else if (how != WY_FREEZE_MEMFD) {
		ret = collapse_all(w, r);
		if (r->bytes)
			r->how = WY_FREEZE_THP;
	}
	r->fork_us_after = fork_us();
	return ret;
}

long wy_freeze(enum wy_serve_freeze how, struct wy_freeze_result *r)
{
	unsigned long start = now_us();
	struct work *w;
	long at;

	*r = (struct wy_freeze_result){ .how = WY_FREEZE_OFF };
	if (how == WY_FREEZE_OFF || wy_frozen.nr)
		return 0;
	at = sys6(__NR_mmap, 0, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		  0);
	if (WY_IS_ERROR(at)) {
		r->error = at;
		return at;
	}
	w = (struct work *)at;
	r->error = find_regions(w);
	if (!r->error) {
		r->fork_us_before = r->fork_us_after = fork_us();
		w->fd = -1;
		w->pagemap = sys3(__NR_open, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
		r->error = w->pagemap < 0 ? w->pagemap : choose(w, how, r);
		if (w->pagemap >= 0)
			sys1(__NR_close, w->pagemap);
	}
	sys2(__NR_munmap, w, sizeof(*w));
	r->us = (unsigned int)(now_us() - start);
	return r->error;
}
