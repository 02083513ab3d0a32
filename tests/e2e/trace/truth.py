#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a trace says is what strace and the kernel say; and what was wrong in ntrace is right."""
import collections
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from trace import MESSAGES, WAYLAY, Skip, events, folder, main, read, report, same, test

PYTHON = [sys.executable, "-I", "-S", "-c"]
TREE = "mkdir -p t/a; seq 5000 >t/one; seq 9000 >t/a/two; cp t/one t/a/three"
MOVES = ("read", "write", "pread64", "pwrite64", "readv", "writev", "recvfrom", "sendto",
         "recvmsg", "sendmsg")
LINE = re.compile(r"^\d+ +(\w+)\((-?\d+)<(.*?)>[,)].* = (\d+)(?:<.*>)?$")


def trace(options, argv, **more):
    done = subprocess.run([WAYLAY, "trace", *options, *argv], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, **more)
    same((done.returncode, done.stderr), (0, ""))
    return done.stdout


def classes(path):
    """The second table of -c: bytes in and out of each class."""
    table = read(path).partition("\nclass ")[2]
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[0]: (int(row[-3]), int(row[-2])) for row in rows}


def whole_lines(path):
    """strace prints a call that others come between in two lines."""
    begun = {}
    for line in read(path).splitlines():
        pid = line.partition(" ")[0]
        if line.endswith(" <unfinished ...>"):
            begun[pid] = line.removesuffix(" <unfinished ...>")
        elif " resumed>" in line and pid in begun:
            yield begun.pop(pid) + line.partition(" resumed>")[2]
        else:
            yield line


def sums(path, cwd):
    """Bytes by object and call; numbers of pipes and sockets are not the same in two runs."""
    found = collections.Counter()
    for line in whole_lines(path):
        m = LINE.match(line)
        if m and m.group(1) in MOVES and m.group(4) != "0" and "/maps" not in m.group(3):
            name = re.sub(r"\[.*\]|/proc/\d+", "", m.group(3).replace(cwd, "."))
            found[name.partition("<")[0], m.group(1)] += int(m.group(4))
    return found


@test
def bytes_of_each_object_are_those_of_strace():
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    with folder() as top:
        for command in ("tar cf all.tar t; cat t/one t/a/two | wc -c; cp -r t u; grep 7 t/one | tail -1",
                        "gzip -c t/one | gzip -dc | cksum; sort -r t/one t/a/two | md5sum"):
            results = []
            for tool in (["strace", "-f", "-yy", "-qq"], [WAYLAY, "trace", "--strace"]):
                cwd = os.path.join(top, os.path.basename(tool[0]))
                shutil.rmtree(cwd, ignore_errors=True)
                os.mkdir(cwd)
                subprocess.run(["sh", "-c", TREE], cwd=cwd, check=True)
                log = os.path.join(top, "log")
                subprocess.run([*tool, "-o", log, "sh", "-c", command], cwd=cwd, check=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               env={"PATH": "/usr/bin:/bin", "LANG": "C"})
                results.append(sums(log, cwd))
            assert len(results[0]) > 5, results[0]
            same(results[1] - results[0], collections.Counter())
            same(results[0] - results[1], collections.Counter())


