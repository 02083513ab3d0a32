/* SPDX-License-Identifier: Apache-2.0 */
/* layers.h - all layers there are, one file each. */
#ifndef WY_AGENT_LAYERS_H
#define WY_AGENT_LAYERS_H

#include "agent/layer.h"

extern struct wy_layer wy_layer_trace;
extern struct wy_layer wy_layer_count;        /* counts calls */
extern struct wy_layer wy_layer_count_errors; /* and errors */
extern struct wy_layer wy_layer_null;         /* answers getppid(2) with 42, for measuring */
extern struct wy_layer wy_layer_serve;        /* copies of the process for each connection */

#endif
