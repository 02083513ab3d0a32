#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""waylay comes into programs that run, and leaves them as they were.

    attach.py PROGRAM...

PROGRAM is tests/prog/blocked.c in its variants and the HTTP server in Go.  Each round attaches,
waits until the program has made calls, and detaches; what /proc says of the program must be the
same before and after, and whoever talks to it must not notice.
"""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import life
from life import WAYLAY, Skip, main, same, test, wait_for_end

BUILT = [word for word in sys.argv[1:] if "/" in word]
sys.argv[1:] = [word for word in sys.argv[1:] if "/" not in word]
BLOCKED = [exe for exe in BUILT if "blocked." in exe]
SERVER = [exe for exe in BUILT if "http-server" in exe]
SOAK = os.environ.get("WAYLAY_SOAK") == "1"
ROUNDS = 100 if SOAK else 3
life.TIME_LIMIT = 3000 if SOAK else 120


def mappings(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        return f.read()


def text_differs(pid):
    """Where the program's code, or its libraries', is not what is in the file."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in mappings(pid).splitlines():
            where, perms, offset, *_, path = line.split()
            if "x" not in perms or not path.startswith("/"):
                continue
            start, end = (int(word, 16) for word in where.split("-"))
            mem.seek(start)
            now = mem.read(end - start)
            with open(path, "rb") as f:
                f.seek(int(offset, 16))
                then = f.read(end - start)
            if now[:len(then)] != then:
                at = next(i for i in range(len(then)) if now[i] != then[i])
                found.append(f"{path}+{int(offset, 16) + at:#x}")
    return found


