#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The options of waylay serve: ways to serve, limits, where copies begin, and what is logged."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from server import WAYLAY, Server, Skip, ask, fresh, main, same, test

# Counts up a file at each start, and says at each request how often it was started.
COUNTED = """
import os, sys
with open(sys.argv[1], "a") as f:
    f.write("x")
with open(sys.argv[1]) as f:
    n = len(f.read())
sys.stdout.write("%d " % n)
sys.stdout.flush()
sys.stdout.write(sys.stdin.read())
"""


def read_all(s):
    return b"".join(iter(lambda: s.recv(65536), b""))


def others(lines):
    return [line for line in lines if "waylay: ready" not in line]


@test
def every_mode_answers_the_same():
    for mode in ("fork", "prestart", "fresh"):
        with Server("sh", "-c", "read x; echo banner $x; read y; echo $y",
                    options=[f"--mode={mode}"]) as server:
            same(server.mode, mode)
            for n in range(10):
                same(server.ask(b"%d\ny\n" % n), b"banner %d\ny\n" % n)


@test
def every_stdin_answers_the_same():
    for mode in ("fork", "prestart", "fresh"):
        for kind in ("socket", "pipe", "file"):
            with Server("wc", "-c", options=[f"--mode={mode}", f"--stdin={kind}"]) as server:
                for n in (0, 1, 70000, 1000000):
                    same(int(server.ask(b"x" * n)), n)


@test
def stdin_is_what_was_asked_for():
    look = ("import os, stat, sys\nsys.stdin.read(1)\nmode = os.fstat(0).st_mode\n"
            "print(stat.S_ISSOCK(mode), stat.S_ISFIFO(mode), stat.S_ISREG(mode))")
    for kind, answer in (("socket", b"True False False\n"), ("pipe", b"False True False\n"),
                         ("file", b"False False True\n")):
        with Server(sys.executable, "-c", look, options=[f"--stdin={kind}"]) as server:
            same(server.mode, "fork")
            same(server.ask(b"abc"), answer)


@test
def a_file_can_be_sought_in():
    look = ("import os, sys\nprint(sys.stdin.readline().strip(), os.fstat(0).st_size)\n"
            "os.lseek(0, 1, os.SEEK_SET)\nprint(os.read(0, 2))")
    with Server(sys.executable, "-c", look, options=["--spool"]) as server:
        same(server.ask(b"first\nsecond\n"), b"first 13\nb'ir'\n")


@test
def a_pipeline_is_served_ahead():
    server = Server("sh", "-c", "echo banner; tr a-z A-Z | rev; exit 3")
    same(server.mode, "prestart")
    for _ in range(5):
        same(server.ask(b"abc\ndef\n"), b"banner\nCBA\nFED\n")
    big = b"0123456789\n" * 100000
    same(server.ask(big), b"banner\n" + b"9876543210\n" * 100000)
    status, lines = server.stop()
    same(status, 0)
    same(len([line for line in lines if "exit status 3" in line]), 6)
    same(len([line for line in lines if "mode prestart" in line]), 2)


@test
def a_slow_client_of_a_pipeline():
    with Server("sh", "-c", "cat | cat", options=["--mode=prestart"]) as server:
        s = server.connect()
        s.sendall(b"x" * 1000)
        same(len(s.recv(1000, socket.MSG_WAITALL)), 1000)
        s.shutdown(socket.SHUT_WR)
        same(read_all(s), b"")
        s.close()


@test
def copies_ahead():
    for pool in ("1", "4"):
        with Server("sh", "-c", "echo banner; exec cat", options=[f"--pool={pool}"]) as server:
            for n in range(50):
                same(server.ask(b"%d" % n), b"banner\n%d" % n)


