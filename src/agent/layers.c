/* SPDX-License-Identifier: Apache-2.0 */
/* layers.c - which layers run in this process, from the program down. */
#include "agent/layers/layers.h"
#include "agent/gate.h"

#define LAYERS_MAX 8

static struct wy_layer *running[LAYERS_MAX];
static int nr_running;

static void add(struct wy_layer *layer)
{
	if (layer->start)
		layer->start(layer);
	wy_gate_layer(layer);
	running[nr_running++] = layer;
}

void wy_layers_start(unsigned int flags)
{
	if (flags & WY_LAYER_COUNT)
		add(flags & WY_COUNT_ERRORS ? &wy_layer_count_errors : &wy_layer_count);
	if (flags & WY_LAYER_SERVE)
		add(&wy_layer_serve);
	if (flags & WY_LAYER_NULL)
		add(&wy_layer_null);
}

void wy_layers_thread_start(struct wy_thread *t)
{
	for (int i = 0; i < nr_running; i++) {
		if (running[i]->thread_start)
			running[i]->thread_start(t);
	}
}

void wy_layers_thread_exit(struct wy_thread *t)
{
	for (int i = nr_running - 1; i >= 0; i--) {
		if (running[i]->thread_exit)
			running[i]->thread_exit(t);
	}
}

void wy_layers_fork_child(struct wy_thread *t)
{
	for (int i = 0; i < nr_running; i++) {
		if (running[i]->fork_child)
			running[i]->fork_child(t);
	}
}
