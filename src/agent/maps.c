/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/maps.h"
#include "agent/procfs.h"
#include "agent/sys.h"
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>

enum { LINE_START, HEADER, KEY, VALUE, FLAGS, REST };
enum { F_START, F_END, F_RIGHTS, F_OFFSET, F_MAJOR, F_MINOR, F_INODE, F_NAME };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void wy_maps_begin(struct wy_maps *m, bool detailed)
{
	*m = (struct wy_maps){ .detailed = detailed };
}

/* "start-end rwxp offset major:minor inode   name": a field has ended. */
static void field_end(struct wy_maps *m)
{
	switch (m->field) {
	case F_START: m->map.start = m->number; break;
	case F_END: m->map.end = m->number; break;
	case F_OFFSET: m->map.offset = m->number; break;
	case F_MAJOR: m->map.dev_major = (unsigned int)m->number; break;
	case F_MINOR: m->map.dev_minor = (unsigned int)m->number; break;
	case F_INODE: m->map.inode = m->number; break;
	}
	m->field++;
	m->number = 0;
	m->len = 0;
}

static void header_char(struct wy_maps *m, char c)
{
	struct wy_map *map = &m->map;
	int value = digit(c);

	if (m->field == F_NAME) {
		if (c == ' ' && !m->len)
			return;
		map->flags |= WY_MAP_NAMED;
		if (m->len < sizeof(map->name))
			map->name[m->len++] = c;
		return;
	}
	if (c == ' ' || (c == '-' && m->field == F_START) || (c == ':' && m->field == F_MAJOR)) {
		field_end(m);
		return;
	}
	switch (m->field) {
	case F_RIGHTS:
		if (c == 'r')
			map->flags |= WY_MAP_READ;
		else if (c == 'w')
			map->flags |= WY_MAP_WRITE;
		else if (c == 'x')
			map->flags |= WY_MAP_EXEC;
		else if (c == 's')
			map->flags |= WY_MAP_SHARED;
		break;
	case F_INODE:
		if (value >= 0 && value < 10)
			m->number = m->number * 10 + (unsigned long)value;
		break;
	default:
		if (value >= 0)
			m->number = m->number << 4 | (unsigned long)value;
	}
}

static bool word_is(const struct wy_maps *m, const char *word)
{
	unsigned int i = 0;

	for (; i < m->len; i++) {
		if (!word[i] || word[i] != m->word[i])
			return false;
	}
	return !word[i];
}

static void word_char(struct wy_maps *m, char c)
{
	/* A word that is too long is none that is known. */
	if (m->len < sizeof(m->word))
		m->word[m->len++] = c;
}

/* "VmFlags: rd wr mr mw me ac": a flag has ended. */
static void flag_end(struct wy_maps *m)
{
	static const struct {
		char name[3];
		unsigned short flag;
	} known[] = {
		{ "rd" },
		{ "wr" },
		{ "ex" }, /* the rights say so, too */
		{ "mr" },
		{ "mw" },
		{ "me" }, /* what they may become */
		{ "ac" }, /* counts as committed */
		{ "sd" }, /* written to since somebody asked */
		{ "nr", WY_MAP_NORESERVE },
		{ "hg", WY_MAP_HUGE },
		{ "nh", WY_MAP_NOHUGE },
	};
	unsigned int flag = WY_MAP_ODD;

	if (!m->len)
		return;
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (word_is(m, known[i].name))
			flag = known[i].flag;
	}
	m->map.flags |= flag;
	m->len = 0;
}

static void value_end(struct wy_maps *m)
{
	if (word_is(m, "Rss"))
		m->map.resident = m->number << 10;
	else if (word_is(m, "Swap"))
		m->map.swapped = m->number << 10;
}

static bool line_end(struct wy_maps *m)
{
	unsigned char state = m->state;

	m->state = LINE_START;
	switch (state) {
	case HEADER:
		if (m->field < F_NAME)
			field_end(m);
		return !m->detailed;
	case VALUE: value_end(m); return false;
	case FLAGS: flag_end(m); return m->detailed; /* they come last */
	}
	return false;
}