@test
def copies_ahead_are_replaced():
    def is_asleep(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                return f.read().rpartition(")")[2].split()[0] == "S"
        except OSError:
            return False

    def waiting():
        with open(f"/proc/{keeper}/task/{keeper}/children", encoding="ascii") as f:
            return [pid for pid in map(int, f.read().split())
                    if pid != template and is_asleep(pid)]

    server = Server("sh", "-c", "echo $PPID $$ >&2; exec cat", options=["--pool=3"])
    keeper, template = map(int, server.wait_line("").split())
    while len(waiting()) < 3:
        pass
    files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    for pid in waiting():
        os.kill(pid, signal.SIGKILL)
    while len(os.listdir(f"/proc/{server.process.pid}/fd")) > files - 3:
        pass
    for _ in range(4):
        same(server.ask(b"x"), b"x")
    while len(waiting()) < 3:
        pass
    same(server.stop()[0], 0)


@test
def only_so_many_at_once():
    with Server("cat", options=["--max=2"]) as server:
        first, second, third = (server.connect() for _ in range(3))
        for s in (first, second, third):
            s.sendall(b"x")
        same((first.recv(1), second.recv(1)), (b"x", b"x"))
        third.settimeout(0.2)
        try:
            third.recv(1)
            raise AssertionError("a third one was served")
        except TimeoutError:
            pass
        third.settimeout(None)
        first.close()
        same(third.recv(1), b"x")
        second.close()
        third.close()


@test
def a_queue_has_an_end():
    server = Server("cat", options=["--max=1", "--queue=1"])
    first, second = server.connect(), server.connect()
    first.sendall(b"x")
    same(first.recv(1), b"x")
    third = server.connect()
    assert server.wait_line("connection 3 from")
    try:
        same(third.recv(1), b"")
    except ConnectionResetError:
        pass
    first.close()
    second.sendall(b"y")
    same(second.recv(1), b"y")
    second.close()
    third.close()
    status, lines = server.stop()
    same(status, 0)
    same(others(lines)[0].rpartition(": ")[2], "1 are being served and 1 wait")


@test
def so_many_from_one_host():
    server = Server("cat", options=["--per-ip=2"])
    s = [server.connect() for _ in range(3)]
    assert server.wait_line("closed: there are 2 from there")
    for one in s[:2]:
        one.sendall(b"x")
        same(one.recv(1), b"x")
    for one in s:
        one.close()
    same(server.stop()[0], 0)


@test
def an_idle_client_is_ended():
    for mode in ("fork", "prestart", "fresh"):
        server = Server("cat", options=["--timeout=300ms", f"--mode={mode}"])
        s = server.connect()
        for _ in range(8):  # longer than the limit, but never idle
            s.sendall(b"x")
            same(s.recv(1), b"x")
            time.sleep(0.1)
        same(s.recv(1), b"")
        s.close()
        status, lines = server.stop()
        same(status, 0)
        same(others(lines)[0].rpartition(": ")[2], "it has been idle for 300 ms")


@test
def a_client_that_takes_too_long_is_ended():
    server = Server("sh", "-c", "trap '' TERM; while read x; do echo $x; done",
                    options=["--total-timeout=400ms"])
    s = server.connect()
    s.sendall(b"x\n")
    same(s.recv(2), b"x\n")
    same(s.recv(1), b"")  # SIGTERM did not help
    s.close()
    status, lines = server.stop()
    same(status, 0)
    same([line.rpartition(": ")[2] for line in others(lines)],
         ["it has taken 400 ms", "ended by signal 9 (Killed)"])


@test
def a_request_that_never_ends_takes_no_copy():
    server = Server("cat", options=["--spool", "--max=1", "--spool-max=1K"])
    slow = server.connect()
    slow.sendall(b"x")
    same(server.ask(b"quick"), b"quick")
    slow.sendall(b"y" * 2000)
    assert server.wait_line("closed: the request is too big")
    slow.close()
    same(server.stop()[0], 0)


@test
def limits_of_a_copy():
    for mode in ("fork", "prestart", "fresh"):
        with Server(sys.executable, "-c", "import resource as r, sys\nsys.stdin.read()\n"
                    "print(r.getrlimit(r.RLIMIT_AS)[0], r.getrlimit(r.RLIMIT_CPU)[0])",
                    options=["--memory=1.5G", "--cpu=3s", f"--mode={mode}"]) as server:
            same(server.ask(b""), b"%d 3\n" % (1536 << 20))


@test
def loaded_from_its_input():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        words = ["w%d" % i for i in range(50000)]
        with open(path, "w", encoding="ascii") as f:
            f.write("\n".join(words) + "\n")
        count = "n = 0\nimport sys\nfor line in sys.stdin:\n n += 1\n print(n, line.strip())\n"
        for kind in ("socket", "pipe"):
            with Server(sys.executable, "-u", "-c", count,
                        options=[f"--warm={path}", f"--stdin={kind}"]) as server:
                same(server.ask(b"hello\n"), b"50001 hello\n")
                same(server.ask(b"a\nb\n"), b"50001 a\n50002 b\n")
        with open(path, "w", encoding="ascii") as f:
            f.write("one\n")
        with Server(sys.executable, "-u", "-c", count, options=[f"--preload={path}"]) as server:
            same(server.ask(b"hello\n"), b"1 one\n2 hello\n")
        warm = os.path.join(folder, "warm")
        with open(warm, "w", encoding="ascii") as f:
            f.write("two\nthree\n")
        for kind in ("socket", "pipe"):
            with Server(sys.executable, "-u", "-c", count, options=[
                    f"--preload={path}", f"--warm={warm}", f"--stdin={kind}"]) as server:
                same(server.ask(b"hello\n"), b"1 one\n4 hello\n")


@test
def a_program_that_closes_what_it_does_not_know():
    # With another stdin than a socket, orders come by a descriptor of their own.
    argv = [sys.executable, "-c", "import os; os.closerange(3, 1000); print(input())"]
    server = Server(*argv, options=["--stdin=pipe"], ready=False)
    status, lines = server.end()
    same(status, 1)
    assert any("has closed a descriptor that orders come by" in line for line in lines), lines
    with Server(*argv) as server:
        same(server.ask(b"fine"), b"fine\n")


@test
def anew_on_a_signal():
    for mode in ("fork", "prestart"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "count")
            server = Server(sys.executable, "-c", COUNTED, path,
                            options=[f"--mode={mode}", "--pool=0" if mode == "fork" else "--pool=1"])
            before = server.connect()  # of the old one
            if mode == "fork":
                same(before.recv(2), b"1 ")
                same(server.ask(b"x"), b"1 x")
            ready = len(server.lines)
            server.process.send_signal(signal.SIGHUP)
            assert server.wait_line("waylay: ready", after=ready)
            assert int(server.ask(b"x").split()[0]) > 1
            before.sendall(b"still")
            before.shutdown(socket.SHUT_WR)
            assert read_all(before).endswith(b"still")
            before.close()
            same(server.stop()[0], 0)


class Versions:
    """A program that says which version it was started with; a new one loads when it may."""

    SCRIPT = ("read v <version; echo $v $PPID $$ >&2; test -e hold.$v && read x <hold.$v\n"
              "read x; echo $v $x")

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.holds = {}
        self.write(1)
        self.server = Server("sh", "-c", self.SCRIPT, options=["-v", *options],
                             cwd=self.folder.name)

    def write(self, version, hold=False):
        with open(os.path.join(self.folder.name, "version"), "w", encoding="ascii") as f:
            f.write(f"{version}\n")
        if hold:
            self.hold(version)

    def hold(self, version):
        path = os.path.join(self.folder.name, f"hold.{version}")
        os.mkfifo(path)
        self.holds[version] = os.open(path, os.O_RDWR)

    def go(self, version):
        os.unlink(os.path.join(self.folder.name, f"hold.{version}"))
        os.write(self.holds[version], b"\n")

    def started(self, version, after=0):
        """Waits until it is loading.  Returns its keeper's pid and its own."""
        line = self.server.wait_line(f"{version} ", after=after)
        while not re.fullmatch(f"{version} \\d+ \\d+", line):
            after = self.server.lines.index(line, after) + 1
            line = self.server.wait_line(f"{version} ", after=after)
        return tuple(map(int, line.split()[1:]))

    def reload(self):
        at = len(self.server.lines)
        self.server.process.send_signal(signal.SIGHUP)
        assert self.server.wait_line("waylay: reloading", after=at)
        return at

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status, _ = self.server.stop()
        for fd in self.holds.values():
            os.close(fd)
        self.folder.cleanup()
        if not kind:
            same(status, 0)


@test
def anew_means_from_now_on():
    # What is loading already when it is asked for is not what was asked for.
    for mode in ("fork", "prestart"):
        with Versions(f"--mode={mode}", "--pool=0" if mode == "fork" else "--pool=1") as v:
            _, template = v.started(1)
            v.hold(1)
            at = len(v.server.lines)
            if mode == "fork":
                os.kill(template, signal.SIGKILL)
            else:
                same(v.server.ask(b"x\n"), b"1 x\n")
            v.started(1, after=at)
            v.write(2, hold=True)
            at = v.reload()
            v.started(2, after=at)
            v.go(1)
            v.go(2)
            assert v.server.wait_line("waylay: ready", after=at)
            same(v.server.ask(b"x\n"), b"2 x\n")


@test
def anew_once_more_when_a_keeper_is_killed():
    with Versions() as v:
        v.write(2, hold=True)
        at = v.reload()
        keeper, _ = v.started(2, after=at)
        os.kill(keeper, signal.SIGKILL)
        assert v.server.wait_line("the program stays as it was loaded before", after=at)
        v.go(2)
        same(v.server.ask(b"x\n"), b"1 x\n")
        v.write(3)
        at = v.reload()
        assert v.server.wait_line("waylay: ready", after=at)
        same(v.server.ask(b"x\n"), b"3 x\n")


@test
def anew_without_copies():
    # Those that were made ahead go, and with them who keeps them.
    with tempfile.TemporaryDirectory() as folder:
        flag = os.path.join(folder, "flag")
        server = Server("sh", "-c", "echo $PPID >&2; if test -e $0; then sleep 1000 & fi; "
                        "read x; echo $x", flag, options=["--pool=2"])
        keeper = os.pidfd_open(int(server.wait_line("")))
        same(server.ask(b"a\n"), b"a\n")
        with open(flag, "w", encoding="ascii"):
            server.process.send_signal(signal.SIGHUP)
        assert server.wait_line("mode prestart, serving")
        select.select([keeper], [], [])
        os.close(keeper)
        same(server.stop()[0], 0)


@test
def anew_after_so_many():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "count")
        server = Server(sys.executable, "-c", COUNTED, path, options=["--recycle=3"])
        ready = len(server.lines)
        same([server.ask(b"x") for _ in range(3)], [b"1 x"] * 3)
        assert server.wait_line("waylay: ready", after=ready)
        same(server.ask(b"x"), b"2 x")
        same(server.stop()[0], 0)


