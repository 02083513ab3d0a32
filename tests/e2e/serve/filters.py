#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real filters as servers: every answer and exit status is that of a fresh run on that input."""
import os
import shutil
import signal
import sys
import tempfile
import threading

from server import SOAK, Server, Skip, fresh, main, model, same, test

CLIENTS = 8
REQUESTS = 1000 if SOAK else 48  # for each program

WORDS = ("the quick brown fox jumps over a lazy dog and walks slowly to its houes in teh "
         "wonderful forrest").split()


def text_of(number):
    """A text that differs with the number, from nothing to some hundred kilobytes."""
    if number == 0:
        return b""
    size = [3, 40, 900, 7000][number % 4] if number % 16 else 20000
    return b"".join(
        (WORDS[(i * i + number) % len(WORDS)] + (" " if i % 9 else f" {i + number}\n")).encode()
        for i in range(size))


def json_of(number):
    return b"".join(b'{"name": "n%d", "list": [%d, 2, 3], "on": %s}\n' %
                    (i, i * number, b"true" if i % 3 else b"false") for i in range(number % 40))


def sums_of(number):
    return b"".join(b"%d ^ 3 %% 1000007 + %d\n" % (i + number, number) for i in range(number % 50))


def compare(argv, make_input=text_of, kinds=12, **more):
    """Asks with several clients at once; kinds: how many inputs there are."""
    inputs = [make_input(n) for n in range(kinds)]
    wanted = [fresh(argv, data, **more) for data in inputs]
    failed = sum(1 for n in range(REQUESTS) if wanted[n % kinds][1])
    server = Server(*argv, **more)
    wrong = []

    def client(first):
        for n in range(first, REQUESTS, CLIENTS):
            try:
                got = server.ask(inputs[n % kinds])
            except OSError as error:
                got = repr(error).encode()
            if got != wanted[n % kinds][0]:
                wrong.append((n % kinds, got[:200], wanted[n % kinds][0][:200]))

    clients = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    status, lines = server.stop()
    same(wrong[:3], [])
    same(status, 0)
    ends = sorted(line.rpartition(": ")[2] for line in lines if "connection " in line)
    same(ends, sorted(describe(status) for _, status in
                      (wanted[n % kinds] for n in range(REQUESTS)) if status))
    same(len(ends), failed)


def describe(status):
    if status < 0:
        return f"ended by signal {-status} ({signal.strsignal(-status)})"
    return f"exit status {status}"


def need(name):
    if not shutil.which(name):
        raise Skip(f"{name} is not installed")
    return name


@test
def cat():
    compare(["cat"])


@test
def tr():
    compare(["tr", "a-z", "A-Z"])


@test
def sort():
    compare(["sort", "-u"])


@test
def head_does_not_read_all():
    compare(["head", "-n", "2"])


@test
def grep_may_find_nothing():
    compare(["grep", "-n", "fox jumps"])


@test
def bc():
    compare([need("bc"), "-q"], sums_of)


@test
def jq():
    compare([need("jq"), "-c", "[.name, (.list | add)]"], json_of)


@test
def awk():
    compare(["awk", "{ n += NF } END { print NR, n; exit n % 2 ? 5 : 0 }"])


@test
def busybox_awk():
    compare([need("busybox"), "awk", "{ print NR, $2, $1 }"])


@test
def busybox_tr():
    compare([need("busybox"), "tr", "a-z", "n-za-m"])


@test
def perl():
    compare([need("perl"), "-ne", "print scalar reverse"])


@test
def sed():
    compare(["sed", "-e", "s/fox/cat/g", "-e", "$!N"])


@test
def hunspell_with_a_banner():
    path = "/usr/share/hunspell/en_US.aff"
    if not os.path.exists(path):
        raise Skip(f"{path} is not there")
    compare([need("hunspell"), "-a", "-d", "en_US"], lambda n: text_of(n)[:100 * n], kinds=6)


@test
def python():
    compare([sys.executable, "-c", "import sys, json, collections\n"
             "print(sorted(collections.Counter(sys.stdin.read().split()).items()))"], kinds=6)


