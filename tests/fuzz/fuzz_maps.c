/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings from texts of any kind.  The first byte of the input says what is tried: bytes of
 * any kind as maps or smaps, which must only come to no harm; or mappings that are printed as
 * the kernel would, which must be read as what they are, whatever stood in front of them.
 */
#include "agent/maps.h"
#include "fuzz.h"

static struct wy_maps maps;

/* How many mappings are complete within it. */
static unsigned int take(const uint8_t *text, size_t len)
{
	unsigned int nr = 0;

	while (len--) {
		bool complete = wy_maps_take(&maps, (char)*text);

		/* Only a line's end completes one. */
		check(!complete || *text == '\n');
		check(maps.len <= sizeof(maps.word));
		nr += complete;
		text++;
	}
	return nr;
}

static unsigned long take_long(struct input *in)
{
	unsigned long value;

	take_bytes(in, &value, sizeof(value));
	/* Short numbers, too. */
	return value >> (value % 64);
}

static void print_and_take(struct input *in, bool detailed)
{
	unsigned long start = take_long(in), end = take_long(in), offset = take_long(in);
	unsigned long inode = take_long(in) >> 1, rss = take_long(in) >> 11;
	unsigned int major = take_number(in), minor = take_number(in), rights = take_number(in);
	unsigned int flags = rights & (WY_MAP_READ | WY_MAP_WRITE | WY_MAP_EXEC | WY_MAP_SHARED);
	char name[40], line[400];
	size_t len = take_number(in) % sizeof(name);
	int n;

	/* The kernel writes a newline within a name as \012. */
	take_bytes(in, name, len);
	for (size_t i = 0; i < len; i++)
		name[i] = name[i] == '\n' || !name[i] || (!i && name[i] == ' ') ? '/' : name[i];
	n = snprintf(line, sizeof(line), "%lx-%lx %c%c%c%c %08lx %02x:%02x %lu %s%.*s\n", start,
		     end, rights & WY_MAP_READ ? 'r' : '-', rights & WY_MAP_WRITE ? 'w' : '-',
		     rights & WY_MAP_EXEC ? 'x' : '-', rights & WY_MAP_SHARED ? 's' : 'p', offset,
		     major, minor, inode, len ? "                    " : "", (int)len, name);
	check(take((uint8_t *)line, (size_t)n) == !detailed);
	if (detailed) {
		n = snprintf(line, sizeof(line),
			     "Size: 7 kB\nRss:  %8lu kB\nSwap: %lu kB\nSwapPss: 3 kB\n"
			     "VmFlags: rd wr mr %s%s\n",
			     rss, rss / 3, rights & 64 ? "hg " : "", rights & 128 ? "lo " : "");
		check(take((uint8_t *)line, (size_t)n) == 1);
		check(maps.map.resident == rss << 10 && maps.map.swapped == rss / 3 << 10);
		flags |= rights & 64 ? WY_MAP_HUGE : 0;
		flags |= rights & 128 ? WY_MAP_ODD : 0;
	}
	flags |= len ? WY_MAP_NAMED : 0;
	check(maps.map.start == start && maps.map.end == end && maps.map.offset == offset);
	check(maps.map.inode == inode && maps.map.flags == flags);
	check(maps.map.dev_major == major && maps.map.dev_minor == minor);
	for (size_t i = 0; i < sizeof(maps.map.name); i++)
		check(maps.map.name[i] == (i < len ? name[i] : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int how = take_number(&in);

	wy_maps_begin(&maps, how & 1);
	if (how & 2) {
		unsigned int len = take_number(&in) % 256;

		if (len > in.left)
			len = (unsigned int)in.left;
		take(in.data, len);
		in.data += len;
		in.left -= len;
		/* The line ends, whatever it was. */
		take((const uint8_t *)"\n", 1);
		while (in.left)
			print_and_take(&in, how & 1);
	} else {
		take(in.data, in.left);
	}
	return 0;
}