def thread_state(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/status", encoding="utf-8") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    return {key: status[key].strip() for key in ("SigBlk", "SigIgn", "SigCgt", "TracerPid", "Seccomp")}


def agent_mappings(pid):
    return [line for line in mappings(pid).splitlines() if "memfd:waylay" in line]


class Attached:
    """waylay, attached to these processes."""

    def __init__(self, *pids, options=()):
        self.json = tempfile.NamedTemporaryFile("w+")
        argv = [WAYLAY, "run", "-v", "--stats-json", self.json.name, *options]
        for pid in pids:
            argv += ["--attach", str(pid)]
        self.waylay = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        self.said = ""
        while not self.said.endswith("waylay: attached\n"):
            line = self.waylay.stderr.readline()
            assert line, f"not attached: {self.said}"
            self.said += line

    def leave(self, by=signal.SIGINT):
        self.waylay.send_signal(by)
        return self.left()

    def left(self):
        _, more = self.waylay.communicate()
        more = "".join(line + "\n" for line in more.splitlines() if "let through" not in line)
        same((self.waylay.returncode, more), (0, ""))
        with self.json:
            return json.load(self.json)


def attach_and_leave(*pids, rounds=ROUNDS, busy=lambda: None):
    """Rounds of it; returns the calls that were caught in all."""
    caught = 0
    before = {pid: thread_state(pid, pid) for pid in pids}
    for _ in range(rounds):
        attached = Attached(*pids)
        busy()
        caught += sum(call["count"] for call in attached.leave()["calls"].values())
        for pid in pids:
            same(agent_mappings(pid), [])
            same(text_differs(pid), [])
            same(thread_state(pid, pid), before[pid])
    return caught


def refused(pid, text, **more):
    got = subprocess.run([WAYLAY, "run", "--attach", str(pid)], capture_output=True, text=True, **more)
    same(got.returncode, 125)
    assert re.fullmatch(f"waylay: cannot attach[^\n]*{text}[^\n]*\n", got.stderr), got.stderr


# ---- every way to wait ----

class Blocked:
    def __init__(self, exe, *kinds):
        self.process = subprocess.Popen([exe, *kinds], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.pid = self.process.pid
        same(self.process.stdout.readline(), "ready\n")

    def end(self):
        out, _ = self.process.communicate()
        same((self.process.returncode, [line for line in out.splitlines() if ":" in line]), (0, []))
        return {word: int(n) for word, n in (line.split() for line in out.splitlines())}


def every_variant(*kinds, rounds=ROUNDS, pause=0.02):
    for exe in BLOCKED:
        program = Blocked(exe, *kinds)
        maps = mappings(program.pid)
        caught = attach_and_leave(program.pid, rounds=rounds, busy=lambda: time.sleep(pause))
        if not {"thread", "fork", "spawn"} & set(kinds):
            same(mappings(program.pid), maps)
        done = program.end()
        assert caught > 0 and all(done.values()), (exe, caught, done)


@test
def calls_with_a_timeout_end_by_it():
    every_variant("nanosleep", "sleep-until", "poll", "ppoll", "select", "futex", "cond", "epoll", "recv",
                  "sigtimedwait")


@test
def calls_keep_what_is_left_of_their_time():
    """They take a second: attached and left all the time, they end only if none begins anew."""
    for exe in BLOCKED:
        program = Blocked(exe, "long-sleep", "long-poll", "long-futex")
        program.process.stdin.close()
        program.process.stdin = None
        rounds = 0
        while program.process.poll() is None:
            attached = subprocess.run([WAYLAY, "run", "--attach", str(program.pid), "--detach-after", "10"],
                                      capture_output=True, text=True)
            rounds += attached.returncode == 0
        same(program.process.returncode, 0)
        done = program.end()
        assert rounds >= 2 and set(done.values()) == {1}, (exe, rounds, done)


@test
def bytes_and_signals_arrive_once():
    every_variant("read", "write", "suspend", "send")


@test
def handlers_run_on():
    every_variant("alarm", "run")


@test
def threads_come_and_go():
    every_variant("thread", "run")


@test
def children_come_and_go():
    every_variant("fork", "spawn", "nanosleep")


# ---- servers, and their clients ----

class Load(threading.Thread):
    """A client that asks again and again, and keeps what went wrong."""

    def __init__(self, ask):
        super().__init__()
        self.ask, self.ending, self.wrong, self.rounds = ask, False, None, 0
        self.start()

    def run(self):
        try:
            while not self.ending:
                self.ask()
                self.rounds += 1
        except BaseException as wrong:
            self.wrong = wrong

    def more(self, n=20):
        """Waits until so many more rounds are done."""
        until = self.rounds + n
        while self.rounds < until and self.wrong is None:
            time.sleep(0.001)

    def end(self):
        self.ending = True
        self.join()
        if self.wrong is not None:
            raise self.wrong


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def http(port, path, keep):
    """One request, over a connection that is kept in a list."""
    if not keep:
        keep.append(socket.create_connection(("127.0.0.1", port)))
    keep[0].sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        piece = keep[0].recv(65536)
        assert piece, "the connection was closed"
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(body) < length:
        body += keep[0].recv(65536)
    if b"onnection: close" in head:
        keep.pop().close()
    return head.split(b"\r\n")[0], body


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process):
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, "the server has ended"
            time.sleep(0.01)


def under_load(pids, *asks):
    loads = [Load(ask) for ask in asks]
    try:
        for load in loads:
            load.more()
        caught = attach_and_leave(*pids, busy=lambda: [load.more() for load in loads])
        for load in loads:
            load.more()
    finally:
        for load in loads:
            load.ending = True
    for load in loads:
        load.end()
    assert caught > 0


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


@test
def nginx():
    needs("nginx")
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        os.mkdir(f"{top}/www")
        want = "".join(f"{n}\n" for n in range(5000))
        with open(f"{top}/www/index.html", "w", encoding="ascii") as f:
            f.write(want)
        port = free_port()
        with open(f"{top}/conf", "w", encoding="ascii") as f:
            f.write(f"""worker_processes 2; daemon off; pid {top}/pid; error_log {top}/error.log;
                events {{ worker_connections 256; }}
                http {{ access_log off; client_body_temp_path {top}/b; proxy_temp_path {top}/p;
                fastcgi_temp_path {top}/f; uwsgi_temp_path {top}/u; scgi_temp_path {top}/s; sendfile on;
                server {{ listen 127.0.0.1:{port}; root {top}/www; keepalive_requests 1000000; }} }}""")
        server = subprocess.Popen(["nginx", "-p", top, "-e", f"{top}/error.log", "-c", f"{top}/conf"],
                                  stderr=subprocess.DEVNULL)
        wait_for_port(port, server)
        while len(children_of(server.pid)) < 2:
            time.sleep(0.01)

        def client():
            keep = []

            def ask():
                same(http(port, "/index.html", keep), (b"HTTP/1.1 200 OK", want.encode()))
            return ask

        def short():
            keep = []
            http(port, "/index.html", keep)
            keep.pop().close()

        under_load([server.pid, *children_of(server.pid)], client(), client(), short)
        server.send_signal(signal.SIGQUIT)
        same(server.wait(), 0)
        with open(f"{top}/error.log", encoding="utf-8") as f:
            same([line for line in f if re.search("alert|emerg|crit|error", line)], [])


@test
def redis():
    needs("redis-server")
    with tempfile.TemporaryDirectory() as top:
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", f"{top}/sock", "--save", "",
                                   "--appendonly", "yes", "--dir", top, "--io-threads", "2"],
                                  stdout=subprocess.DEVNULL)

        def client(name):
            s = socket.socket(socket.AF_UNIX)
            while s.connect_ex(f"{top}/sock"):  # until it listens
                time.sleep(0.01)
            n = [0]

            def ask():
                s.sendall(f"INCR {name}\r\n".encode())
                n[0] += 1
                same(s.recv(100), f":{n[0]}\r\n".encode())
            return ask

        under_load([server.pid], client("a"), client("b"))
        server.terminate()
        same(server.wait(), 0)


