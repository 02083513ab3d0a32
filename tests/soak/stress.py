#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stress-ng's stressors, natively and under waylay.

    stress.py [--sample] [STRESSOR...]

Each runs a fixed number of rounds as an unprivileged user and verifies what it does.  Compared are
how it ended, whether it came to the end of its rounds, and what it says of failures and of what is
not possible here.  None that is destructive, or that only computes, is in the list; and not
usersyscall, which wants syscall user dispatch, as waylay does, and is told that there is none.
Environment: WAYLAY is the program under test.  Output: TAP.
"""
import os
import re
import shutil
import sys

import compare

# stressor=rounds: half a second or less natively
STRESSORS = dict(word.split("=") for word in """
access=2000 affinity=40000 aio=40000 aiol=1000 alarm=10000 bad-altstack=800 brk=100000 cap=50000
chdir=5 chmod=900 clock=6000 clone=100 close=40000 context=1000 copy-file=200 daemon=1000
dentry=4000 dev-shm=3 dir=3000 dirdeep=600 dnotify=100 dup=200 dynlib=500 enosys=300 env=90
epoll=20000 eventfd=7000 exec=200 exit-group=200 fallocate=30 far-branch=7 fault=600 fcntl=9000
fifo=200000 file-ioctl=20000 filename=60 flock=700000 fork=800 fp-error=400000 fpunch=300
fstat=100 full=20000 futex=10000 get=2000 getdent=30000 getrandom=20000 hrtimers=40000 inotify=1
io-uring=20 ioprio=100 itimer=90 kcmp=10000 key=6000 kill=10000 landlock=60 lease=20000
locka=800000 lockf=20000 lockofd=800000 longjmp=5000 madvise=7 malloc=20000 membarrier=7 memfd=2
mincore=400 mknod=5000 mlock=7000 mmap=1 mmapaddr=20000 mmapfixed=9 mmapmany=20000
mprotect=100000 mq=100000 mremap=1 msg=300000 msync=2000 munmap=80000 mutex=200000
nanosleep=2000 nice=800 opcode=600 open=5000 pagemove=30 personality=10000 pidfd=1000
pipe=300000 pipeherd=1000 pkey=40000 poll=20000 prctl=800 priv-instr=100000 procfs=200
pthread=2000 ptrace=8000 pty=1 race-sched=500 regs=20000 remap=20 rename=1000 ring-pipe=40000
rlimit=2000 rmap=30 rseq=1 schedpolicy=30000 seal=20000 seccomp=150 secretmem=1 seek=30000
sem=1000 sem-sysv=20000 sendfile=5000 session=500 set=3000 shm=20 shm-sysv=50 sigabrt=300
sigchld=700 sigfd=200000 sigfpe=90000 sigio=20000 signal=100000 signest=100000 sigpending=90000
sigpipe=10000 sigq=100000 sigrt=70000 sigsegv=100000 sigsuspend=50000 sigtrap=100000 sock=200
sockabuse=100 sockdiag=30000 sockfd=50000 sockmany=5000 sockpair=40000 spawn=100 splice=50000
stack=1 stackmmap=90 switch=10000 symlink=1 sysbadaddr=900 syscall=300 sysinfo=2000 tee=3000
timer=10000 timerfd=10000 tlb-shootdown=3000 touch=800 udp=30000 unshare=30 userfaultfd=500
utime=9000 vdso=10000000 vfork=3000 vforkmany=2000 vm=2000 vm-addr=10 vm-rw=70
vm-segv=400 vm-splice=100000 wait=700 xattr=100 yield=400000 zombie=1000
""".split())
# what one of some seconds runs: a class of each
SAMPLE = {"signal": "2000", "sigsegv": "2000", "clone": "5", "vfork": "50", "futex": "500",
          "epoll": "500", "timer": "200", "pthread": "50", "spawn": "5", "sysbadaddr": "50"}
# stressors that need a capability; the rest of root is not wanted
CAPABILITY = {"seccomp": "sys_admin", "userfaultfd": "sys_ptrace"}
# these run until their time is over, whatever the number of rounds
UNTIL_TIME = {"fpunch", "pipeherd", "rseq", "sem", "syscall", "vforkmany"}
# glibc's own use of restartable sequences is in the way of this one
ENVIRONMENT = {"rseq": {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}}

LINE = re.compile(r"stress-ng: (fail|warn|error): +\[\d+\] (.*)")
SKIPPED = re.compile(r"stress-ng: info: +\[\d+\] (.*(?:skipp|not implemented|not supported).*)")


def read(got, cwd):
    text = (got.out + got.err).decode("utf-8", "replace")
    said = set()
    for line in text.splitlines():
        found = LINE.match(line) or SKIPPED.match(line)
        if found:
            said.add(re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "N", found.groups()[-1]))
    table = {f"says {line}": "yes" for line in said}
    if "was killed" in text or "run completed" not in text:
        table["run"] = "not completed"
    rounds = re.search(r"bogo-ops: (\d+)", compare.torture.read_text(os.path.join(cwd, "metrics")))
    wanted = re.search(r"-ops\0(\d+)", "\0".join(got.argv))
    if not rounds:
        table["rounds"] = "unknown"
    elif int(rounds.group(1)) >= int(wanted.group(1)):
        table["rounds"] = "all"
    else:
        table["rounds"] = "some" if int(rounds.group(1)) else "none"
    return table


def main():
    args = sys.argv[1:]
    wanted = STRESSORS
    if args[:1] == ["--sample"]:
        wanted, args = SAMPLE, args[1:]
    with compare.Suite(read, lambda test, how: test.startswith("says fail")) as suite:
        for name in args or wanted:
            if not shutil.which("stress-ng", path=compare.PATH):
                suite.skip(name, "stress-ng is not installed")
                continue
            suite.part(name, ["stress-ng", "--no-rand-seed", "--verify",
                              "--timeout", "3s" if name in UNTIL_TIME else "60s",
                              "--metrics-brief", "--yaml", "metrics", "--temp-path", ".",
                              f"--{name}", "1", f"--{name}-ops", wanted[name]], timeout=90,
                       capability=CAPABILITY.get(name), env=ENVIRONMENT.get(name))
        sys.exit(suite.end())


if __name__ == "__main__":
    main()
