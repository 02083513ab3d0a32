# SPDX-License-Identifier: Apache-2.0
"""What the tests of `waylay serve` share: a server, clients, and the run to compare with."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "life"))
import life  # noqa: E402
from life import WAYLAY, Skip, main, same, test  # noqa: E402,F401

SOAK = os.environ.get("WAYLAY_SOAK") == "1"
if SOAK:
    life.TIME_LIMIT = 900


class Server:
    """A `waylay serve`; its stderr is read line by line as it comes."""

    def __init__(self, *argv, address="0", options=(), ready=True, **more):
        self.lines = []
        self.more = threading.Condition()
        self.process = subprocess.Popen([WAYLAY, "serve", *options, address, "--", *argv],
                                        stderr=subprocess.PIPE, text=True, **more)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        if ready:
            line = self.wait_line("serving ")
            if not line:
                raise AssertionError(f"{argv}: {self.lines}")
            found = re.fullmatch(r"waylay: ready: (loaded in [0-9.]+ m?s, )?(.* frozen \(.*\), )?"
                                 r"(\d+ threads?, )?mode (\w+), serving (.*)", line)
            assert found, line
            self.mode = found.group(4)
            self.addresses = found.group(5).split(", ")
            self.address = self.addresses[0]

    def _read(self):
        for line in self.process.stderr:
            with self.more:
                self.lines.append(line.rstrip("\n"))
                self.more.notify_all()
        with self.more:
            self.lines.append(None)
            self.more.notify_all()

    def wait_line(self, text, after=0):
        """The first line, from the one numbered after, with this text; None: stderr has ended."""
        n = after
        with self.more:
            while True:
                while n >= len(self.lines):
                    self.more.wait()
                line = self.lines[n]
                if line is None or text in line:
                    return line
                n += 1

    def connect(self):
        if self.address.startswith("unix:"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.address[5:])
            return s
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)))

    def ask(self, data):
        return ask(self.connect(), data)

    def end(self):
        """Waits for the end.  Returns its status and all of its lines."""
        status = self.process.wait()
        self.reader.join()
        return status, self.lines[:-1]

    def stop(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.end()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
        else:
            status, lines = self.stop()
            same((status, [line for line in lines if "serving" not in line]), (0, []))


def ask(s, data):
    """Sends all, closes the sending side, and reads to the end, all at once."""
    def send():
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError, OSError):
            pass  # a program need not read all of its input

    sender = threading.Thread(target=send)
    sender.start()
    parts = []
    while part := s.recv(65536):
        parts.append(part)
    sender.join()
    s.close()
    return b"".join(parts)


def fresh(argv, data, **more):
    """What a run of its own answers: its output and exit status."""
    done = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False, **more)
    return done.stdout, done.returncode


def model():
    """The tagger and a small model for it; the caller removes the folder."""
    tagger = os.environ.get("TAGGER")
    if not tagger or not os.path.exists(tagger):
        raise Skip("there is no musl-gcc to build the static program with")
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "model")
    subprocess.run([tagger, "--build", path, "2"], check=True)
    return folder, [tagger, path]
