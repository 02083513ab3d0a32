/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flags.h - the names of numbers: one of some values, or a set of bits, in the
 * order in which strace prints them.
 */
#ifndef WY_HOST_TRACE_FLAGS_H
#define WY_HOST_TRACE_FLAGS_H

#include "proto/calls.h"

#include <stdbool.h>
#include <stddef.h>

struct wy_flag {
	unsigned long value;
	const char *name;
};

struct wy_flags {
	const struct wy_flag *table; /* ends in a NULL name; a value of 0 is what 0 is called */
	const char *unknown;         /* "PROT_???", for numbers that have no name */
	bool bits;
};

/* Of an argument of this type; NULL: it has no names. */
const struct wy_flags *wy_flags_of(enum wy_arg type);

/* The name of one value; NULL: it has none. */
const char *wy_flag_name(const struct wy_flags *flags, unsigned long value);

/* Those that are parts of structures, or of results. */
extern const struct wy_flags wy_open_flags, wy_fd_flags, wy_seals, wy_lock_types, wy_whence,
	wy_owner_types, wy_lease_types, wy_notify_flags, wy_file_types, wy_stat_attributes,
	wy_stat_mask, wy_fs_magic, wy_fs_flags, wy_resolve_flags, wy_poll_events, wy_epoll_events,
	wy_sa_flags, wy_ss_flags, wy_sigev_types, wy_domains, wy_socket_types, wy_ip_protocols,
	wy_netlink_protocols, wy_levels, wy_so_names, wy_ip_names, wy_ip6_names, wy_tcp_names,
	wy_udp_names, wy_scm_types, wy_msg_flags, wy_if_flags, wy_clone_flags, wy_policies,
	wy_io_classes, wy_dump_modes, wy_caps, wy_prctls, wy_seccomp_flags, wy_membarriers,
	wy_futex_ops, wy_uring_flags, wy_uring_features, wy_termios_i, wy_termios_o, wy_termios_c,
	wy_termios_l, wy_bauds, wy_flush_queues, wy_ioctls, wy_user_codes, wy_child_codes,
	wy_segv_codes, wy_bus_codes, wy_ill_codes, wy_fpe_codes, wy_trap_codes, wy_poll_codes,
	wy_sys_codes;

#endif
