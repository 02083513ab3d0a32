#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real filters as servers: every answer and every end must be that of a fresh run.

    filters.py [NAME...]

A filter is run fresh on some inputs, with a socket as stdin and stdout as a served one has it.
Then it is served, and asked for the same by 32 clients at once, through a call listener, which
tells how the program ended.  The mode it was served in and what that gained are printed (the table
in docs/serve.md); where a filter can be served by copies it must be.
Environment: WAYLAY is the program under test; WAYLAY_TEST_COUNT=full (or WAYLAY_SOAK=1) asks
each of them 1000 times; BUILT is a folder with the programs of tests/prog.
Output: TAP.
"""
import array
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "serve"))
from server import Server, Skip, life, main, same, test  # noqa: E402

FULL = os.environ.get("WAYLAY_TEST_COUNT") == "full" or os.environ.get("WAYLAY_SOAK") == "1"
REQUESTS = 1000 if FULL else 30
CLIENTS = 32
ROUNDS = 3
life.TIME_LIMIT = 3000 if FULL else 240
BUILT = os.environ.get("BUILT", "")
PYTHON = "/usr/bin/python3"  # with Debian's numpy
HELLO = struct.pack("<QII", 0x316c6c6163796177, 3, 0)
FRAME = struct.Struct("<II")
END = 5

WORDS = ("the quick brown fox jumps over a lazy dog and walks slowly to its houes in teh "
         "wonderful forrest").split()


# --- inputs: a function of a number ---

def text_of(number):
    return b"".join(
        (WORDS[(i * i + number) % len(WORDS)] + (" " if i % 9 else "\n")).encode()
        for i in range([30, 4, 700, 0][number % 4])) + b"\n"


def json_of(number):
    return b"".join(b'{"name": "n%d", "list": [%d, 2, 3], "on": %s}\n' %
                    (i, i * number, b"true" if i % 3 else b"false") for i in range(number * 7 % 40))


def sums_of(number):
    return b"".join(b"%d ^ 3 %% 1000007 + %d\n" % (i + number, number) for i in range(number * 5))


def graph_of(number):
    return b"digraph { %s }\n" % b"; ".join(
        b"n%d -> n%d" % (i, (i * i + number) % 12) for i in range(number * 4))


def sql_of(number):
    text = b"select count(*), sum(n) from words where n %% 7 = %d;\n" % number
    if number % 2:
        text += b"select word from words where n = %d; select * from nothing;\n" % (number * 10)
    return text


def page_of(number):
    return (b"%%!PS\n/Helvetica findfont 12 scalefont setfont 72 %d moveto (text number %d) show\n"
            b"showpage\n" % (100 + 20 * number, number)) * (number % 3 + 1)


def numbers_of(number):
    return b"".join(b"%d\n" % (i * i % 97 + number) for i in range(number * 20 + 1))


# --- asking ---

def exchange(s, data):
    """Sends all while it reads to the end."""
    def send():
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # a program need not read all of its input

    sender = threading.Thread(target=send)
    sender.start()
    parts = []
    try:
        while part := s.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass  # of a socket pair, when input is left behind
    sender.join()
    return b"".join(parts)


def pair_or_pipe(kind):
    """What a program gets as its stdin and stdout, and ours to write and to read."""
    if kind == "socket":
        ours, theirs = socket.socketpair()
        return ours, theirs, theirs
    ours, theirs = socket.socketpair()
    r, w = os.pipe()
    return (ours, w), os.fdopen(r, "rb", 0), theirs


def talk(ours, data):
    """Over a socket; or into a pipe, with the answer over a socket."""
    if isinstance(ours, socket.socket):
        with ours:
            return exchange(ours, data)
    ours, w = ours

    def send():
        try:
            with os.fdopen(w, "wb") as f:
                f.write(data)
        except BrokenPipeError:
            pass

    sender = threading.Thread(target=send)
    sender.start()
    with ours:
        answer = b"".join(iter(lambda: ours.recv(65536), b""))
    sender.join()
    return answer


def fresh(argv, data, kind="socket", **more):
    if kind == "file":
        with tempfile.TemporaryFile() as f:
            f.write(data)
            f.seek(0)
            done = subprocess.run(argv, stdin=f, stdout=subprocess.PIPE, check=False,
                                  stderr=subprocess.DEVNULL, **more)
        return done.stdout, done.returncode
    ours, theirs_in, theirs_out = pair_or_pipe(kind)
    child = subprocess.Popen(argv, stdin=theirs_in, stdout=theirs_out,
                             stderr=subprocess.DEVNULL, **more)
    theirs_in.close()
    theirs_out.close()
    return talk(ours, data), child.wait()


def read_exactly(s, size):
    data = b""
    while len(data) < size:
        part = s.recv(size - len(data))
        assert part, f"the connection ended after {data!r}"
        data += part
    return data


def call(path, data, kind="socket"):
    """As `waylay call`, but what the program gets is as a served program has it."""
    ours, theirs_in, theirs_out = pair_or_pipe(kind)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        with theirs_in, theirs_out, open(os.devnull, "wb") as null:
            fds = array.array("i", [f.fileno() for f in (theirs_in, theirs_out, null)])
            s.sendmsg([HELLO], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        answer = talk(ours, data)
        what, size = FRAME.unpack(read_exactly(s, FRAME.size))
        end = read_exactly(s, size)
        assert what == END, f"not served: {end}"
        status, = struct.unpack("<i", end)
        return answer, os.waitstatus_to_exitcode(status)


def best_ms(kinds, *functions):
    """Of each function the time that an input takes it, in turns: the median of the inputs, each
    at its best."""
    best = [[float("inf")] * kinds for _ in functions]
    for _ in range(ROUNDS):
        for n in range(kinds):
            for times, function in zip(best, functions):
                start = time.perf_counter()
                function(n)
                times[n] = min(times[n], (time.perf_counter() - start) * 1000)
    return [statistics.median(times) for times in best]


def describe(status):
    if status < 0:
        return f"ended by signal {-status} ({signal.strsignal(-status)})"
    return f"exit status {status}"


def compare(argv, make_input=text_of, kinds=4, mode="fork", options=(), kind="socket", plain=False,
            parallel=CLIENTS, requests=None, **more):
    """mode: the one it must be served in; None: any that answers well.  plain: over a connection,
    and what the server says of the ends is compared."""
    plain = plain or kind == "file"  # the server makes a file of what comes over a connection
    inputs = [make_input(n) for n in range(kinds)]
    wanted = [fresh(argv, data, kind, **more) for data in inputs]
    same([fresh(argv, data, kind, **more) for data in inputs], wanted)
    assert any(out for out, _ in wanted), "it answers nothing"
    wrong = []
    requests = requests or REQUESTS
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "call")
        server = Server(*argv, options=["-l", f"call:unix:{path}", *options], **more)
        if plain:
            address = next(a for a in server.addresses if not a.startswith("call:"))
            host, _, port = address.rpartition(":")

            def ask(data):
                with socket.create_connection((host, int(port))) as s:
                    return exchange(s, data), None
        else:
            def ask(data):
                return call(path, data, kind)

        def client(first):
            for n in range(first, requests, parallel):
                want, status = wanted[n % kinds]
                try:
                    got = ask(inputs[n % kinds])
                except (OSError, AssertionError, ValueError) as error:
                    got = repr(error), None
                if got != (want, None if plain else status):
                    wrong.append((n % kinds, got[0][-200:], got[1], want[-200:], status))

        clients = [threading.Thread(target=client, args=(i,)) for i in range(parallel)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        if not wrong:
            alone, served = best_ms(kinds, lambda n: fresh(argv, inputs[n], kind, **more),
                                    lambda n: ask(inputs[n]))
            print(f"# mode {server.mode}: {alone:.2f} ms fresh, {served:.2f} ms served, "
                  f"{alone / served:.1f} times faster")
        status, lines = server.stop()
    if plain and not wrong:
        asked = [n % kinds for n in range(requests + ROUNDS * kinds)]
        same(sorted(line.rpartition(": ")[2] for line in lines if "connection " in line),
             sorted(describe(wanted[n][1]) for n in asked if wanted[n][1]))
    said = [line for line in lines if line.startswith("waylay: ") and
            not re.match(r"waylay: (ready|connection)\b", line)]
    for line in said:
        print(f"# {line}")
    assert not wrong, f"{len(wrong)} of {requests} are wrong: {wrong[:3]}"
    same(status, 0)
    if mode:
        same(server.mode, mode)
        same(said if mode == "fork" else [], [])


def need(*names):
    for name in names:
        if not shutil.which(name) and not os.path.exists(name):
            raise Skip(f"{name} is not installed")
    return names[0]


def built(name):
    path = os.path.join(BUILT, name)
    if not BUILT or not os.path.exists(path):
        raise Skip(f"{name} is not built: its compiler is missing")
    return path


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def with_folder(function):
    """A test that has a folder for its files."""
    def run():
        with tempfile.TemporaryDirectory() as folder:
            function(folder)
    run.__name__ = function.__name__
    return test(run)


# --- filters of Debian ---

@test
def hunspell():
    need("/usr/share/hunspell/en_US.aff")
    compare([need("hunspell"), "-a", "-d", "en_US"], lambda n: text_of(n)[:100])


@test
def aspell():
    compare([need("aspell"), "-a", "-d", "en"])


APERTIUM = "/usr/share/apertium/apertium-eng-spa/"


@test
def lt_proc():
    compare([need("lt-proc"), need(APERTIUM + "eng-spa.automorf.bin")], lambda n: text_of(n)[:1000])


@test
def apertium_pipeline():
    need(APERTIUM)
    compare([need("apertium"), "eng-spa"], mode="prestart", kind="pipe",
            options=["--stdin=pipe"], plain=True)


@test
def espeak_ng():
    # Sound is computed, not played; with no input it says so on stderr.
    compare([need("espeak-ng"), "--stdin", "--stdout"], lambda n: text_of(n)[:120])


@with_folder
def jq_large_program(folder):
    program = "".join(f"def f{i}: . + {i} | . * {i % 7 + 1} % 10007;\n" for i in range(1500))
    program += '[.name, (.list | add | f3 | f700 | f1499), .on]\n'
    compare([need("jq"), "-c", "-f", script(folder, "program.jq", program)], json_of, kinds=5)


@with_folder
def python_numpy(folder):
    need("/usr/lib/python3/dist-packages/numpy")
    compare([PYTHON, script(folder, "t.py", """
