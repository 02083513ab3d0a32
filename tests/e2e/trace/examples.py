#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of the manual page and of --help do what they say.

What they run is made here, small and without a network: programs of the same names.
"""
import os
import re
import shutil
import subprocess
import sys

from trace import WAYLAY, Skip, folder, main, read, same, test

SOURCE = os.environ["WAYLAY_SOURCE"]
CLIENT = f"""#!{sys.executable} -IS
import socket
with socket.create_server(("127.0.0.1", 0)) as s, socket.create_connection(s.getsockname()) as c:
    c.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
    s.accept()[0].recv(100)
"""
PIPED = "import os\nr, w = os.pipe()\nos.write(w, b'some')\nos.read(r, 4)\n"


def prepare(top):
    for name in ("wget", "curl", "server"):
        path = os.path.join(top, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(CLIENT)
        os.chmod(path, 0o755)
    with open(os.path.join(top, "server.py"), "w", encoding="ascii") as f:
        f.write(CLIENT + PIPED)
    with open(os.path.join(top, "Makefile"), "w", encoding="ascii") as f:
        f.write("all:\n\t@sleep 0.05\n")


def run(top, example):
    """All that it prints."""
    path = os.pathsep.join([top, os.path.dirname(WAYLAY), os.environ["PATH"]])
    done = subprocess.run(["bash", "-o", "pipefail", "-ec", example], cwd=top, check=False,
                          env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{example}: {done.returncode}\n{done.stdout}"
    return done.stdout


# What must be in the output of an example that has this in it.
PROMISES = {
    "class=net": r"\[NET \] connect\(",
    "lat>=10ms": r"wait4\(.*<0\.\d+>",
    "-c make": r" total$",
    "--every": r" total$",
    "report run": r"^dropped=0 unclassified=0 untracked_rings=0$",
    "jq": r'"class": "pipe"',
}


def check(examples):
    with folder() as top:
        prepare(top)
        for example in examples:
            said = run(top, example)
            for key, promise in PROMISES.items():
                if key in example:
                    assert re.search(promise, said, re.M), f"{example}: {said[-2000:]}"
            if "--pcapng" in example:
                with open(os.path.join(top, "run.pcapng"), "rb") as f:
                    same(f.read(4), b"\x0a\x0d\x0d\x0a")


@test
def of_the_manual_page():
    if not shutil.which("jq"):
        raise Skip("jq is not there")
    page = read(os.path.join(SOURCE, "man", "waylay-trace.1.scd"))
    blocks = re.findall(r"^```\n(.*?)^```$", page.partition("\n# EXAMPLES\n")[2], re.M | re.S)
    examples = [line for block in blocks for line in block.splitlines()]
    assert len(examples) >= 7, examples
    check(examples)


@test
def of_the_help_text():
    text = subprocess.run([WAYLAY, "trace", "--help"], capture_output=True, text=True,
                          check=True).stdout.partition("\nExamples:\n")[2]
    examples = [line.strip() for line in text.splitlines()]
    assert len(examples) >= 3, examples
    check(examples)


main()
