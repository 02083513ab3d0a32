#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""waylay call: it must behave as the program itself does.

Against a small call listener of this file, which starts the program for each client, so that
only the client is on trial.
"""
import array
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

from server import WAYLAY, main, same, test

HELLO = struct.Struct("<QII")
FRAME = struct.Struct("<II")
MAGIC = 0x316c6c6163796177
STDIN, STDOUT, STDERR, SIGNAL, END, ERROR = 1, 2, 3, 4, 5, 6
WAYS = ["unix", "tcp", "frames"]  # frames: over a unix socket


def frame(kind, data=b""):
    return FRAME.pack(kind, len(data)) + data


def read_exactly(s, size):
    data = b""
    while len(data) < size:
        part = s.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


class Listener:
    """Serves one client after another; answer() says how."""

    def __init__(self, way, answer):
        self.way, self.answer = way, answer
        self.folder = tempfile.TemporaryDirectory()
        if way == "tcp":
            self.socket = socket.create_server(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        else:
            path = os.path.join(self.folder.name, "s")
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
            self.socket.listen()
            self.address = f"unix:{path}"
        self.errors = []
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                try:
                    self.answer(client)
                except Exception as error:  # told to the test
                    self.errors.append(repr(error))

    def argv(self):
        return [WAYLAY, "call", *(["--frames"] if self.way == "frames" else []), self.address]

    def run(self, data=b"", **more):
        return subprocess.run(self.argv(), input=data, capture_output=True, check=False, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        self.folder.cleanup()
        same(self.errors, [])


def hello(client):
    """Takes a client's hello.  Returns its descriptors, none with frames."""
    data, control, _, _ = client.recvmsg(HELLO.size, 200)
    data += read_exactly(client, HELLO.size - len(data))
    fds = array.array("i")
    for level, kind, what in control:
        same((level, kind), (socket.SOL_SOCKET, socket.SCM_RIGHTS))
        fds.frombytes(what)
    same(HELLO.unpack(data), (MAGIC, len(fds), 0))
    return list(fds)


def end_of(child):
    code = child.wait()
    return struct.pack("<i", -code if code < 0 else code << 8)


def with_descriptors(client, argv, fds):
    child = subprocess.Popen(argv, stdin=fds[0], stdout=fds[1], stderr=fds[2],
                             start_new_session=True)
    for fd in fds:
        os.close(fd)

    def signals():
        try:
            while True:
                kind, size = FRAME.unpack(read_exactly(client, FRAME.size))
                same((kind, size), (SIGNAL, 4))
                child.send_signal(struct.unpack("<i", read_exactly(client, 4))[0])
        except EOFError:
            child.kill()

    reader = threading.Thread(target=signals)
    reader.start()
    client.sendall(frame(END, end_of(child)))
    reader.join()


def with_frames(client, argv):
    pipe = subprocess.PIPE
    child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    lock = threading.Lock()

    def take():
        stdin = child.stdin
        try:
            while True:
                kind, size = FRAME.unpack(read_exactly(client, FRAME.size))
                data = read_exactly(client, size)
                if kind == SIGNAL:
                    child.send_signal(struct.unpack("<i", data)[0])
                    continue
                same(kind, STDIN)
                try:
                    if size:
                        os.write(stdin.fileno(), data)
                    else:
                        stdin.close()
                except BrokenPipeError:
                    pass
        except (EOFError, OSError):
            child.kill()
            stdin.close()

    def give(kind, stream):
        with stream:
            while data := os.read(stream.fileno(), 65536):
                try:
                    with lock:
                        client.sendall(frame(kind, data))
                except OSError:
                    child.kill()
                    return

    threads = [threading.Thread(target=give, args=(STDOUT, child.stdout)),
               threading.Thread(target=give, args=(STDERR, child.stderr))]
    taker = threading.Thread(target=take)
    for t in [*threads, taker]:
        t.start()
    for t in threads:
        t.join()
    try:
        client.sendall(frame(END, end_of(child)))
    except OSError:
        pass
    taker.join()


def serve(way, *argv):
    def answer(client):
        fds = hello(client)
        if way == "unix":
            with_descriptors(client, argv, fds)
        else:
            same(fds, [])
            with_frames(client, argv)
    return Listener(way, answer)


def each(ways=WAYS):
    """A test for each way."""
    def wrap(function):
        for way in ways:
            def one(way=way):
                function(way)
            one.__name__ = f"{function.__name__}_{way}"
            test(one)
    return wrap


