# SPDX-License-Identifier: Apache-2.0
"""A reader of run files that knows nothing but what docs/trace-format.md says."""
import struct
import subprocess

MASK = 2 ** 64 - 1


class Damaged(Exception):
    pass


def check_sum(stored):
    sums = [0xcbf29ce484222325] * 5
    for i, (word,) in enumerate(struct.iter_unpack("<Q", stored)):
        sums[i % 4] = (sums[i % 4] ^ word) * 0x100000001b3 & MASK
    for word in sums[:4]:
        sums[4] = (sums[4] ^ word) * 0x100000001b3 & MASK
    return (sums[4] ^ sums[4] >> 32) & 0xffffffff


def decompress(data):
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def segments(data):
    """Each segment: kind, pid, tid, image, bytes.  Ends where the file was cut off."""
    magic, version, at, needs, _has = struct.unpack_from("<8sIIQQ", data)
    if magic != b"wy-run1\n" or version != 2 or needs & ~1:
        raise Damaged("no run file that this can read")
    while at + 32 <= len(data):
        magic, kind, packed, pid, tid, size, stored_size, image, total = struct.unpack_from(
            "<4sHHiiIIII", data, at)
        if magic != b"yseg":
            raise Damaged(f"no segment at {at}")
        end = at + 32 + (stored_size + 7 & ~7)
        if end > len(data):
            return
        if check_sum(data[at + 32:end]) != total:
            raise Damaged(f"wrong sum at {at}")
        content = data[at + 32:at + 32 + stored_size]
        if packed:
            content = decompress(content)
        if len(content) != size:
            raise Damaged(f"wrong length at {at}")
        yield kind, pid, tid, image, content
        at = end


class Event:
    def __init__(self, data, pid, tid, image):
        self.pid, self.tid, self.image = pid, tid, image
        (self.time, self.took, self.nr, self.kind, self.flags, self.file, self.words, self.cls,
         self.sub, self.ret, *self.arg) = struct.unpack_from("<QIHBBIHBBq4q", data)
        self.items = []
        at = 64
        while at + 8 <= self.words * 8:
            what, index, flags, size = struct.unpack_from("<BBHI", data, at)
            content = data[at + 8:at + 8 + size]
            self.items.append((what, index, flags, content))
            if what == 2 and self.flags & 2:
                (self.took,) = struct.unpack("<Q", content)
            at += 8 + (size + 7 & ~7)
        self.over = self.time + self.took

    def item(self, what, index=0):
        return next((i[3] for i in self.items if i[:2] == (what, index)), None)


def events_of(content, pid, tid, image):
    at = 0
    while at + 8 <= len(content):
        if content[at:at + 8] == bytes(8) and \
                (at + 64 > len(content) or struct.unpack_from("<H", content, at + 20)[0] == 0):
            at += 8
            continue
        (words,) = struct.unpack_from("<H", content, at + 20)
        if words < 8 or at + words * 8 > len(content):
            raise Damaged("no event")
        event = Event(content[at:at + words * 8], pid, tid, image)
        at += words * 8
        if event.kind:
            yield event


def pairs(content):
    texts = content.decode().split("\0")
    return list(zip(texts[0::2], texts[1::2]))


class Run:
    """All of a run: events in the order of their end, what META says, and the clock."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        self.metas, self.clocks, self.events = [], [], []
        waiting, last_pass = [], 0
        for kind, pid, tid, image, content in segments(data):
            if kind == 1:
                self.metas.append(pairs(content))
            elif kind == 2:
                self.clocks.append(struct.unpack("<QQQ", content))
            elif kind == 3:
                waiting.extend(events_of(content, pid, tid, image))
            elif kind == 4:
                waiting.sort(key=lambda e: e.over)
                n = next((i for i, e in enumerate(waiting) if e.over >= last_pass), len(waiting))
                self.events += waiting[:n]
                waiting = waiting[n:]
                (last_pass,) = struct.unpack("<Q", content)
        self.events += sorted(waiting, key=lambda e: e.over)

    def ns(self, ticks):
        first, last = self.clocks[0], self.clocks[-1]
        rate = (last[2] - first[2]) / (last[0] - first[0]) if last[0] > first[0] else 1
        return (ticks - first[0]) * rate
