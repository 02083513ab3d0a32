#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What -e chooses, condition by condition; and how programs end is told whatever is chosen."""
import re
import signal
import subprocess
import sys

from trace import WAYLAY, folder, main, read, same, test

PROGRAM = """import os, socket, sys
os.chdir(sys.argv[1])
with open('some', 'w') as f:
    f.write('x' * 5000)
fd = os.open('some', os.O_RDONLY)
for high in (70, 100):
    os.dup2(fd, high)
    os.pread(high, high, 0)
os.pread(fd, 4096, 0)
with socket.create_server(('127.0.0.1', 0)) as s, \\
        socket.create_connection(s.getsockname()) as c:
    c.send(b'hello')
try:
    os.rmdir('none')
except FileNotFoundError:
    pass
"""


def lines(top, *options, table=False):
    """The calls that are shown of it."""
    done = subprocess.run([WAYLAY, "trace", "-o", top + "/o", *options, sys.executable, "-I", "-S",
                           "-c", PROGRAM, top], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    same((done.returncode, done.stderr), (0, ""))
    if table:
        return None
    found = [line.partition("] ")[2] for line in read(top + "/o").splitlines()]
    same(found[-1], "+++ exited with 0 +++")
    # That a program is executed is said in any case.
    return [line for line in found[:-1] if re.match(r"(?!execve)\w+\(", line)]


def preads(top, *options):
    return sorted(int(m.group(1)) for line in lines(top, "-e", "pread64", *options)
                  if (m := re.match(r"pread64\((\d+)<.*/some>", line)))


@test
def descriptors():
    with folder() as top:
        same(preads(top, "-e", "fd=70"), [70])
        same(preads(top, "-e", "fd=65-100"), [70, 100])
        same(preads(top, "-e", "fd=0-2,100"), [100])
        # A file that is given by its name is on no descriptor.
        same([line for line in lines(top, "-e", "fd=64-200") if "AT_FDCWD" in line], [])
        made = lines(top, "-e", "openat", "-e", "fd=3")
        assert made and all(" = 3<" in line for line in made), made


@test
def size_error_and_name():
    with folder() as top:
        most = preads(top, "-e", "size>=4K")
        assert len(most) == 1 and most[0] < 70, most
        same(preads(top, "-e", "size>=4K", "-e", "size>=1"), most)
        same(preads(top, "-e", f"path={top}/so*", "-e", "size>=71"), [*most, 100])
        same(len(lines(top, "-e", "err=ENOENT", "-e", "rmdir")), 1)
        same(lines(top, "-e", "err=EPERM", "-e", "rmdir"), [])
        same(lines(top, "-e", "lat>=1000s", "-e", "rmdir"), [])
        assert lines(top, "-e", "lat>=1ns", "-e", "rmdir")


@test
def addresses_and_classes():
    with folder() as top:
        same(len(lines(top, "-e", "class=net", "-e", "sendto")), 1)
        same(len(lines(top, "-e", "addr=127.0.0.0/8", "-e", "sendto")), 1)
        same(len(lines(top, "-e", "addr=10.0.0.0/8", "-e", "sendto")), 0)
        same(len(lines(top, "-e", "port=1", "-e", "sendto")), 0)
        same(lines(top, "-e", "class=unix,tty"), [])


@test
def second_descriptors_and_mapped_addresses():
    """A file that is sent, and a server on the address of both families."""
    program = """import os, socket
with socket.create_server(('::', 0), family=socket.AF_INET6, dualstack_ipv6=True) as s, \\
        socket.create_connection(('127.0.0.1', s.getsockname()[1])) as c:
    t = s.accept()[0]
    os.sendfile(c.fileno(), os.open('/etc/passwd', os.O_RDONLY), 0, 100)
    t.recv(5)
os.write(os.open('/dev/null', os.O_WRONLY), b'/etc/passwd')"""
    def calls(*options):
        with folder() as top:
            subprocess.run([WAYLAY, "trace", "-o", top + "/o", *options, sys.executable, "-I", "-S",
                            "-c", program], stdin=subprocess.DEVNULL, check=True)
            found = re.findall(r"\] (sendfile|recvfrom|write)\(", read(top + "/o"))
            return found

    same(calls("-e", "addr=127.0.0.1"), ["sendfile", "recvfrom"])
    same(calls("-e", "class=net", "-e", "sendfile,recvfrom,write"), ["sendfile", "recvfrom"])
    same(calls("-e", "path=/etc/passwd"), ["sendfile"])
    # Of files that were there before nothing has failed.
    with folder() as top:
        subprocess.run([WAYLAY, "trace", "-o", top + "/o", "-e", "err=EPERM", "true"], check=True,
                       stdin=subprocess.DEVNULL)
        assert "was there before" not in read(top + "/o"), read(top + "/o")


@test
def processes():
    with folder() as top:
        same(lines(top, "-e", "comm=nobody"), [])
        same(len(lines(top, "-e", "comm=python*", "-e", "rmdir")), 1)
        same(lines(top, "-e", "pid=1"), [])


@test
def tables():
    with folder() as top:
        def table(*options):
            lines(top, "-c", *options, table=True)
            return {row.split()[-1]: int(row.split()[3])
                    for row in read(top + "/o").partition("\nclass ")[0].splitlines()[2:-2]}

        same(table("-e", "rmdir,pread64", "-e", "fd=70,100", "-e", "size>=71"), {"pread64": 1})
        same(table("-e", "%net", "-e", "fd=0-99", "-e", "sendto"), {"sendto": 1})
        same(table("-Z", "-e", "rmdir,getpid"), {"rmdir": 1})


def ends(*argv):
    with folder() as top:
        done = subprocess.run([WAYLAY, "trace", "-o", top + "/o", *argv], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        same(done.stderr, "")
        return done.returncode, sorted(re.findall(r"\+\+\+ .*", read(top + "/o")))


@test
def how_a_short_life_ends():
    killed = "+++ killed by SIGUSR1 +++"
    # Over before waylay looks for the first time; and there is no exit_group(2).
    same(ends("sh", "-c", "kill -USR1 $$; :"), (-signal.SIGUSR1, [killed]))
    same(ends("-e", "none", "sh", "-c", "kill -USR1 $$; :"), (-signal.SIGUSR1, [killed]))
    same(ends("-e", "none", "sh", "-c", "(exit 4); exit 3"),
         (3, ["+++ exited with 3 +++", "+++ exited with 4 +++"]))


main()
