#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that a signal ends or stops for which they have no handler: under `waylay trace` they end
as they do alone, and the trace says by what in strace's words.

Environment: WAYLAY; ENDS is the program.  Output: TAP.
"""
import os
import re
import resource
import shutil
import signal
import subprocess

from trace import WAYLAY, Skip, folder, main, read, same, test

ENDS = os.environ["ENDS"]
WAYS = subprocess.run([ENDS], capture_output=True, text=True, check=True).stdout.split()


def status_of(where, *argv):
    os.mkdir(where)
    # What is dumped goes there.
    limit = (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2
    return subprocess.run(argv, cwd=where, capture_output=True, check=False, timeout=60,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, limit)
                          ).returncode


def ends(path):
    """What is said of signals without a handler, and of the end; of all processes.  (Of an end
    strace speaks once for each thread.)"""
    found = set()
    for line in read(path).splitlines():
        line = line.split(None, 1)[1]
        if re.match(r"(--- |\+\+\+ )", line) and not re.match(r"--- SIG(CHLD|USR1)", line):
            line = re.sub(r"si_pid=\d+", "si_pid=N", line)
            found.add(re.sub(r"si_addr=0x[0-9a-f]{9,}", "si_addr=A", line))
    return sorted(found)


def one(way):
    def check():
        with folder() as tmp:
            ours, theirs = os.path.join(tmp, "ours"), os.path.join(tmp, "theirs")
            status = status_of(os.path.join(tmp, "1"), ENDS, way)
            assert status < 0, status
            same(status_of(os.path.join(tmp, "2"), WAYLAY, "trace", "--strace", "-o", ours, "--",
                           ENDS, way), status)
            same(status_of(os.path.join(tmp, "3"), "strace", "-f", "-o", theirs, ENDS, way),
                 status)
            same(ends(ours), ends(theirs))
            same(sorted(os.listdir(os.path.join(tmp, "2"))),
                 sorted(os.listdir(os.path.join(tmp, "1"))))
    check.__name__ = way
    test(check)


def frames_of(folder):
    """The names of the functions in which the program was, as gdb finds them in its core."""
    core = [name for name in os.listdir(folder) if name.startswith("core")]
    if not core:
        raise Skip("cores do not go to the working directory here")
    path = os.path.join(folder, core[0])
    assert os.path.getsize(path) < 50 << 20, os.path.getsize(path)
    done = subprocess.run(["gdb", "-q", "-batch", "-nx", "-ex", "bt", ENDS, path],
                          capture_output=True, text=True, check=False)
    return re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(\S+)", done.stdout, re.M)


@test
def the_core_shows_where():
    if not shutil.which("gdb"):
        raise Skip("there is no gdb")
    with folder() as tmp:
        tools = {"alone": [], "run": [WAYLAY, "run"], "trace": [WAYLAY, "trace", "-o", "/dev/null"]}
        for name, tool in tools.items():
            same(status_of(os.path.join(tmp, name), *tool, ENDS, "abort"), -signal.SIGABRT)
        alone = frames_of(os.path.join(tmp, "alone"))
        same(alone[-2:], ["by_abort", "main"])
        same(frames_of(os.path.join(tmp, "run")), alone)
        same(frames_of(os.path.join(tmp, "trace")), alone)


@test
def a_stop_is_told():
    with folder() as tmp:
        path = os.path.join(tmp, "lines")
        with subprocess.Popen([WAYLAY, "trace", "-o", path, "sh", "-c", "kill -STOP $$; exit 3"],
                              stdin=subprocess.DEVNULL) as p:
            _, status = os.waitpid(p.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), status
            told = re.findall(r"--- (.*) ---", read(path))
            os.kill(p.pid, signal.SIGCONT)
            same(p.wait(), 3)
        same((os.WSTOPSIG(status), told), (signal.SIGSTOP, ["stopped by SIGSTOP"]))


for each in WAYS:
    one(each)
main()
