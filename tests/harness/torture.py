#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program natively and under waylay, and compares what can be seen.

    torture.py [--timeout S] [--modes MODE,...] SOURCE EXE...

SOURCE holds the options of the test in a comment:

    torture: args=A B; exit=3 | exit=SIGSEGV; needs=root; notes=may; timeout=60;
             modes=run,no-patch,stats,userland; runs=1; normalise=REGEX=>TEXT; left=may

args       the program's arguments
exit       the native exit status, or the signal that ends it (default 0)
needs      root: skip without it
notes      may: lines of waylay's own ("waylay: ...") on stderr are left out of the comparison
modes      how it is run under waylay (default run, no-patch and stats; there are userland, trace
           and totals, too); --modes is instead of it
normalise  text that is replaced in both outputs before they are compared
left       may: processes may outlive the program (they are ended)

EXE is the program in one variant, named NAME.VARIANT.  Exit status 77 of the native run is a
skip; its last line on stderr is the reason.

Environment: WAYLAY is the program under test; without it native runs are compared with each
other, which is how the tests themselves are tested.  WAYLAY_TEST_COUNT is how often each is
run; "full", which WAYLAY_SOAK=1 means too, lets the programs do all their rounds in the first of
the modes, up to 20 times while that takes no more than three seconds.
Output: TAP.
"""
import ctypes
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RUNS_FULL, ENOUGH_SECONDS = 20, 3


def runs_wanted():
    count = os.environ.get("WAYLAY_TEST_COUNT", "")
    if count == "full":
        return RUNS_FULL
    return int(count) if count.isdigit() else 2


def options_of(source):
    with open(source, encoding="utf-8") as f:
        head = f.read(4000)
    options = {}
    found = re.search(r"torture:(.*?)(\*/|\n\s*\*?\s*\n|\n(?!\s*(//|\*|#)))", head, re.S)
    if found:
        text = re.sub(r"\n\s*(//|\*|#)", " ", found.group(1))
        for part in text.split(";"):
            if "=" in part:
                key, _, value = part.strip().partition("=")
                options[key.strip()] = value.strip()
    return options


def children_of():
    """The parent of every process, from /proc."""
    parents = {}
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
                parents[int(pid)] = (int(fields[1]), fields[0])
            except OSError:
                pass
    return parents


def descendants(root):
    parents = children_of()
    found, grew = {root}, True
    while grew:
        grew = False
        for pid, (parent, _) in parents.items():
            if parent in found and pid not in found:
                found.add(pid)
                grew = True
    found.discard(root)
    return sorted(pid for pid in found if parents[pid][1] != "Z")


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().rstrip("\n")
    except OSError as e:
        return f"({e.strerror})"


def stacks(root):
    """Where every thread of every process below us is."""
    lines = []
    for pid in descendants(root):
        cmd = read_text(f"/proc/{pid}/cmdline").replace("\0", " ")
        lines.append(f"process {pid}: {cmd[:200]}")
        try:
            tids = sorted(os.listdir(f"/proc/{pid}/task"), key=int)
        except OSError:
            continue
        for tid in tids[:8]:
            task = f"/proc/{pid}/task/{tid}"
            state = re.search(r"^State:\s*(.*)$", read_text(f"{task}/status"), re.M)
            where = read_text(f"{task}/syscall")
            lines.append(f"  thread {tid} {read_text(task + '/comm')}: "
                         f"{state.group(1) if state else '?'} in {read_text(task + '/wchan')}; "
                         f"syscall {where}")
            for mask in ("SigPnd", "ShdPnd", "SigBlk", "SigCgt"):
                got = re.search(rf"^{mask}:\s*(\S+)$", read_text(f"{task}/status"), re.M)
                if got and int(got.group(1), 16):
                    lines.append(f"    {mask} {got.group(1)}")
            words = where.split()
            if len(words) >= 3 and words[-1].startswith("0x"):
                pc = int(words[-1], 16)
                for entry in read_text(f"/proc/{pid}/maps").splitlines():
                    low, _, high = entry.split()[0].partition("-")
                    if int(low, 16) <= pc < int(high, 16):
                        lines.append(f"    pc in {entry} (+{pc - int(low, 16):#x})")
            for entry in read_text(f"{task}/stack").splitlines()[:6]:
                lines.append(f"    {entry}")
    return lines


def end_all(root):
    for _ in range(100):
        pids = descendants(root)
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        reap()
        time.sleep(0.02)


def reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Result:
    def __init__(self, out, err, end, left, stuck):
        self.out, self.err, self.end, self.left, self.stuck = out, err, end, left, stuck


def run(argv, cwd, timeout, env=None, left_may=False):
    shutil.rmtree(cwd, ignore_errors=True)
    os.makedirs(cwd)
    os.chmod(cwd, 0o777)
    stuck = []
    left = []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                 env=env, start_new_session=True, preexec_fn=no_core)
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            stuck = [f"no end after {timeout} s"] + stacks(os.getpid())
            end_all(os.getpid())
            child.wait()
        # A process may still be on its way out; one that stays is a defect.
        until = time.monotonic() + (0 if left_may else 5)
        while descendants(os.getpid()):
            reap()
            if time.monotonic() >= until:
                left = stacks(os.getpid())
                end_all(os.getpid())
                break
            time.sleep(0.005)
        reap()
        out.seek(0)
        err.seek(0)
        code = child.returncode
        end = f"exit {code}" if code >= 0 else signal.Signals(-code).name
        return Result(out.read(), err.read(), end, [] if left_may else left, stuck)


def show(data):
    lines = data.decode("utf-8", "replace").splitlines()
    return lines if len(lines) <= 60 else lines[:30] + ["..."] + lines[-29:]


def difference(name, a, b):
    if a == b:
        return []
    la, lb = (data.decode("utf-8", "replace").splitlines() for data in (a, b))
    lines = [f"{name} differs:"]
    first = next((i for i, (x, y) in enumerate(zip(la, lb)) if x != y), min(len(la), len(lb)))
    lines += [f"    native  {line}" for line in la[max(first - 2, 0):first + 6]] or ["    native  -"]
    lines += [f"    waylay  {line}" for line in lb[max(first - 2, 0):first + 6]] or ["    waylay  -"]
    return lines


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def point(self, good, name, notes=(), skip=None):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}" +
              (f" # SKIP {skip}" if skip else ""))
        for note in notes:
            print(f"# {note}")
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def become_subreaper():
    """Orphans of a run come to us, so that what is left over can be seen and ended."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def what_stats_lack(path):
    try:
        with open(path, encoding="utf-8") as f:
            said = json.load(f)
        if said["version"] != 1 or not said["calls"]:
            return [f"the statistics are empty: {said}"]
    except (OSError, ValueError, KeyError) as e:
        return [f"no statistics: {e!r}"]
    return []


