#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The run file as its description has it, and each format as its own rules have it.

Debian's python, which has the package python3-jsonschema.
"""
import collections
import csv
import json
import os
import re
import signal
import subprocess
import sys

import reader
from trace import HERE, WAYLAY, Skip, export, events, folder, main, read, record, report, same, test

SOURCE = os.environ.get("WAYLAY_SOURCE", os.path.join(HERE, "..", "..", ".."))
# Something of everything: processes, threads, files, pipes, sockets, signals, waits, errors.
PROGRAM = """
import os, select, signal, socket, subprocess, threading
signal.signal(signal.SIGUSR1, lambda *a: None)
os.kill(os.getpid(), signal.SIGUSR1)
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, b"from the child")
    os._exit(3)
os.wait()
os.read(r, 100)
os.close(os.dup(r))
server = socket.create_server(("127.0.0.1", 0))
poll = select.epoll()
poll.register(server, select.EPOLLIN)
def client():
    with socket.create_connection(server.getsockname()) as s:
        s.sendall(b"x" * 5000)
        s.recv(10)
thread = threading.Thread(target=client)
thread.start()
poll.poll()
s, _ = server.accept()
s.setblocking(False)
got = 0
while got < 5000:
    try:
        got += len(s.recv(1000))
    except BlockingIOError:
        select.select([s], [], [])
s.send(b"enough")
thread.join()
a, b = socket.socketpair()
a.send(b'quoted ", and \\n')
b.recv(5, socket.MSG_PEEK)
b.recv(100)
try:
    open("/not/there, at all")
except OSError:
    pass
