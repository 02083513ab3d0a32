#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operations of an io_uring are seen; a ring that cannot be followed is told; there may be none."""
import os
import re
import subprocess

from trace import WAYLAY, Skip, events, export, folder, main, read, record, report, same, test

URING = os.environ["URING"]


def files(top):
    """The program with its two files."""
    paths = [os.path.join(top, name) for name in ("in", "out")]
    with open(paths[0], "w", encoding="ascii") as f:
        f.write("x" * 100)
    if subprocess.run([URING, *paths], check=False).returncode == 2:
        raise Skip("the kernel has no io_uring for us")
    return [URING, *paths]


@test
def operations_are_like_calls():
    with folder() as top:
        program = files(top)
        run = os.path.join(top, "run")
        record(run, *program)
        same(read(program[2]), "x" * 64)
        lines = export(run, "--text")
        assert re.search(r"\[DISK\] io_uring READ\(\d+<.*/in>, len 64, off 0\) = 64$", lines,
                         re.M), lines
        assert re.search(r"\[DISK\] io_uring WRITE\(\d+<.*/out>, len 64, off 0\) = 64$", lines,
                         re.M), lines
        told = [e for e in events(run) if e["k"] == "uring"]
        same([(e["call"], e["class"], e["rx"], e["tx"]) for e in told],
             [("READ", "disk", 64, 0), ("WRITE", "disk", 0, 64)])
        rows = {row.split()[-1]: row.split()[6:8] for row in report(run).splitlines()
                if re.search(r"disk .*/(in|out)$", row)}
        same(rows, {program[1]: ["64", "0"], program[2]: ["0", "64"]})
        assert report(run).endswith("untracked_rings=0\n")


@test
def their_bytes_are_in_the_totals():
    with folder() as top:
        program = files(top)
        path = os.path.join(top, "totals")
        subprocess.run([WAYLAY, "trace", "-c", "-o", path, *program], check=True)
        rows = [row.split() for row in read(path).splitlines() if row.startswith("disk ")]
        # Its libraries' headers are read, too; nothing else is written.
        assert rows and int(rows[0][3]) >= 64, rows
        same(rows[0][4], "64")


def chosen(program, top, *options):
    """The operations that are recorded with these options, as their bytes."""
    run = os.path.join(top, "run")
    record(run, *program, options=options)
    return [(e["call"], e.get("rx", 0) + e.get("tx", 0)) for e in events(run) if e["k"] == "uring"]


@test
def they_are_chosen_as_calls_are():
    both = [("READ", 64), ("WRITE", 64)]
    with folder() as top:
        program = files(top)
        same(chosen(program, top, "-e", "class=disk", "-e", "size>=64"), both)
        same(chosen(program, top, "-e", "size>=65"), [])
        same(chosen(program, top, "-e", "class=net"), [])
        same(chosen(program, top, "-e", "status=failed"), [])
        same(chosen(program, top, "-e", "lat>=1000s"), [])
        same(chosen(program, top, "-e", "read,write"), [])
        same(chosen(program, top, "-e", "io_uring_enter"), both)
        # The ring is the first that is opened, then in, then out.
        same(chosen(program, top, "-e", "fd=4"), both[:1])
        same(chosen(program, top, "-e", "fd=5-9"), both[1:])


@test
def what_they_make_is_chosen_by_what_it_is():
    with folder() as top:
        program = [*files(top), "open"]
        moved = [("READ", 64), ("WRITE", 64)]
        same(chosen(program, top, "-e", "io_uring_enter"), [("SOCKET", 0), ("OPENAT", 0), *moved])
        same(chosen(program, top, "-e", "class=disk"), [("OPENAT", 0), *moved])
        same(chosen(program, top, "-e", "class=net"), [("SOCKET", 0)])
        # The ring is the first that is opened; 2 is the socket's domain.
        same(chosen(program, top, "-e", "fd=4"), [("SOCKET", 0)])
        same(chosen(program, top, "-e", "fd=5"), [("OPENAT", 0), moved[0]])
        same(chosen(program, top, "-e", "fd=2"), [])


@test
def a_ring_that_the_kernel_polls_is_told():
    with folder() as top:
        program = [*files(top), "poll"]
        run = os.path.join(top, "run")
        done = subprocess.run([WAYLAY, "trace", "-d", run, *program], capture_output=True,
                              text=True, check=False)
        if done.returncode == 2:
            raise Skip("the kernel polls no io_uring for us")
        same((done.returncode, done.stderr),
             (0, "waylay: an io_uring is polled by the kernel: what it does is not seen\n"))
        same([e for e in events(run) if e["k"] == "uring"], [])
        assert report(run).endswith("untracked_rings=1\n")


@test
def there_may_be_none():
    with folder() as top:
        program = files(top)
        done = subprocess.run([WAYLAY, "trace", "--no-uring", "-o", top + "/o", *program],
                              check=False)
        same(done.returncode, 2)
        assert "= -1 ENOSYS (" in read(top + "/o")


main()
