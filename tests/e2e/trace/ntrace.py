#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The logs of ntrace's own example, as its page shows them, and what ntrace did wrong.

NTRACE names the example, built in some ways: paths with colons between them.
"""
import os
import re
import socket
import subprocess
import sys

from trace import (WAYLAY, events, export, folder, main, read, record, same, test, wait_for_link)

PROGRAMS = {os.path.basename(path).partition(".")[2]: path
            for path in os.environ.get("NTRACE", "").split(":")}
HEADER = "call,fd,pid,seq,time,size,recv_so_far,send_so_far\n"
CALLS = ("read", "recv", "recvfrom", "recvmsg", "write", "send", "sendto", "sendmsg")


def table(kind, rx=0, tx=0, **calls):
    lines = [f"{kind} totals: ({rx}, {tx})"]
    lines += ["%9s : %d (%d)" % (name, *calls.get(name, (0, 0))) for name in CALLS]
    return "\n".join(lines) + "\n"


def example(program, call):
    """Runs the example.  Returns the logs of parent and child, with names for what differs."""
    with folder() as where:
        link, run = os.path.join(where, "port"), os.path.join(where, "run")
        with subprocess.Popen([WAYLAY, "trace", "-d", run, "--", program, call, link],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as waylay:
            with socket.create_connection(("127.0.0.1", int(wait_for_link(link)))) as s:
                s.sendall(bytes(2048))
            same((waylay.stderr.read(), waylay.wait()), (b"", 0))
        logs = sorted((name for name in os.listdir(run) if name.endswith(".log")),
                      key=lambda name: int(name[:-4]))
        same(len(logs), 2)
        return [plain(read(os.path.join(run, name)), name[:-4]) for name in logs]


def plain(log, pid):
    log = re.sub(r",\d{10}\.\d{6},", ",TIME,", log)
    return re.sub(rf"\b{pid}\b", "PID", log)


def renumber(log, *fds):
    """The page's descriptors, for those that there were."""
    for ours, pages in fds:
        log = re.sub(rf"(,|:){ours}(,PID| )", rf"\g<1>{pages}\2", log)
    return log


def disk_left_out(log):
    return log.partition("\nDisk")[0]


def wanted(call):
    parent = HEADER + "\n" + table("Network") + "\nPipe:PID:8 (2048,0)\n" + \
        table("Pipe", 2048, 0, read=(2, 2048)) + "\n" + table("Disk")
    child = HEADER + f"{call},7,PID,0,TIME,2048,2048,0\n{call},7,PID,0,TIME,0,2048,0\n" + \
        "\nNetwork:PID:7 (2048,0)\n" + table("Network", 2048, 0, **{call: (2, 2048)}) + \
        "\nPipe:PID:9 (0,2048)\n" + table("Pipe", 0, 2048, write=(1, 2048)) + "\n" + table("Disk")
    return parent, child


def check_example(call):
    for variant, program in PROGRAMS.items():
        parent, child = (renumber(log, (6, 9), (5, 8), (4, 7)) for log in example(program, call))
        want_parent, want_child = wanted(call)
        if "static" not in variant:
            # ntrace could not see that the dynamic linker reads libraries.
            parent, want_parent = disk_left_out(parent), disk_left_out(want_parent)
        same((variant, parent), (variant, want_parent))
        same((variant, child), (variant, want_child))


@test
def the_example_with_read():
    check_example("read")


@test
def the_example_with_recv():
    check_example("recv")


# ---- what ntrace did wrong ----

THREADS = """
import socket, threading
a, b = socket.socketpair()
def send():
    for _ in range(5):
        a.send(b"0123456789")
threads = [threading.Thread(target=send) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
got = 0
while got < 100:
    got += len(b.recv(10))
"""


@test
def threads_are_one_process():
    # ntrace said 10 and 10, and had a header for each thread and more.
    with folder() as run:
        record(run, sys.executable, "-c", THREADS)
        logs = [name for name in os.listdir(run) if name.endswith(".log")]
        same(len(logs), 1)
        log = read(os.path.join(run, logs[0]))
        same(log.count(HEADER), 1)
        assert "\nNetwork totals: (100, 100)\n" in log, log
        assert "     send : 10 (100)\n" in log, log


@test
def cat_is_disk():
    with folder() as run:
        record(run, "cat", "/etc/hostname")
        log = read(next(os.path.join(run, n) for n in os.listdir(run) if n.endswith(".log")))
        assert log.startswith(HEADER + "\nNetwork totals: (0, 0)\n"), log
        reads = [e for e in events(run) if e["k"] == "call" and e["call"] == "read"]
        assert reads and {e["class"] for e in reads} == {"disk"}, reads


@test
def classes_survive_exec():
    # The second program inherits a socket that it did not make.
    second = "import os; os.read(int(os.environ['FD']), 10)"
    first = ("import os, socket, sys; a, b = socket.socketpair(); a.send(b'hello');"
             "b.set_inheritable(True); os.environ['FD'] = str(b.fileno());"
             f"os.execv(sys.executable, [sys.executable, '-c', {second!r}])")
    with folder() as run:
        record(run, sys.executable, "-c", first)
        found = [e for e in events(run) if e["k"] == "call" and e["call"] == "read" and
                 e.get("class") == "unix"]
        same([(e["ret"], e["rx"]) for e in found], [(5, 5)])
        made = [e for e in events(run) if e["k"] == "fd" and e["event"] == "file" and
                e["file"] == found[0]["file"]]
        same(made[0]["made_by"], 53)  # socketpair(2), before the exec


@test
def descriptors_above_255():
    program = ("import fcntl, os, resource; r, w = os.pipe();"
               "h = [fcntl.fcntl(w, fcntl.F_DUPFD, n) for n in (255, 256, 511, 1000)];"
               "[os.write(fd, b'x' * fd) for fd in h]; os.read(r, 10000)")
    with folder() as run:
        record(run, sys.executable, "-c", program)
        writes = [(e["fd"], e["bytes"], e["class"]) for e in events(run)
                  if e["k"] == "call" and e["call"] == "write" and e.get("class") == "pipe"]
        same(writes, [(n, n, "pipe") for n in (255, 256, 511, 1000)])


@test
def the_programs_handler_is_kept():
    program = ("import os, signal; signal.signal(signal.SIGINT, lambda *a: print('mine'));"
               "os.kill(os.getpid(), signal.SIGINT)")
    with folder() as run:
        same(record(run, sys.executable, "-c", program), "mine\n")
        same([e["name"] for e in events(run) if e["k"] == "sig"], ["INT"])


@test
def nothing_is_left_in_tmp():
    before = set(os.listdir("/tmp"))
    with folder() as run:
        record(run, "sh", "-c", "echo a | cat")
        same(export(run, "--csv").count(HEADER), 1)
    left = {n for n in set(os.listdir("/tmp")) - before if "waylay" in n or n.startswith(".")}
    same(left, set())


main()