@test
def python_with_threads():
    script = r"""
import queue, socket, sys, threading
l = socket.create_server(("127.0.0.1", 0))
print(l.getsockname()[1], flush=True)
q = queue.Queue()
def echo():
    while True:
        c = q.get()
        while data := c.recv(1000):
            c.sendall(data)
        c.close()
for _ in range(6): threading.Thread(target=echo, daemon=True).start()
threading.Thread(target=lambda: [q.put(l.accept()[0]) for _ in iter(int, 1)], daemon=True).start()
sys.stdin.read()
"""
    server = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    port = int(server.stdout.readline())

    def client():
        s = socket.create_connection(("127.0.0.1", port))

        def ask():
            s.sendall(b"x" * 500)
            got = b""
            while len(got) < 500:
                piece = s.recv(500)
                assert piece
                got += piece
        return ask

    under_load([server.pid], client(), client())
    server.stdin.close()
    same(server.wait(), 0)


@test
def go_server():
    if not SERVER:
        raise Skip("no Go compiler")
    server = subprocess.Popen(SERVER, stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline().rpartition(":")[2])

    def client():
        keep = []
        return lambda: same(http(port, "/x", keep), (b"HTTP/1.1 200 OK", b"path /x\n"))

    under_load([server.pid], client(), client())
    server.terminate()
    same(server.stdout.read(), "ended in order\n")
    same(server.wait(), 0)


