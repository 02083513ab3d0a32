/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioctl(2): of terminals, sockets and network interfaces; and io_uring's set-up.
 */
#include "host/trace/decode_part.h"

#include <arpa/inet.h>
#include <linux/ioctl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

static void put_ioctl_cmd(struct decoder *d, unsigned int i)
{
	static const char *const ways[] = { "_IOC_NONE", "_IOC_WRITE", "_IOC_READ",
					    "_IOC_READ|_IOC_WRITE" };
	unsigned int cmd = (unsigned int)d->args[i];
	const char *name = wy_flag_name(&wy_ioctls, cmd);

	if (name)
		put_text(d, name);
	else
		put_format(d, "_IOC(%s, %#x, %#x, %#x)", ways[_IOC_DIR(cmd)], _IOC_TYPE(cmd),
			   _IOC_NR(cmd), _IOC_SIZE(cmd));
}

/* ---- terminals ---- */

/* Names of the values that a field of more than one bit can have. */
static void put_field(struct decoder *d, unsigned int value, const char *const *names)
{
	put_text(d, names[value]);
	put_char(d, '|');
}

static void put_flags_or_not(struct decoder *d, const struct wy_flags *flags, unsigned int value)
{
	if (value)
		put_flags(d, flags, value);
	else
		put_char(d, '0');
}

static void put_termios(struct decoder *d, struct wy_bytes bytes)
{
	static const char *const nl[] = { "NL0", "NL1" };
	static const char *const cr[] = { "CR0", "CR1", "CR2", "CR3" };
	static const char *const tab[] = { "TAB0", "TAB1", "TAB2", "TAB3" };
	static const char *const bs[] = { "BS0", "BS1" };
	static const char *const vt[] = { "VT0", "VT1" };
	static const char *const ff[] = { "FF0", "FF1" };
	static const char *const cs[] = { "CS5", "CS6", "CS7", "CS8" };
	unsigned int f[4]; /* iflag, oflag, cflag, lflag */
	unsigned int rest;

	if (!take(bytes, 0, f, sizeof(f)))
		return;
	put_text(d, "{c_iflag=");
	put_flags_or_not(d, &wy_termios_i, f[0]);
	put_text(d, ", c_oflag=");
	put_field(d, f[1] >> 8 & 1, nl);
	put_field(d, f[1] >> 9 & 3, cr);
	put_field(d, f[1] >> 11 & 3, tab);
	put_field(d, f[1] >> 13 & 1, bs);
	put_field(d, f[1] >> 14 & 1, vt);
	put_text(d, ff[f[1] >> 15 & 1]);
	rest = f[1] & ~0xff00u;
	if (rest) {
		put_char(d, '|');
		put_flags(d, &wy_termios_o, rest);
	}
	put_text(d, ", c_cflag=");
	put_flags(d, &wy_bauds, f[2] & 010017);
	put_char(d, '|');
	put_text(d, cs[f[2] >> 4 & 3]);
	rest = f[2] & ~010077u;
	if (rest) {
		put_char(d, '|');
		put_flags(d, &wy_termios_c, rest);
	}
	put_text(d, ", c_lflag=");
	put_flags_or_not(d, &wy_termios_l, f[3]);
	put_text(d, ", ...}");
}

static void put_winsize(struct decoder *d, struct wy_bytes bytes)
{
	unsigned short ws[4];

	if (take(bytes, 0, ws, sizeof(ws)))
		put_format(d, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", ws[0], ws[1],
			   ws[2], ws[3]);
}

/* ---- network interfaces ---- */

static void put_interface_address(struct decoder *d, struct wy_bytes bytes, const char *field)
{
	struct sockaddr_in in;
	char text[INET_ADDRSTRLEN] = "";

	take(bytes, 16, &in, sizeof(in));
	put_format(d, ", %s={sa_family=", field);
	put_flags(d, &wy_domains, in.sin_family);
	if (in.sin_family == AF_INET) {
		inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
		put_format(d, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")",
			   ntohs(in.sin_port), text);
	}
	put_char(d, '}');
}

