/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: sets, actions, what comes with one.
 */
#include "host/trace/decode_part.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define SIGNALS 64u

/* More than two thirds of them are shown as what is missing, as strace does. */
void put_sigset(struct decoder *d, unsigned long set)
{
	bool most = (unsigned int)__builtin_popcountl(set) >= SIGNALS * 2 / 3, first = true;

	put_text(d, most ? "~[" : "[");
	for (unsigned int signal = 1; signal <= SIGNALS; signal++) {
		char buf[16];
		const char *name = wy_signal_name(signal, buf);

		if ((set >> (signal - 1) & 1) == most)
			continue;
		if (!first)
			put_char(d, ' ');
		first = false;
		if (name)
			put_text(d, name + 3); /* without its SIG */
		else
			put_ulong(d, signal);
	}
	put_char(d, ']');
}

static void put_sigset_arg(struct decoder *d, unsigned int i)
{
	unsigned long set;
	bool out = d->row->arg[i] == WY_ARG_SIGSET_OUT;

	if (out ? arg_out(d, i, &set, sizeof(set)) : arg_in(d, i, &set, sizeof(set)))
		put_sigset(d, set);
	else
		put_address(d, d->args[i]);
}

static void put_action(struct decoder *d, unsigned int i)
{
	unsigned long act[4]; /* handler, flags, restorer, mask */
	bool out = d->row->arg[i] == WY_ARG_SIGACTION_OUT;

	if (out ? !arg_out(d, i, act, sizeof(act)) : !arg_in(d, i, act, sizeof(act))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{sa_handler=");
	if (act[0] == 0 || act[0] == 1)
		put_text(d, act[0] ? "SIG_IGN" : "SIG_DFL");
	else if (act[0] == ~0ul)
		put_text(d, "SIG_ERR");
	else
		put_hex(d, act[0]);
	put_text(d, ", sa_mask=");
	put_sigset(d, act[3]);
	put_text(d, ", sa_flags=");
	put_flags(d, &wy_sa_flags, (unsigned int)act[1]);
	if (act[1] & 0x04000000) { /* SA_RESTORER */
		put_text(d, ", sa_restorer=");
		put_address(d, act[2]);
	}
	put_char(d, '}');
}

static void put_stack(struct decoder *d, unsigned int i)
{
	struct {
		unsigned long sp;
		unsigned int flags, pad;
		unsigned long size;
	} ss;
	bool out = d->row->arg[i] == WY_ARG_SIGSTACK_OUT;

	if (out ? !arg_out(d, i, &ss, sizeof(ss)) : !arg_in(d, i, &ss, sizeof(ss))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{ss_sp=");
	put_address(d, ss.sp);
	put_text(d, ", ss_flags=");
	put_flags(d, &wy_ss_flags, ss.flags);
	put_format(d, ", ss_size=%lu}", ss.size);
}

/* ---- siginfo ---- */

static const struct wy_flags *codes_of(int signal)
{
	switch (signal) {
	case SIGBUS: return &wy_bus_codes;
	case SIGCHLD: return &wy_child_codes;
	case SIGFPE: return &wy_fpe_codes;
	case SIGILL: return &wy_ill_codes;
	case SIGPOLL: return &wy_poll_codes;
	case SIGSEGV: return &wy_segv_codes;
	case SIGSYS: return &wy_sys_codes;
	case SIGTRAP: return &wy_trap_codes;
	}
	return NULL;
}

static void put_code(struct decoder *d, int signal, int code)
{
	const struct wy_flags *own = codes_of(signal);
	const char *name = wy_flag_name(&wy_user_codes, (unsigned int)code);

	if (code > 0 && code != 0x80 && own)
		name = wy_flag_name(own, (unsigned int)code);
	if (name)
		put_text(d, name);
	else
		put_format(d, "%#x", code);
}

static void put_info(struct decoder *d, const siginfo_t *info)
{
	int signal = info->si_signo, code = info->si_code;

	if (!signal) {
		put_text(d, "{}");
		return;
	}
	put_text(d, "{si_signo=");
	put_signal(d, (unsigned int)signal);
	put_text(d, ", si_code=");
	put_code(d, signal, code);
	if (info->si_errno) {
		put_text(d, ", si_errno=");
		put_errno(d, (unsigned int)info->si_errno);
	}
	if (signal == SIGCHLD && code > 0 && code != SI_KERNEL) {
		put_format(d, ", si_pid=%d, si_uid=%u, si_status=", info->si_pid, info->si_uid);
		if (code == CLD_EXITED)
			put_long(d, info->si_status);
		else
			put_signal(d, (unsigned int)info->si_status);
		put_format(d, ", si_utime=%ld, si_stime=%ld", info->si_utime, info->si_stime);
	} else if (code == SI_USER || code == SI_TKILL || code == SI_QUEUE || code == SI_MESGQ) {
		put_format(d, ", si_pid=%d, si_uid=%u", info->si_pid, info->si_uid);
		if ((code == SI_QUEUE || code == SI_MESGQ) && info->si_value.sival_ptr)
			put_format(d, ", si_int=%d, si_ptr=%p", info->si_value.sival_int,
				   info->si_value.sival_ptr);
	} else if (code == SI_TIMER) {
		put_format(d, ", si_timerid=%#x, si_overrun=%d", info->si_timerid,
			   info->si_overrun);
		if (info->si_value.sival_ptr)
			put_format(d, ", si_int=%d, si_ptr=%p", info->si_value.sival_int,
				   info->si_value.sival_ptr);
	} else if (wy_signal_has_address(signal, code)) {
		put_text(d, ", si_addr=");
		put_address(d, (unsigned long)info->si_addr);
	}
	put_char(d, '}');
}

static void put_siginfo(struct decoder *d, unsigned int i)
{
	siginfo_t info;

	if (d->row->arg[i] == WY_ARG_SIGINFO_IN ? arg_in(d, i, &info, sizeof(info)) :
						  arg_out(d, i, &info, sizeof(info)))
		put_info(d, &info);
	else
		put_address(d, d->args[i]);
}

static void put_sigevent(struct decoder *d, unsigned int i)
{
	struct {
		unsigned long value;
		int signo, notify;
	} ev;

	if (!arg_in(d, i, &ev, sizeof(ev))) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '{');
	if (ev.value)
		put_format(d, "sigev_value={sival_int=%d, sival_ptr=%#lx}, ", (int)ev.value,
			   ev.value);
	put_text(d, "sigev_signo=");
	put_signal(d, (unsigned int)ev.signo);
	put_text(d, ", sigev_notify=");
	put_flags(d, &wy_sigev_types, (unsigned int)ev.notify);
	put_char(d, '}');
}

void wy_decode_signal(FILE *out, const struct wy_event_view *v)
{
	static const struct wy_decode how = { 0 };
	struct decoder d = { .how = &how, .v = v };
	siginfo_t info = { .si_signo = v->e.nr, .si_code = (int)v->e.arg[0] };
	bool faults = info.si_code > 0 && info.si_signo != SIGCHLD && info.si_code != SI_KERNEL;

	if (v->e.kind != WY_EVENT_SIGNAL)
		return;
	if (faults) {
		info.si_addr = (void *)v->e.arg[1];
	} else {
		info.si_pid = (int)v->e.arg[1];
		info.si_uid = (unsigned int)v->e.arg[2];
		if (info.si_signo == SIGCHLD)
			info.si_status = (int)v->e.arg[3];
		else
			info.si_value.sival_ptr = (void *)v->e.arg[3];
	}
	put_signal(&d, v->e.nr);
	put_char(&d, ' ');
	put_info(&d, &info);
	if (d.line.len)
		fwrite(d.line.at, 1, d.line.len, out);
	free(d.line.at);
}

printer *wy_signal_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_SIGSET_IN:
	case WY_ARG_SIGSET_OUT: return put_sigset_arg;
	case WY_ARG_SIGACTION_IN:
	case WY_ARG_SIGACTION_OUT: return put_action;
	case WY_ARG_SIGSTACK_IN:
	case WY_ARG_SIGSTACK_OUT: return put_stack;
	case WY_ARG_SIGINFO_IN:
	case WY_ARG_SIGINFO_OUT:
	case WY_ARG_SIGINFO_WAIT: return put_siginfo;
	case WY_ARG_SIGEVENT_IN: return put_sigevent;
	default: return NULL;
	}
}
