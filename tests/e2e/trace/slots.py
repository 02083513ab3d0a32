#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a trace says that descriptors stand for is what /proc says, whatever a program does to them.

    slots.py READER PROGRAM...

Each PROGRAM (prog/slots.c) writes down at its barriers what its descriptors are; READER
(slots_of.c) tells the same from the run file. Every slot must agree, and none be more or less.
Output: TAP.
"""
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../harness"))
import torture  # noqa: E402

# All calls, and none but those that the state needs.
RECORDS = {"all": [], "few": ["-e", "getpriority"]}


def barriers(lines):
    """By process and number: for each descriptor its device, inode, and what it is."""
    found, slots = {}, {}
    for line in lines:
        if line.startswith(" "):
            fd, dev, inode, file, name = line.strip().split(" ", 4)
            slots[int(fd)] = (dev, inode, "socket" if name.startswith("socket:") else name, file)
        else:
            slots = found.setdefault(tuple(map(int, line.split())), {})
    return found


def agree(real, told):
    # What has no inode of its own has 0 in a trace.
    return real and told and real[2] == told[2] and (told[1] == "0" or real[:2] == told[:2])


def differences(real, told):
    notes = []
    for key in real:
        if key not in told:
            notes.append(f"process {key[0]}: barrier {key[1]} is not in the trace")
            continue
        a, b = real[key], told[key]
        for fd in sorted(set(a) | set(b)):
            if not agree(a.get(fd), b.get(fd)):
                notes.append(f"process {key[0]}, barrier {key[1]}, fd {fd}: "
                             f"{a.get(fd)}, and in the trace {b.get(fd)}")
    return notes


def run_one(reader, program, seed, rounds, rude, record):
    waylay = os.environ["WAYLAY"]
    with tempfile.TemporaryDirectory(prefix="waylay-slots-") as top:
        report, run = os.path.join(top, "report"), os.path.join(top, "run")
        command = [waylay, "trace", "-d", run, *RECORDS[record], program, report, str(seed),
                   str(rounds), *(["rude"] if rude else [])]
        notes = [f"repeat with: {' '.join(command)}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, errors="replace", start_new_session=True) as process:
            try:
                _, errors = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return notes + ["it hangs"]
        if process.returncode or errors:
            return notes + [f"ended with {process.returncode}"] + errors.splitlines()
        told = subprocess.run([reader, run], capture_output=True, text=True, errors="replace")
        with open(report, encoding="utf-8", errors="replace") as f:
            real = barriers(f)
        found = [] if len(real) >= rounds else [f"only {len(real)} barriers"]
        if told.returncode or told.stderr:
            found += [f"the reader ended with {told.returncode}"] + told.stderr.splitlines()
        wrong = differences(real, barriers(told.stdout.splitlines()))
        # What one thread opens while another replaces it cannot always be told apart.
        if not rude or len(wrong) > sum(map(len, real.values())) / 100:
            found += wrong
        return notes + found[:20] if found else []


def main():
    tap = torture.Tap()
    full = os.environ.get("WAYLAY_SOAK") == "1"
    seeds = 40 if full else 2
    reader, programs = sys.argv[1], sys.argv[2:]
    os.environ["WAYLAY"] = os.path.abspath(os.environ["WAYLAY"])
    for program in programs:
        for rude in (False, True):
            for record in RECORDS:
                notes = []
                for seed in range(1, seeds + 1):
                    notes = notes or run_one(reader, os.path.abspath(program), seed, 4, rude,
                                             record)
                tap.point(not notes, f"{os.path.basename(program)}, calls: {record}"
                          + (", rude" if rude else ""), notes)
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