@test
def java():
    needs("java")
    with tempfile.TemporaryDirectory() as top:
        with open(f"{top}/S.java", "w", encoding="ascii") as f:
            f.write("""
import com.sun.net.httpserver.*; import java.net.*; import java.util.concurrent.*;
public class S { public static void main(String[] a) throws Exception {
  HttpServer s = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
  s.setExecutor(Executors.newFixedThreadPool(8));
  s.createContext("/", e -> { byte[] b = new byte[2000]; java.util.Arrays.fill(b, (byte)'j');
    e.sendResponseHeaders(200, b.length); e.getResponseBody().write(b); e.close(); });
  s.start(); System.out.println(s.getAddress().getPort());
  System.in.read(); System.exit(0); } }""")
        server = subprocess.Popen(["java", "-Xmx128m", f"{top}/S.java"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        port = int(server.stdout.readline())

        def client():
            keep = []
            return lambda: same(http(port, "/", keep), (b"HTTP/1.1 200 OK", b"j" * 2000))

        under_load([server.pid], client(), client())
        server.stdin.close()
        same(server.wait(), 0)


# ---- what else may be ----

def sleeper(*argv):
    return subprocess.Popen(argv or ["sleep", "1000"])


def end(process):
    process.kill()
    process.wait()


@test
def what_a_thread_is_blocked_in_is_told():
    program = sleeper()
    while open(f"/proc/{program.pid}/wchan", encoding="ascii").read() in ("", "0"):
        pass
    attached = Attached(program.pid)
    assert re.search(f"thread {program.pid} is in (clock_)?nanosleep\n", attached.said), attached.said
    attached.leave()
    end(program)


@test
def the_end_of_the_program_ends_waylay():
    program = subprocess.Popen(["sh", "-c", "read line; exit 3"], stdin=subprocess.PIPE, text=True)
    attached = Attached(program.pid)
    program.communicate("x\n")
    same(program.returncode, 3)
    attached.left()


@test
def what_it_executes_and_forks_is_followed_and_left():
    script = """echo; read line; sh -c 'echo $PPID; read line; sh -c "echo \\$PPID"'; sh -c 'echo $PPID'"""
    program = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    same(program.stdout.readline(), "\n")
    attached = Attached(program.pid, options=["--layer", "null"])
    program.stdin.write("x\n")
    program.stdin.flush()
    same(program.stdout.readline(), "42\n")
    child, = children_of(program.pid)
    assert agent_mappings(child)
    stats = attached.leave()
    assert stats["execs"] >= 1, stats
    same((agent_mappings(child), agent_mappings(program.pid)), ([], []))
    out, _ = program.communicate("x\n")
    same((program.returncode, out.split()), (0, [str(child), str(program.pid)]))


def wait_for_state(pid, state):
    """A thread that is let go is on its way into its stop for a moment."""
    while True:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            if f.read().rpartition(")")[2].split()[0] == state:
                return
        time.sleep(0.001)


@test
def a_program_that_executes_itself_all_the_time():
    with tempfile.TemporaryDirectory() as top:
        script = f"{top}/again"
        with open(script, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n/bin/true\n/bin/true\n[ -e $0.end ] && exit 7\nexec $0\n")
        os.chmod(script, 0o755)
        program = subprocess.Popen([script])
        for n in range(3 * ROUNDS):
            got = subprocess.run([WAYLAY, "run", "--attach", str(program.pid), "--detach-after", f"{n % 10}"],
                                 capture_output=True, text=True, check=False)
            same((got.returncode, got.stderr), (0, ""))
        with open(f"{script}.end", "w", encoding="ascii"):
            pass
        same(program.wait(), 7)


@test
def a_stopped_program_stays_stopped():
    program = Blocked(BLOCKED[0], "nanosleep")
    os.kill(program.pid, signal.SIGSTOP)
    os.waitpid(program.pid, os.WUNTRACED)
    attached = Attached(program.pid)
    wait_for_state(program.pid, "T")
    attached.leave()
    wait_for_state(program.pid, "T")
    os.kill(program.pid, signal.SIGCONT)
    program.end()


@test
def killed_waylay_leaves_a_program_that_runs():
    program = Blocked(BLOCKED[0], "nanosleep", "read", "write", "alarm", "thread")
    attached = Attached(program.pid)
    attached.waylay.kill()
    attached.waylay.communicate()
    time.sleep(0.1)
    refused(program.pid, "it runs under waylay already")
    program.end()


@test
def two_at_once_are_not_mixed():
    one, other = Blocked(BLOCKED[0], "nanosleep"), Blocked(BLOCKED[0], "poll")
    first, second = Attached(one.pid), Attached(other.pid)
    refused(one.pid, "it runs under waylay already")
    first.leave()
    assert agent_mappings(other.pid)
    second.leave(signal.SIGTERM)
    same(agent_mappings(other.pid), [])
    one.end()
    other.end()


@test
def a_trap_that_is_ignored_stays_so():
    program = sleeper("sh", "-c", "trap '' TRAP; echo; exec sleep 1000")
    while thread_state(program.pid, program.pid)["SigIgn"][-2] not in "13579bdf" and program.poll() is None:
        time.sleep(0.01)
    while "sleep" not in open(f"/proc/{program.pid}/comm", encoding="ascii").read():
        time.sleep(0.01)
    before = thread_state(program.pid, program.pid)
    attach_and_leave(program.pid)
    same(thread_state(program.pid, program.pid), before)
    end(program)


PENDING = """
import os, signal
waiting = {signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGUSR1, signal.SIGUSR2}
signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.signal(signal.SIGUSR2, lambda *_: None)
for sig in waiting:
    os.kill(os.getpid(), sig)
print(sorted(signal.sigpending()), flush=True)
input()
print(sorted(signal.sigpending()), flush=True)
"""


@test
def what_is_pending_stays_so():
    program = subprocess.Popen([sys.executable, "-c", PENDING], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    before = program.stdout.readline()
    attach_and_leave(program.pid)
    after, _ = program.communicate("\n")
    same((after, program.returncode), (before, 0))


# ---- what cannot be ----

@test
def nobody_there():
    program = sleeper("true")
    wait_for_end(program.pid)
    refused(program.pid, "it has ended")
    program.wait()
    refused(program.pid, "there is no process")


@test
def waylay_itself_and_nonsense():
    got = subprocess.run(["sh", "-c", 'exec "$0" run --attach $$', WAYLAY], capture_output=True, text=True)
    same(got.returncode, 125)
    assert "it is waylay itself" in got.stderr, got.stderr
    for word in ("", "x", "-1", "0"):
        same(subprocess.run([WAYLAY, "run", "--attach", word], capture_output=True).returncode, 125)


@test
def a_thread_of_the_kernel():
    with open("/proc/2/stat", encoding="ascii") as f:
        if "(kthreadd)" not in f.read():
            raise Skip("no threads of the kernel are to be seen")
    refused(2, "it is a thread of the kernel")


@test
def another_tracer():
    needs("strace")
    program = sleeper()
    tracer = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(program.pid)], stderr=subprocess.DEVNULL)
    while thread_state(program.pid, program.pid)["TracerPid"] != str(tracer.pid):
        time.sleep(0.01)
    refused(program.pid, f"process {tracer.pid} traces it")
    end(tracer)
    attach_and_leave(program.pid, rounds=1)
    end(program)


@test
def another_user():
    if os.geteuid() != 0:
        raise Skip("needs root")
    program = sleeper()
    readable = tempfile.mkdtemp()
    os.chmod(readable, 0o755)
    copy = shutil.copy(WAYLAY, readable)
    got = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", copy, "run", "--attach", str(program.pid)],
                         capture_output=True, text=True)
    shutil.rmtree(readable)
    same(got.returncode, 125)
    assert re.fullmatch(r"waylay: cannot attach[^\n]*it belongs to another user; root may\n", got.stderr), got.stderr
    same(agent_mappings(program.pid), [])
    end(program)


@test
def a_sandbox():
    program = os.fork()
    if not program:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS

        class Filter(ctypes.Structure):
            _fields_ = [("len", ctypes.c_ushort), ("insn", ctypes.c_void_p)]
        allow = ctypes.create_string_buffer((0x06 | 0x7fff0000 << 32).to_bytes(8, "little"), 8)
        libc.prctl(22, 2, ctypes.byref(Filter(1, ctypes.addressof(allow))), 0, 0)  # PR_SET_SECCOMP
        signal.pause()
        os._exit(0)
    while thread_state(program, program)["Seccomp"] == "0":
        time.sleep(0.01)
    refused(program, "a seccomp filter is in force in it")
    os.kill(program, signal.SIGKILL)
    os.waitpid(program, 0)


@test
def its_own_gs():
    program = os.fork()
    if not program:
        libc = ctypes.CDLL(None)
        place = ctypes.create_string_buffer(64)
        libc.syscall(158, 0x1001, ctypes.c_void_p(ctypes.addressof(place)))  # arch_prctl, ARCH_SET_GS
        open(f"/proc/self/comm", "w", encoding="ascii").write("gs-is-set")
        signal.pause()
        os._exit(0)
    while open(f"/proc/{program}/comm", encoding="ascii").read() != "gs-is-set\n":
        time.sleep(0.01)
    refused(program, "it uses the gs register")
    os.kill(program, signal.SIGKILL)
    os.waitpid(program, 0)


main()
