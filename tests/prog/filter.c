/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - a small filter, to be linked in any way: makes a table, then counts the words of
 * stdin and prints a number for each line.  Exit status: the number of words, modulo 5.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 200000

int main(void)
{
	uint32_t *table = malloc(SIZE * sizeof(*table));
	unsigned int words = 0, lines = 0;
	uint32_t h = 1;
	char line[4096];

	if (!table)
		return 99;
	for (unsigned int i = 0; i < SIZE; i++)
		table[i] = h = h * 1664525 + 1013904223;
	while (fgets(line, sizeof(line), stdin)) {
		char *save;

		for (char *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
			for (; *w; w++)
				h = (h ^ (unsigned char)*w) * 16777619;
			words++;
		}
		printf("%u: %u words, %08x\n", ++lines, words, table[h % SIZE]);
	}
	free(table);
	return (int)(words % 5);
}
