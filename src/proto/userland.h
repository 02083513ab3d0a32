/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userland.h - a program that is executed by the agent's own code.
 *
 * Where nobody may trace, the agent cannot be put into a program from outside.
 * Then the process executes the agent's image itself, as the launcher: it maps
 * the program, starts the agent, and goes on as the program
 * (agent/launcher.c).  What it must know comes as two strings more in its
 * environment, which it takes away again:
 *
 *	the name by which the program was executed (AT_EXECFN)
 *	struct wy_userland_info, in hexadecimal
 *
 * and three descriptors that are not close-on-exec: the program, its
 * interpreter, the session.
 *
 * A program that has no descriptor of the session gets it, and the launcher's
 * image, from the host: it connects to an abstract socket that the session
 * names, sends the token that stands beside, rings, and receives the two.
 */
#ifndef WY_PROTO_USERLAND_H
#define WY_PROTO_USERLAND_H

#include <stdbool.h>
#include <stddef.h>

#define WY_USERLAND_MAGIC 0x6e616c7265737557ul

struct wy_userland_info {
	unsigned long magic;
	unsigned long flags;   /* WY_BOOT_* */
	unsigned long mask;    /* the program's signal mask */
	unsigned long ignored; /* of WY_SIGNALS_RESET, those that it ignores */
	unsigned long program_fd;
	unsigned long interpreter_fd; /* -1: none */
	unsigned long session_fd;
	unsigned long files; /* 0, or the limit of open files to go back to */
};
#define WY_USERLAND_WORDS (sizeof(struct wy_userland_info) / sizeof(unsigned long))
#define WY_USERLAND_TEXT  (WY_USERLAND_WORDS * 16 + 1)

static inline void wy_userland_write(char text[WY_USERLAND_TEXT],
				     const struct wy_userland_info *info)
{
	const unsigned long *word = (const unsigned long *)info;

	for (size_t i = 0; i < WY_USERLAND_WORDS * 16; i++)
		text[i] = "0123456789abcdef"[word[i / 16] >> (60 - i % 16 * 4) & 15];
	text[WY_USERLAND_WORDS * 16] = 0;
}

/* Returns false if this is no such text. */
static inline bool wy_userland_read(const char *text, struct wy_userland_info *ret)
{
	unsigned long *word = (unsigned long *)ret;

	for (size_t i = 0; i < WY_USERLAND_WORDS * 16; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			c = (char)(c - '0');
		else if (c >= 'a' && c <= 'f')
			c = (char)(c - 'a' + 10);
		else
			return false;
		word[i / 16] = word[i / 16] << 4 | (unsigned long)c;
	}
	return !text[WY_USERLAND_WORDS * 16] && ret->magic == WY_USERLAND_MAGIC;
}

/* Part of the session: where the host can be reached. */
#define WY_RENDEZVOUS_NAME 24
struct wy_rendezvous {
	unsigned int open;             /* host: the rest is valid */
	char name[WY_RENDEZVOUS_NAME]; /* of the abstract socket, behind its first 0 */
	unsigned char token[16];
};

#endif