@test
def python_by_lines():
    compare([sys.executable, "-c", "import sys\n"
             "for line in sys.stdin: sys.stdout.write(line[::-1])\n"
             "sys.exit(7)"], kinds=6)


@test
def python_polls_first():
    compare([sys.executable, "-c", "import os, select, sys\n"
             "out = b''\n"
             "while select.select([0], [], [])[0]:\n"
             "    data = os.read(0, 1000)\n"
             "    if not data: break\n"
             "    out += data.swapcase()\n"
             "os.write(1, b'%d\\n' % len(out)); sys.stdout.write(out.decode())"], kinds=6)


@test
def static_tagger():
    folder, argv = model()
    with folder:
        compare(argv)


@test
def static_tagger_that_raises():
    folder, argv = model()
    with folder:
        compare([*argv, "raise"], kinds=4)


@test
def static_tagger_that_aborts():
    folder, argv = model()
    with folder:
        compare([*argv, "abort"], kinds=4)


@test
def shell_around_it():
    compare(["sh", "-c", "read x < /etc/hostname; echo before; exec tr a-z A-Z"])


@test
def shell_that_reads_itself():
    compare(["sh", "-c", 'while read -r a b; do echo "$b: $a"; done; exit 4'], kinds=4)


@test
def stdin_at_another_number():
    compare([sys.executable, "-c", "import os\n"
             "os.dup2(0, 9); os.close(0); os.open('/dev/null', os.O_RDONLY)\n"
             "n = 0\n"
             "while data := os.read(9, 5000): n += len(data)\n"
             "assert os.read(0, 1) == b''\n"
             "os.write(1, b'%d' % n)"], kinds=6)


@test
def stdin_not_blocking():
    compare([sys.executable, "-c", "import os, select\n"
             "os.set_blocking(0, False)\n"
             "n = 0\n"
             "while True:\n"
             "    try:\n"
             "        data = os.read(0, 5000)\n"
             "    except BlockingIOError:\n"
             "        select.select([0], [], [])\n"
             "        continue\n"
             "    if not data: break\n"
             "    n += len(data)\n"
             "os.set_blocking(1, True)\n"
             "os.write(1, b'%d' % n)"], kinds=6)


@test
def a_file_that_was_opened_before():
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"".join(b"line %d\n" % i for i in range(10000)))
        f.flush()
        script = ("exec 5<%s; exec 6<&5; read -r a <&5; read -r b; read -r c <&6; read -r d <&5;"
                  " echo $a $b $c $d; cat <&5" % f.name)
        compare(["sh", "-c", script], kinds=4)


@test
def big_banner():
    # More than a socket holds: it must be taken while the program still starts.
    compare([sys.executable, "-c", "import sys\n"
             "sys.stdout.write('banner ' * 100000); sys.stdout.flush()\n"
             "sys.stdout.write(sys.stdin.read())"], kinds=4)


@test
def copies_start_programs():
    compare(["sh", "-c", "read -r a b; echo $a | tr a-z A-Z; echo $b | wc -c; cat; expr 1 = 2"],
            kinds=4)


@test
def copies_start_threads():
    compare([sys.executable, "-c", "import sys, concurrent.futures as f\n"
             "with f.ThreadPoolExecutor(4) as pool:\n"
             "    print(list(pool.map(len, sys.stdin)))"], kinds=4)


@test
def copies_know_who_they_are():
    argv = [sys.executable, "-c", "import os, sys, threading\n"
            "sys.stdin.read()\n"
            "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
            "child = os.fork() or os._exit(9)\n"
            "ended = os.waitpid(child, 0)[1] >> 8\n"
            "stat = open('/proc/self/stat').read().split()\n"
            "print(os.getpid() == int(stat[0]), threading.get_native_id() == os.getpid(), ended)"]
    with Server(*argv) as server:
        # Python asked for its main thread's number at its start, so that one is the template's.
        pids = [server.ask(b"") for _ in range(4)]
    same(set(pids), {b"True True 9\n"})


main()