@test
def anew_after_a_time():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "count")
        server = Server(sys.executable, "-c", COUNTED, path, options=["--recycle=300ms"])
        ready = len(server.lines)
        assert server.wait_line("waylay: ready", after=ready)
        assert int(server.ask(b"x").split()[0]) > 1
        same(server.stop()[0], 0)


@test
def a_template_that_dies_again_and_again():
    server = Server("sh", "-c", "echo $$ >&2; exec cat", options=["--timeout=1h"])
    at = 0
    for _ in range(4):
        while not server.wait_line("", after=at).isdigit():
            at += 1
        ready = server.lines.index(server.wait_line("waylay: ready", after=at), at)
        os.kill(int(server.lines[at]), signal.SIGKILL)
        assert server.wait_line("the template has gone", after=ready)
        at = ready + 1
    same(server.ask(b"x"), b"x")  # it waited until there was one
    same(server.stop()[0], 0)


@test
def a_program_that_is_broken_is_not_taken():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "script")
        with open(path, "w", encoding="ascii") as f:
            f.write("read x; echo $x\n")
        server = Server("sh", path)
        with open(path, "w", encoding="ascii") as f:
            f.write("exit 3\n")
        server.process.send_signal(signal.SIGHUP)
        assert server.wait_line("the program stays as it was loaded before")
        same(server.ask(b"abc\n"), b"abc\n")
        same(server.stop()[0], 0)


