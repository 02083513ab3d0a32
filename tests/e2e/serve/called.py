#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""waylay call and waylay serve together: a served program in place of the program."""
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from server import WAYLAY, Server, main, same, test

WAYS = ["unix", "tcp", "frames"]  # frames: over a unix socket


class Called:
    """A server with a call listener."""

    def __init__(self, way, *argv, options=()):
        self.folder = tempfile.TemporaryDirectory()
        listen = "127.0.0.1:0" if way == "tcp" else f"unix:{self.folder.name}/call"
        self.server = Server(*argv, options=["-l", f"call:{listen}", *options])
        address = next(a for a in self.server.addresses if a.startswith("call:"))[5:]
        self.argv = [WAYLAY, "call", *(["--frames"] if way == "frames" else []), address]

    def run(self, data=b""):
        done = subprocess.run(self.argv, input=data, capture_output=True, check=False)
        return done.stdout, done.stderr, done.returncode

    def start(self, **more):
        return subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)

    def speak(self, *data):
        """A client with frames that says this, and reads nothing."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(f"{self.folder.name}/call")
        s.sendall(struct.pack("<QII", 0x316c6c6163796177, 0, 0))
        for part in data:
            s.sendall(struct.pack("<II", 1, len(part)) + part)
        return s

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status, _ = self.server.stop()
        self.folder.cleanup()
        if not kind:
            same(status, 0)


def each(function):
    for way in WAYS:
        def one(way=way):
            function(way)
        one.__name__ = f"{function.__name__}_{way}"
        test(one)


@each
def output_errors_and_status(way):
    with Called(way, "sh", "-c", "read a; echo out $a; echo err >&2; exit 7") as called:
        for _ in range(3):
            same(called.run(b"text\n"), (b"out text\n", b"err\n", 7))


@each
def a_pipeline(way):
    # It is served through a relay, which has nothing to do with calls: each is a fresh start.
    with Called(way, "sh", "-c", "tr a-z A-Z | rev; echo err >&2; exit 3") as called:
        for _ in range(3):
            same(called.run(b"abc\n"), (b"CBA\n", b"err\n", 3))
        out, _, status = called.run(b"x" * 1000000)
        same((out, status), (b"X" * 1000000, 3))
        same(called.server.ask(b"abc\n"), b"CBA\n")


@each
def a_banner_first(way):
    with Called(way, "sh", "-c", "echo banner; read a; echo $a") as called:
        for _ in range(3):
            same(called.run(b"text\n"), (b"banner\ntext\n", b"", 0))


@each
def a_banner_for_a_file_that_is_appended_to(way):
    with Called(way, "sh", "-c", "echo banner; read a; echo $a") as called, \
            tempfile.NamedTemporaryFile() as f:
        for _ in range(3):
            with open(f.name, "ab") as out:
                same(subprocess.run(called.argv, input=b"text\n", stdout=out, check=False).returncode,
                     0)
            same(f.read(), b"banner\ntext\n")


@each
def a_banner_for_a_pipe_that_does_not_block(way):
    with Called(way, "sh", "-c", "head -c 300000 /dev/zero; read a") as called:
        r, w = os.pipe()
        os.set_blocking(w, False)
        with subprocess.Popen(called.argv, stdin=subprocess.DEVNULL, stdout=w):
            os.close(w)
            with os.fdopen(r, "rb") as f:
                same(len(f.read()), 300000)


@each
def output_that_it_waits_for_is_a_file(way):
    script = ("import os, select\n"
              "e = select.epoll()\n"
              "e.register(1, select.EPOLLOUT)\n"
              "e.register(0, select.EPOLLIN)\n"
              "os.write(1, b'ready ' + os.read(0, 9))\n"
              "e.poll()")
    with Called(way, sys.executable, "-c", script) as called, tempfile.TemporaryFile() as f:
        same(subprocess.run(called.argv, input=b"text", stdout=f, check=False).returncode, 0)
        f.seek(0)
        same(f.read(), b"ready text")


@each
def much_both_ways(way):
    data = os.urandom(1 << 20) * 8
    with Called(way, "cat") as called:
        out, _, status = called.run(data)
        same((out == data, status), (True, 0))


@each
def a_signal_ends_it(way):
    script = "import os, sys; sys.stdin.read(); os.kill(os.getpid(), 6)"
    with Called(way, sys.executable, "-c", script) as called:
        same(called.run(), (b"", b"", -signal.SIGABRT))


@each
def signals_reach_the_copy(way):
    script = ("import signal, sys\n"
              "signal.pthread_sigmask(signal.SIG_BLOCK, {10, 15})\n"
              "print(sys.stdin.readline(), flush=True)\n"
              "for _ in range(2): print(signal.sigwait({10, 15}), flush=True)\n"
              "sys.exit(3)")
    with Called(way, sys.executable, "-c", script) as called:
        with called.start() as p:
            p.stdin.write(b"go\n")
            p.stdin.flush()
            same(p.stdout.readline(), b"go\n")
            same(p.stdout.readline(), b"\n")
            p.send_signal(signal.SIGUSR1)
            same(p.stdout.readline(), b"10\n")
            p.send_signal(signal.SIGTERM)
            same(p.stdout.readline(), b"15\n")
            same(p.wait(), 3)


@each
def interrupted(way):
    with Called(way, "cat") as called:
        with called.start() as p:
            p.stdin.write(b"x")
            p.stdin.flush()
            same(p.stdout.read(1), b"x")
            p.send_signal(signal.SIGINT)
            same(p.wait(), -signal.SIGINT)


@each
def the_caller_is_killed(way):
    # The copy goes, too: the server says how it ended, and stops without waiting for it.
    with Called(way, "sh", "-c", "read a; echo $a; exec sleep 1000", options=["-v"]) as called:
        with called.start() as p:
            p.stdin.write(b"x\n")
            p.stdin.flush()
            same(p.stdout.readline(), b"x\n")
            p.kill()
            p.wait()
        called.server.wait_line("ended by signal")


@test
def a_client_goes_away_before_its_input_is_taken():
    # More than the program's stdin holds, so that something is left with the server.
    with Called("frames", "sh", "-c", "read a; exec sleep 1000", options=["-v"]) as called:
        s = called.speak(b"x\n", *[b"y" * 30000] * 10)
        s.close()
        called.server.wait_line("ended by signal 15")


@test
def a_client_that_takes_nothing_has_a_limit():
    # The program has ended, and what it wrote is more than fits on its way to the client.
    with Called("frames", "sh", "-c", "read a; exec head -c 400000 /dev/zero",
                options=["--max=1", "--total-timeout=1s"]) as called:
        s = called.speak(b"x\n")
        assert called.server.wait_line("it has taken 1.0 s")
        same(len(called.server.ask(b"x\n")), 400000)
        s.close()


@each
def nobody_reads_the_output(way):
    with Called(way, "sh", "-c", "read a; exec yes", options=["-v"]) as called:
        with called.start() as p:
            p.stdin.write(b"x\n")
            p.stdin.flush()
            same(p.stdout.readline(), b"y\n")
            p.stdout.close()
            same(p.wait(), -signal.SIGPIPE)
        # By SIGPIPE, or, if it was just writing when the connection was reset, with a status.
        called.server.wait_line(": e")


@test
def the_callers_output_is_shared():
    # Its stdout is a socket, which the shell around it writes to as well.
    for mode in ("fork", "prestart", "fresh"):
        with Called("unix", "sh", "-c", "read a; echo $a", options=[f"--mode={mode}"]) as called:
            ours, its = socket.socketpair()
            shell = f"echo text | {' '.join(called.argv)}; echo more"
            with its:
                done = subprocess.run(["sh", "-c", shell], stdout=its, check=False)
            same((mode, ours.recv(100, socket.MSG_WAITALL), done.returncode),
                 (mode, b"text\nmore\n", 0))
            ours.close()


@each
def prestart(way):
    with Called(way, "sh", "-c", "read a; echo $a; exit 4", options=["--mode=prestart"]) as called:
        for _ in range(4):
            same(called.run(b"text\n"), (b"text\n", b"", 4))


@each
def fresh(way):
    with Called(way, "sh", "-c", "read a; echo $a; exit 4", options=["--mode=fresh"]) as called:
        for _ in range(2):
            same(called.run(b"text\n"), (b"text\n", b"", 4))


if __name__ == "__main__":
    main()
