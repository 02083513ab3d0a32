#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Frozen memory: what a program and its allocator do with it, and what it costs a copy."""
import os
import subprocess

from server import Server, Skip, main, same, test

PROGRAMS = [p for p in os.environ.get("FROZEN", "").split(":") if p]


def frozen(how, program):
    want = subprocess.run([program], input=b"x\n", stdout=subprocess.PIPE, check=True).stdout
    with Server(program, options=["--mode", "fork", "--freeze", how]) as server:
        if how in ("memfd", "auto"):
            assert " frozen (" in server.wait_line("ready:"), server.lines
        for _ in range(5):
            same(server.ask(b"x\n"), want)


def each(how):
    if not PROGRAMS:
        raise Skip("FROZEN names no program")
    for program in PROGRAMS:
        frozen(how, program)


@test
def memfd():
    each("memfd")


@test
def thp():
    each("thp")


@test
def auto():
    each("auto")


@test
def off():
    each("off")


PYTHON = """
import sys
lists = [bytearray(b"%d" % i * 100) for i in range(300000)]
table = {i: str(i) * 20 for i in range(100000)}
sys.stdin.readline()
with open("/proc/self/status") as f:
    print(*(line.split()[1] for line in f if line.startswith("VmPTE:")))
assert sum(x[0] for x in lists) and all(table[i] == str(i) * 20 for i in table)
del lists[::2]
lists += [bytearray(100000) for _ in range(200)]
assert not any(map(any, lists[-200:]))
print("fine")
"""


@test
def an_interpreter():
    """Not only right: the tables that a copy begins with are small."""
    with Server("python3", "-c", PYTHON, options=["--mode", "fork", "--freeze", "memfd"]) as s:
        for _ in range(3):
            tables, said = s.ask(b"\n").split()
            same(said, b"fine")
            assert int(tables) <= 300, tables


main()
