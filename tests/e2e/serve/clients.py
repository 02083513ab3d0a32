#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of all kinds: slow, rude, many; and what the server says about them."""
import concurrent.futures
import os
import resource
import signal
import socket
import struct
import sys
import time
import tempfile

from server import SOAK, Server, ask, main, same, test

COUNT = 10000 if SOAK else 300
GROWN_KB_MAX = 128


@test
def half_close_is_the_end_of_input():
    with Server("cat") as server:
        s = server.connect()
        s.sendall(b"one\n")
        same(s.recv(100), b"one\n")  # not before the client is done: cat answers at once
        s.sendall(b"two\n")
        same(s.recv(100), b"two\n")
        s.shutdown(socket.SHUT_WR)
        same(s.recv(100), b"")


@test
def byte_by_byte():
    with Server("tr", "a-z", "A-Z") as server:
        s = server.connect()
        for c in b"slowly, slowly":
            s.sendall(bytes([c]))
        s.shutdown(socket.SHUT_WR)
        same(b"".join(iter(lambda: s.recv(100), b"")), b"SLOWLY, SLOWLY")


@test
def a_lot_of_input():
    data = os.urandom(1 << 20) * (1024 if SOAK else 32)
    with Server("cat") as server:
        same(server.ask(data) == data, True)


@test
def output_is_not_lost_when_input_is_left():
    # head ends with unread input behind it, for which a plain close would reset the connection.
    data = b"".join(b"%d\n" % i for i in range(200000))
    with Server("head", "-n", "20000") as server:
        for _ in range(10):
            same(server.ask(data), b"".join(b"%d\n" % i for i in range(20000)))


@test
def client_that_never_ends_its_input():
    server = Server("head", "-n", "1")
    s = server.connect()
    s.sendall(b"one\ntwo\n")
    same(s.recv(100), b"one\n")
    same(s.recv(100), b"")  # the answer ends though the input has not
    # The client has everything, so a stop does not wait for it to close.
    same(server.stop()[0], 0)
    s.close()