@test
def stderr_of_copies():
    # A process that the copy has started, and half a line at the end.
    script = ("echo loading >&2; read x; echo $x; printf '1\\n2\\n' >&2; (echo 3 >&2; read x)\n"
              "printf 4 >&2")
    server = Server("sh", "-c", script)
    s = server.connect()
    s.sendall(b"a\n")
    same(s.recv(2), b"a\n")
    assert server.wait_line(": 3")
    s.sendall(b"b\n")
    same(s.recv(1), b"")
    s.close()
    status, lines = server.stop()
    same(status, 0)
    same(lines[0], "loading")
    same([line.partition("from ")[2].partition(": ")[2] for line in others(lines)[1:]],
         ["1", "2", "3", "4"])
    for mode in ("fork", "prestart", "fresh"):
        with Server("sh", "-c", "read x; echo $x; echo error >&2",
                    options=["--stderr=client", f"--mode={mode}"]) as server:
            same(server.ask(b"a\n"), b"a\nerror\n")
        with Server("sh", "-c", "read x; echo $x; echo error >&2",
                    options=["--stderr=null", f"--mode={mode}"]) as server:
            same(server.ask(b"a\n"), b"a\n")


@test
def stderr_is_the_last_of_the_output():
    script = ("import os\n"
              "data = os.read(0, 9)\n"
              "os.close(0); os.close(1)\n"
              "os.write(2, data)")
    for mode in ("fork", "prestart", "fresh"):
        for kind in ("socket", "pipe"):
            with Server(sys.executable, "-c", script, options=[
                    "--stderr=client", f"--mode={mode}", f"--stdin={kind}"]) as server:
                same((mode, kind, server.ask(b"late")), (mode, kind, b"late"))


