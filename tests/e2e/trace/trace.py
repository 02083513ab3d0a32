# SPDX-License-Identifier: Apache-2.0
"""What the tests of `waylay trace` share: runs that are recorded, and what was recorded."""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "life"))
from life import WAYLAY, Skip, main, same, test  # noqa: E402,F401

HERE = os.path.dirname(os.path.abspath(__file__))

# How a program in Python begins that calls libc.sendmmsg() and libc.recvmmsg().
MESSAGES = """import ctypes
class Vector(ctypes.Structure):
    _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]
class Message(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('namelen', ctypes.c_uint),
                ('iov', ctypes.POINTER(Vector)), ('iovlen', ctypes.c_size_t),
                ('control', ctypes.c_void_p), ('controllen', ctypes.c_size_t),
                ('flags', ctypes.c_long), ('len', ctypes.c_uint)]
libc = ctypes.CDLL(None)
"""


def record(folder, *argv, options=(), status=0, **more):
    """Runs a program, recorded into a folder.  Returns what it wrote to stdout."""
    done = subprocess.run([WAYLAY, "trace", "-d", folder, *options, "--", *argv],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          **more)
    same((done.returncode, done.stderr), (status, ""))
    return done.stdout


def export(run, *options, status=0):
    """What `waylay trace export` makes of a run."""
    done = subprocess.run([WAYLAY, "trace", "export", run, *options], capture_output=True,
                          text=True, check=False)
    same((done.returncode, done.stderr), (status, ""))
    return done.stdout


def events(run):
    return [json.loads(line) for line in export(run, "--json").splitlines()]


def report(run):
    return subprocess.run([WAYLAY, "trace", "report", run], capture_output=True, text=True,
                          check=True).stdout


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def wait_for_link(path):
    """What a symbolic link says that a program is about to make."""
    until = time.monotonic() + 60
    while not os.path.islink(path):
        assert time.monotonic() < until, f"{path} does not come"
        time.sleep(0.01)
    return os.readlink(path)


def folder():
    return tempfile.TemporaryDirectory()
