/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracefile.h - the run file: what `waylay trace` recorded, whole.
 *
 *	| struct wy_file_head | segment | segment | ...
 *	segment: | struct wy_segment | stored_len bytes, filled up to 8 |
 *
 * A file that ends within a segment is a run that was cut off: what stands
 * before is good.  Segments of an unknown kind are skipped; a file whose
 * `needs` has a bit that the reader does not know cannot be read.
 *
 * The order of events.  Each EVENTS segment is a piece of one thread's ring, in
 * that thread's order.  The host goes over all rings again and again; a PASS
 * segment ends each round and holds the moment at which the round began: every
 * event that was over before that moment stands before this segment (but for
 * one that was just being written, which comes in the next round).  So a reader
 * that collects events, and at each PASS gives out those older than the PASS
 * before, sorted by their end, gives out all in order with little memory.
 */
#ifndef WY_PROTO_TRACEFILE_H
#define WY_PROTO_TRACEFILE_H

#define WY_FILE_MAGIC   0x0a316e75722d7977ul /* "wy-run1\n" */
#define WY_FILE_VERSION 2u

/* needs: a reader must know these. */
enum {
	WY_FILE_ZSTD = 1 << 0, /* some segments are compressed with zstd */
};

struct wy_file_head {
	unsigned long magic;
	unsigned int version;
	unsigned int head_len; /* of this header: segments begin there */
	unsigned long needs;
	unsigned long has; /* features that a reader need not know */
};

enum wy_segment_kind {
	WY_SEGMENT_NONE,
	WY_SEGMENT_META,   /* names and values, see below.  The first segment; one more at the
			    * end says how the run ended */
	WY_SEGMENT_CLOCK,  /* struct wy_file_clock */
	WY_SEGMENT_EVENTS, /* events of one thread: event.h */
	WY_SEGMENT_PASS,   /* unsigned long: ticks at which this round began */
};

struct wy_segment {
	unsigned int magic;        /* WY_SEGMENT_MAGIC */
	unsigned short kind;       /* enum wy_segment_kind */
	unsigned short compressed; /* 0, 1: zstd */
	int pid, tid;              /* EVENTS: whose */
	unsigned int len;          /* of the bytes */
	unsigned int stored_len;   /* as they stand in the file */
	unsigned int image;        /* EVENTS: which image of the process, grows with each exec */
	unsigned int sum;          /* of the stored bytes and their filling */
};
#define WY_SEGMENT_MAGIC   0x67657379u /* "yseg" */
#define WY_SEGMENT_LEN_MAX (1u << 20)

/*
 * The sum of stored bytes: FNV-1a, but by words of 8 bytes, the last one filled by zeros, in four
 * sums that take turns, so that a processor can work on all of them at once; then the same of these
 * four, and both halves of the result, one xor the other.
 */
static inline unsigned int wy_segment_sum(const unsigned char *bytes, unsigned long len)
{
	const unsigned long begin = 0xcbf29ce484222325ul, prime = 0x100000001b3ul;
	unsigned long sums[4] = { begin, begin, begin, begin }, sum = begin, word[4];

	for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
		__builtin_memcpy(word, bytes, sizeof(word));
		for (int i = 0; i < 4; i++)
			sums[i] = (sums[i] ^ word[i]) * prime;
	}
	for (int i = 0; len; i++, bytes += 8, len -= len < 8 ? len : 8) {
		word[0] = 0;
		__builtin_memcpy(word, bytes, len < 8 ? len : 8);
		sums[i] = (sums[i] ^ word[0]) * prime;
	}
	for (int i = 0; i < 4; i++)
		sum = (sum ^ sums[i]) * prime;
	return (unsigned int)(sum ^ sum >> 32);
}

/*
 * META is names and values, both ending in a 0 byte: "version\0" "0.1.0\0" "argv\0" "ls\0"
 * "argv\0" "-l\0".  What is a list has its name more than once.  Numbers are decimal.
 *
 * first:  version, argv, cwd, host, pid, filter (a list), setting (a list)
 * last:   lost, unclassified, untracked (numbers), status (a list: "PID WAITSTATUS"), end
 */

/* Two of them tell how many ticks a second has, and what time it was. */
struct wy_file_clock {
	unsigned long ticks;
	unsigned long real;      /* CLOCK_REALTIME, nanoseconds */
	unsigned long monotonic; /* CLOCK_MONOTONIC, nanoseconds */
};

#endif