def what_trace_lacks(path):
    """Both, the lines and the table, tell of the end of the program."""
    text = read_text(path)
    return [] if re.search(r" total$|\+\+\+", text, re.M) else [f"the trace is empty: {text[:200]}"]


def test_one(tap, exe, options, cwd, timeout, modes):
    name = os.path.basename(exe)
    waylay = os.environ.get("WAYLAY")
    args = [exe] + shlex.split(options.get("args", ""))
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": cwd,
           "LANG": "C.UTF-8", "TZ": "UTC"}
    full = {**env, "WAYLAY_TEST_COUNT": "full"} if os.environ.get("WAYLAY_TEST_COUNT") == "full" else env
    left_may = options.get("left") == "may"

    def tidy(result):
        if options.get("notes") == "may":
            result.err = re.sub(rb"(?m)^waylay: .*\n", b"", result.err)
        for rule in options.get("normalise", "").split("&&"):
            if "=>" in rule:
                pattern, _, text = rule.partition("=>")
                result.out = re.sub(pattern.strip().encode(), text.strip().encode(), result.out)
                result.err = re.sub(pattern.strip().encode(), text.strip().encode(), result.err)
        return result

    native = tidy(run(args, cwd, timeout, full, left_may))
    if native.end == "exit 77":
        reason = (show(native.err) or ["no reason given"])[-1]
        tap.point(True, name, skip=reason)
        return
    wanted = options.get("exit", "0")
    wanted = wanted if wanted.startswith("SIG") else f"exit {wanted}"
    if native.end != wanted or native.stuck or native.left:
        tap.point(False, f"{name} native", [f"ended by {native.end}, not {wanted}"] + native.stuck +
                  native.left + show(native.err) + show(native.out))
        return
    runs = int(options.get("runs", runs_wanted()))
    modes = (modes or options.get("modes", "run,no-patch,stats")).split(",")
    if not waylay:
        modes = ["native"]
    for mode in modes:
        if full is not env and mode != modes[0]:
            full = env
            native = tidy(run(args, cwd, timeout, env, left_may))
        log = os.path.join(os.path.dirname(cwd), "log")
        wait = ["--no-wait"] if left_may else []
        how = {"native": [], "run": [waylay, "run"], "no-patch": [waylay, "run", "--no-patch"],
               "userland": [waylay, "run", "--follow=userland"],
               "stats": [waylay, "run", "--stats-json", log],
               "trace": [waylay, "trace", *wait, "-o", log],
               "totals": [waylay, "trace", *wait, "-c", "-o", log]}[mode]
        notes = []
        times = runs if mode in ("run", "native") else 1
        begin = time.monotonic()
        for i in range(times):
            if i and time.monotonic() - begin > ENOUGH_SECONDS:
                break
            if os.path.exists(log):
                os.unlink(log)
            got = tidy(run(how + args, cwd, timeout if mode == "native" else 2 * timeout, full,
                           left_may))
            if got.stuck:
                notes += got.stuck
            if got.left:
                notes += ["processes are left over:"] + got.left
            if got.end != native.end:
                notes.append(f"ended by {got.end}, natively by {native.end}")
            notes += difference("stdout", native.out, got.out)
            notes += difference("stderr", native.err, got.err)
            if mode == "stats" and not notes:
                notes += what_stats_lack(log)
            elif mode in ("trace", "totals") and not notes:
                notes += what_trace_lacks(log)
            if notes:
                notes.insert(0, f"run {i + 1} of {times}; repeat with: {shlex.join(how + args)}")
                break
        tap.point(not notes, f"{name} {mode}", notes)