@test
def client_that_vanishes():
    server = Server(sys.executable, "-u", "-c", "import sys\n"
                    "sys.stdin.readline()\n"
                    "while True: sys.stdout.write('x' * 10000)")
    s = server.connect()
    s.sendall(b"go\n")
    s.recv(1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()  # with a reset
    # Python's, for a pipe that is broken; its words about that come before it.
    assert server.wait_line(": exit status 1")
    same(server.stop()[0], 0)


@test
def failures_are_logged():
    server = Server("sh", "-c", "read x; exit $x")
    for status in (0, 1, 77):
        server.ask(b"%d\n" % status)
    _, lines = server.stop()
    # Copies that have both ended by the time anybody looks are found in any order (waitpid(2)).
    same(sorted(line.rpartition(": ")[2] for line in lines if "connection" in line),
         ["exit status 1", "exit status 77"])


@test
def signals_are_logged():
    server = Server(sys.executable, "-c", "import os, signal, sys\n"
                    "name = sys.stdin.read()\n"
                    "os.kill(os.getpid(), getattr(signal, name))")
    server.ask(b"SIGSEGV")
    _, lines = server.stop()
    same([line.partition("from ")[2].partition(": ")[2] for line in lines if "connection" in line],
         [f"ended by signal {signal.SIGSEGV.value} (Segmentation fault)"])


@test
def verbose_names_every_connection():
    server = Server("cat", options=["-v"])
    server.ask(b"x")
    line = server.wait_line("exit status 0")
    same(line.startswith("waylay: connection 1 from 127.0.0.1:"), True)
    same(server.stop()[0], 0)


@test
def a_client_that_never_reads():
    server = Server("sh", "-c", "read x; exec yes", options=["--timeout=300ms"])
    s = server.connect()
    s.sendall(b"go\n")
    assert server.wait_line("it has been idle for 300 ms")
    assert server.wait_line("ended by signal 15")
    s.close()
    same(server.stop()[0], 0)


@test
def a_client_that_never_reads_is_in_nobodys_way():
    server = Server("sh", "-c", "read x; exec $x", options=["-v"])
    s = server.connect()
    s.sendall(b"yes\n")
    s.recv(1)
    same(server.ask(b"echo here\n"), b"here\n")
    server.process.send_signal(signal.SIGTERM)
    server.wait_line("waylay: stopping")
    same(server.stop()[0], 0)  # the second one does not wait for it
    s.close()


def family(pid):
    """The front, the keeper, the template and the copies that there are: what each has."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        status = dict(line.split(":", 1) for line in f)
    found = [(len(os.listdir(f"/proc/{pid}/fd")), int(status["RssAnon"].split()[0]))]
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        for child in f.read().split():
            found += family(child)
    return found


def family_at_rest(server, files):
    """When nobody is served: those that are answered are done with, the last ones a moment later."""
    deadline = time.monotonic() + 30
    while True:
        try:
            found = family(server.process.pid)
            if len(found) == 3 and found[0][0] == files:
                return found
        except (OSError, KeyError):
            pass  # one of them has just ended
        assert time.monotonic() < deadline
        time.sleep(0.001)


@test
def many_in_a_row():
    with Server("cat") as server:
        files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        for _ in range(50):
            server.ask(b"x")
        before = family_at_rest(server, files)
        for n in range(COUNT):
            same(server.ask(b"%d" % n), b"%d" % n)
        after = family_at_rest(server, files)
    same([fds for fds, _ in after], [fds for fds, _ in before])
    grown = sum(kb for _, kb in after) - sum(kb for _, kb in before)
    assert grown < GROWN_KB_MAX, f"{grown} KB more"


@test
def many_at_once():
    with Server("cat") as server:
        idle = [server.connect() for _ in range(500 if SOAK else 100)]
        for n, s in enumerate(idle):
            s.sendall(b"%d" % n)
        for n, s in enumerate(idle):
            same(s.recv(100), b"%d" % n)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            same(list(pool.map(server.ask, [b"now"] * 8)), [b"now"] * 8)
        for s in idle:
            s.shutdown(socket.SHUT_WR)
            same(s.recv(100), b"")
            s.close()


@test
def more_clients_than_descriptors():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (192, 192))

    with Server("cat", preexec_fn=few) as server:
        clients = [server.connect() for _ in range(300)]
        for n, s in enumerate(clients):
            s.sendall(b"%d" % n)
            s.shutdown(socket.SHUT_WR)
        for n, s in enumerate(clients):
            same(b"".join(iter(lambda: s.recv(100), b"")), b"%d" % n)
            s.close()


@test
def clients_beyond_the_descriptors_wait():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (192, 192))

    server = Server("cat", preexec_fn=few)
    idle = [server.connect() for _ in range(192)]  # all that can be had, and more
    for s in idle[:50]:
        s.sendall(b"x")
        same(s.recv(1), b"x")
    for s in idle:
        s.close()
    same(server.ask(b"now"), b"now")
    status, lines = server.stop()
    same((status, len(lines)), (0, 1))


@test
def clients_that_stay_when_they_are_answered():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (192, 192))

    clients = []
    with Server("head", "-c", "1", preexec_fn=few) as server:
        for _ in range(192):
            s = server.connect()
            s.sendall(b"x")
            same(s.recv(1), b"x")
            clients.append(s)
    for s in clients:
        s.close()


@test
def no_descriptor_is_left_for_a_moment():
    for held in (0, 1):
        server = Server("cat")
        pid = server.process.pid
        clients = [server.connect() for _ in range(held)]
        for s in clients:
            s.sendall(b"x")
            same(s.recv(1), b"x")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        free = next(fd for fd in range(1000) if fd not in used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limits[1]))
        clients += [server.connect() for _ in range(3)]
        assert server.wait_line("cannot accept a connection: Too many open files")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for s in clients:
            s.sendall(b"x")
        for s in clients:
            same(s.recv(1), b"x")
            s.close()
        status, lines = server.stop()
        same((status, len(lines)), (0, 2))


@test
def unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        with Server("rev", address=f"unix:{path}") as server:
            same(server.address, f"unix:{path}")
            same(server.ask(b"abc\n"), b"cba\n")
        same(os.listdir(folder), [])


@test
def unix_socket_left_behind():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        old = socket.socket(socket.AF_UNIX)
        old.bind(path)
        old.close()
        with Server("rev", address=f"unix:{path}") as server:
            same(server.ask(b"abc\n"), b"cba\n")


@test
def version_six():
    with Server("rev", address="[::1]:0") as server:
        same(server.address.startswith("[::1]:"), True)
        same(server.ask(b"abc\n"), b"cba\n")


@test
def inherited_socket():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Server("rev", address=f"fd:{listener.fileno()}",
                    pass_fds=[listener.fileno()]) as server:
            same(server.address, f"127.0.0.1:{port}")
            same(ask(socket.create_connection(("127.0.0.1", port)), b"abc\n"), b"cba\n")


main()