@test
def totals_are_those_of_the_record():
    """By class, of calls with two files, looks that take nothing, and many messages at once."""
    program = MESSAGES + """import os, select, socket, sys
def messages(*texts):
    made = (Message * len(texts))()
    for message, text in zip(made, texts):
        message.iov, message.iovlen = ctypes.pointer(Vector(text, len(text))), 1
    return made
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
out = messages(b'x' * 1000, b'y' * 200, b'z' * 30)
assert libc.sendmmsg(a.fileno(), out, 3, 0) == 3
assert len(b.recv(4096, socket.MSG_PEEK)) == len(b.recvmsg(4096, 0, socket.MSG_PEEK)[0]) == 1000
got = messages(bytes(1000), bytes(1000), bytes(1000), bytes(1000))
assert libc.recvmmsg(b.fileno(), got, 4, socket.MSG_PEEK | socket.MSG_DONTWAIT, None) >= 1
assert libc.recvmmsg(b.fileno(), got, 4, socket.MSG_DONTWAIT, None) == 3
for look in (0, socket.MSG_PEEK):
    try: b.recv(10, look | socket.MSG_DONTWAIT)
    except BlockingIOError: pass
r, w = os.pipe()
os.write(w, b'some bytes')
os.set_blocking(w, False)
os.dup2(os.dup(r), 90); os.dup2(w, 90); os.dup2(r, 90)
os.sendfile(w, os.open(sys.argv[1], os.O_RDONLY), 0, 4000)
end = os.open(sys.argv[1] + '.copy', os.O_CREAT | os.O_RDWR)
os.splice(r, end, 3000); os.lseek(end, 0, 0)
os.copy_file_range(end, end, 100, 0, 5000)
ep = select.epoll(); ep.register(r); ep.register(w); ep.unregister(r)
try: ep.register(w)
except FileExistsError: pass
try:
    while True: os.write(w, bytes(4096))
except BlockingIOError: pass
"""
    with folder() as top:
        subprocess.run(["sh", "-c", "seq 2000 >numbers"], cwd=top, check=True)
        run = os.path.join(top, "run")
        argv = [*PYTHON, program, top + "/numbers"]
        trace(["-c", "-o", top + "/c"], argv)
        trace(["-d", run], argv)
        totals, whole = {}, {}
        for row in read(top + "/c").partition("\nclass ")[2].splitlines()[1:]:
            name, calls, errors, *moved = row.split()
            totals[name] = (int(calls), int(errors), *map(int, moved[:2]))
        for row in report(run).partition("\nclass       calls")[2].partition("\n\n")[0].splitlines()[1:]:
            name, calls, errors, again, *moved = row.split()
            whole[name] = (int(calls), int(errors) + int(again), *map(int, moved[:2]))
        same(totals, whole)
        same(totals["unix"][2:], (1230, 1230))
        assert totals["pipe"][3] >= 10 + 4000, totals


@test
def proc_io_agrees():
    """The kernel's own count of bytes read and written, between two looks at it. Before the first
    look all calls were made often enough: rewriting their places counts there, too."""
    program = """import os
r, w = os.pipe()
def work():
    for i in range(50):
        fd = os.open('/etc/passwd', os.O_RDONLY); os.read(fd, 300); os.close(fd)
        os.write(w, b'x' * 300); os.read(r, 200); os.writev(w, [b'abc', b'de']); os.read(r, 105)
def look():
    fd = os.open('/proc/self/io', os.O_RDONLY); text = os.read(fd, 4096); os.close(fd)
    return text
work(); look(); work()
first = look()
work()
second = look()
os.write(1, first + b'-' + second)"""
    with folder() as top:
        lines = os.path.join(top, "lines")
        out = trace(["--strace", "-s", "4", "-o", lines], [*PYTHON, program])
        looks = [dict(re.findall(r"(\w+): (\d+)", text)) for text in out.split("-")]
        moved = collections.Counter()
        # From the first look's own read on, up to the one of the second.
        between = read(lines).split('"/proc/self/io"')[2].partition("\n")[2]
        for call, number in re.findall(r"^\d+ +(\w+)\(.* = (\d+)$", between, re.M):
            if call in ("read", "pread64", "readv"):
                moved["rchar"] += int(number)
            elif call in ("write", "pwrite64", "writev"):
                moved["wchar"] += int(number)
        same({key: int(looks[1][key]) - int(looks[0][key]) for key in moved}, dict(moved))


@test
def files_are_called_by_what_their_folders_are_called():
    """What is opened in an open folder, before and after names have changed, by link or not."""
    program = """import os
os.makedirs('a/b')
os.symlink('b', 'a/link')
a = os.open('a', os.O_RDONLY)
def make(name, at, flags=os.O_NOFOLLOW):
    fd = os.open(name, os.O_CREAT | os.O_WRONLY | flags, dir_fd=at)
    os.write(fd, os.readlink('/proc/self/fd/%d' % fd).encode()); os.close(fd)
b = os.open('b', os.O_RDONLY | os.O_NOFOLLOW, dir_fd=a)
for at in a, b: make('1', at); make('2', at)
linked = os.open('link', os.O_RDONLY, dir_fd=a)
make('3', linked); make('../4', b); make('link/5', a, 0)
os.symlink('1', 'a/file'); make('file', a, 0); make('12', a, 0)
make('13', None); os.symlink('13', 'file'); make('file', None, 0); make('14', None, 0)
os.chdir('a'); make('15', None, 0); make('1', None, 0); make('file', None, 0)
for name in 'b', 'b/', 'link', 'link/', 'link//', '.', '..', './b':
    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY); make('16', inside); os.close(inside)
os.close(os.open('link/', os.O_RDONLY | os.O_NOFOLLOW)); os.chdir('..')
os.rename('a', 'c')
for at in a, b, linked: make('6', at); make('7', at)
os.rename('c/b', 'd')
for at in a, b, linked: make('8', at); make('9', at)
root = os.open('/', os.O_RDONLY)
os.close(os.open('etc', os.O_RDONLY | os.O_NOFOLLOW, dir_fd=root))
os.dup2(a, root)
make('10', root); make('11', root)"""
    with folder() as top:
        lines = os.path.join(top, "lines")
        trace(["--strace", "-yy", "-s", "4096", "-o", lines], [*PYTHON, program], cwd=top)
        wrote = re.findall(r'^\d+ +write\(\d+<(.*?)>, "(.*?)"', read(lines), re.M)
        same(len(wrote), 37)
        same([name for name, _ in wrote], [link for _, link in wrote])
        assert '"etc", ' in read(lines) and "</etc>" in read(lines), read(lines)[-2000:]


