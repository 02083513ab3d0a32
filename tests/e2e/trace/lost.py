#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing that was recorded is lost; what could not be recorded is counted; the program is fine."""
import os
import re
import signal
import subprocess

from trace import WAYLAY, Skip, export, folder, main, read, same, test

NUMBERS = os.environ["NUMBERS"]
FULL = os.environ.get("WAYLAY_SOAK") == "1"
MANY = 1000000 if FULL else 100000


def numbers(lines):
    """Of calls that are over: a busy machine lets some of them hang, which is told before."""
    return [int(n) for n in re.findall(r'write\(.*"number (\d+)\.".* = ', lines)]


def lost(stderr):
    found = re.search(r"^waylay: trace: (\d+) events were lost$", stderr, re.M)
    return int(found.group(1)) if found else 0


def trace(*argv, **more):
    return subprocess.run([WAYLAY, "trace", *argv], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, **more)


@test
def who_is_killed_loses_nothing():
    with folder() as top:
        lines = os.path.join(top, "lines")
        done = trace("-o", lines, NUMBERS, str(MANY), "kill")
        same((done.returncode, done.stderr), (-signal.SIGKILL, ""))
        same(numbers(read(lines)), list(range(MANY)))
        last = read(lines).splitlines()[-2:]
        assert re.search(r"kill\(\d+, SIGKILL\) += \?$", last[0]), last
        assert last[1].endswith("+++ killed by SIGKILL +++"), last
        run = os.path.join(top, "run")
        done = trace("-d", run, NUMBERS, str(MANY), "kill")
        same((done.returncode, done.stderr), (-signal.SIGKILL, ""))
        same(numbers(export(run, "--text")), list(range(MANY)))


@test
def a_grandchild_that_is_killed_loses_nothing():
    with folder() as top:
        lines = os.path.join(top, "lines")
        done = trace("-o", lines, "sh", "-c", f"{NUMBERS} 3000 kill; exit 3")
        same(done.returncode, 3)
        same(numbers(read(lines)), list(range(3000)))
        same(sorted(re.findall(r"\+\+\+ .*", read(lines))),
             ["+++ exited with 3 +++", "+++ killed by SIGKILL +++"])


def start(*argv, **more):
    return subprocess.Popen([WAYLAY, "trace", *argv], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def with_stopped_host(*options):
    """The program goes on while waylay is stopped; every event is there, or counted."""
    with folder() as top:
        run = os.path.join(top, "run")
        p = start("-d", run, *options, NUMBERS, str(MANY), "wait")
        same(p.stdout.readline(), "ready\n")
        os.kill(p.pid, signal.SIGSTOP)
        p.stdin.write("x")
        p.stdin.flush()
        same(p.stdout.readline(), "done\n")
        os.kill(p.pid, signal.SIGCONT)
        _, err = p.communicate()
        same(p.returncode, 0)
        there = numbers(export(run, "--text"))
        same(there, sorted(set(there)))
        gone = MANY - len(there)
        assert gone > 0 and there[:100] == list(range(100)), f"{gone} are not there"
        # The last write, and how the process ends, may be among them.
        assert gone <= lost(err) <= gone + 4, f"{gone} are not there: {err}"


@test
def a_recorder_that_was_stopped_stops_nobody():
    with_stopped_host()


@test
def drop_loses_and_counts():
    with_stopped_host("--drop")


@test
def waylay_is_killed_and_the_program_goes_on():
    with folder() as top:
        p = start("-d", os.path.join(top, "run"), NUMBERS, str(MANY), "wait")
        same(p.stdout.readline(), "ready\n")
        p.kill()
        p.wait()
        p.stdin.write("x")
        p.stdin.flush()
        same(p.stdout.read(), "done\n")
        p.communicate()


@test
def lines_that_cannot_be_written():
    done = trace("-o", "/dev/full", "sh", "-c", "/bin/echo out; exit 5")
    same((done.returncode, done.stdout), (5, "out\n"))
    same(re.findall(r"^waylay: .*", done.stderr, re.M),
         ["waylay: cannot write '/dev/full': No space left on device"])


@test
def a_disk_that_is_full():
    probe = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False)
    if probe.returncode:
        raise Skip("unshare -Urm is not allowed here")
    with folder() as top:
        done = subprocess.run(
            ["unshare", "-Urm", "sh", "-c", f"""mount -t tmpfs -o size=512k none {top} &&
             {WAYLAY} trace -d {top}/run {NUMBERS} {MANY} kill; echo $?;
             {WAYLAY} trace export {top}/run --text 2>/dev/null | grep -c 'number 0\\.'"""],
            capture_output=True, text=True, check=False)
        same(done.stdout, "137\n1\n")
        said = [line for line in done.stderr.splitlines() if line.startswith("waylay:")]
        same(said[0], f"waylay: cannot write '{top}/run/run.trc': events are lost:"
             " No space left on device")
        same(sum("run.trc" in line for line in said), 1)
        assert lost(done.stderr) > MANY / 2, done.stderr


main()