@each()
def output_errors_and_status(way):
    with serve(way, "sh", "-c", "cat; echo warned >&2; exit 7") as server:
        done = server.run(b"some text")
        same((done.stdout, done.stderr, done.returncode), (b"some text", b"warned\n", 7))
        done = server.run()
        same((done.stdout, done.stderr, done.returncode), (b"", b"warned\n", 7))


@each()
def a_signal_that_ends_it(way):
    with serve(way, "sh", "-c", "cat; kill -ABRT $$") as server:
        done = server.run(b"text")
        same((done.stdout, done.returncode), (b"text", -signal.SIGABRT))


@each()
def much_both_ways_at_once(way):
    data = os.urandom(1 << 20) * 16
    with serve(way, "cat") as server:
        done = server.run(data)
        same((done.stdout == data, done.returncode), (True, 0))


@each()
def answers_while_it_is_asked(way):
    with serve(way, "cat") as server:
        with subprocess.Popen(server.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            for text in (b"one", b"two", b"three"):
                os.write(p.stdin.fileno(), text)
                same(os.read(p.stdout.fileno(), 100), text)
            p.stdin.close()
            same(os.read(p.stdout.fileno(), 100), b"")


@each()
def output_that_nobody_takes_does_not_stop_input(way):
    # The program reads all, but its answer is not read before it has everything.
    script = ("import os, sys, threading\n"
              "threading.Thread(target=lambda: os.write(1, b'x' * 1000000)).start()\n"
              "n = len(sys.stdin.buffer.read())\n"
              "with open(sys.argv[1], 'w') as f: f.write(str(n))\n")
    with tempfile.TemporaryDirectory() as folder:
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        with serve(way, sys.executable, "-c", script, fifo) as server:
            with subprocess.Popen(server.argv(), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as p:
                p.stdin.write(b"y" * 3000000)
                p.stdin.close()
                with open(fifo, encoding="ascii") as f:
                    same(f.read(), "3000000")
                same(len(p.stdout.read()), 1000000)


@each()
def signals_are_sent_on(way):
    names = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2")
    script = ("import signal, sys\n"
              "wanted = {getattr(signal, 'SIG' + name) for name in sys.argv[1:]}\n"
              "signal.pthread_sigmask(signal.SIG_BLOCK, wanted)\n"
              "print('ready', flush=True)\n"
              "for _ in wanted: print(signal.Signals(signal.sigwait(wanted)).name, flush=True)\n"
              "sys.exit(5)")
    with serve(way, sys.executable, "-c", script, *names) as server:
        with subprocess.Popen(server.argv(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as p:
            same(p.stdout.readline(), b"ready\n")
            for name in names:
                p.send_signal(getattr(signal, "SIG" + name))
                same(p.stdout.readline(), b"SIG" + name.encode() + b"\n")
            same(p.wait(), 5)


@each()
def ended_by_a_signal_to_it(way):
    with serve(way, "sh", "-c", "echo ready; exec cat >/dev/null") as server:
        with subprocess.Popen(server.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            same(p.stdout.readline(), b"ready\n")
            p.send_signal(signal.SIGINT)
            same(p.wait(), -signal.SIGINT)


@each()
def ignored_signals_stay_ignored(way):
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with serve(way, "sh", "-c", "echo ready; cat") as server:
        with subprocess.Popen(server.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              preexec_fn=ignore) as p:
            same(p.stdout.readline(), b"ready\n")
            p.send_signal(signal.SIGHUP)
            p.stdin.write(b"on")
            p.stdin.close()
            same(p.stdout.read(), b"on")
            same(p.wait(), 0)


@each(["unix", "tcp"])
def stop_and_continue(way):
    with serve(way, "sh", "-c", "echo $$; cat") as server:
        with subprocess.Popen(server.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            pid = int(p.stdout.readline())

            def wait_for(*states):
                state = None
                while state not in states:
                    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                        state = f.read().rpartition(")")[2].split()[0]

            p.send_signal(signal.SIGTSTP)
            os.waitid(os.P_PID, p.pid, os.WSTOPPED)
            wait_for("T")
            p.send_signal(signal.SIGCONT)
            wait_for("S", "R")
            p.stdin.write(b"on")
            p.stdin.close()
            same(p.stdout.read(), b"on")


@each()
def reader_that_goes_away(way):
    with serve(way, "yes") as server:
        with subprocess.Popen(server.argv(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as p:
            same(p.stdout.read(4), b"y\ny\n")
            p.stdout.close()
            same(p.wait(), -signal.SIGPIPE)


@test
def descriptors_are_let_go_of():
    # Who reads sees the end when the program closes its stdout, not when it ends.
    with tempfile.TemporaryDirectory() as folder:
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        script = f"echo text; exec >&- <&-; read x <{fifo}; exit 3"
        with serve("unix", "sh", "-c", script) as server:
            r, w = os.pipe()
            with subprocess.Popen(server.argv(), stdin=subprocess.PIPE, stdout=w) as p:
                os.close(w)
                with os.fdopen(r, "rb") as f:
                    same(f.read(), b"text\n")
                gone = select.poll()
                gone.register(p.stdin, select.POLLERR)
                gone.poll()
                with open(fifo, "w", encoding="ascii") as f:
                    f.write("on\n")
                same(p.wait(), 3)


@test
def a_signal_behind_input_that_nobody_reads():
    taken = threading.Event()

    def answer(client):
        hello(client)
        client.sendall(frame(STDOUT, b"ready\n"))
        taken.wait()

    with Listener("tcp", answer) as server:
        with open("/dev/zero", "rb") as zero, \
                subprocess.Popen(server.argv(), stdin=zero, stdout=subprocess.PIPE) as p:
            same(p.stdout.readline(), b"ready\n")
            while p.poll() is None:  # until the connection is full, the signals are sent
                p.send_signal(signal.SIGTERM)
            same(p.wait(), -signal.SIGTERM)
        taken.set()


def failure(way, *parts):
    """What is said when the server answers with these bytes."""
    def answer(client):
        for fd in hello(client):
            os.close(fd)
        for part in parts:
            client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass

    with Listener(way, answer) as server:
        done = server.run()
        same((done.stdout, done.returncode, done.stderr.count(b"\n")), (b"", 125, 1))
        return done.stderr.decode().strip().replace(server.address, "ADDR")


@each()
def refused_by_the_server(way):
    same(failure(way, frame(ERROR, b"too many\nclients\x1b[2J")),
         "waylay: 'ADDR' does not serve: too many clients [2J")


@each()
def the_connection_is_lost(way):
    same(failure(way), "waylay: 'ADDR' closed the connection before the program ended")
    same(failure(way, frame(END, b"0000")[:-1]),
         "waylay: 'ADDR' closed the connection before the program ended")


@each()
def no_call_listener(way):
    for what in (b"HTTP/1.1 400 Bad Request\r\n\r\n", frame(SIGNAL, b"0000"), frame(END, b"000"),
                 frame(0), frame(7), FRAME.pack(STDOUT, 65537)):
        same(failure(way, what),
             "waylay: 'ADDR' is no call listener (waylay serve -l call:ADDRESS)")


@each()
def frames_in_pieces(way):
    def answer(client):
        for fd in hello(client):
            os.close(fd)
        text = frame(STDOUT, b"a" * 300) + frame(STDOUT) + frame(STDERR, b"b")
        if way == "unix":
            text = b""
        for byte in text + frame(END, struct.pack("<i", 9 << 8)):
            client.sendall(bytes([byte]))
        client.recv(65536)

    with Listener(way, answer) as server:
        done = server.run()
        same((done.stdout, done.stderr, done.returncode),
             (b"", b"", 9) if way == "unix" else (b"a" * 300, b"b", 9))


@test
def nobody_listens():
    for address, reason in (("127.0.0.1:1", "Connection refused"),
                            ("unix:/nonexistent/s", "No such file or directory"),
                            ("fd:77", "Bad file descriptor")):
        done = subprocess.run([WAYLAY, "call", address], capture_output=True, text=True,
                              check=False)
        same((done.stdout, done.stderr, done.returncode),
             ("", f"waylay: cannot connect to '{address}': {reason}\n", 125))


@test
def connected_already():
    def answer(client):
        fds = hello(client)
        with_descriptors(client, ["tr", "a-z", "A-Z"], fds)

    with Listener("unix", answer) as server, socket.socket(socket.AF_UNIX) as s:
        s.connect(server.address[5:])
        done = subprocess.run([WAYLAY, "call", f"fd:{s.fileno()}"], input=b"text",
                              pass_fds=[s.fileno()], capture_output=True, check=False)
        s.close()
        same((done.stdout, done.stderr, done.returncode), (b"TEXT", b"", 0))


if __name__ == "__main__":
    main()
