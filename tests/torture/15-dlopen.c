/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries are loaded and unloaded again and again, also by several threads at once. */
#include "torture.h"
#include <dlfcn.h>
#include <pthread.h>

static void *loader(void *arg)
{
	static const char *const names[] = { "libresolv.so.2", "libutil.so.1", "librt.so.1",
					     "libanl.so.1", "libm.so.6", "libc.so" };

	for (long i = 0; i < rounds(60, 3000); i++) {
		for (size_t k = 0; k < COUNT_OF(names); k++) {
			void *lib = dlopen(names[k], i & 1 ? RTLD_NOW : RTLD_LAZY);

			if (lib) {
				must(dlsym(lib, "no such symbol") == NULL);
				dlclose(lib);
			}
		}
		if (sc(SYS_getpid) != getpid())
			die("getpid");
	}
	return NULL;
}

int main(void)
{
	pthread_t t[3];

	loader(NULL);
	for (int i = 0; i < 3; i++)
		must(pthread_create(&t[i], NULL, loader, NULL) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	say("loaded and unloaded");
	return 0;
}
