#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py - runs one fuzz harness over its seeds, and over what it makes of them.

	run.py NAME HARNESS [KEEP]

The number of runs is fixed, and so is the seed of chance: the test does much the same each time,
exactly the same where nothing that a harness runs depends on the kernel.  With WAYLAY_SOAK=1 there
are fifty times as many runs, and chance is free.  An input that fails is left in the folder KEEP;
give it to the harness as an argument to see it fail again.
"""
import os
import struct
import subprocess
import sys
import tempfile

RUNS = 20000
SLOW = {"trace": 5000}  # it goes through all formats
SOAK_TIMES = 50


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


def frames():
    def frame(kind, data=b""):
        return struct.pack("<II", kind, len(data)) + data

    whole = frame(1, b"input") + frame(1) + frame(4, b"\2\0\0\0") + frame(2, b"output") + \
        frame(5, bytes(4)) + frame(6, b"too many")
    yield bytes(2) + whole
    yield b"\6\0" + whole[:-3]
    yield b"\2\0" + frame(3, b"x" * 300) + frame(4, bytes(5))
    yield b"\1\0" + frame(7) + frame(0)
    yield b"\77\1" + struct.pack("<II", 2, 65536)
    yield b"\77\1" + struct.pack("<II", 2, 65537)


def units():
    for number in ("0", "64M", "1.5G", "4096", "250ms", "1.999d", "18446744073709551615",
                   "18446744073709551616", "16777216T", "1.0001KB", "5124095576030h", ".5", "1.s"):
        yield number.encode()
    yield b"\xff" * 8


def symbols():
    def section(kind, offset, size, link=0):
        return struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, offset, size, link, 0, 8, 24)

    def file(*symbols, link=2):
        strings = b"\0exit\0Py_Finalize\0"
        table = b"".join(struct.pack("<IBBHQQ", name, 18, 0, 1, value, size)
                         for name, value, size in symbols)
        sections = section(0, 0, 0) + section(11, 120, len(table), link) + \
            section(3, 120 + len(table), len(strings))
        header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
            "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 120 + len(table) + len(strings), 0, 64, 56, 1,
            64, 3, 0)
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0, 4096, 4096, 4096)
        return header + load + table + strings + sections

    yield file((0, 0, 0), (1, 0x401000, 30), (6, 0x402000, 7))
    yield file((1, 0x400000, 8), (1, 0x401000, 9))
    yield file((6, 1, 1), (2 ** 32 - 1, 1, 1), (18, 1, 1))
    yield file((1, 0x401000, 30), link=2 ** 32 - 1)
    yield file((210, 0x401000, 30)) + b"Py_Fin"
    yield elf()


def maps():
    text = b"400000-40b000 r-xp 0000a000 fe:12 1234567   /bin/a b:c\n" \
        b"7ffff7fc1000-7ffff7fc3000 ---s 00000000 00:00 0 \n"
    keys = b"Size: 16384 kB\nRss: 12345 kB\nSwap: 67 kB\nVmFlags: rd wr mr nr sd lo\n"
    yield b"\0\0" + text
    yield b"\1\0" + text[:-1] + b"[heap]\n" + keys
    yield b"\1\0" + b"VmFlagsVmFlagsVmFlagsVmFlags: rd\n" + text + keys
    line = words(0x400000, 0x500000, 0x1000, 77, 40960) + struct.pack("<4H", 8, 1, 199, 12) + \
        b"[a name] b:c"
    yield b"\2\0\0\0" + line * 3
    yield b"\3\0" + struct.pack("<H", len(text) - 9) + text[:-9] + line * 2


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


def decode():
    """Each call once, with memory of any size behind all of its arguments; and messages."""
    def item(what, index, data):
        return struct.pack("<BBHI", what, index, 0, len(data)) + data + bytes(-len(data) % 8)

    def event(options, nr, ret, args, *items):
        return struct.pack("<BHq6Q", options, nr, ret, *args) + b"".join(items)

    numbers = struct.pack("<20Q", *range(20)) * 2
    for nr in range(471):
        yield event(nr * 2 & 0x78, nr, 1, [1, 2, 1, 4, 1, 6],
                    *(item(what, i, numbers) for what in (3, 4) for i in range(6)),
                    item(5, 0, b"string"), item(6, 1, words(2)))
    iov = words(0x1000, 3, 0x2000, 5)
    control = struct.pack("<Qii2i", 24, 1, 1, 3, 4)
    message = struct.pack("<QIIQQQQIIII", 0x10, 16, 0, 0x20, 2, 0x30, 24, 0, 0, 8, 0)
    parts = [item(9, 0, b"\2\0\0\x50\x7f\0\0\1" + bytes(8)), item(7, 0, iov), item(8, 0, b"abc"),
             item(8, 1, b"defgh"), item(10, 0, control)]
    yield event(8, 46, 8, [3, 1, 0, 0, 0, 0], item(3, 1, message[:56]), *parts)
    yield event(8, 307, 2, [3, 1, 2, 0, 0, 0], item(11, 0, message), *parts, item(11, 1, message),
                *parts)
    for signal in (2, 11, 17, 34):
        yield event(1, signal, 0, [1, 2, 3, 4, 0, 0])


def trace():
    def item(what, content, index=0):
        return struct.pack("<BBHI", what, index, 0, len(content)) + content + \
            bytes(-len(content) % 8)

    def event(kind, nr=0, ret=0, arg=(), file=0, cls=0, sub=0, time=5, flags=0, items=b""):
        arg = (*arg, 0, 0, 0, 0)[:4]
        return struct.pack("<QIHBBIHBBq4q", time, 3, nr, kind, flags, file, 8 + len(items) // 8,
                           cls, sub, ret, *arg) + items

    def segment(kind, *contents, pid=5):
        content = b"".join(contents)
        return bytes((kind, pid, pid, 1)) + struct.pack("<H", len(content)) + content

    here = item(14, struct.pack("<HHI8x", 2, 0x5000, 0x100007f))
    there = item(15, struct.pack("<HHI8x", 2, 0x8edc, 0x100007f))
    sixth = item(14, struct.pack("<HHI", 10, 0x5000, 0) + bytes(20)) + \
        item(15, struct.pack("<HHI", 10, 9, 0) + bytes(10) + b"\xff\xff\x7f\0\0\1" + bytes(4))
    meta = segment(1, b"argv\0ls\0argv\0-l\0version\0" b"1\0")
    clocks = segment(2, words(1, 5, 5)) + segment(2, words(1000, 905, 905))
    image = event(4, arg=(5, 1, 5), items=item(13, b"/bin/ls") + item(5, b"ls") + item(5, b"-l", 1))
    tcp = event(2, ret=43, arg=(0, 7, 7), file=2, cls=4, sub=21, items=here + there)
    six = event(2, ret=41, arg=(0, 7, 8), file=3, cls=4, sub=22, items=sixth)
    sink = event(2, ret=22, arg=(0, 7, 9), file=4, cls=2)
    calls = [
        event(1, 0, 5, (7, 0, 9), 2, 4, 21, items=item(16, b"hello")),
        event(1, 0, 0, (7, 0, 9), 2, 4, 21),
        event(1, 1, 5, (9, 0, 5), 4, 2, items=item(4, b"hello", 1)),
        event(1, 40, 9, (7, 9), 4, 2, items=item(12, struct.pack("<IBBH", 2, 4, 21, 0))),
        event(1, 44, 3, (8,), 3, 4, 22, items=item(1, words(1, 28)) + item(16, b"abc", 1)),
        event(1, 299, 2, (8,), 3, 4, 22, items=item(11, bytes(56) + words(3)) +
              item(11, bytes(56) + words(70000), 1) + item(16, b"abc") + item(16, b"d" * 90)),
        event(1, 42, -111, (7,), 2, 4, 21, items=item(3, struct.pack("<HHI8x", 2, 9, 9), 1)),
        event(1, 7, 1, items=item(4, struct.pack("<iHHiHH", 7, 1, 1, 9, 1, 0))),
        event(1, 233, 0, (3, 1, 7), 6, 7, items=item(3, struct.pack("<IQ", 1, 99), 3)),
        event(1, 232, 1, (3,), 6, 7, items=item(4, struct.pack("<IQ", 1, 99), 1)),
        event(1, 48, 0, (7, 1), 2, 4, 21), event(3, 0, 0, (7, -1), 2, 4, 21),
        event(1, 59, flags=1), event(1, 59, -2), event(1, 600, 7, flags=2, items=item(2, words(9))),
    ]
    life = [event(5, arg=(6, 5, 6, 17)), event(7, 10, arg=(0, 5)), event(10, ret=3),
            event(8, file=2, items=item(4, bytes(240))), event(9, 22, 5, (0, 9, 5), 4, 2),
            event(6, arg=(6, 0, 6, 2), ret=9), event(6, arg=(5, 0, 5, 1), ret=3)]
    ended = segment(1, b"lost\0" b"3\0unclassified\0" b"1\0")
    yield b"\1" + meta + clocks + segment(3, image, tcp, six, sink) + segment(4, words(9)) + \
        segment(3, *calls) + segment(4, words(10)) + segment(3, *life) + ended
    yield b"\1" + segment(3, *life, pid=6) + segment(3, bytes(16), tcp, *calls[:3], bytes(8))
    yield b"\1" + segment(3, *(event(5, arg=(n, n - 1, n)) for n in range(2, 9)))
    yield b"\1" + segment(3, six, *calls[4:6], six) + segment(3, sink, tcp[:-8])
    # a wait that ended for a file of a class that there is not
    yield b"\1" + segment(3, image, event(2, ret=22, arg=(0, 7, 7), file=2, cls=36), calls[7])
    head = b"wy-run1\n" + struct.pack("<IIQQ", 1, 32, 1, 0)
    yield b"\0" + head
    yield b"\0" + head + b"yseg" + struct.pack("<HHiiIIII", 3, 1, 1, 1, 8, 8, 1, 0) + bytes(8)
    # a whole segment of zstd
    packed = bytes.fromhex("28b52ffd20405d000010410039020008")
    yield b"\0" + head + b"yseg" + struct.pack("<HHiiIIII", 1, 1, 1, 1, 64, 16, 1, 0) + packed


def serve():
    def case(options, *events):
        return struct.pack("<HH", options, len(events) % 2 * gentle) + b"".join(events)

    def event(what, arg=0, *more):
        return struct.pack("<BB%dH" % len(more), what, arg, *more)

    def program(what, arg=0, *more, number=0):
        return event(what, number + 6 * arg, *more)

    def report(kind, who=0):
        return program(1, kind, who)

    def client(what, number=0, arg=0, *more):
        return event(36 + what, number + 10 * arg, *more)

    def end(child, status=0):
        return event(28, child, status)

    fork, prestart, fresh, gentle = 1, 2, 3, 512
    pipe, file = 1 << 2, 2 << 2
    to_client, fast, warm = 1 << 4, 1 << 6, 1 << 7
    pool, queue = 2 << 8, 3 << 12  # one copy ahead; two that wait
    ready, order, ahead, lie = program(0), program(6), program(7), program(6, 7)
    plain, call = event(36), event(37)
    framed, passed = client(3), client(3, 0, 1)
    text = struct.pack("<H", 5) + b"hello"

    yield case(fork, program(4) + text, ready, plain, order, event(29, 1) + text, end(1))
    yield case(fork | queue, ready, plain, plain, order, lie, order, order, end(1), end(2))
    yield case(fork | fast, ready, ready, plain, order, end(0), client(7))
    yield case(fork | fast, event(64), program(10), plain)
    yield case(fork | warm, report(4), program(4) + text, ready, plain, order)
    yield case(pool | to_client, ready, order, ahead, plain, ahead, order, plain, end(1), end(2))
    yield case(pool, ready, order, end(1), plain, event(56), program(0, number=1), plain, lie)
    # While a connection is handed over, an answer comes that ends the front's last work.
    yield bytes.fromhex("003a0002010a0000000100dcf8fffb00060007002400070006000002000006002400"
                        "1c011c240080000200b4b4b4b4b4464627460000000000000005644646466446010864"
                        "64642e246464")
    # A caller goes while what its program wrote is still to be sent, and others wait for its place.
    yield bytes.fromhex("fff570726f6336503165633130200088657000000000003531653b31302000886570"
                        "00636f6e6e656374696f6e2031200030ffff5c")
    # Callers that do not read.
    yield bytes.fromhex("27e000ff190027fe0400e5006504ec81ff1471ff05235f2923e5e5cde5e5e524272b"
                        "e7e771e7e729bfbf")
    for late in ((order, order), (program(10),), ()):
        yield case(fork, ready, plain, plain, event(56), program(0, number=1), *late)
    for kind in range(4, 20):
        yield case(kind % 3 * pipe, report(kind, 7) + struct.pack("<HH", 9, 0), plain, order,
                   event(30) + text, end(0))
    for value in (0, 1, 2, 2 ** 16 - 1):
        yield case(fork | queue, ready, plain, plain, order,
                   *[program(1, 2, 7, value, value if value > 2 else 0) + event(57)] * 3)
    # Several processes have the placeholders, and the client does not read.
    for stop in ((), (event(57),)):
        yield case(prestart, report(7), plain, order, *[event(31)] * 4, end(0), *stop)
        yield case(fork, ready, call, framed, order, *[event(31, 1)] * 4, end(1), *stop)
    yield case(prestart | pipe, report(5), plain, order, client(9), end(0), client(8))
    yield case(prestart | file, report(6), plain, client(2) + text, client(6), order, end(0))
    yield case(fresh | queue, plain, plain, call, framed, end(0), end(1, 9), event(57))
    yield case(fork, ready, call, framed, order, client(4, 0, 0, 5) + b"hello",
               client(5, 0, 17), event(31, 1), end(1), client(8))
    yield case(fork, ready, call, passed, order, client(5, 0, 11), client(4, 0, 0, 0), end(1, 9))
    yield case(fork, ready, call, client(3, 0, 2), call, client(2, 1) + text, client(6, 1))
    yield case(0, program(11), plain, end(1), call, framed, client(7, 1))
    # A client that goes when all but the last frame is with it.
    yield bytes.fromhex("5b0060ffff0ea53f9900ffff27ffdf0100a5a53f9900ff5b27ffffdededededede60ff55ff41"
                        "ff60dfffffffffffffffffffffffdfdfdfdfdfdfdfdfffff0edf30dfdfdfffff0edfdfde")
    yield case(fork, program(13))
    yield case(fork, ready, plain, order, program(12))
    yield case(fork, program(5) + text, program(3) + text, program(2, 0, 1, 1), ready, program(9))


def main():
    name, harness = sys.argv[1:3]
    keep = sys.argv[3] if len(sys.argv) > 3 else "."
    soak = os.environ.get("WAYLAY_SOAK") == "1"
    runs = SLOW.get(name, RUNS) * (SOAK_TIMES if soak else 1)
    with tempfile.TemporaryDirectory() as seeds:
        for i, seed in enumerate(globals()[name]()):
            with open(os.path.join(seeds, "%02d" % i), "wb") as f:
                f.write(seed)
        with tempfile.TemporaryDirectory() as grown:
            command = [harness, "-runs=%d" % runs, "-timeout=20",
                       "-max_len=8192", "-artifact_prefix=%s/" % os.path.abspath(keep)]
            if not soak:
                command.append("-seed=1")
            # Not as it is: it may be 77, which stands for a test that was left out.
            failed = subprocess.run(command + [grown, seeds], stdin=subprocess.DEVNULL).returncode
            return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
