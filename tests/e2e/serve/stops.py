#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a server ends, and what cannot be served."""
import errno
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile

from server import WAYLAY, Server, main, same, test

NO = "waylay: the program cannot be served by copies: "


def refused(*argv, options=("--mode=fork",), **more):
    """A server that ends by itself.  Returns status, stdout and the lines of stderr."""
    done = subprocess.run([WAYLAY, "serve", *options, "0", "--", *argv], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, **more)
    return done.returncode, done.stdout, done.stderr.splitlines()


def wait_stopping(server):
    """A server with -v says when it has closed its listener."""
    server.wait_line("waylay: stopping")


@test
def requests_are_answered_before_the_end():
    server = Server("cat", options=["-v"])
    s = server.connect()
    s.sendall(b"before ")
    same(s.recv(100), b"before ")
    server.process.send_signal(signal.SIGTERM)
    # The listener goes first; then the server waits.
    wait_stopping(server)
    host, port = server.address.split(":")
    with socket.socket() as late:
        same(late.connect_ex((host, int(port))), errno.ECONNREFUSED)
    s.sendall(b"after")
    same(s.recv(100), b"after")
    same(server.process.poll(), None)
    s.shutdown(socket.SHUT_WR)
    same(s.recv(100), b"")
    same(server.end()[0], 0)
    s.close()


@test
def a_second_signal_ends_it_at_once():
    server = Server("cat", options=["-v"])
    s = server.connect()
    s.sendall(b"x")
    same(s.recv(1), b"x")
    server.process.send_signal(signal.SIGINT)
    wait_stopping(server)
    status, lines = server.stop(signal.SIGINT)
    same(status, 0)
    same([line.rpartition(": ")[2] for line in lines if "ended" in line],
         ["ended by signal 9 (Killed)"])
    same(s.recv(1), b"")
    s.close()


@test
def stopped_while_it_loads():
    go, loading = os.pipe()
    server = Server("sh", "-c", f"echo >&{loading}; exec sleep 1000", ready=False,
                    pass_fds=[loading])
    os.read(go, 1)
    same(server.stop(), (0, []))


@test
def killed():
    # The template must notice, and those who are served must not.
    server = Server("sh", "-c", "echo $$ >&2; exec cat")
    template = int(server.wait_line(""))
    fd = os.pidfd_open(template)
    s = server.connect()
    s.sendall(b"x")
    same(s.recv(1), b"x")
    server.process.kill()
    server.process.wait()
    select.select([fd], [], [])
    s.sendall(b"still there")
    same(s.recv(100), b"still there")
    s.close()
    server.reader.join()


@test
def the_template_is_killed():
    # Who is served is served; for the others the program is started again.
    server = Server("sh", "-c", "echo $$ >&2; exec cat")
    template = int(server.wait_line(""))
    s = server.connect()
    s.sendall(b"x")
    same(s.recv(1), b"x")
    os.kill(template, signal.SIGKILL)
    assert server.wait_line("the template has gone: ended by signal 9")
    s.sendall(b"still there")
    same(s.recv(100), b"still there")
    same(server.ask(b"and here"), b"and here")
    s.close()
    same(server.stop()[0], 0)


@test
def the_keeper_is_killed():
    server = Server("sh", "-c", "echo $PPID >&2; exec cat")
    keeper = int(server.wait_line(""))
    s = server.connect()
    s.sendall(b"x")
    same(s.recv(1), b"x")
    os.kill(keeper, signal.SIGKILL)
    assert server.wait_line("the keeper of the program has gone")
    s.sendall(b"still there")
    same(s.recv(100), b"still there")
    same(server.ask(b"and here"), b"and here")
    s.close()
    same(server.stop()[0], 0)


@test
def the_next_template_cannot_be_copied():
    # That may pass: it is tried again.
    with tempfile.TemporaryDirectory() as folder:
        flag = os.path.join(folder, "flag")
        server = Server("sh", "-c", "echo $$ >&2; if test -e $0; then sleep 1000 & fi; "
                        "read x; echo $x", flag,
                        options=["--mode=fork"])
        template = int(server.wait_line(""))
        with open(flag, "w", encoding="ascii"):
            os.kill(template, signal.SIGKILL)
        assert server.wait_line("cannot be served by copies")
        os.unlink(flag)
        same(server.ask(b"and here\n"), b"and here\n")
        same(server.stop()[0], 0)


@test
def a_program_ahead_is_gone_when_it_is_needed():
    # Its keeper has not been able to say so.
    server = Server("sh", "-c", "echo $PPID $$ >&2; exec cat",
                    options=["--mode=prestart", "--pool=1"])
    keeper, program = map(int, server.wait_line("").split())
    fd = os.pidfd_open(program)
    os.kill(keeper, signal.SIGSTOP)
    os.kill(program, signal.SIGKILL)
    select.select([fd], [], [])
    same(server.ask(b"here"), b"here")
    same(server.ask(b"and here"), b"and here")
    os.kill(keeper, signal.SIGCONT)
    os.close(fd)
    same(server.stop()[0], 0)


