#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where copies begin, and what they have: threads, descriptors, signals, as in a fresh run.

Environment: DESCRIPTORS and THREADS name builds of prog/descriptors.c and prog/threads.c.
"""
import os
import subprocess
import sys

from server import Server, Skip, ask, fresh, main, same, test

# Who asks for its number after the call of WAY is the copy, and who asked before was the template:
# then the copy began with this call, whatever it has got.
PROGRAM = """
import ctypes, fcntl, os, select, socket, sys
def all_of_it():
    while part := os.read(0, 1000): yield part
got = b""
before = os.getpid()
WAY
after = os.getpid()
print(before != after, (got + b"".join(all_of_it())).decode())
"""

WAYS = {
    "read": "got = os.read(0, 4)",
    "readv": "part = bytearray(4); got = bytes(part[:os.readv(0, [part])])",
    "recv": "got = socket.socket(fileno=os.dup(0)).recv(4)",
    "recvmsg": "got = socket.socket(fileno=os.dup(0)).recvmsg(4)[0]",
    "splice": "r, w = os.pipe(); got = os.read(r, os.splice(0, w, 4))",
    "poll": "p = select.poll(); p.register(0, select.POLLIN); p.poll()",
    "select": "select.select([0], [], [])",
    "epoll": "e = select.epoll(); e.register(0, select.EPOLLIN); e.poll()",
    "FIONREAD": "fcntl.ioctl(0, 0x541b, bytes(4))",
    "getpeername": "socket.socket(fileno=os.dup(0)).getpeername()",
    "write": "os.write(0, b'')",
}

PIPE_WAYS = {
    "read": WAYS["read"],
    "readv": WAYS["readv"],
    "splice": WAYS["splice"],
    "tee": "r, w = os.pipe(); ctypes.CDLL(None).tee(0, w, 4, 0)",
    "poll": WAYS["poll"],
}

FILE_WAYS = {
    "pread": "got = os.pread(0, 4, 0); os.lseek(0, 4, os.SEEK_SET)",
    "preadv": "part = bytearray(4); got = bytes(part[:os.preadv(0, [part], 0)]); os.lseek(0, 4, 0)",
    "sendfile": "r, w = os.pipe(); got = os.read(r, os.sendfile(w, 0, None, 4))",
    "copy_file_range": "f = os.memfd_create('f'); n = os.copy_file_range(0, f, 4); "
                       "got = os.pread(f, n, 0)",
}


def python(text):
    return [sys.executable, "-c", text]


def begins_with(ways, kind, first=b"True"):
    for name, way in ways.items():
        with Server(*python(PROGRAM.replace("WAY", way)),
                    options=["--mode=fork", f"--stdin={kind}", "--load-timeout=60s"]) as server:
            for text in (b"some text", b"other text"):
                same((name, server.ask(text)), (name, first + b" " + text + b"\n"))


@test
def every_way_to_take_input_from_a_socket():
    begins_with(WAYS, "socket")


@test
def every_way_to_take_input_from_a_pipe():
    begins_with(PIPE_WAYS, "pipe")


@test
def every_way_to_take_input_from_a_file():
    # Python asks for the size of such a stdin at its start, and it begins there.
    begins_with(FILE_WAYS, "file", b"False")


@test
def other_input_is_not_its_stdin():
    # Nor is what has its number: it is known by what it is.
    text = ("import os\nfd = os.dup(0)\nr, w = os.pipe()\nos.write(w, b'mine')\nos.dup2(r, 0)\n"
            "mine = os.read(0, 4)\nbefore = os.getpid()\ngot = os.read(fd, 100)\n"
            "print(mine, before != os.getpid(), got)")
    with Server(*python(text), options=["--mode=fork"]) as server:
        same(server.ask(b"text"), b"b'mine' True b'text'\n")


@test
def at_a_later_point():
    text = ("import os, select\npids = [os.getpid()]\nselect.select([0], [], [], 0)\n"
            "pids.append(os.getpid())\ngot = os.read(0, 100)\npids.append(os.getpid())\n"
            "print(pids[0] == pids[1], pids[1] == pids[2], got)")
    for options, wanted in ((["--at=read:1"], b"False True b'text'\n"),
                            (["--at=read:2"], b"True False b'text'\n")):
        with Server(*python(text), options=["--mode=fork", *options]) as server:
            same([server.ask(b"text") for _ in range(3)], [wanted] * 3)


def builds(variable):
    programs = [p for p in os.environ.get(variable, "").split(":") if p]
    if not programs:
        raise Skip(f"{variable} names no program")
    return programs


def each_build(variable, data=b"some input\n", times=5):
    for program in builds(variable):
        want = subprocess.run([program], input=data, stdout=subprocess.PIPE, check=True).stdout
        with Server(program, options=["--mode=fork"]) as server:
            clients = [server.connect() for _ in range(times)]
            same([ask(s, data) for s in clients], [want] * times)


@test
def one_of_every_descriptor():
    each_build("DESCRIPTORS")


@test
def threads_wherever_they_are():
    each_build("THREADS")


@test
def a_robust_lock_that_is_held():
    # Its word is the id of a thread, which is another one in a copy.
    for program in builds("THREADS"):
        want, _ = fresh([program, "held"], b"text\n")
        server = Server(program, "held")
        same(server.mode, "prestart")
        assert server.wait_line(") holds a robust mutex, which no thread of a copy would: mode")
        same(server.ask(b"text\n"), want)
        same(server.stop()[0], 0)


@test
def no_io_uring():
    # A line says so: one, whoever asks how often.
    text = ("import ctypes, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n"
            "def setup(): return libc.syscall(425, 8, bytes(120)), ctypes.get_errno()\n"
            "before = setup()\nsys.stdin.read()\nprint(before, setup())")
    for mode in ("fork", "prestart"):
        server = Server(*python(text), options=[f"--mode={mode}"])
        same([server.ask(b"") for _ in range(5)], [b"(-1, 38) (-1, 38)\n"] * 5)
        status, lines = server.stop()
        same((status, [line for line in lines if "ready" not in line]),
             (0, ["waylay: the program asks for an io_uring: it is told that there is none"]))


@test
def signals_are_as_they_were():
    text = ("import os, signal as s, sys\n"
            "seen = []\n"
            "s.signal(s.SIGUSR1, lambda nr, _: seen.append(nr))\n"
            "s.signal(s.SIGHUP, s.SIG_IGN)\n"
            "s.pthread_sigmask(s.SIG_BLOCK, [s.SIGUSR2, s.SIGRTMIN])\n"
            "sys.stdin.read()\n"
            "for nr in (s.SIGUSR1, s.SIGHUP, s.SIGUSR2): os.kill(os.getpid(), nr)\n"
            "print(seen, s.sigpending(), s.pthread_sigmask(s.SIG_BLOCK, []), s.getsignal(s.SIGHUP))")
    want = subprocess.run(python(text), input=b"", stdout=subprocess.PIPE, check=True).stdout
    with Server(*python(text), options=["--mode=fork"]) as server:
        same([server.ask(b"") for _ in range(3)], [want] * 3)


@test
def who_signals_itself_by_its_old_number():
    # A shell's $$, and the group, are the template's, and the other copies are in that, too.
    for whom in ("$$", "0"):
        script = (f"trap 'echo got' USR1; read x; [ $x = quiet ] || kill -USR1 {whom}\n"
                  "echo $x; read y; echo $y")
        with Server("sh", "-c", script, options=["--mode=fork"]) as server:
            other = server.connect()
            other.sendall(b"quiet\n")
            same(other.recv(100), b"quiet\n")
            same(server.ask(b"loud\n1\n"), b"got\nloud\n1\n")
            same(ask(other, b"2\n"), b"2\n")


@test
def timers_are_as_after_a_fork():
    text = ("import signal as s, sys\ns.setitimer(s.ITIMER_REAL, 5000)\nsys.stdin.read()\n"
            "print(s.getitimer(s.ITIMER_REAL))")
    server = Server(*python(text), options=["--mode=fork", "-v"])
    assert server.wait_line("timers run in it: a copy has none, as after fork(2)")
    same(server.ask(b""), b"(0.0, 0.0)\n")
    same(server.stop()[0], 0)


@test
def stderr_in_place_of_the_output():
    # The output is at its end then; the stderr, which all copies share, is not.
    script = ("import os\n"
              "data = os.read(0, 9)\n"
              "if data == b'moved':\n"
              "    os.dup2(2, 1); os.close(0); os._exit(0)\n"
              "os.write(2, data + b'\\n')\n"
              "os.write(1, b'written')")
    server = Server(*python(script))
    for n in range(3):
        same(server.ask(b"moved"), b"")
        same(server.ask(b"text %d" % n), b"written")
        assert server.wait_line(f": text {n}")
    same(server.stop()[0], 0)


@test
def the_output_is_not_replaced_by_nothing():
    for call in ("dup2(77, 1)", "dup3(77, 1, 0)", "dup3(2, 1, 1)", "dup3(1, 1, 0)"):
        with Server(*python("import ctypes, os\n"
                            "os.read(0, 9); os.close(0)\n"
                            f"assert ctypes.CDLL(None).{call} < 0\n"
                            "os.write(1, b'still')")) as server:
            same((call, server.ask(b"x")), (call, b"still"))


main()
