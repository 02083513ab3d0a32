/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - what all harnesses have in common. */
#ifndef WY_TESTS_FUZZ_H
#define WY_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Called for each input; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(holds)                                                                \
	do {                                                                        \
		if (!(holds)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
			__builtin_abort();                                          \
		}                                                                   \
	} while (0)

/* The input as a reader of parts; at its end it gives zeros. */
struct input {
	const uint8_t *data;
	size_t left;
};

/* Takes len bytes, and returns how many of them the input had. */
static inline size_t take_bytes(struct input *in, void *to, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memset(to, 0, len);
	if (n)
		memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
	return n;
}

static inline unsigned int take_number(struct input *in)
{
	uint8_t byte[2];

	take_bytes(in, byte, 2);
	return byte[0] | (unsigned int)byte[1] << 8;
}

#endif
