#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets made of a trace, compared with those that tcpdump saw, and looked at by tshark.

Runs in a network of its own, where there is nothing but the loopback.
"""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from trace import MESSAGES, WAYLAY, Skip, export, folder, main, record, same, test

if "INSIDE" not in os.environ:
    os.environ["INSIDE"] = "1"
    unshare = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run(
            [*unshare, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("1..0 # SKIP no network namespace can be made here")
        sys.exit(77)
    os.execvp("unshare", [*unshare, *sys.argv])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

CHECKED = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
           "-o", "udp.check_checksum:TRUE"]


def tshark(path, *args):
    done = subprocess.run(["tshark", "-n", "-r", path, *CHECKED, *args], capture_output=True,
                          text=True, check=False)
    same(done.returncode, 0)
    return done.stdout


def fields(path, what, *names):
    args = [arg for name in names for arg in ("-e", name)]
    return [tuple(line.split("\t")) for line in
            tshark(path, "-Y", what, "-T", "fields", *args).splitlines()]


def is_clean(path):
    """No wrong sum, and nothing that the analysis of TCP wonders about."""
    bad = "tcp.checksum.status==0 || udp.checksum.status==0 || ip.checksum.status==0"
    same(tshark(path, "-Y", f"({bad}) || tcp.analysis.flags || _ws.malformed"), "")


def streams(path):
    """The bytes of each connection, by direction."""
    nr = max((int(row[0]) for row in fields(path, "tcp", "tcp.stream")), default=-1) + 1
    found = []
    for stream in range(nr):
        text = tshark(path, "-q", "-z", f"follow,tcp,raw,{stream}")
        body = text.split("Node 1: ")[1].split("\n", 1)[1].split("=====")[0]
        there = "".join(line for line in body.splitlines() if not line.startswith("\t"))
        back = "".join(line.strip() for line in body.splitlines() if line.startswith("\t"))
        found.append((len(there) // 2, hashlib.sha256(there.encode()).hexdigest(),
                      len(back) // 2, hashlib.sha256(back.encode()).hexdigest()))
    return found


def pcapng(run):
    path = os.path.join(run, "run.pcapng")
    export(run, "--pcapng", "-o", path)
    same(subprocess.run(["capinfos", "-M", path], stdout=subprocess.DEVNULL,
                        check=False).returncode, 0)
    return path


class Capture:
    """tcpdump, from when it looks until it is stopped and has written all."""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen(
            ["tcpdump", "-Z", "root", "-i", "lo", "-U", "--immediate-mode", "-B", "65536", "-s", "0", "-w", path,
             "tcp or udp"], stderr=subprocess.PIPE, text=True)
        said = line = self.process.stderr.readline()
        while "listening on" not in line:
            if not line:
                self.process.wait()
                raise Skip(f"tcpdump cannot capture here: {said}")
            line = self.process.stderr.readline()

    def wait_for(self, what, nr):
        """Waits until so many packets of a kind are written."""
        until = time.monotonic() + 60
        while True:
            done = subprocess.run(["tshark", "-n", "-r", self.path, "-Y", what],
                                  capture_output=True, text=True, check=False)
            if done.stdout.count("\n") >= nr:
                break
            assert time.monotonic() < until, done.stdout
            time.sleep(0.05)
        self.process.terminate()
        self.process.stderr.read()
        self.process.wait()


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Skip(f"{program} is not there")


NGINX = """
worker_processes 1; daemon off; pid {0}/pid; error_log {0}/error.log; user root;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0};
  uwsgi_temp_path {0}; scgi_temp_path {0}; sendfile off;
  server {{ listen 127.0.0.1:8080; root {0}; }} }}
