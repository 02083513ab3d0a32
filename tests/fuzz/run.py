#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py - runs one fuzz harness over its seeds, and over what it makes of them.

	run.py NAME HARNESS [KEEP]

The number of runs is fixed, and so is the seed of chance: the test does the same each time.
With WAYLAY_SOAK=1 there are many more runs, and chance is free.  An input that fails is left in
the folder KEEP; give it to the harness as an argument to see it fail again.
"""
import os
import struct
import subprocess
import sys
import tempfile

RUNS = 20000
SOAK_RUNS = 1000000


def words(*values):
    return struct.pack("<%dQ" % len(values), *values)


def elf(kind=3, interpreter=b"3"):
    """A program: ELF header, PT_INTERP, PT_LOAD, PT_PHDR."""
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, 0x1000,
                                                       64, 0, 0, 64, 56, 3, 64, 0, 0)
    text = interpreter + b"\0"

    def segment(kind, offset, size):
        return struct.pack("<IIQQQQQQ", kind, 5, offset, offset, offset, size, size, 4096)

    return header + segment(6, 64, 168) + segment(3, 232, len(text)) + segment(1, 0, 4096) + text


def insn():
    for text in ("0f05", "b801000000", "488b0507000000", "e8fcffffff", "0f84ffffffff",
                 "c5f877", "62f17c48100510000000", "f30f1efa", "66660f1f840000000000",
                 "48b8ffffffffffffffff", "64488b042528000000", "8fe97812c0", "c4e27d180500000010",
                 "f0480fb10d01000000", "678b05ffffff7f", "d9c0", "ebfe", "7400"):
        yield bytes.fromhex(text)


def text():
    code = bytes.fromhex("5589e5b801000000 0f05 c9c3 9090909090909090 48c7c03c000000 0f05 f4")
    cie = struct.pack("<II", 20, 0) + b"\1zR\0\1\x78\x10\1\x1b\x0c\7\x08\x90\1\0\0"
    fde = struct.pack("<IIiI", 16, 28, -100, len(code)) + bytes(8)
    header = b"\1\x1b\3\x3b" + struct.pack("<iIii", 16, 1, -60, 40)
    for at, frames in ((8, 40), (27, 60), (8, 90)):
        yield struct.pack("<4H", at, frames, len(code), 40) + code + cie + fde + bytes(4) + header
    # a symbol: name, info, other, section, value, size
    symbol = struct.pack("<IBBHQQ", 1, 2, 0, 1, 0x400000, 30)
    yield struct.pack("<4H", 8, 0, 0, 40) + code.ljust(40, b"\x90") + symbol * 8


def target():
    def files(*contents):
        return b"".join(struct.pack("<H", len(c)) + c for c in contents)

    yield files(elf(interpreter=b"1"), elf())
    yield files(b"#! 1 a b \nrest", elf(2, b"2"), elf())
    yield files(b"#!1\n", b"#!\t2\n", b"#!3", elf())
    yield files(b"#!0\n")
    yield files(b"#!" + b"/" * 300 + b"\n")


def addr():
    for address in ("80", ":80", "127.0.0.1:65535", "[::1]:1", "localhost:7", "unix:/tmp/a",
                    "unix:", "unix:" + "a" * 107, "unix:" + "a" * 108, "fd:3", "[::ffff:1.2.3.4]:9", "::1:80", "a.example:", "[:1"):
        yield address.encode()
    yield struct.pack("<HHI", 2, 0x5000, 0x7f000001) + bytes(8)
    yield struct.pack("<HHI", 10, 0x5000, 0) + bytes(15) + b"\1" + bytes(4)
    yield struct.pack("<H", 1) + b"/tmp/a\0"


def launch():
    def stack(phdr, phnum, *more):
        return words(2, 1, 2, 0, 3, 0, 3, phdr, 4, 56, 5, phnum, 6, 4096, 7, 0x7f0000000000,
                     33, 0x7ffff000, 26, 2, *more, 0, 0)

    headers = elf()[64:]
    program = stack(0x400000 + 208, 3)
    yield struct.pack("<H", 0) + program + headers
    yield struct.pack("<H", 8) + words(9) + stack(0x400000, 1, 51, 2048) + headers
    yield struct.pack("<HHH", 1, 64, 3) + elf(2)
    yield struct.pack("<HHH", 1, 0, 65) + headers * 22
    info = [0x6e616c7265737557, 3, 0, 0, 4, 2 ** 64 - 1, 5, 0]
    yield "".join("%016x" % word for word in info).encode()


def session():
    def write(what, index, data):
        return struct.pack("<HH", len(data) << 8 | what, index) + data

    def note(kind, text, *numbers):
        return write(2, 0, struct.pack("<Iiiii", 2, kind, *numbers) + text)

    yield note(1, b"/bin/x\xff\"\\\n", 5, 5, -13)
    yield note(1, b"/bin/y" * 20, -1, 99, -2 ** 31) + note(2, b"a line", 1, 0, 0)
    yield b"".join(write(0, i, struct.pack("<IIIIQQQQ", 2, 7 + i, 7 + i % 3, 0, 4096, 0, 0, 2 + i))
                   for i in range(6))
    yield b"".join(write(0, i, struct.pack("<IIIIQQQQ", i % 6, i, i, 0, 0, 0, 0, i % 4))
                   for i in range(50))
    yield write(4, 3, words(12)) + write(4, 511, words(2 ** 64 - 1)) + write(4, 400, words(1))
    yield write(7, 0, bytes(16) + struct.pack("<I", 9)) + write(5, 3, words(1, 5, 7)) + \
        write(6, 3, words(4))


def seccomp():
    def insn(code, jt=0, jf=0, k=0):
        return bytes((code, jt, jf, k))

    def case(token, *insns):
        return struct.pack("<H", token) + struct.pack("<HHH", 39, 7, 60) * 8 + b"".join(insns)

    load_nr, ret, jeq = 0, 14, 17  # places in the harness's table of codes
    yield case(1, insn(load_nr, k=0), insn(jeq, 0, 1, 39), insn(ret, k=3), insn(ret, k=0))
    yield case(2, insn(ret, k=3))
    yield case(0, insn(8, k=2), insn(6, k=2), insn(13))
    yield case(1, insn(load_nr, k=2), insn(20, 2, 0, 100), insn(load_nr, k=3), insn(jeq, 1, 0, 0),
               insn(ret, k=1), insn(ret, k=3), insn(ret, k=0))
    yield case(3, insn(12, k=1), insn(ret, k=0), insn(load_nr, k=4), insn(26, k=3), insn(13))


def serve():
    def report(kind, value):
        return struct.pack("<Iii", 0x76726573, kind, value)

    def case(clients, events, out, said):
        yield struct.pack("<HH%dH" % (2 * len(events)), clients, len(events),
                          *[n for pair in events for n in pair]) + \
            struct.pack("<H", len(out)) + out + said

    yield from case(0, [], b"hello", b"")
    yield from case(2, [(17, 0), (25, 256)], b"",
                    report(1, 0) + report(2, 2) + report(2, 3) + report(3, -11))
    yield from case(3, [(0, 9)], b"x", report(1, 0) + report(2, -1) + report(2, 0))
    # A client comes between two reports, and the orders to stop behind all this.
    yield from case(7, [(121, 0)] * 12, b"", report(1, 0) + b"".join(
        report(9, 0) + report(2, value) for value in (-1, 0, 5, 5, -4242, 4242, 6)))
    for kind in range(4, 15):
        yield from case(1, [(7, 0)], b"", report(kind, 3))
        yield from case(1, [(7, 0)], b"", report(kind, -2 ** 31))
    yield from case(1, [(6, 0)], b"a", b"a line that a program wrote to its stdin\n")


def main():
    name, harness = sys.argv[1:3]
    keep = sys.argv[3] if len(sys.argv) > 3 else "."
    soak = os.environ.get("WAYLAY_SOAK") == "1"
    with tempfile.TemporaryDirectory() as seeds:
        for i, seed in enumerate(globals()[name]()):
            with open(os.path.join(seeds, "%02d" % i), "wb") as f:
                f.write(seed)
        with tempfile.TemporaryDirectory() as grown:
            command = [harness, "-runs=%d" % (SOAK_RUNS if soak else RUNS), "-timeout=20",
                       "-max_len=8192", "-artifact_prefix=%s/" % os.path.abspath(keep)]
            if not soak:
                command.append("-seed=1")
            # Not as it is: it may be 77, which stands for a test that was left out.
            failed = subprocess.run(command + [grown, seeds], stdin=subprocess.DEVNULL).returncode
            return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