@test
def there_is_no_room_to_start_it_again():
    server = Server("cat", options=["--mode=prestart", "--pool=1"])
    pid = server.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    room = next(fd for fd in range(1000) if fd not in used) + 1  # for the client, and no more
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (room, limits[1]))
    s = server.connect()
    s.sendall(b"x")
    same(s.recv(1), b"x")
    assert server.wait_line("cannot make the sockets of the program: Too many open files")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    same(server.ask(b"and here"), b"and here")
    s.close()
    same(server.stop()[0], 0)


@test
def never_reads():
    status, out, lines = refused("sh", "-c", "sleep 1000; cat", options=["--load-timeout=300ms"])
    same((status, out, len(lines)), (1, "", 1))
    assert re.fullmatch(r"waylay: the program has not read its stdin for 300 ms: it is in "
                        r"\w*nanosleep \(process \d+, sleep\)", lines[0]), lines


@test
def one_of_many_never_reads():
    # That others do, which were started later, gives it no more time.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "taken")
        os.mkdir(path)
        server = Server("sh", "-c", "mkdir $0 2>/dev/null && exec sleep 1000; exec cat", path,
                        options=["--mode=prestart", "--pool=2", "--load-timeout=1s"])
        same(server.ask(b"x"), b"x")
        os.rmdir(path)  # whichever is started next stays there
        for _ in range(4):
            same(server.ask(b"x"), b"x")
        assert server.wait_line("the program has not read its stdin for 1.0 s")
        same(server.ask(b"x"), b"x")
        same(server.stop()[0], 0)


@test
def says_itself_that_it_is_ready():
    # It writes the report (proto/serve.h) into the socket that orders come by, and never reads.
    server = Server(sys.executable, "-c", "import os, stat, struct, time\n"
                    "report = struct.pack('<IiiI5I4xQi4x', 0x76726573, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0)\n"
                    "for fd in range(3, 100):\n"
                    "    try:\n"
                    "        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, report)\n"
                    "    except OSError: pass\n"
                    "time.sleep(1000)", options=["--stdin=pipe"])
    with server.connect():
        assert server.wait_line("the program says that it waits for clients, and does not")
        same(server.stop()[0], 0)


@test
def terminal_signals_are_for_the_server():
    # As from a terminal: to all of waylay's process group, in which the program is not.
    server = Server("cat", options=["-v"], start_new_session=True)
    s = server.connect()
    s.sendall(b"x")
    same(s.recv(1), b"x")
    os.killpg(server.process.pid, signal.SIGINT)
    wait_stopping(server)
    s.sendall(b"y")
    same(s.recv(1), b"y")
    s.close()
    same(server.end()[0], 0)


@test
def ends_before_it_reads():
    same(refused("sh", "-c", "echo some output; exit 4"),
         (1, "some output\n", ["waylay: the program ended with exit status 4 before it read its stdin"]))
    same(refused("sh", "-c", "kill -TERM $$"),
         (1, "", ["waylay: the program was ended by signal 15 (Terminated) before it read its stdin"]))


@test
def children():
    same(refused("sh", "-c", "sleep 1000 & exec cat"),
         (1, "", [NO + "it has started other processes"]))


@test
def another_process_reads():
    status, _, lines = refused("sh", "-c", "cat; echo after")
    same(status, 1)
    same(len(lines), 1)
    same("another process" in lines[0], True)


@test
def stdout_elsewhere():
    same(refused("sh", "-c", "exec cat >/dev/null"),
         (1, "", [NO + "its stdout is not the one that it was given"]))


@test
def no_descriptor_is_left_for_the_client():
    # None for the connection, or none for what was written before: it is not served by halves.
    script = ("import os, resource, sys\n"
              "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
              "files = []\n"
              "try:\n"
              "    while True: files.append(os.open('/dev/null', os.O_RDONLY))\n"
              "except OSError: pass\n"
              "for _ in range(int(sys.argv[1])): os.close(files.pop())\n"
              "os.write(1, b'banner ')\n"
              "os.write(1, os.read(0, 9))")
    for left in ("0", "1"):
        server = Server(sys.executable, "-c", script, left, options=["--mode=prestart"])
        same(server.ask(b"x"), b"")
        assert server.wait_line(": exit status 125")
        same(server.stop()[0], 0)
    with Server(sys.executable, "-c", script, "2", options=["--mode=prestart"]) as server:
        same(server.ask(b"x"), b"banner x")


@test
def program_not_there():
    same(refused("/nonexistent/program")[0], 127)
    same(refused("/etc/passwd")[0], 126)


@test
def address_in_use():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = subprocess.run([WAYLAY, "serve", str(port), "--", "cat"], capture_output=True,
                              text=True, check=False)
        same((done.returncode, done.stderr),
             (125, f"waylay: cannot listen at '{port}': Address already in use\n"))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            done = subprocess.run([WAYLAY, "serve", f"unix:{path}", "--", "cat"],
                                  capture_output=True, text=True, check=False)
            same((done.returncode, os.path.exists(path)), (125, True))


main()
