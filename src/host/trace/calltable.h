/* SPDX-License-Identifier: Apache-2.0 */
/* calltable.h - totals as a table, in the columns of strace -c; the time is that of the clock. */
#ifndef WY_HOST_TRACE_CALLTABLE_H
#define WY_HOST_TRACE_CALLTABLE_H

#include "host/trace/record.h"

enum wy_calltable_order { WY_BY_TIME, WY_BY_CALLS, WY_BY_ERRORS, WY_BY_NAME, WY_BY_NUMBER };

/* The order by its name on the command line; -EINVAL. */
int wy_calltable_order(const char *name);

void wy_calltable_print(FILE *out, const struct wy_recording *r, enum wy_calltable_order order);

#endif