import sys, numpy as np
table = {f"word{i}": i for i in range(50000)}
a = np.arange(10000, dtype=float).reshape(100, 100) / 1e5
numbers = np.array(sys.stdin.read().split(), dtype=float)
print(numbers.sum(), numbers.std(), (a @ a).trace(), len(table), np.linalg.det(a[:3, :3]))
sys.exit(len(numbers) % 3)
""")], numbers_of)


@with_folder
def python_worker_thread(folder):
    compare([PYTHON, script(folder, "t.py", """
import queue, sys, threading
work, done = queue.Queue(), queue.Queue()
def worker():
    total = 0
    while (line := work.get()) is not None:
        total += len(line)
        done.put(line.upper())
    done.put(total)
thread = threading.Thread(target=worker)
thread.start()
for line in sys.stdin: work.put(line)
work.put(None)
while isinstance(line := done.get(), str): sys.stdout.write(line)
thread.join()
print(line)
""")])


@with_folder
def java(folder):
    need("javac")
    script(folder, "H.java", """
import java.io.*; import java.util.*;
public class H {
  public static void main(String[] a) throws Exception {
    Map<String, Integer> map = new HashMap<>();
    for (int i = 0; i < 200000; i++) map.put("k" + i, i * 7);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    String line; long sum = 0; int n = 0;
    while ((line = in.readLine()) != null) { n++; sum += map.getOrDefault("k" + line.trim(), -1); }
    System.out.println(n + " lines, " + sum);
    System.exit(n % 5);
  }
}
""")
    subprocess.run(["javac", "-d", folder, os.path.join(folder, "H.java")], check=True)
    compare([need("java"), "-Xmx128m", "-cp", folder, "H"], numbers_of)


@with_folder
def node(folder):
    compare([need("node"), script(folder, "t.js", """
