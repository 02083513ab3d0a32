#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines of `waylay trace --strace` against those of strace: one program that makes each call.

Environment: WAYLAY; CALLS is the program.  Output: TAP.

What is not the same from run to run is taken out of both: addresses, ports, numbers of
processes, the time that is left.  What waylay says beyond strace is taken out of its lines: <files> behind
descriptors.  All else must be equal, byte by byte.
"""
import os
import re
import subprocess

from trace import WAYLAY, Skip, folder, main, read, same, test

CALLS = os.environ["CALLS"]
FIRST, LAST = 'chdir("/calls begin")', 'chdir("/calls end")'
OF_PROCESSES = re.compile(
    r"(getpid|gettid|getppid|getpgrp|getpgid|t?g?kill|fork|clone3?|wait4|waitid|set_tid_address"
    r"|getsockopt)\(")
OF_TIME = re.compile(r"(p?poll|p?select6?|waitid|recvmmsg)\(")


def plain(line):
    line = re.sub(r"0x[0-9a-f]{9,}", "ADDRESS", line)
    line = re.sub(r"htons\(\d{5}\)", "htons(PORT)", line)  # one that was free
    if OF_PROCESSES.match(line):
        line = re.sub(r"\b\d{3,6}\b", "N", line)
    if OF_TIME.match(line):
        line = re.sub(r"(tv_n?u?sec|si_[us]time)=\d+( /\*.*?\*/)?", r"\1=N", line)
    return re.sub(" += ", " = ", line)  # in the same column, after names of other lengths


def lines_of(path, files):
    """The lines of the first process between the two calls that enclose them."""
    text = read(path).splitlines()
    pid = text[0].split()[0]
    lines = [line.split(None, 1)[1] for line in text if line.split()[0] == pid]
    lines = joined(lines)
    if files:
        lines = [re.sub(r"(?<=[\dD])<(?:[^<>\"]|->|<-)*>(?=[,)\]} ]|$)", "", x) for x in lines]
    begin = next(i for i, line in enumerate(lines) if line.startswith(FIRST))
    end = next(i for i, line in enumerate(lines) if line.startswith(LAST))
    return [plain(line) for line in lines[begin:end + 1] if not line.startswith("---")]


def joined(lines):
    """Calls that strace prints in two parts, as one."""
    out, part = [], ""
    for line in lines:
        if line.endswith("<unfinished ...>"):
            part = line[:-len("<unfinished ...>")].rstrip(" ")
            if part.endswith(","):
                part += " "
        elif line.startswith("<... "):
            out.append(part + line.split(" resumed>", 1)[1])
        else:
            out.append(line)
    return out


def run(where, *argv):
    os.mkdir(where)
    done = subprocess.run([*argv, CALLS], cwd=where, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=120)
    same((done.returncode, done.stderr), (0, ""))


@test
def every_line_is_that_of_strace():
    try:
        subprocess.run(["strace", "--version"], check=True, capture_output=True)
    except FileNotFoundError:
        raise Skip("there is no strace")
    with folder() as tmp:
        ours, theirs = os.path.join(tmp, "waylay"), os.path.join(tmp, "strace")
        run(os.path.join(tmp, "1"), WAYLAY, "trace", "--strace", "-o", ours, "--")
        run(os.path.join(tmp, "2"), "strace", "-f", "-o", theirs)
        ours, theirs = lines_of(ours, True), lines_of(theirs, False)
        assert len(theirs) > 400, len(theirs)
        different = [(o, t) for o, t in zip(ours, theirs) if o.replace("/1\"", "/2\"") != t]
        assert not different, "\n".join(f"ours:   {o}\nstrace: {t}" for o, t in different[:20])
        same(len(ours), len(theirs))


main()
