#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""waylay serve check and bench: they find what differs, and say what is so."""
import os
import re
import signal
import subprocess
import sys
import tempfile

from server import WAYLAY, main, same, test


def trial(command, *argv, data=b"some text\n", options=(), **more):
    """Returns status, stdout as a list of (word, rest), the lines of stderr."""
    with tempfile.TemporaryDirectory() as temp:
        done = subprocess.run([WAYLAY, "serve", command, *options, "--", *argv], input=data,
                              capture_output=True, check=False,
                              env={**os.environ, "TMPDIR": temp}, **more)
        same(os.listdir(temp), [])  # nothing is left
    lines = [line.split(None, 1) for line in done.stdout.decode().splitlines()]
    return done.returncode, lines, done.stderr.decode().splitlines()


def rests(lines, word):
    return [line[1] for line in lines if line[0] == word]


@test
def equal():
    status, lines, errors = trial("check", "tr", "a-z", "A-Z")
    same((status, errors), (0, []))
    same(rests(lines, "mode"), ["fork"])
    same(rests(lines, "equal"), ["100 of 100, 32 at once: bytes and end"])
    same(rests(lines, "hazard") + rests(lines, "note"), [])
    assert re.fullmatch(r"[\d.]+ ms, median of \d+; 10 bytes, exit status 0",
                        *rests(lines, "fresh")), lines
    assert re.fullmatch(r"[\d.]+ ms, median of 20 .*: [\d.]+ times faster",
                        *rests(lines, "served")), lines
    assert re.match(r"[\d.]+ ms after its last byte", *rests(lines, "teardown")), lines


@test
def failures_are_equal_too():
    status, lines, _ = trial("check", "sh", "-c", "read x; exit 9", data=b"",
                             options=["-n", "40", "-c", "4"])
    same(status, 0)
    same(rests(lines, "equal"), ["40 of 40, 4 at once: bytes and end"])
    status, lines, _ = trial("check", sys.executable, "-c",
                             "import os, sys; sys.stdin.read(); os.kill(os.getpid(), 15)",
                             options=["-n", "10"])
    same(status, 0)
    assert "ended by signal 15 (Terminated)" in rests(lines, "fresh")[0], lines


@test
def several_processes():
    status, lines, _ = trial("check", "sh", "-c", "cat; exit 9", options=["-n", "12", "-c", "4"])
    same((status, rests(lines, "mode")), (0, ["prestart"]))
    same(rests(lines, "equal"), ["12 of 12, 4 at once: bytes"])
    assert "a call would start it afresh, so its ends are not compared" in rests(lines, "note"), lines


@test
def no_input_and_no_output():
    status, lines, _ = trial("check", "cat", data=b"", options=["-n", "10"])
    same((status, rests(lines, "equal")), (0, ["10 of 10, 10 at once: bytes and end"]))


# The number of the process at the start: the same in all copies, but not the process's own.
STALE = "import os, sys; me = os.getpid(); sys.stdin.read(); "


@test
def other_bytes_are_found():
    status, lines, _ = trial("check", sys.executable, "-c", STALE + "print(me == os.getpid())")
    same(status, 1)
    same(rests(lines, "different")[0], "request 1: byte 1 of 5 is another")


@test
def another_end_is_found():
    status, lines, _ = trial("check", sys.executable, "-c",
                             STALE + "print('x'); sys.exit(me == os.getpid())")
    same(status, 1)
    same(rests(lines, "different")[0], "request 1: exit status 0 in place of exit status 1")


@test
def fresh_runs_that_differ():
    status, _, errors = trial("check", "sh", "-c", "cat; echo $$")
    same(status, 2)
    same([line.partition(":")[0] for line in errors], ["waylay"])
    assert "fresh runs of 'sh' are not equal" in errors[0], errors


@test
def hazards_are_listed():
    status, lines, _ = trial("check", sys.executable, "-c",
                             "import os, signal, sys; os.urandom(8); signal.alarm(1000)\n"
                             "sys.stdin.read(); print('x')")
    same(status, 0)
    same(rests(lines, "hazard"), ["it has drawn random numbers: all copies have the same",
                                  "timers run in it: a copy has none, as after fork(2)"])


@test
def why_it_is_not_forked_is_said():
    status, lines, _ = trial("check", sys.executable, "-c",
                             "import socket, sys\n"
                             "a = socket.create_server(('127.0.0.1', 0))\n"
                             "b = socket.create_connection(a.getsockname())\n"
                             "print(sys.stdin.read())", options=["-n", "8", "-c", "4"])
    same((status, rests(lines, "mode")), (0, ["prestart"]))
    assert "cannot be served by copies" in rests(lines, "note")[0], lines


@test
def a_program_that_does_not_read():
    status, lines, errors = trial("check", "echo", "text")
    same((status, errors), (2, ["waylay: 'echo' could not be served"]))
    same(rests(lines, "refused"),
         ["the program ended with exit status 0 before it read its stdin"])


@test
def options_of_the_server():
    status, lines, _ = trial("check", "tr", "a-z", "A-Z",
                             options=["--mode=prestart", "-n", "8", "-c", "4"])
    same((status, rests(lines, "mode")), (0, ["prestart"]))
    status, lines, errors = trial("check", "cat", options=["--nonsense"])
    same((status, errors), (2, ["waylay: 'cat' could not be served"]))
    assert "there is no option '--nonsense'" in rests(lines, "refused")[0], lines


@test
def stopped_by_a_signal():
    with tempfile.TemporaryDirectory() as temp:
        r, w = os.pipe()
        with subprocess.Popen([WAYLAY, "serve", "check", "--", "sh", "-c",
                               f"echo x >/proc/{os.getpid()}/fd/{w}; exec sleep 1000"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env={**os.environ, "TMPDIR": temp}) as p:
            os.read(r, 1)
            p.send_signal(signal.SIGINT)
            same((p.stderr.read(), p.wait()), (b"waylay: stopped by a signal\n", 2))
        same(os.listdir(temp), [])


@test
def bench():
    status, lines, errors = trial("bench", "tr", "a-z", "A-Z", options=["-n", "10"])
    same((status, errors), (0, []))
    table = [" ".join(line) for line in lines[1:]]
    for row in ("fresh start", "waylay, fork ", "waylay, fork, fast", "waylay, prestart"):
        found = [line for line in table if line.startswith(row)]
        assert found and re.fullmatch(r".*? [\d.]+ ms +[\d.]+ ms +[\d.]+", found[0]), (row, table)
    for row in ("tcpserver", "socat EXEC"):
        found = [line for line in table if line.startswith(row)]
        assert found and ("ms" in found[0] or "not installed" in found[0]), (row, table)


@test
def bench_finds_what_differs():
    status, lines, _ = trial("bench", sys.executable, "-c", STALE + "print(me == os.getpid())",
                             options=["-n", "4"])
    same(status, 1)
    same([" ".join(line) for line in lines if line[0] == "waylay,"][0].split(),
         "waylay, fork DIFFERENT: byte 1 of 5 is another".split())


if __name__ == "__main__":
    main()