const table = new Map(); for (let i = 0; i < 100000; i++) table.set('k' + i, i);
let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', d => text += d);
process.stdin.on('end', () => {
  const numbers = text.split('\\n').filter(s => s).map(s => table.get('k' + s));
  console.log(numbers.length, numbers.reduce((a, b) => a + b, 0));
  process.exitCode = numbers.length % 4;
});
""")], numbers_of)


@with_folder
def r_script(folder):
    compare([need("Rscript"), "--vanilla", script(folder, "t.R", """
table <- setNames(seq_len(20000), paste0("k", seq_len(20000)))
x <- scan(file("stdin"), quiet = TRUE)
cat(length(x), sum(x), sd(x), "\\n")
print(quantile(x)); print(summary(lm(y ~ x, data.frame(x = seq_along(x), y = x)))$r.squared)
quit(status = length(x) %% 3)
""")], lambda n: numbers_of(n + 1))


@with_folder
def perl(folder):
    compare([need("perl"), script(folder, "t.pl", """
my %table = map { ("k$_", $_ * 3) } 1..100000;
my $sum = 0;
while (<STDIN>) { chomp; $sum += $table{"k$_"} // 0; print scalar reverse, "\\n"; }
print "$sum\\n";
exit $sum % 7;
""")], numbers_of)


@test
def graphviz_dot():
    compare([need("dot"), "-Tsvg"], graph_of)


@with_folder
def sqlite3(folder):
    db = os.path.join(folder, "db")
    subprocess.run([need("sqlite3"), db], check=True, input=b"""
create table words (n integer primary key, word text);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 5000)
insert into words select n, 'word' || n from c;""")
    compare(["sqlite3", "-batch", db], sql_of)


@test
def ghostscript():
    compare([need("gs"), "-q", "-dSAFER", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pbmraw", "-r20",
             "-sOutputFile=-", "-"], page_of)


@test
def bc():
    compare([need("bc"), "-lq"], sums_of)


@test
def sort():
    compare(["sort", "-u"])


@test
def cat():
    compare(["cat"])


@test
def busybox_awk():
    compare([need("busybox"), "awk",
             "{ n += NF; print NR, $2, $1 } END { print n; exit n % 2 ? 5 : 0 }"])


@test
def sed():
    compare(["sed", "-e", "s/fox/cat/g", "-e", "$!N"])


@test
def grep_that_may_find_nothing():
    compare(["grep", "-n", "lazy"])


@test
def gzip():
    compare(["gzip", "-cn"])


# --- filters of our own: static ones ---

@test
def static_musl():
    compare([built("filter.musl-static")])


@test
def static_glibc():
    compare([built("filter.glibc-static")])


@test
def static_go():
    compare([built("filter.go")])


@with_folder
def static_tagger(folder):
    model = os.path.join(folder, "model")
    subprocess.run([built("tagger.stripped"), "--build", model, "500" if FULL else "40"],
                   check=True)
    compare([built("tagger.stripped"), model])


# --- hard cases ---

def python(text):
    return [PYTHON, "-c", text]


@test
def configuration_from_stdin_first():
    compare(python("import sys\n"
                   "first = sys.stdin.buffer.raw.read(3)\n"
                   "print(first, len(sys.stdin.read()))"))


WHAT_IS_IT = ("import errno, os, stat, sys\n"
              "mode = os.fstat(0).st_mode\n"
              "try: at = os.lseek(0, 0, os.SEEK_CUR)\n"
              "except OSError as e: at = errno.errorcode[e.errno]\n"
              "before = os.isatty(0), stat.S_IFMT(mode), at\n"
              "text = sys.stdin.read()\n"
              "mode = os.fstat(0).st_mode\n"
              "print(before, os.isatty(0), stat.S_IFMT(mode), len(text))")


@test
def looks_what_stdin_is_socket():
    compare(python(WHAT_IS_IT))


@test
def looks_what_stdin_is_pipe():
    compare(python(WHAT_IS_IT), kind="pipe", options=["--stdin=pipe"])


@test
def looks_what_stdin_is_file():
    compare(python(WHAT_IS_IT), kind="file", options=["--stdin=file"])


@test
def seeks_in_stdin():
    compare(python("import os, sys\n"
                   "size = os.lseek(0, 0, os.SEEK_END)\n"
                   "os.lseek(0, size // 2, os.SEEK_SET)\n"
                   "print(size, os.read(0, 100000))"), kind="file", options=["--stdin=file"])


@test
def maps_stdin():
    compare(python("import mmap, os\n"
                   "if os.fstat(0).st_size == 0: print('nothing'); raise SystemExit(4)\n"
                   "with mmap.mmap(0, 0, prot=mmap.PROT_READ) as m: print(m[::-1])"),
            kind="file", options=["--stdin=file"])


@test
def polls_first():
    compare(python("import os, select\n"
                   "n = 0\n"
                   "while select.select([0], [], [])[0]:\n"
                   "    data = os.read(0, 1000)\n"
                   "    if not data: break\n"
                   "    n += len(data)\n"
                   "print(n)"))


@test
def waits_with_epoll():
    compare(python("import os, select\n"
                   "e = select.epoll()\n"
                   "e.register(0, select.EPOLLIN)\n"
                   "n = 0\n"
                   "while e.poll():\n"
                   "    data = os.read(0, 1000)\n"
                   "    if not data: break\n"
                   "    n += len(data)\n"
                   "print(n)"))


@test
def has_events():
    compare(python("import ctypes, os, sys\n"
                   "event = ctypes.CDLL(None).eventfd(5, 0)\n"
                   "r, w = os.pipe(); os.write(w, b'in the pipe')\n"
                   "text = sys.stdin.read()\n"
                   "print(os.read(event, 8), os.read(r, 100), len(text))"))


@test
def has_started_helpers():
    compare(python("import subprocess, sys\n"
                   "p = subprocess.Popen(['tr', 'a-z', 'A-Z'], stdin=subprocess.PIPE)\n"
                   "p.communicate(sys.stdin.buffer.read())\n"
                   "sys.exit(p.returncode + 3)"), mode="prestart", plain=True)


@test
def starts_helpers_later():
    compare(["sh", "-c", "read -r a b; echo $a | tr a-z A-Z; echo $b | wc -c; cat; expr 1 = 2"])


@with_folder
def opens_files_early_and_late(folder):
    path = script(folder, "data", "".join(f"line {i}\n" for i in range(20000)))
    compare(python("import sys\n"
                   f"early = open({path!r}); first = early.readline()\n"
                   "text = sys.stdin.read()\n"
                   f"late = open({path!r})\n"
                   "print(first, len(text), sum(map(len, early)), late.readline())"))


@with_folder
def a_file_that_is_deleted(folder):
    path = script(folder, "data", "some text\n" * 5000)
    argv = python("import os, shutil, sys\n"
                  f"shutil.copy({path!r}, {path!r} + str(os.getpid()))\n"
                  f"f = open({path!r} + str(os.getpid())); os.unlink(f.name); a = f.read(7)\n"
                  "sys.stdin.read()\n"
                  "print(a, len(f.read()))")
    compare(argv)


@test
def prints_a_banner_first():
    compare(["sh", "-c", "echo banner; read -r a b; echo $b; exec cat"])


@test
def ends_by_a_signal():
    compare(python("import os, sys\n"
                   "print(len(sys.stdin.read()), flush=True)\n"
                   "os.kill(os.getpid(), 6)"))


if __name__ == "__main__":
    main()