subprocess.run(["cat", "/etc/hostname"], stdout=subprocess.DEVNULL)
"""


class Recorded:
    """One run, recorded once and looked at by many."""
    path = None

    def __init__(self):
        if not Recorded.path:
            Recorded.keep = folder()
            Recorded.path = Recorded.keep.name
            record(Recorded.path, sys.executable, "-c", PROGRAM, options=["--payload", "--tcp-info"])
        self.file = os.path.join(Recorded.path, "run.trc")


@test
def another_reader_sees_the_same():
    run = Recorded()
    theirs = reader.Run(run.file)
    ours = events(run.path)
    same([(e.pid, e.tid, e.nr, None if e.flags & 1 else e.ret, e.file)
          for e in theirs.events if e.kind == 1],
         [(e["pid"], e["tid"], e["nr"], e["ret"], e.get("file", 0))
          for e in ours if e["k"] == "call"])
    kinds = {2: "fd", 3: "fd", 4: "proc", 5: "proc", 6: "proc", 7: "sig"}
    # Whoever looks for processes that are gone tells of ends that are known already.
    own = {e.arg[0] for e in theirs.events if e.kind == 6 and e.arg[3] == 1}
    again = [e for e in theirs.events if e.kind == 6 and e.arg[3] == 2 and e.arg[0] in own]
    same(collections.Counter(kinds[e.kind] for e in theirs.events
                             if e.kind in kinds and e not in again),
         collections.Counter(e["k"] for e in ours if e["k"] in kinds.values()))
    for e, o in zip((e for e in theirs.events if e.kind == 1),
                    (o for o in ours if o["k"] == "call")):
        assert abs(theirs.ns(e.over) / 1e9 - o["t"]) < 1e-5, (theirs.ns(e.over), o)
    meta = theirs.metas[0]
    same([value for name, value in meta if name == "argv"], ours[0]["argv"])
    same(ours[0]["argv"], [sys.executable, "-c", PROGRAM])
    same(dict(theirs.metas[-1])["lost"], "0")


@test
def events_are_in_order():
    ours = [e["t"] for e in events(Recorded().path) if e["k"] in ("call", "sig")]
    same(ours, sorted(ours))


@test
def json_is_what_its_schema_says():
    try:
        import jsonschema
    except ImportError as e:
        raise Skip("python3-jsonschema is not there") from e
    schema = json.loads(read(os.path.join(SOURCE, "docs", "trace.schema.json")))
    jsonschema.Draft7Validator.check_schema(schema)
    checks = {}
    for name, kind in schema["definitions"].items():
        # Here, nothing may come that is not written down.
        checks[name] = jsonschema.Draft7Validator(
            {**kind, "additionalProperties": False, "definitions": schema["definitions"]})
    whole = jsonschema.Draft7Validator(schema)
    seen = collections.Counter()
    for line in events(Recorded().path):
        checks[line["k"]].validate(line)
        seen[line["k"]] += 1
        if seen[line["k"]] < 20:
            whole.validate(line)
    same(set(seen), {"meta", "call", "fd", "proc", "sig", "tcp", "sum"})
    same((seen["meta"], seen["sum"]), (1, 1))


@test
def json_says_what_happened():
    run = events(Recorded().path)
    calls = [e for e in run if e["k"] == "call"]
    peeked = [e for e in calls if e.get("class") == "unix" and e["call"] == "recv"]
    same([(e["ret"], e["bytes"]) for e in peeked], [(5, 0), (15, 15)])
    same([e["paths"] for e in calls if e.get("err") == "ENOENT" and
          "/not/there, at all" in e.get("paths", [])], [["/not/there, at all"]])
    waits = [e for e in calls if e["call"] == "epoll_wait" and "ready" in e]
    listener = [e for e in calls if e["call"] == "listen"][0]
    same([e["ready"][0]["file"] for e in waits], [listener["file"]])
    accepted = [e for e in calls if e["call"] == "accept4" and e["ret"] >= 0][0]
    same(accepted["fd"], accepted["ret"])
    use = [f for f in run[-1]["files"] if f["file"] == accepted["file"]]
    same([(f["rx"], f["tx"]) for f in use], [(5000, 6)])
    tcp = [e for e in run if e["k"] == "fd" and e.get("file") == accepted["file"]]
    assert re.fullmatch(r"tcp 127.0.0.1:\d+<-127.0.0.1:\d+", tcp[0]["what"]), tcp[0]
    ends = {e["pid"]: e.get("status") for e in run if e["k"] == "proc" and e["event"] == "exit"}
    same(sorted(ends.values()), [0, 0, 3])


@test
def csv_is_csv():
    run = Recorded()
    calls = [e for e in events(run.path) if e["k"] == "call" and e["ret"] is not None]
    text = export(run.path, "--csv=wide")
    table = list(csv.DictReader(text.split("\n\n")[0].splitlines()))
    same({len(row) for row in table}, {19})
    of_files = [e for e in calls if e.get("file")]
    assert len(of_files) > 100
    # A call with two descriptors has two lines.
    same([(int(row["pid"]), row["call"], int(row["ret"]), int(row["file"])) for row in table],
         [(e["pid"], e["call"], e["ret"], file) for e in of_files
          for file in ([e["file"], e["to"]["file"]] if "to" in e else [e["file"]])])
    # Lines of each process count from 0.
    seqs = collections.defaultdict(list)
    for row in table:
        seqs[row["pid"]].append(int(row["seq"]))
    for numbers in seqs.values():
        same(numbers, list(range(len(numbers))))
    narrow = export(run.path, "--csv").split("\n\n")[0].splitlines()
    network = [e for e in of_files if e["class"] in ("net", "unix") and "dir" in e and e["ret"] >= 0]
    same([line.split(",")[0] for line in narrow[1:]], [e["call"] for e in network])


@test
def figures_of_tcp_are_in_every_format():
    run = Recorded()
    told = [e for e in events(run.path) if e["k"] == "tcp"]
    ends = [e for e in told if e["when"] == "end" and "rtt_us" in e]
    same(len(ends), 2)
    for e in ends:
        words = f"rtt_us={e['rtt_us']} rttvar_us={e['rttvar_us']} "
        assert words in report(run.path), words
        assert f"TCP:{e['pid']}:{e['fd']} (" in export(run.path, "--csv=wide"), e
        assert words in export(run.path, "--text"), words
        with folder() as where:
            path = os.path.join(where, "x")
            export(run.path, "--pcapng", "-o", path)
            with open(path, "rb") as f:
                packets = f.read()
        # Of both ends of the connection the client's is shown.
        assert b"; tcp start " in packets and b"; tcp end " in packets


@test
def text_is_what_was_shown():
    with folder() as where:
        live = os.path.join(where, "live")
        record(os.path.join(where, "run"), "sh", "-c", "cat /etc/hostname | tr a-z A-Z; exit 0",
               options=["-o", live])
        same(export(os.path.join(where, "run"), "--text"), read(live))


@test
def the_report_adds_up():
    run = Recorded()
    text = report(run.path)
    same(text, read(os.path.join(run.path, "summary.txt")))
    ours = events(run.path)
    counts = collections.Counter(e["nr"] for e in ours if e["k"] == "call" and
                                 not (e["nr"] == 59 and e["ret"] is not None))
    table = text.split("\nCalls\n")[1]
    total = re.search(r"^100.00 .* (\d+) +(\d+) total$", table, re.M)
    same(int(total.group(1)), sum(counts.values()))
    same(int(total.group(2)), sum(1 for e in ours if e["k"] == "call" and "err" in e))
    assert re.search(r"^ +14 +14  \d+:\d+\(14\) -> \d+:\d+\(14\)  pipe:", text, re.M), text
    assert re.search(r"^epoll_wait +\d+ ", text, re.M), text
    assert text.endswith("\ndropped=0 unclassified=0 untracked_rings=0\n"), text[-100:]
    for title in ("Processes", "Classes of descriptors", "Descriptors", "Peers", "Files", "Pipes",
                  "Waits", "How long calls took", "Calls"):
        assert re.search(rf"^{title}", text, re.M), title


# ---- runs that are not whole ----

def fails(run, *options):
    """The line that an export ends with, and what came before it."""
    done = subprocess.run([WAYLAY, "trace", "export", run, *options], capture_output=True,
                          text=True, check=False)
    same(done.returncode, 2)
    same(done.stderr.count("\n"), 1)
    return done.stderr.removeprefix("waylay: ").rstrip("\n"), done.stdout


@test
def a_run_that_is_cut_off_is_read_to_its_end():
    whole = Recorded()
    with open(whole.file, "rb") as f:
        data = f.read()
    all_calls = [e for e in events(whole.path) if e["k"] == "call"]
    last = -1
    with folder() as where:
        path = os.path.join(where, "cut.trc")
        for part in (0.1, 0.5, 0.9, 0.999):
            with open(path, "wb") as f:
                f.write(data[:int(len(data) * part)])
            done = subprocess.run([WAYLAY, "trace", "export", path, "--json"], check=True,
                                  capture_output=True, text=True)
            same(done.stderr, f"waylay: {path} is cut off: this is what it holds up to its end\n")
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            same(lines[-1]["truncated"], True)
            calls = len([line for line in lines if line["k"] == "call"])
            assert last <= calls <= len(all_calls), (last, calls)
            last = calls
    assert last > 0


@test
def a_recorder_that_is_killed():
    with folder() as where:
        done = subprocess.Popen([WAYLAY, "trace", "-d", where, "--", sys.executable, "-c",
                                 "import os\nfor i in range(20000): os.getppid()\n"
                                 "print('x', flush=True)\nwhile True: os.read(0, 1)"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        same(done.stdout.readline(), b"x\n")
        program = int(read(f"/proc/{done.pid}/task/{done.pid}/children").split()[0])
        done.kill()
        done.wait()
        os.kill(program, signal.SIGKILL)
        done.stdin.close()
        done.stdout.close()
        text = subprocess.run([WAYLAY, "trace", "export", where, "--json"], check=True,
                              capture_output=True, text=True)
        assert "is cut off" in text.stderr, text.stderr
        same(json.loads(text.stdout.splitlines()[-1])["truncated"], True)


@test
def damage_is_told():
    whole = Recorded()
    with open(whole.file, "rb") as f:
        data = bytearray(f.read())
    with folder() as where:
        path = os.path.join(where, "bad.trc")
        data[-20] ^= 1  # in the last segment
        with open(path, "wb") as f:
            f.write(data)
        line, before = fails(path, "--json")
        assert re.fullmatch(rf"{path} is damaged at byte \d+: .*", line), line
        assert before.count('"k":"call"') > 10
        same(fails(path, "--pcapng", "-o", os.path.join(where, "x"))[0], line)


@test
def what_is_no_run():
    with folder() as where:
        same(fails("/bin/sh", "--json")[0], "/bin/sh is not a run file")
        same(fails(where, "--csv")[0],
             f"cannot open {where}/run.trc: No such file or directory")
        same(fails("/dev/null", "--pcapng")[0], "/dev/null is not a run file")
        with open(os.path.join(where, "run.trc"), "wb") as f:
            f.write(b"wy-run1\n" + b"\xff\0\0\0" + b"\x20\0\0\0" + bytes(16))
        assert "another version" in fails(where, "--json")[0]


@test
def what_cannot_be_written():
    run = Recorded()
    same(fails(run.path, "--json", "-o", "/dev/full")[0],
         "cannot write /dev/full: No space left on device")
    same(fails(run.path, "--json", "-o", "/not/there")[0],
         "cannot write /not/there: No such file or directory")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([WAYLAY, "trace", "report", run.path], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    same((done.returncode, done.stderr),
         (2, "waylay: cannot write to stdout: No space left on device\n"))


main()