@test
def threads_count_together():
    """Two threads, five times ten bytes, over a pair of sockets."""
    program = """import os, socket, threading
a, b = socket.socketpair()
def tell():
    for i in range(5): os.write(a.fileno(), b'0123456789')
def hear():
    got = 0
    while got < 50: got += len(os.read(b.fileno(), 10))
threads = [threading.Thread(target=t) for t in (tell, hear)]
for t in threads: t.start()
for t in threads: t.join()"""
    with folder() as top:
        trace(["-c", "-o", top + "/c"], [sys.executable, "-c", program])
        same(classes(top + "/c")["unix"], (50, 50))


@test
def cat_reads_a_disk():
    with folder() as top:
        trace(["-e", "class=disk", "-o", top + "/o"], ["cat", "/etc/hostname"])
        assert re.search(r"\[DISK\] read\(\d+</etc/hostname>", read(top + "/o")), read(top + "/o")
        trace(["-e", "class=net", "-e", "read,write", "-o", top + "/o"], ["cat", "/etc/hostname"])
        assert "read(" not in read(top + "/o"), read(top + "/o")


@test
def classes_survive_exec():
    program = """import os, socket
a, b = socket.socketpair()
b.sendall(b'some bytes'); b.shutdown(socket.SHUT_WR)
os.dup2(a.fileno(), 0)
os.execvp('cat', ['cat'])"""
    with folder() as top:
        same(trace(["-o", top + "/o"], [sys.executable, "-c", program]), "some bytes")
        lines = read(top + "/o")
        after = lines.partition('execve("/usr/bin/cat"')[2] or lines.partition("/cat")[2]
        assert re.search(r'\[UNIX\] read\(0<.*"some bytes"', after), after[-3000:]


@test
def numbers_beyond_255_and_1024():
    program = """import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))
fd = os.open('/etc/passwd', os.O_RDONLY)
for high in (300, 2000):
    os.dup2(fd, high)
    os.read(high, 10)
os.close(2000)
os.closerange(280, 400)"""
    with folder() as top:
        trace(["-o", top + "/o"], [*PYTHON, program])
        for fd in (300, 2000):
            assert re.search(rf"\[DISK\] read\({fd}</etc/passwd>", read(top + "/o")), fd
            assert re.search(rf"-- fd {fd} </etc/passwd> closed", read(top + "/o")), fd


@test
def the_handler_of_sigint_is_the_programs():
    with folder() as top:
        p = subprocess.Popen([WAYLAY, "trace", "-o", top + "/o", "sh", "-c",
                              "trap 'echo caught; exit 7' INT; echo $$; while :; do :; done"],
                             stdout=subprocess.PIPE, text=True)
        os.kill(int(p.stdout.readline()), signal.SIGINT)
        same((p.stdout.read(), p.wait()), ("caught\n", 7))
        assert "--- SIGINT {" in read(top + "/o")


