/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tagger.c - the kind of program that `waylay serve` is for: it loads a big model, then reads all
 * of its input, in pieces of odd sizes, and then answers.
 *
 *	tagger --build FILE MB		makes a model of MB megabytes
 *	tagger FILE [LAST]		"word<TAB>TAG" for each word of stdin
 *
 * The tag of a word is the one for which the model has the highest weight, given the word's ending
 * and the tag before.  Exit status 3 if there was no word.  LAST ends it otherwise: "abort",
 * "raise" (SIGTERM to itself) or "sleep" (for ever, after the answer).
 */
#include <ctype.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const tags[] = { "NN", "NNS", "VB", "VBD", "VBG", "JJ", "RB", "IN", "DT", "CC", "PRP", "CD" };
#define TAGS (sizeof(tags) / sizeof(tags[0]))

static const struct {
	const char *ending, *tag;
} rules[] = {
	{ "the", "DT" }, { "a", "DT" }, { "an", "DT" }, { "his", "DT" }, { "and", "CC" }, { "or", "CC" },
	{ "but", "CC" }, { "of", "IN" }, { "in", "IN" }, { "to", "IN" }, { "with", "IN" }, { "for", "IN" },
	{ "from", "IN" }, { "he", "PRP" }, { "she", "PRP" }, { "it", "PRP" }, { "they", "PRP" }, { "one", "CD" },
	{ "two", "CD" }, { "is", "VB" }, { "ing", "VBG" }, { "ed", "VBD" }, { "ly", "RB" }, { "ous", "JJ" },
	{ "ful", "JJ" }, { "ive", "JJ" }, { "ss", "NN" }, { "s", "NNS" },
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static uint32_t *model;
static size_t weights;

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

static uint32_t *weight(const char *ending, size_t before, size_t tag)
{
	uint64_t h = 1469598103934665603ull;

	for (; *ending; ending++)
		h = (h ^ (unsigned char)*ending) * 1099511628211ull;
	return &model[mix(h * TAGS * TAGS + before * TAGS + tag) % weights];
}

static int build(const char *path, size_t megabytes)
{
	FILE *out = fopen(path, "w");

	weights = megabytes * 1048576 / sizeof(*model);
	model = malloc(weights * sizeof(*model));
	if (!out || !model)
		return 1;
	for (size_t i = 0; i < weights; i++)
		model[i] = mix(i) % 1000;
	for (size_t r = RULES; r-- > 0;) {
		for (size_t before = 0; before < TAGS; before++) {
			for (size_t tag = 0; tag < TAGS; tag++) {
				if (strcmp(rules[r].tag, tags[tag]) == 0)
					*weight(rules[r].ending, before, tag) = 1000000;
			}
		}
	}
	return fwrite(model, sizeof(*model), weights, out) != weights || fclose(out) != 0;
}

static int load(const char *path)
{
	FILE *in = fopen(path, "r");

	if (!in || fseek(in, 0, SEEK_END) < 0)
		return 1;
	weights = (size_t)ftell(in) / sizeof(*model);
	rewind(in);
	model = malloc(weights * sizeof(*model));
	return !weights || !model || fread(model, sizeof(*model), weights, in) != weights || fclose(in) != 0;
}

/* All of stdin, with a 0 behind it. */
static char *read_all(void)
{
	static const size_t pieces[] = { 1, 7, 4096, 13, 65536, 3, 1021 };
	size_t len = 0, room = 0;
	char *text = NULL;

	for (unsigned int n = 0;; n++) {
		size_t want = pieces[n % 7];
		ssize_t got;

		if (len + want + 1 > room) {
			room = 2 * (len + want + 1);
			text = realloc(text, room);
			if (!text)
				exit(2);
		}
		got = read(STDIN_FILENO, text + len, want);
		if (got < 0)
			exit(2);
		if (got == 0)
			break;
		len += (size_t)got;
	}
	text[len] = 0;
	return text;
}

static size_t tag_of(const char *word, size_t before)
{
	size_t best = 0, len = strlen(word);
	uint32_t most = 0;

	for (size_t tag = 0; tag < TAGS; tag++) {
		uint32_t sum = *weight(word, before, tag);

		for (size_t n = 1; n <= 3 && n < len; n++)
			sum += *weight(word + len - n, before, tag) / (uint32_t)(5 - n);
		if (sum > most) {
			most = sum;
			best = tag;
		}
	}
	return best;
}

int main(int argc, char **argv)
{
	const char *last = argc > 2 ? argv[2] : "";
	size_t before = 0, words = 0;
	char *text;

	if (argc == 4 && strcmp(argv[1], "--build") == 0)
		return build(argv[2], strtoul(argv[3], NULL, 10));
	if (argc < 2 || load(argv[1]))
		return 2;
	fprintf(stderr, "tagger: %zu weights loaded\n", weights);
	text = read_all();
	for (char *word = strtok(text, " \t\n.,;:!?\"'()"); word; word = strtok(NULL, " \t\n.,;:!?\"'()")) {
		for (char *c = word; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		before = tag_of(word, before);
		printf("%s\t%s\n", word, tags[before]);
		words++;
	}
	fflush(stdout);
	if (strcmp(last, "abort") == 0)
		abort();
	if (strcmp(last, "raise") == 0)
		raise(SIGTERM);
	if (strcmp(last, "sleep") == 0)
		pause();
	return words ? 0 : 3;
}
