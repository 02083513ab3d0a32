/* SPDX-License-Identifier: Apache-2.0 */
/* calltable.h - totals as a table, in the columns of strace -c; the time is that of the clock. */
#ifndef WY_HOST_TRACE_CALLTABLE_H
#define WY_HOST_TRACE_CALLTABLE_H

#include "host/trace/record.h"

void wy_calltable_print(FILE *out, const struct wy_recording *r);

#endif
