/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as an address: what is taken can be printed, and the print is the same address. */
#include <netdb.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/addr.h"
#include "fuzz.h"

/* No name server is asked: the length of the name says what is found. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *req,
		struct addrinfo **pai)
{
	static struct sockaddr_in v4 = { .sin_family = AF_INET };
	static struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	static struct addrinfo found;

	if (strlen(node) % 3 == 0)
		return EAI_NONAME;
	found.ai_family = strlen(node) % 3 == 1 ? AF_INET : AF_INET6;
	found.ai_addr = found.ai_family == AF_INET ? (void *)&v4 : (void *)&v6;
	*pai = &found;
	return 0;
}

void freeaddrinfo(struct addrinfo *ai)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of just this length: a look beyond the end is found */
	char *text = calloc(1, size + 1), printed[ADDR_TEXT_MAX];
	const char *why = NULL;
	struct addr a, again;

	check(text != NULL);
	if (size)
		memcpy(text, data, size);
	if (addr_parse(&a, text, &why) < 0) {
		check(why && *why);
	} else if (a.kind == ADDR_FD) {
		check(a.fd >= 0);
	} else {
		check(a.len <= (a.kind == ADDR_UNIX ? sizeof(struct sockaddr_un) :
						      sizeof(struct sockaddr_in6)));
		addr_print(printed, &a.sock, a.len);
		check(strlen(printed) < sizeof(printed));
		check(addr_parse(&again, printed, &why) == 0);
		check(again.kind == a.kind && again.len == a.len);
		check(memcmp(&again.sock, &a.sock, a.len) == 0);
	}
	free(text);
	/* What accept(2) fills in; the family is the kernel's, the rest may be anything. */
	if (size >= sizeof(sa_family_t) && size <= sizeof(struct sockaddr_storage)) {
		struct sockaddr_storage sock = { 0 };

		memcpy(&sock, data, size);
		addr_print(printed, &sock, (socklen_t)size);
		check(strnlen(printed, sizeof(printed)) < sizeof(printed));
	}
	return 0;
}