"""


@test
def nginx_as_tcpdump_sees_it():
    need("nginx", "curl", "tcpdump", "tshark")
    with folder() as where:
        run = os.path.join(where, "run")
        with open(os.path.join(where, "index.html"), "w", encoding="ascii") as f:
            f.write("x" * 612)
        with open(os.path.join(where, "big"), "wb") as f:
            f.write(os.urandom(300000))
        with open(os.path.join(where, "nginx.conf"), "w", encoding="ascii") as f:
            f.write(NGINX.format(where))
        capture = Capture(os.path.join(where, "lo.pcap"))
        with subprocess.Popen([WAYLAY, "trace", "-d", run, "--payload", "--",
                               "nginx", "-p", where, "-e", "error.log", "-c",
                               os.path.join(where, "nginx.conf")],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as waylay:
            curl = ["curl", "-s", "--retry", "100", "--retry-connrefused", "--retry-delay", "0"]
            url = "http://127.0.0.1:8080/"
            subprocess.run([*curl, "-o", os.path.join(where, "got"), url], check=True)
            with open(os.path.join(where, "pid"), encoding="ascii") as f:
                pid = int(f.read())
            subprocess.run([*curl, "-o", os.path.join(where, "got"), url + "big", "-o",
                            os.path.join(where, "missing"), url + "missing"], check=True)
            # Each end of two connections, then those that found nobody do not count.
            capture.wait_for("tcp.flags.fin==1", 4)
            os.kill(pid, 3)
            waylay.stderr.read()
            same(waylay.wait(), 0)
        path = pcapng(run)
        ours = streams(path)
        theirs = [s for s in streams(capture.path) if s[0] or s[2]]
        same(len(theirs), 2)
        same(sorted(ours), sorted(theirs))
        is_clean(path)
        same(fields(path, "http.request", "http.request.uri"), [("/",), ("/big",), ("/missing",)])
        same([row[0] for row in fields(path, "http.response", "http.response.code")],
             ["200", "200", "404"])
        # ntrace saw nothing of nginx: it has rows.
        logs = [name for name in os.listdir(run) if name.endswith(".log")]
        text = "".join(open(os.path.join(run, name), encoding="ascii").read() for name in logs)
        assert re.search(r"^(recv|writev),\d+,\d+,0,", text, re.M), text


BOTH = """
import os, socket, sys
family = socket.AF_INET6 if len(sys.argv) > 1 else socket.AF_INET
listener = socket.create_server(("::1" if len(sys.argv) > 1 else "127.0.0.1", 0), family=family)
if os.fork() == 0:
    s = socket.socket(family)
    s.connect(listener.getsockname())
    listener.close()
    s.sendall(b"question" * 1000)
    s.shutdown(socket.SHUT_WR)
    got = b""
    while part := s.recv(65536):
        got += part
    assert got == b"answer" * 50000
    s.close()
    os._exit(0)
s, _ = listener.accept()
got = b""
while part := s.recv(65536):
    got += part
assert got == b"question" * 1000
for _ in range(10):
    s.sendall(b"answer" * 5000)
s.close()
assert os.wait()[1] == 0
"""


@test
def both_ends_are_shown_once():
    need("tshark")
    for args in ((), ("6",)):
        with folder() as run:
            record(run, sys.executable, "-c", BOTH, *args, options=["--payload"])
            path = pcapng(run)
            is_clean(path)
            there, back = b"question" * 1000, b"answer" * 50000
            same(streams(path), [(len(there), hashlib.sha256(there.hex().encode()).hexdigest(),
                                  len(back), hashlib.sha256(back.hex().encode()).hexdigest())])
            same(len(fields(path, "tcp.flags.syn==1", "frame.number")), 2)
            same(len(fields(path, "tcp.flags.fin==1", "frame.number")), 2)
            # One thread's calls: time does not go back.
            times = [float(row[0]) for row in fields(path, "tcp", "frame.time_epoch")]
            same(times, sorted(times))
            comments = {row[0].split()[0] for row in fields(path, "tcp", "frame.comment")}
            assert {"connect", "send", "recv"} <= comments, comments


@test
def without_payload_there_are_lengths():
    need("tshark")
    with folder() as run:
        record(run, sys.executable, "-c", BOTH)
        path = pcapng(run)
        same(tshark(path, "-Y", "tcp.analysis.flags"), "")
        sums = {}
        for source, length in fields(path, "tcp", "tcp.srcport", "tcp.len"):
            sums[source] = sums.get(source, 0) + int(length)
        same(sorted(sums.values()), [8000, 300000])


UDP = """
import socket
a = socket.socket(type=socket.SOCK_DGRAM)
a.bind(("127.0.0.1", 5301))
b = socket.socket(type=socket.SOCK_DGRAM)
b.connect(("127.0.0.1", 5301))
for n in (0, 1, 2, 1000, 60000):
    b.send(b"x" * n)
    data, sender = a.recvfrom(65536)
    a.sendto(data, sender)
    b.recv(65536)
