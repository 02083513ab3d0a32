/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/serve.h"

#include "host/serve/front.h"

int wy_serve(const struct wy_serve_options *o)
{
	static struct wy_front f;

	f.o = o;
	for (unsigned int i = 0; i < o->listen_nr; i++) {
		const struct wy_serve_listen *l = &o->listen[i];

		if (wy_listener_open(&f.listeners[i], &l->addr, l->text) < 0) {
			while (i--)
				wy_listener_close(&f.listeners[i]);
			return 125;
		}
		f.listeners[i].call = l->call;
		f.nr_listeners++;
	}
	return wy_front_run(&f);
}
