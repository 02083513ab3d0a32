#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every call is caught: waylay's counts against those of strace -f, call by call.

    counts.py [--by stats|table|lines] [NAME...]

They are those of run --stats-json, of the table of trace -c, or of the lines of trace --strace.

Environment: WAYLAY; PROGRAMS is a folder with the test programs that it needs (hello.musl-static
and so on); those that are not there are left out.
Output: TAP.

The exceptions, each with its reason; everything else must be equal:

  execve           The first one, of the program itself, is made by strace before there is a
                   program; waylay begins to count behind it.  One is taken off.
  restarted calls  strace shows a call that a handler interrupted and the kernel began again as
                   two, the first with "= ? ERESTART..."; for the program, and for waylay, it is
                   one.  Those that are shown as "to be restarted" are taken off.
  restart_syscall  The kernel's own way to go on with a call that has a timeout: part of the call
                   that was interrupted.  Left out.
"""
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torture  # noqa: E402

TREE = "mkdir -p t/a/b; seq 1000 >t/one; seq 2000 >t/a/two; ln -s two t/a/link; cp t/one t/a/b/three"
PYTHON = "/usr/bin/python3"

# name: what is run; `differs` names calls whose number is not the same from run to run natively
PROGRAMS = {
    "true": ["/bin/true"],
    "ls": ["/bin/ls", "-l", "t"],
    "cat": ["/bin/cat", "t/one", "t/a/two"],
    "cp": ["/bin/cp", "-r", "t", "copy"],
    "tar": ["/bin/tar", "cf", "/dev/null", "t"],
    "tar to a file": ["/bin/tar", "cf", "all.tar", "t"],
    "pipeline": ["/bin/sh", "-c", "echo a|cat; ls t"],
    "env -i": ["/usr/bin/env", "-i", "/bin/sh", "-c", "/bin/echo x; /bin/true"],
    "python": [PYTHON, "-I", "-S", "-c", "pass"],
    "sqlite3": ["/usr/bin/sqlite3", "db", "create table t (n); insert into t values (1), (2); "
                "select sum(n) from t; drop table t"],
    "busybox ls": ["/bin/busybox", "ls", "-l", "t"],
    "busybox pipeline": ["/bin/busybox", "sh", "-c", "echo a | busybox cat; busybox ls t"],
    "hello glibc": ["@hello.glibc"],
    "hello glibc-static": ["@hello.glibc-static"],
    "hello static-pie": ["@hello.static-pie"],
    "hello musl": ["@hello.musl"],
    "hello musl-static": ["@hello.musl-static"],
    "hello go": ["@04-go-hello.go"],
}
# A Go program's runtime sleeps, wakes and interrupts its threads as time goes by; how many threads
# it makes is a matter of time as well.  A shell's wait for two children that end together is
# interrupted by SIGCHLD or not.
DIFFERS = {
    "hello go": {"futex", "nanosleep", "sched_yield", "tgkill", "getpid", "rt_sigreturn", "clone",
                 "gettid", "rt_sigprocmask", "sigaltstack", "mmap", "madvise", "epoll_pwait",
                 "munmap", "prctl"},
    "pipeline": {"rt_sigreturn", "wait4"},
    "busybox pipeline": {"rt_sigreturn", "wait4"},
    "env -i": {"rt_sigreturn", "wait4"},
}

LINE = re.compile(r"^(\d+)\s+([a-z_0-9]+)\(")
ERROR = re.compile(r"= -1 E[A-Z0-9]+ ")
RESUMED = re.compile(r"^(\d+)\s+<\.\.\. ([a-z_0-9]+) resumed>")


def by_strace(argv, cwd, env):
    log = os.path.join(os.path.dirname(cwd), "strace.log")
    subprocess.run(["strace", "-f", "-qq", "-o", log] + argv, cwd=cwd, env=env,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    counts, errors = collections.Counter(), collections.Counter()
    with open(log, encoding="utf-8", errors="replace") as f:
        for line in f:
            begins, goes_on = LINE.match(line), RESUMED.match(line)
            found = begins or goes_on
            if not found:
                continue
            name = found.group(2)
            if begins:
                counts[name] += 1
            if ERROR.search(line):
                errors[name] += 1
            if "= ? ERESTART" in line and "(To be restarted" in line:
                counts[name] -= 1
    counts["execve"] -= 1
    counts.pop("restart_syscall", None)
    return counts, errors


def by_waylay(waylay, argv, cwd, env):
    out = os.path.join(os.path.dirname(cwd), "stats.json")
    subprocess.run([waylay, "run", "--stats-json", out] + argv, cwd=cwd, env=env,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    with open(out, encoding="utf-8") as f:
        calls = json.load(f)["calls"]
    counts = collections.Counter({name: c["count"] for name, c in calls.items()})
    errors = collections.Counter({name: c["errors"] for name, c in calls.items() if c["errors"]})
    counts.pop("restart_syscall", None)
    return counts, errors


def by_table(waylay, argv, cwd, env):
    out = os.path.join(os.path.dirname(cwd), "table")
    subprocess.run([waylay, "trace", "-c", "-o", out] + argv, cwd=cwd, env=env,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    counts, errors = collections.Counter(), collections.Counter()
    with open(out, encoding="utf-8") as f:
        for line in f:
            row = line.split()
            if not row:
                break
            if row[0][0].isdigit() and row[-1] != "total":
                counts[row[-1]] = int(row[3])
                errors[row[-1]] = int(row[4]) if len(row) > 5 else 0
    counts.pop("restart_syscall", None)
    return counts, +errors


def by_lines(waylay, argv, cwd, env):
    """The line of the first execve is there, as strace has it."""
    out = os.path.join(os.path.dirname(cwd), "lines")
    subprocess.run([waylay, "trace", "--strace", "-o", out] + argv, cwd=cwd, env=env,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    counts, errors = collections.Counter(), collections.Counter()
    with open(out, encoding="utf-8", errors="replace") as f:
        for line in f:
            found = LINE.match(line)
            if found:
                counts[found.group(2)] += 1
                errors[found.group(2)] += bool(ERROR.search(line))
    counts["execve"] -= 1
    counts.pop("restart_syscall", None)
    return +counts, +errors


BY = {"stats": by_waylay, "table": by_table, "lines": by_lines}


def prepare(cwd, env):
    shutil.rmtree(cwd, ignore_errors=True)
    os.makedirs(cwd)
    subprocess.run(["/bin/sh", "-c", TREE], cwd=cwd, env=env, check=True)


def main():
    tap = torture.Tap()
    args, by = sys.argv[1:], "stats"
    if args[:1] == ["--by"]:
        by, args = args[1], args[2:]
    waylay = os.path.abspath(os.environ["WAYLAY"])
    programs = os.environ.get("PROGRAMS", ".")
    env = {"PATH": "/usr/bin:/bin", "LANG": "C", "HOME": "/"}
    if not shutil.which("strace"):
        tap.point(True, "counts", skip="strace is not installed")
        sys.exit(tap.end())
    with tempfile.TemporaryDirectory(prefix="waylay-counts-") as top:
        cwd = os.path.join(top, "work")
        for name in args or PROGRAMS:
            argv = list(PROGRAMS[name])
            if argv[0].startswith("@"):
                argv[0] = os.path.abspath(os.path.join(programs, argv[0][1:]))
            if not os.path.exists(argv[0]):
                tap.point(True, name, skip=f"{argv[0]} is not there")
                continue
            prepare(cwd, env)
            want, want_errors = by_strace(argv, cwd, env)
            prepare(cwd, env)
            got, got_errors = BY[by](waylay, argv, cwd, env)
            notes = []
            for what, a, b in (("calls", want, got), ("errors", want_errors, got_errors)):
                for call in sorted(set(a) | set(b)):
                    if a[call] != b[call] and call not in DIFFERS.get(name, ()):
                        notes.append(f"{call}: {a[call]} {what} by strace, {b[call]} by waylay")
            if not sum(got.values()):
                notes.append("no calls at all")
            tap.point(not notes, f"counts of {name}, {by}", notes)
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