bool wy_maps_take(struct wy_maps *m, char c)
{
	if (c == '\n')
		return line_end(m);
	if (m->state == LINE_START) {
		m->number = 0;
		m->len = 0;
		m->field = F_START;
		m->state = KEY;
		if (digit(c) >= 0) { /* keys begin with a capital */
			m->map = (struct wy_map){ 0 };
			m->state = HEADER;
		}
	}
	switch (m->state) {
	case HEADER: header_char(m, c); break;
	case KEY:
		if (c != ':') {
			word_char(m, c);
			break;
		}
		m->state = VALUE;
		if (word_is(m, "VmFlags")) {
			m->state = FLAGS;
			m->len = 0;
		}
		break;
	case VALUE:
		if (c >= '0' && c <= '9')
			m->number = m->number * 10 + (unsigned long)(c - '0');
		break;
	case FLAGS:
		if (c == ' ')
			flag_end(m);
		else
			word_char(m, c);
		break;
	}
	return false;
}

/* ---- single mappings ---- */

/* Linux 6.11; struct procmap_query of linux/fs.h. */
struct procmap_query {
	unsigned long size, query_flags, query_addr;
	unsigned long vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	unsigned int dev_major, dev_minor, vma_name_size, build_id_size;
	unsigned long vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY_IOCTL    0xc0686611u
#define QUERY_COVERING_OR_NEXT 16

long wy_maps_open(struct wy_maps_query *q)
{
	q->fd = sys3(__NR_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	return q->fd < 0 ? q->fd : 0;
}

/* For kernels before 6.11.  What a thread of the program has put there may have no end. */
#define TEXT_MAX (64ul << 20) /* more than the text of as many mappings as a process may have */
static long find_in_text(const struct wy_maps_query *q, unsigned long addr, struct wy_map *ret)
{
	struct wy_maps m;
	char buf[512];
	unsigned long at = 0;
	long n = 0;

	wy_maps_begin(&m, false);
	while (at < TEXT_MAX && (n = wy_proc_read(q->fd, buf, sizeof(buf), &at)) > 0) {
		if (!buf[0]) /* no such text */
			return -EIO;
		for (long i = 0; i < n; i++) {
			if (wy_maps_take(&m, buf[i]) && addr < m.map.end) {
				*ret = m.map;
				return 0;
			}
		}
	}
	return n < 0 ? n : -ENOENT;
}

long wy_maps_at(const struct wy_maps_query *q, unsigned long addr, struct wy_map *ret)
{
	struct procmap_query query = {
		.size = sizeof(query),
		.query_flags = QUERY_COVERING_OR_NEXT,
		.query_addr = addr,
	};
	long err = sys3(__NR_ioctl, q->fd, PROCMAP_QUERY_IOCTL, &query);

	if (err == -ENOTTY)
		return find_in_text(q, addr, ret);
	if (err < 0)
		return err;
	*ret = (struct wy_map){
		.start = query.vma_start,
		.end = query.vma_end,
		.offset = query.vma_offset,
		.inode = query.inode,
		.dev_major = query.dev_major,
		.dev_minor = query.dev_minor,
		.flags = (unsigned int)query.vma_flags &
			 (WY_MAP_READ | WY_MAP_WRITE | WY_MAP_EXEC | WY_MAP_SHARED),
	};
	return 0;
}

void wy_maps_close(struct wy_maps_query *q)
{
	if (q->fd >= 0)
		sys1(__NR_close, q->fd);
}

long wy_maps_find(unsigned long addr, struct wy_map *ret)
{
	struct wy_maps_query q;
	long err = wy_maps_open(&q);

	if (err == 0)
		err = wy_maps_at(&q, addr, ret);
	wy_maps_close(&q);
	return err == 0 && ret->start > addr ? -ENOENT : err;
}
