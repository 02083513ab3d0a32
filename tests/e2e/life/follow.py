#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every exec is followed, in whatever way it is made.  WAYS is the program ways.c in its variants."""
import os
import shutil
import subprocess
import sys

from life import WAYLAY, Skip, main, native, run, same, start, test

WAYS = [word for word in sys.argv[1:] if "/" in word]
sys.argv[1:] = [word for word in sys.argv[1:] if "/" not in word]
SHOW = "echo $PPID; grep SigBlk /proc/self/status | cut -f 2 | tail -c 9; exit 9"
# One signal never is blocked in the kernel: SIGSYS.
OWNED = 1 << 30


def each_way(*ways, **more):
    for exe in WAYS:
        for way in ways:
            got = run(exe, way, "/bin/sh", "-c", SHOW, **more)
            want = native(exe, way, "/bin/sh", "-c", SHOW, **more)
            ppid, mask = got.stdout.split()
            where = (os.path.basename(exe), way)
            same((where, got.returncode, ppid, got.stderr), (where, 9, "42", ""))
            same((where, int(mask, 16)), (where, int(want.stdout.split()[1], 16) & ~OWNED))


@test
def plain_and_without_environment():
    each_way("execv", "no-env")


@test
def from_another_thread_than_the_first():
    each_way("thread", "threads")


@test
def several_threads_at_once():
    for _ in range(5):
        each_way("race")


@test
def spawn_and_vfork():
    each_way("spawn", "vfork", "vfork-failing")


@test
def by_descriptor():
    each_way("memfd", "execveat")


@test
def after_failures():
    each_way("failing")


@test
def with_all_signals_blocked():
    each_way("blocked")


@test
def a_process_that_does_not_let_itself_be_looked_at():
    if os.geteuid() != 0:
        raise Skip("only a privileged host may look at it")
    each_way("undumpable")


@test
def every_variant_as_the_first_program():
    for exe in WAYS:
        got = run(exe, "spawn", "/bin/sh", "-c", "echo $PPID")
        same((exe, got.returncode, got.stdout), (exe, 0, "42\n"))


@test
def chains_of_scripts_and_pipelines():
    got = run("sh", "-c", "env -i /bin/sh -c 'echo $PPID' | cat; nohup sh -c 'echo $PPID' 2>&1 | tail -1; "
              "exec setsid -w sh -c 'echo $PPID'")
    same(got.stdout, "42\n42\n42\n")


@test
def in_other_namespaces():
    ways = [("-n",), ("-m",), ("-u",), ("-i",), ("-pf",), ("-pf", "--mount-proc"), ("-n", "-pf", "--mount-proc")]
    if os.geteuid() != 0:
        ways = [("-r", *way) for way in ways]
    if os.environ.get("FOLLOW") == "userland":  # there the host is reached by an abstract socket
        ways = [way for way in ways if "-n" not in way]
    for way in ways:
        script = "echo $PPID; sh -c 'echo $PPID' & wait"
        if native("unshare", *way, "true").returncode:
            raise Skip("unshare does not work here")
        got = run("unshare", *way, "sh", "-c", script)
        same((way, got.stdout, got.stderr), (way, "42\n42\n", ""))


@test
def without_any_privilege():
    if os.geteuid() != 0:
        raise Skip("is always so, when not root")
    for more in ((), ("--no-new-privs", "--bounding-set=-all")):
        drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *more)
        got = native(*drop, WAYLAY, "run", "--layer", "null", "sh", "-c", "id -u; echo $PPID; sh -c 'echo $PPID' | cat",
                     cwd="/")
        same((got.returncode, got.stdout, got.stderr), (0, "65534\n42\n42\n", ""))


@test
def a_hundred_at_once():
    code = "import subprocess; " \
           "ps = [subprocess.Popen(['sh', '-c', 'echo $PPID'], stdout=subprocess.PIPE) for _ in range(100)]; " \
           "print({p.communicate()[0] for p in ps}, {p.returncode for p in ps})"
    same(run("python3", "-c", code).stdout, "{b'42\\n'} {0}\n")


@test
def killed_on_the_way():
    # Children that are killed at some point of their exec: nothing hangs, nothing is lost.
    code = """
import os, subprocess, time
for n in range(300):
    p = subprocess.Popen(["/bin/true"]) if n % 3 else subprocess.Popen(["sh", "-c", "exec /bin/true"])
    for _ in range(n * 40):
        pass
    p.kill()
    p.wait()
print(subprocess.run(["sh", "-c", "echo $PPID"], capture_output=True).stdout)
"""
    got = run("python3", "-c", code)
    same((got.stdout, got.stderr), ("b'42\\n'\n", ""))


@test
def stopped_and_continued_on_the_way():
    code = """
import os, signal, subprocess
for n in range(200):
    p = subprocess.Popen(["sh", "-c", "exec sh -c 'echo $PPID'"], stdout=subprocess.PIPE)
    for _ in range(n * 40):
        pass
    p.send_signal(signal.SIGSTOP)
    p.send_signal(signal.SIGCONT)
    out = p.communicate()[0]
    assert out == b"42\\n" and p.returncode == 0, (n, out, p.returncode)
print("all")
"""
    got = run("python3", "-c", code)
    same((got.stdout, got.stderr), ("all\n", ""))


@test
def traced_by_another():
    if not shutil.which("strace"):
        raise Skip("there is no strace")
    if os.environ.get("FOLLOW") == "userland":
        raise Skip("nobody asks whether another traces")
    got = run("sh", "-c", "strace -f -o /dev/null sh -c 'echo in $PPID'; sh -c 'echo out $PPID'")
    lines = got.stdout.split("\n")
    same((got.returncode, lines[1]), (0, "out 42"))
    same(len([line for line in got.stderr.splitlines() if "another tracer" in line]), 1)
    # waylay itself is traced: the first program brings the agent along, what it executes does not.
    script = "echo $PPID; sh -c 'echo $PPID; true'; exit 6"
    got = native("strace", "-f", "-o", "/dev/null", WAYLAY, "run", "--layer", "null", "sh", "-c", script)
    lines = got.stdout.split("\n")
    same((got.returncode, lines[0], lines[1] != "42"), (6, "42", True))
    same(len([line for line in got.stderr.splitlines() if "another tracer" in line]), 1)


@test
def not_followed_when_so_asked():
    got = run("sh", "-c", "echo $PPID; sh -c 'echo $PPID'", options=("--no-follow",))
    first, second = got.stdout.split()
    same((first, second != "42", got.stderr), ("42", True, ""))


@test
def two_waylays_do_not_mix():
    one, two = (start("sh", "-c", "sh -c 'echo $PPID'; read x; sh -c 'echo $PPID'", stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, text=True) for _ in range(2))
    same((one.stdout.readline(), two.stdout.readline()), ("42\n", "42\n"))
    same(two.communicate("x\n")[0], "42\n")
    same(one.communicate("x\n")[0], "42\n")


main()