@test
def the_access_log():
    with tempfile.TemporaryDirectory() as folder:
        path, old = os.path.join(folder, "log"), os.path.join(folder, "old")
        server = Server("sh", "-c", "read x; echo $x$x; exit $x", options=[f"--log={path}"])
        server.ask(b"3\n")
        server.wait_line("exit status 3")
        os.rename(path, old)
        ready = len(server.lines)
        server.process.send_signal(signal.SIGHUP)
        assert server.wait_line("waylay: ready", after=ready)
        server.ask(b"0\n")
        same(server.stop()[0], 0)
        with open(old, encoding="ascii") as f:
            line = f.read()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 1 127\.0\.0\.1:\d+ pid=\d+ "
                            r"exit=3 in=2 out=3 ms=\d+\n", line), line
        with open(path, encoding="ascii") as f:
            assert " 2 127.0.0.1:" in f.read()


@test
def several_addresses():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        with Server("rev", options=["-l", f"unix:{path}", "--listen=[::1]:0"]) as server:
            same(len(server.addresses), 3)
            for address in server.addresses:
                server.address = address
                same(server.ask(b"abc\n"), b"cba\n")
        same(os.listdir(folder), [])


@test
def calls_are_counted():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "stats")
        with Server("cat", options=[f"--stats-json={path}"]) as server:
            for _ in range(10):
                server.ask(b"x")
        with open(path, encoding="ascii") as f:
            calls = json.load(f)["calls"]
        same(calls["write"]["count"], 10)


@test
def a_short_end_is_an_end():
    # What can be seen of a Python's end is as ever: its threads, atexit, output, exit status.
    script = """
import atexit, sys, threading
atexit.register(lambda: print("at exit"))
how = sys.stdin.readline().strip()
may_go = threading.Event()
def later():
    may_go.wait()
    print("thread")
threading.Thread(target=later).start()
sys.stdout.write("not flushed yet ")
class Seen:
    def __del__(self):
        print("taken apart")
seen = Seen()
if how == "raises":
    atexit.register(lambda: 1 / 0)
if how == "none":
    sys.stdout = None
may_go.set()
sys.exit(7 if how == "status" else "words" if how == "words" else None)
"""
    argv = [sys.executable, "-c", script]
    with tempfile.TemporaryDirectory() as folder:
        address = f"call:unix:{folder}/socket"
        server = Server(*argv, address=address, options=["--exit=fast", "--stderr=null"])
        same(server.mode, "fork")
        for how in (b"plain", b"status", b"words", b"raises", b"none"):
            done = subprocess.run([WAYLAY, "call", address[5:]], input=how, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            out, status = fresh(argv, how)
            same((done.stdout, done.returncode), (out.replace(b"taken apart\n", b""), status))
        same(server.stop()[0], 0)


@test
def copies_learn_for_each_other():
    # A static program: where its functions are is found out once, in the template, and what
    # was rewritten there is rewritten in all copies.
    requests = 60
    small = os.environ.get("SMALL")
    if not small:
        raise Skip("there is no static glibc to build the program with")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "stats")
        with Server(small, "1", options=["--mode=fork", f"--stats-json={path}"]) as server:
            for _ in range(requests):
                server.ask(b"x")
        with open(path, encoding="ascii") as f:
            sites = json.load(f)["sites"]
        rewritten = sites["padding"] + sites["before"] + sites["pun"]
        assert 0 < rewritten < requests / 2, sites


@test
def a_file_descriptor_of_the_callers():
    # What the program inherits is its own, and the server's files are not open in it.
    reader, writer = os.pipe()
    with Server("sh", "-c", f"ls /proc/self/fd; read x; echo $x >&{writer}",
                pass_fds=[writer]) as server:
        # 0, 1, 2, that one, and the folder that ls reads
        same(len(server.ask(b"abc\n").split()), 5)
        same(os.read(reader, 100), b"abc\n")


main()
