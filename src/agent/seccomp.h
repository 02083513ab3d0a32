/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp.h - filters that the program puts on itself.
 *
 * Code in the section wy_program_calls makes the program's own calls: there the
 * program's filters judge.  The rest of the agent's text is exempt from them.
 */
#ifndef WY_AGENT_SECCOMP_H
#define WY_AGENT_SECCOMP_H

#include "agent/layer.h"

struct siginfo;
struct ucontext;

/*
 * arch/gate.S: makes a call that the program has asked for, from where its filters judge it.
 * Where a filter traps it, the result is its number, as the program would see it, and a SIGSYS
 * comes when the gate is left.
 */
long wy_call_as_program(long nr, long a, long b, long c, long d, long e, long f);

/* Set when wy_seccomp_judge() has to see calls. */
extern unsigned char wy_seccomp_judges;

/*
 * Is the program allowed a call that the engine is about to answer, or any call in strict mode?
 * WY_DONE: it is not, and call->ret is the filter's answer.  May change call->nr.
 */
enum wy_verdict wy_seccomp_judge(struct wy_call *call);

/* The same for a call by int $0x80; does not return when it is not allowed. */
void wy_seccomp_judge_int80(struct wy_thread *t, int nr);

/* prctl(PR_SET_SECCOMP) */
enum wy_verdict wy_seccomp_prctl(struct wy_call *call);

/* Where the agent must lie in the next image so that the filters let it through; 0: anywhere. */
unsigned long wy_seccomp_region(void);

/* False: there is a filter under which the agent cannot be in the next image. */
bool wy_seccomp_lets_follow(const struct wy_thread *t);

/* Has a filter sent this signal? */
bool wy_seccomp_is_trap(int sig, const struct siginfo *info);

/*
 * A filter has trapped a call that the agent's code made.  True: it was the program's, and info
 * now tells of it as if it came from its site.  False: it was not; it has failed with EPERM.
 */
bool wy_seccomp_trapped(struct wy_thread *t, struct siginfo *info, struct ucontext *uc);

/* What a call of the clone family returns in the parent when it was trapped. */
#define WY_CLONE_TRAPPED (-512)

#endif