"""


@test
def datagrams():
    need("tshark")
    with folder() as run:
        record(run, sys.executable, "-c", UDP, options=["--payload"])
        path = pcapng(run)
        is_clean(path)
        lengths = [int(row[0]) - 8 for row in fields(path, "udp.dstport==5301", "udp.length")]
        same([n for n in lengths if n], [1, 2, 1000, 60000])


REFUSED = """
import socket
probe = socket.create_server(("127.0.0.1", 0))
where = probe.getsockname()
probe.close()
try:
    socket.create_connection(where)
except ConnectionRefusedError:
    pass
"""


@test
def a_child_that_goes_on_after_its_parent_has_closed():
    need("tshark")
    program = """import os, socket
s = socket.create_server(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
t = s.accept()[0]
r, w = os.pipe()
if not os.fork():
    os.read(r, 1)
    t.recv(5)
    t.sendall(b'x' * 105)
    os._exit(0)
t.close()
os.write(w, b'.')
os.wait()"""
    with folder() as top:
        run = os.path.join(top, "run")
        server = subprocess.Popen([WAYLAY, "trace", "-d", run, "--payload", sys.executable, "-I",
                                   "-S", "-c", program], stdout=subprocess.PIPE, text=True)
        with socket.create_connection(("127.0.0.1", int(server.stdout.readline()))) as c:
            c.sendall(b"hello")
            same(len(c.recv(1000)), 105)
        server.stdout.read()
        same(server.wait(), 0)
        same([(there, back) for there, _, back, _ in streams(pcapng(run))], [(5, 105)])


@test
def many_datagrams_at_once():
    """Each has its own address, and a look makes no packet."""
    need("tshark")
    program = MESSAGES + """import socket, struct
udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s, a, b = udp(), udp(), udp()
ports = []
for t in (a, b):
    t.bind(('127.0.0.1', 0))
    ports.append(t.getsockname()[1])
all = (Message * 4)()
for n, m in enumerate(all):
    m.iov, m.iovlen = ctypes.pointer(Vector(b'0123456789', 5 + n)), 1
    m.name = struct.pack('=HH4s8s', socket.AF_INET, socket.htons(ports[n % 2]),
                         socket.inet_aton('127.0.0.1'), b'')
    m.namelen = 16
assert libc.sendmmsg(s.fileno(), all, 4, 0) == 4
got = (Message * 2)()
for m in got: m.iov, m.iovlen = ctypes.pointer(Vector(bytes(100), 100)), 1
assert libc.recvmmsg(a.fileno(), got, 1, socket.MSG_PEEK, None) == 1
print(*ports)"""
    with folder() as top:
        run = os.path.join(top, "run")
        first, second = record(run, sys.executable, "-I", "-S", "-c", program,
                               options=["--payload"]).split()
        same(fields(pcapng(run), "udp", "udp.dstport", "udp.length"),
             [(first, "13"), (second, "14"), (first, "15"), (second, "16")])


@test
def a_connection_that_is_refused():
    need("tshark")
    with folder() as run:
        record(run, sys.executable, "-c", REFUSED)
        path = pcapng(run)
        is_clean(path)
        same([row[0] for row in fields(path, "tcp", "tcp.flags")], ["0x0002", "0x0014"])


LOCAL = """
import os, socket
a, b = socket.socketpair()
a.send(b"GET /over-unix HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
b.recv(100)
r, w = os.pipe()
os.write(w, b"through the pipe")
os.read(r, 100)
"""


@test
def unix_sockets_and_pipes():
    need("tshark")
    with folder() as run:
        record(run, sys.executable, "-c", LOCAL, options=["--payload"])
        path = pcapng(run)
        same(tshark(path, "-Y", "_ws.malformed"), "")
        same({row[0] for row in fields(path, "http.request", "http.request.uri")},
             {"/over-unix"})
        # Of pipes there are lengths only, and what went in is shown once.
        pipes = [row for row in fields(path, "frame.comment contains \"write fd=\"",
                                       "frame.len", "frame.cap_len")]
        same([int(whole) - int(there) for whole, there in pipes], [16])


main()
