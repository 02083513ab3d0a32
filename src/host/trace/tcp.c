/* SPDX-License-Identifier: Apache-2.0 */
#include "host/trace/tcp.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

#define FIELD(name, field)                                                                    \
	{                                                                                     \
		name, offsetof(struct tcp_info, field), sizeof(((struct tcp_info *)0)->field) \
	}

static const struct {
	const char *name;
	size_t offset, size;
} fields[] = {
	FIELD("rtt_us", tcpi_rtt),
	FIELD("rttvar_us", tcpi_rttvar),
	FIELD("min_rtt_us", tcpi_min_rtt),
	FIELD("cwnd_segments", tcpi_snd_cwnd),
	FIELD("ssthresh_segments", tcpi_snd_ssthresh),
	FIELD("send_window", tcpi_snd_wnd),
	FIELD("receive_window", tcpi_rcv_space),
	FIELD("mss", tcpi_snd_mss),
	FIELD("retransmits", tcpi_total_retrans),
	FIELD("retransmitted", tcpi_bytes_retrans),
	FIELD("lost_segments", tcpi_lost),
	FIELD("reordering_segments", tcpi_reordering),
	FIELD("unacked_segments", tcpi_unacked),
	FIELD("not_sent", tcpi_notsent_bytes),
	FIELD("sent", tcpi_bytes_sent),
	FIELD("acked", tcpi_bytes_acked),
	FIELD("received", tcpi_bytes_received),
	FIELD("delivery_rate", tcpi_delivery_rate),
	FIELD("busy_us", tcpi_busy_time),
	FIELD("window_limited_us", tcpi_rwnd_limited),
	FIELD("buffer_limited_us", tcpi_sndbuf_limited),
};

unsigned int wy_tcp_figures(void)
{
	return sizeof(fields) / sizeof(fields[0]);
}

bool wy_tcp_figure(const struct wy_event_view *v, unsigned int i, struct wy_tcp_figure *ret)
{
	struct wy_item_view item;
	uint32_t narrow;

	if (i >= wy_tcp_figures() || !wy_item_find(v, WY_ITEM_OUT, 0, &item) ||
	    fields[i].offset + fields[i].size > item.bytes.len)
		return false;
	ret->name = fields[i].name;
	if (fields[i].size == sizeof(narrow)) {
		memcpy(&narrow, item.bytes.at + fields[i].offset, sizeof(narrow));
		ret->value = narrow;
	} else {
		memcpy(&ret->value, item.bytes.at + fields[i].offset, sizeof(ret->value));
	}
	return true;
}

const char *wy_tcp_when(const struct wy_event_view *v)
{
	static const char *const words[] = { "start", "now", "end" };

	return v->e.arg[0] >= 0 && v->e.arg[0] < 3 ? words[v->e.arg[0]] : "?";
}

void wy_tcp_print(FILE *out, const struct wy_event_view *v)
{
	struct wy_tcp_figure f;

	fprintf(out, "%s", wy_tcp_when(v));
	for (unsigned int i = 0; i < wy_tcp_figures(); i++) {
		if (wy_tcp_figure(v, i, &f))
			fprintf(out, " %s=%lu", f.name, f.value);
	}
}