/* struct ifreq; asked: what the kernel has filled in stands after the name. */
static void put_interface(struct decoder *d, struct wy_bytes bytes, unsigned int cmd, bool asked)
{
	char name[16];
	unsigned short flags;
	int number;

	if (bytes.len < 40 || !take(bytes, 0, name, sizeof(name)))
		return;
	put_text(d, "{ifr_name=");
	put_quoted_text(d, (struct wy_bytes){ bytes.at, 16 }, false);
	take(bytes, 16, &flags, sizeof(flags));
	take(bytes, 16, &number, sizeof(number));
	switch (asked ? cmd : 0) {
	case 0x8913: /* SIOCGIFFLAGS */
		put_text(d, ", ifr_flags=");
		put_flags(d, &wy_if_flags, flags);
		break;
	case 0x8915: put_interface_address(d, bytes, "ifr_addr"); break;
	case 0x8917: put_interface_address(d, bytes, "ifr_dstaddr"); break;
	case 0x8919: put_interface_address(d, bytes, "ifr_broadaddr"); break;
	case 0x891b: put_interface_address(d, bytes, "ifr_netmask"); break;
	case 0x891d: put_format(d, ", ifr_metric=%d", number); break;
	case 0x8921: put_format(d, ", ifr_mtu=%d", number); break;
	case 0x8933: put_format(d, ", ifr_ifindex=%d", number); break;
	case 0x8942: put_format(d, ", ifr_qlen=%d", number); break;
	default: break;
	}
	put_char(d, '}');
}

/* ---- the third argument ---- */

static void put_ioctl_arg(struct decoder *d, unsigned int i)
{
	unsigned int cmd = (unsigned int)d->args[1];
	struct wy_item_view item;
	bool out = item_of(d, WY_ITEM_OUT, i, &item);
	bool in = !out && item_of(d, WY_ITEM_IN, i, &item);
	int number;
	long wide;

	switch (cmd) {
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TIOCSCTTY: put_long(d, (int)d->args[i]); return;
	case TCFLSH: put_flags(d, &wy_flush_queues, d->args[i]); return;
	default: break;
	}
	if (!out && !in) {
		if (wy_flag_name(&wy_ioctls, cmd))
			put_address(d, d->args[i]);
		else
			put_hex(d, d->args[i]);
	} else if ((cmd >= 0x5401 && cmd <= 0x5404) || cmd == 0x802c542a ||
		   (cmd >= 0x402c542b && cmd <= 0x402c542d)) {
		put_termios(d, item.bytes);
	} else if (cmd == TIOCGWINSZ || cmd == TIOCSWINSZ) {
		put_winsize(d, item.bytes);
	} else if (cmd >= 0x8910 && cmd <= 0x8950 && item.bytes.len == 40) {
		put_interface(d, item.bytes, cmd, out);
	} else if (take(item.bytes, 0, &wide, sizeof(wide))) {
		put_format(d, "[%ld]", wide);
	} else if (take(item.bytes, 0, &number, sizeof(number))) {
		put_format(d, "[%d]", number);
	} else {
		put_address(d, d->args[i]);
	}
}

static void put_offsets(struct decoder *d, const unsigned int *at, const char *const names[7])
{
	for (unsigned int k = 0; k < 7; k++)
		put_format(d, k ? ", %s=%u" : "%s=%u", names[k], at[k]);
	put_char(d, '}');
}

static void put_uring_params(struct decoder *d, unsigned int i)
{
	enum { SQ, CQ, FLAGS, CPU, IDLE, FEATURES, WQ, SQ_OFF = 10, CQ_OFF = 20, WORDS = 30 };
	static const char *const sq_names[] = { "head",  "tail",    "ring_mask", "ring_entries",
						"flags", "dropped", "array" };
	static const char *const cq_names[] = { "head",     "tail", "ring_mask", "ring_entries",
						"overflow", "cqes", "flags" };
	unsigned int p[WORDS];
	bool out = arg_out(d, i, p, sizeof(p));

	if (!out && !arg_in(d, i, p, sizeof(p))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{flags=");
	put_flags(d, &wy_uring_flags, p[FLAGS]);
	put_format(d, ", sq_thread_cpu=%u, sq_thread_idle=%u", p[CPU], p[IDLE]);
	if (p[FLAGS] & 32) /* IORING_SETUP_ATTACH_WQ */
		put_format(d, ", wq_fd=%d", (int)p[WQ]);
	if (out) {
		put_format(d, ", sq_entries=%u, cq_entries=%u, features=", p[SQ], p[CQ]);
		put_flags(d, &wy_uring_features, p[FEATURES]);
		put_text(d, ", sq_off={");
		put_offsets(d, p + SQ_OFF, sq_names);
		put_text(d, ", cq_off={");
		put_offsets(d, p + CQ_OFF, cq_names);
	}
	put_char(d, '}');
}

printer *wy_device_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_IOCTL_CMD: return put_ioctl_cmd;
	case WY_ARG_IOCTL_ARG: return put_ioctl_arg;
	case WY_ARG_URING_PARAMS: return put_uring_params;
	default: return NULL;
	}
}
