# SPDX-License-Identifier: Apache-2.0
"""One system call in a loop, caught in every way that there is."""
import os
import re
import subprocess

import first
from common import Failed, at_least, at_most, check, end, median, run_checked, say

WARM_UP = 300


class Looper:
    """A loop.c that is alive and waits for its next round."""

    def __init__(self, bench, name, command, env=None, calls=100000, value=None, rewritten=0,
                 handled=None, made=None, hows=('libc', 'inline'), **bars):
        self.name, self.calls, self.hows, self.bars = name, calls, hows, bars
        self.rewritten, self.handled, self.made = rewritten, handled, made
        self.total = {how: 0 for how in hows}
        self.times = {how: [] for how in hows}
        self.wrong = None
        self.process = subprocess.Popen(
            bench.pinned(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, bufsize=1,
            env={**os.environ, **env} if env else None)
        # taskset becomes the program: its parent is us, or the tool that runs it.
        tool = command[0] != bench.path('loop')
        self.value = value or (self.process.pid if tool else os.getpid())

    def round(self, how, calls, keep=True):
        try:
            self.process.stdin.write('%s %d\n' % (how, calls))
            answer = self.process.stdout.readline().split()
        except OSError as e:
            answer = []
            self.wrong = str(e)
        if len(answer) != 4:
            self.wrong = self.wrong or 'no answer'
            return
        self.total[how] += calls
        if keep:
            self.times[how].append(float(answer[0]) / calls)
        if int(answer[1]) != self.value:
            self.wrong = 'getppid returned %s and not %d' % (answer[1], self.value)
        elif keep and int(answer[2]) != self.rewritten:
            self.wrong = 'the code of the call is%s rewritten' % (' not' if self.rewritten else '')
        elif self.handled and int(answer[3]) != self.handled(self.total):
            self.wrong = '%s of %d calls were seen' % (answer[3], self.handled(self.total))

    def finish(self):
        """Raises Failed when not every call was what it should have been."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        status = end(self.process)
        self.process.stdout.close()
        check(not self.wrong, self.wrong)
        check(status == 0, 'exit status %d' % status)
        if self.made:
            seen = self.made()
            check(seen == sum(self.total.values()),
                  '%d calls were counted, %d were made' % (seen, sum(self.total.values())))


def every(total):
    return sum(total.values())


def loopers(bench):
    loop = bench.compile('loop', 'loop.c')
    override = bench.compile('override.so', 'override.c', flags=('-shared', '-fPIC'))
    stats, read_stats = bench.stats('micro.json')
    unpatched, read_unpatched = bench.stats('unpatched.json')
    counted = bench.path('micro.strace')

    def by_stats(read, way):
        """How many calls were counted; nearly all must have been caught in this way."""
        got = read()
        count = got['calls']['getppid']['count']
        by_way = got['caught'][way]
        check(by_way > count - 10, 'only %d calls came by %s' % (by_way, way))
        return count

    def by_strace():
        with open(counted) as f:
            found = re.search(r'^\s*\S+\s+\S+\s+\S+\s+(\d+)\s+(?:\d+\s+)?getppid$', f.read(), re.M)
        return int(found.group(1)) if found else 0

    def waylay(*options):
        return [bench.waylay, 'run', *options, loop, 'plain']

    yield Looper(bench, 'bare call', [loop, 'plain'])
    yield Looper(bench, 'bare call, once more', [loop, 'plain'])
    yield Looper(bench, 'bare call, SUD armed', [loop, 'armed'])
    yield Looper(bench, 'waylay run', waylay(), rewritten=1, bar=1.15)
    yield Looper(bench, 'waylay run --layer count', waylay('--layer', 'count'),
                 rewritten=1, bar=1.20)
    yield Looper(bench, 'waylay run --stats', waylay('--stats', '--stats-json', stats),
                 rewritten=1, made=lambda: by_stats(read_stats, 'jump'), bar=1.30)
    yield Looper(bench, 'waylay run --layer null', waylay('--layer', 'null'), rewritten=1,
                 value=42, bar=0.06, answered=True)
    yield Looper(bench, 'waylay run --no-patch --stats',
                 waylay('--no-patch', '--stats', '--stats-json', unpatched), calls=5000,
                 made=lambda: by_stats(read_unpatched, 'signal'))
    yield Looper(bench, 'LD_PRELOAD override', [loop, 'plain'], env={'LD_PRELOAD': override},
                 handled=every, hows=('libc',))
    yield Looper(bench, 'SIGSYS each time, by SUD', [loop, 'sigsys'], calls=5000, handled=every)
    yield Looper(bench, 'SIGSYS each time, by seccomp', [loop, 'trap'], calls=5000, handled=every)
    yield Looper(bench, 'strace -f -c', ['strace', '-f', '-c', '-o', counted, loop, 'plain'],
                 calls=1000, made=by_strace)


def returns(bench):
    """What returns cost here: the reason for much of what the tables above show."""
    program = bench.compile('returns', 'returns.c')
    table = bench.table(
        'Returns around a getppid(2): nanoseconds, least of 15 rounds',
        [('name', 'what', '{}'), ('bare', 'bare', '{:.1f}'), ('armed', 'SUD armed', '{:.1f}')],
        ['docs/bench.md says why a return after a system call can be slow.'])
    say('returns')
    got = [float(x) for x in run_checked(bench.pinned([program])).stdout.split()]
    check(len(got) == 8, 'returns.c printed something else')
    table.add(name='call and return, no system call', bare=got[0])
    table.add(name='the same, returning as a kernel with Safe RET does', bare=got[1])
    for k, name in enumerate(('system call in a loop', 'system call, return',
                              'system call, 8 calls that do not return, return')):
        table.add(name=name, bare=got[2 + k], armed=got[5 + k])


def rows_of(bench, how, title, alive):
    columns = [('name', title, '{}'), ('ns', 'ns', '{:.1f}'), ('min', 'least', '{:.1f}'),
               ('added', 'added', '{:.1f}'), ('ratio', 'to bare', '{:.3f}'),
               ('armed', 'to armed', '{:.3f}'), ('bar', 'bar', '{}'), ('verdict', '', '{}')]
    table = bench.table('One getppid(2), by %s: nanoseconds' % title, columns)
    times = {l.name: l.times[how] for l in alive if how in l.hows}
    bare, armed = times['bare call'], times['bare call, SUD armed']
    for l in alive:
        if how not in l.hows:
            continue
        if l.wrong or not l.times[how]:
            table.fail(l.name, l.wrong or 'nothing was measured')
            continue
        # Ratios within a round: what changes between rounds falls out.
        ratio = median([a / b for a, b in zip(l.times[how], bare)])
        row = {'name': l.name, 'ns': median(l.times[how]), 'min': min(l.times[how]), 'ratio': ratio}
        row['added'] = row['ns'] - median(bare)
        if l.name.startswith('waylay') and 'answered' not in l.bars:
            row['armed'] = median([a / b for a, b in zip(l.times[how], armed)])
        if 'bar' in l.bars:
            row.update(bar='<= %.2f' % l.bars['bar'], verdict=at_most(ratio, l.bars['bar']))
        if l.name == 'strace -f -c':
            stats = times['waylay run --stats']
            times_slower = median([a / b for a, b in zip(l.times[how], stats)])
            row.update(times_slower=times_slower, bar='>= 40 x --stats',
                       verdict='%.0f x, %s' % (times_slower, at_least(times_slower, 40)))
        table.add(**row)


def measure(bench):
    rounds = 5 if bench.quick else 15
    alive = []
    say('one call in a loop: %d rounds of 12 kinds' % rounds)
    try:
        for l in loopers(bench):
            alive.append(l)
        for l in alive:
            for how in l.hows:
                l.round(how, WARM_UP, keep=False)
        for n in range(rounds):
            if n % 5 == 4:
                say('round %d' % (n + 1))
            for l in alive:
                for how in l.hows:
                    l.round(how, l.calls)
    finally:
        for l in alive:
            try:
                l.finish()
            except (Failed, OSError, ValueError, KeyError) as e:
                l.wrong = str(e)
    rows_of(bench, 'libc', 'the function of libc', alive)
    rows_of(bench, 'inline', 'an instruction in the program', alive)
    returns(bench)
    first.measure(bench)