@test
def a_call_that_hangs_is_seen_once():
    with folder() as top:
        lines = top + "/o"
        p = subprocess.Popen([WAYLAY, "trace", "-e", "read", "-o", lines, "cat"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while not os.path.exists(lines) or "pending for" not in read(lines):
            assert time.monotonic() < until
            time.sleep(0.01)
        p.communicate("some\n")
        found = [line for line in read(lines).splitlines() if "read(0<" in line]
        assert re.search(r"read\(0<.*\) <pending for \d", found[0]), found
        assert re.search(r'read\(0<.*, "some\\n", \d+\) = 5$', found[1]), found
        same(len([line for line in found if "pending" in line and "some" not in line]), 1)


@test
def the_same_call_of_the_next_process_is_seen_to_hang():
    """One after another they get the same ring."""
    with folder() as top:
        trace(["-e", "clock_nanosleep", "-o", top + "/o"],
              ["sh", "-c", "sleep 0.4; sleep 0.4; sleep 0.4"])
        found = re.findall(r"^(\d+) .*clock_nanosleep.*<pending for", read(top + "/o"), re.M)
        same((len(found), len(set(found))), (3, 3))


@test
def a_call_that_a_signal_ends_with_the_program_is_seen():
    program = """import os, signal
r, w = os.pipe()
signal.alarm(1)
os.read(r, 7)"""
    with folder() as top:
        done = subprocess.run([WAYLAY, "trace", "-d", top + "/run", "-o", top + "/o", *PYTHON,
                               program], check=False)
        same(done.returncode, -signal.SIGALRM)
        lines = [line.partition("] ")[2] for line in read(top + "/o").splitlines()]
        assert re.match(r"read\(\d+<pipe:.*, 7\) = \?$", lines[-3]), lines[-3:]
        same([line[:11] for line in lines[-2:]], ["--- SIGALRM", "+++ killed "])
        last = [e for e in events(top + "/run") if e["k"] == "call"][-1]
        same((last["call"], last.get("ret")), ("read", None))


@test
def ends_are_told_once_and_when_they_were():
    """Not when the recorder finds that they are gone, which is some 0.1 s later."""
    with folder() as top:
        run = top + "/run"
        trace(["-d", run], ["sh", "-c", "/bin/true; sleep 0.4; :"])
        told = [e for e in events(run) if e["k"] == "proc"]
        ends = {e["pid"]: e["t"] for e in told if e["event"] == "exit"}
        same((len(ends), len([e for e in told if e["event"] == "exit"])), (3, 3))
        row = re.search(r"^ +(\d+) +\d+ +1 +\d+ +([\d.]+)(us|ms|s) +0 +/bin/true$", report(run),
                        re.M)
        began = min(e["t"] for e in told if e["pid"] == int(row.group(1)))
        took = float(row.group(2)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[row.group(3)]
        assert abs(ends[int(row.group(1))] - began - took) < 0.1 * took, (ends, began, took)


@test
def many_messages_and_what_tee_leaves():
    program = MESSAGES + """import os, socket
all = (Message * 100)()
for m in all: m.iov, m.iovlen = ctypes.pointer(Vector(b'0123456789', 10)), 1
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
assert libc.sendmmsg(a.fileno(), all, 100, 0) == 100
r, w = os.pipe(); r2, w2 = os.pipe()
os.write(w, b'x' * 1000)
assert libc.tee(r, w2, 1000, 0) == 1000
assert len(os.read(r, 2000)) == len(os.read(r2, 2000)) == 1000"""
    with folder() as top:
        trace(["-d", top + "/run"], [*PYTHON, program])
        told = {e["call"]: e for e in events(top + "/run") if e["k"] == "call"}
        same((told["sendmmsg"]["ret"], told["sendmmsg"]["tx"]), (100, 1000))
        same((told["tee"]["dir"], told["tee"]["bytes"]), ("tx", 1000))
        trace(["-c", "-o", top + "/c"], [*PYTHON, program])
        same((classes(top + "/c")["unix"], classes(top + "/c")["pipe"]), ((0, 1000), (2000, 2000)))


@test
def names_do_not_break_lines():
    with folder() as top:
        name = os.path.join(top, 'x\ny<z>"')
        with open(name, "w", encoding="ascii"):
            pass
        trace(["-o", top + "/o", "-e", "openat"], ["cat", name])
        text = read(top + "/o")
        assert r'/x\ny\74z\76\">' in text and text.count("\n") == text.count("] "), text


@test
def each_process_has_its_file_and_none_stays_open():
    with folder() as top:
        trace(["-ff", "-o", top + "/o"],
              ["sh", "-c", "i=0; while [ $i -lt 90 ]; do /bin/true; i=$((i + 1)); done"],
              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50)))
        files = os.listdir(top)
        same(len(files), 91)
        for file in files:
            same(read(os.path.join(top, file)).splitlines()[-1].partition("] ")[2],
                 "+++ exited with 0 +++")


@test
def a_long_list_of_arguments_is_cut_not_refused():
    with folder() as top:
        trace(["-d", top + "/run"], ["true", *(str(n) for n in range(100000, 200000))])
        kept = events(top + "/run")[0]["argv"]
        assert kept[:2] == ["true", "100000"] and 80000 < len(kept) < 100000, len(kept)


@test
def what_is_executed_and_not_followed_is_told():
    with folder() as top:
        trace(["--no-follow", "--strace", "-e", "execve", "-o", top + "/o"],
              ["sh", "-c", "/bin/true; exec /bin/true"])
        same(re.findall(r'execve\("(.*?)", .* = (\S+)$', read(top + "/o"), re.M)[1:],
             [("/bin/true", "?")] * 2)


main()
