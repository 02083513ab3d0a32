/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of every sort of origin arrive with their siginfo unchanged, byte for byte. */
#include "torture.h"

static siginfo_t got;
static volatile int hits;

static void handler(int sig, siginfo_t *info, void *context)
{
	memcpy(&got, info, sizeof(got));
	hits++;
}

int main(void)
{
	const int sigs[] = { SIGUSR1, SIGSYS, SIGSEGV, SIGBUS, SIGTRAP, SIGCHLD, SIGRTMAX - 1 };
	static const int codes[] = { -1, -2, -3, -4, -5, -6, -7, -30, -60, -99, 5 };
	pid_t self = getpid();
	int total = 0;

	for (size_t s = 0; s < COUNT_OF(sigs); s++) {
		on_signal(sigs[s], handler, 0);
		for (size_t c = 0; c < COUNT_OF(codes); c++) {
			siginfo_t sent;
			unsigned char *bytes = (unsigned char *)&sent;
			long a, b;

			memset(&sent, 0, sizeof(sent));
			for (size_t i = 16; i < 48; i++)
				bytes[i] = (unsigned char)(i * 7 + s * 13 + c);
			sent.si_signo = sigs[s];
			sent.si_code = codes[c];
			sent.si_errno = 1234;
			for (int how = 0; how < 2; how++) {
				hits = 0;
				a = how ? sc(SYS_rt_tgsigqueueinfo, self, gettid_raw(), sigs[s], &sent) :
					  sc(SYS_rt_sigqueueinfo, self, sigs[s], &sent);
				if (a != 0) {
					say("%s code %d: %s", sig_name(sigs[s]), codes[c], err_name(a));
					continue;
				}
				b = memcmp(&got, &sent, sizeof(sent));
				if (hits != 1 || b)
					die("%s code %d: %d handled, bytes %s", sig_name(sigs[s]),
					    codes[c], hits, b ? "differ" : "equal");
				total++;
			}
		}
	}
	say("%d signals arrived unchanged", total);
	/* the kernel's own */
	{
		struct itimerspec once = { { 0, 0 }, { 0, 1000000 } };
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2,
					  .sigev_value.sival_int = 99 };
		timer_t timer;
		pid_t pid;

		on_signal(SIGUSR2, handler, 0);
		must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
		hits = 0;
		must(timer_settime(timer, 0, &once, NULL) == 0);
		while (!hits)
			sched_yield();
		say("timer: code %d value %d overrun %d", got.si_code, got.si_value.sival_int,
		    got.si_overrun);
		pid = fork();
		if (pid == 0)
			_exit(77);
		wait_for(pid);
		say("SIGCHLD: code %d status %d pid %s", got.si_code, got.si_status,
		    got.si_pid == pid ? "right" : "wrong");
	}
	return 0;
}
