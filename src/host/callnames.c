/* SPDX-License-Identifier: Apache-2.0 */
#include "host/callnames.h"

#include <stddef.h>

/* One line for each call, [0] = "read", made by tools/callnames.py when waylay is built. */
static const char *const names[] = {
#include "host/callnames.inc"
};

const char *wy_callname(unsigned int nr)
{
	return nr < sizeof(names) / sizeof(names[0]) ? names[nr] : NULL;
}
