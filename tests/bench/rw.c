/* SPDX-License-Identifier: Apache-2.0 */
/* rw N: N times one byte from /dev/zero to /dev/null. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY);
	char byte;

	for (int n = argc > 1 ? atoi(argv[1]) : 0; n > 0; n--) {
		if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
