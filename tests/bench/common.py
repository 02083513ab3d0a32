# SPDX-License-Identifier: Apache-2.0
"""What the parts of the benchmark share: rows and tables, programs to start, checks."""
import json
import os
import shutil
import statistics
import subprocess
import sys

NOBODY = 65534


def say(text):
    print('bench: ' + text, file=sys.stderr, flush=True)


def median(values):
    return statistics.median(values)


class Failed(Exception):
    """The work was not done; what was measured means nothing."""


def check(holds, what):
    if not holds:
        raise Failed(what)


def at_most(value, bar):
    return 'met' if value <= bar else 'MISSED'


def at_least(value, bar):
    return 'met' if value >= bar else 'MISSED'


class Bench:
    """One run: where things are, how much is done, what came out."""

    def __init__(self, build, temp, quick):
        self.quick = quick
        self.temp = temp
        self.source = os.path.dirname(os.path.realpath(__file__))
        self.build = os.path.abspath(build)
        # A copy, so that a user without rights reaches it, wherever the build is.
        self.waylay = shutil.copy2(os.path.join(self.build, 'waylay'), temp)
        self.tables = []
        self.failed = []
        # The last processor: the first ones serve most interrupts.
        self.cpu = max(os.sched_getaffinity(0))

    def path(self, name):
        return os.path.join(self.temp, name)

    def compile(self, name, *sources, flags=()):
        out = self.path(name)
        files = [os.path.join(self.source, s) for s in sources]
        subprocess.run([*os.environ.get('CC', 'cc').split(), '-O2', '-std=gnu17', '-D_GNU_SOURCE',
                        '-pthread', *flags, '-o', out, *files, '-ldl'], check=True)
        return out

    def pinned(self, command):
        return ['taskset', '-c', str(self.cpu), *command]

    def elsewhere(self, command):
        """On the other processors, for the client of a server that is pinned."""
        others = sorted(os.sched_getaffinity(0) - {self.cpu}) or [self.cpu]
        return ['taskset', '-c', ','.join(map(str, others)), *command]

    def table(self, title, columns, notes=()):
        t = Table(self, title, columns, notes)
        self.tables.append(t)
        return t

    def stats(self, name):
        """A file for --stats-json, and what reads it."""
        path = self.path(name)

        def read():
            with open(path) as f:
                return json.load(f)
        return path, read


class Table:
    """columns: (key, heading, format); the first is the name of the row."""

    def __init__(self, bench, title, columns, notes):
        self.bench, self.title, self.columns, self.notes = bench, title, columns, list(notes)
        self.rows = []

    def add(self, **row):
        self.rows.append(row)

    def attempt(self, name, measure):
        """Adds what measure() returns, or a row that says why it could not."""
        say(name)
        try:
            self.add(name=name, **measure())
        except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            self.fail(name, str(e))

    def fail(self, name, why):
        self.add(name=name, failed=why)
        self.bench.failed.append('%s: %s' % (name, why))

    def lines(self):
        cells = [[heading for _, heading, _ in self.columns]]
        for row in self.rows:
            line = []
            for key, _, form in self.columns:
                value = row.get(key)
                line.append('' if value is None else form.format(value))
            cells.append(line)
        wide = [max(len(line[i]) for line in cells) for i in range(len(self.columns))]
        yield self.title
        for n, line in enumerate(cells):
            text = [cell.ljust(wide[i]) if i == 0 else cell.rjust(wide[i])
                    for i, cell in enumerate(line)]
            if n and 'failed' in self.rows[n - 1]:
                yield '  %s  FAILED: %s' % (text[0], self.rows[n - 1]['failed'])
            else:
                yield ('  ' + '  '.join(text)).rstrip()
            if n == 0:
                yield '  ' + '  '.join('-' * w for w in wide)
        for note in self.notes:
            yield '  ' + note

    def as_json(self):
        return {'title': self.title, 'rows': self.rows}


def without_rights():
    """Arguments of Popen() that take root's rights away."""
    if os.geteuid() != 0:
        return {}
    return {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}


def run_checked(command, **kwargs):
    kwargs.setdefault('timeout', 120)
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    check(r.returncode == 0, '%s ended with %d: %s' % (
        os.path.basename(command[0]), r.returncode, r.stderr.decode(errors='replace')[-200:]))
    return r


def end(process, seconds=20):
    """Waits for a process that was told to end; kills it, by its number, when it does not."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed('%s did not end' % process.args[0]) from None