def main():
    args = sys.argv[1:]
    if os.environ.get("WAYLAY_SOAK") == "1":
        os.environ.setdefault("WAYLAY_TEST_COUNT", "full")
    timeout, modes = None, None
    while args and args[0].startswith("--"):
        key, value = args[0], args[1]
        args = args[2:]
        if key == "--timeout":
            timeout = float(value)
        elif key == "--modes":
            modes = value
        else:
            sys.exit(f"torture.py: what is {key}?")
    if len(args) < 2:
        sys.exit(__doc__)
    options = options_of(args[0])
    timeout = timeout or float(options.get("timeout", 60))
    if os.environ.get("WAYLAY_TEST_COUNT") == "full":
        timeout *= 10
    tap = Tap()
    if options.get("needs") == "root" and os.geteuid() != 0:
        tap.point(True, os.path.basename(args[0]), skip="needs root")
        sys.exit(tap.end())
    become_subreaper()
    if os.environ.get("WAYLAY"):
        os.environ["WAYLAY"] = os.path.abspath(os.environ["WAYLAY"])
    with tempfile.TemporaryDirectory(prefix="waylay-torture-") as top:
        os.chmod(top, 0o755)
        for exe in args[1:]:
            test_one(tap, os.path.abspath(exe), options, os.path.join(top, "run"), timeout, modes)
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
