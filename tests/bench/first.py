# SPDX-License-Identifier: Apache-2.0
"""The first calls of a system call site, and what its rewriting is made of."""
from common import at_most, check, median, run_checked

SITES = 200
CALLS = 8
THREADS = 4


def first_calls(bench, program, command, threads):
    out = run_checked(bench.pinned([*command, program, str(threads)])).stdout.decode()
    rows = [[float(x) for x in line.split()] for line in out.splitlines()]
    check(len(rows) == SITES and all(len(r) == CALLS for r in rows), 'not every site was called')
    return list(zip(*rows))


def calls_of_sites(bench, small, large):
    table = bench.table(
        'The first calls of a system call site: nanoseconds, medians of %d sites' % SITES,
        [('name', 'site', '{}'), ('first', 'call 1', '{:.0f}'), ('second', 'call 2', '{:.0f}'),
         ('dearest', 'rewriting', '{:.0f}'), ('which', 'which is call', '{}'),
         ('slow', '90% of it', '{:.0f}'), ('mean', 'mean until then', '{:.0f}'),
         ('last', 'call %d' % CALLS, '{:.0f}'), ('bar', 'bar', '{}'), ('hit', 'call 1', '{}'),
         ('verdict', 'rewriting', '{}'), ('mean_verdict', 'mean', '{}')],
        ['rewriting: the dearest call, on which the site is rewritten; the mean counts it.',
         'large: the site lies in 1.5 MB of code, else in four pages.'])

    def row(command, program, threads, bar=None):
        def measure():
            columns = first_calls(bench, program, command, threads)
            medians = [median(c) for c in columns]
            values = {'first': medians[0], 'second': medians[1], 'last': medians[-1]}
            if bar:
                dearest = max(medians)
                which = medians.index(dearest)
                mean = sum(medians[:which + 1]) / (which + 1)
                values.update(dearest=dearest, which=which + 1, mean=mean,
                              slow=sorted(columns[which])[len(columns[which]) * 9 // 10],
                              bar='<= %d' % bar, hit=at_most(medians[0], bar),
                              verdict=at_most(dearest, bar), mean_verdict=at_most(mean, bar))
            return values
        return measure

    run = [bench.waylay, 'run']
    table.attempt('native', row([], small, 0))
    table.attempt('waylay run, one thread', row(run, small, 0, 5000))
    table.attempt('waylay run, one thread, large', row(run, large, 0, 5000))
    table.attempt('waylay run, %d more threads' % THREADS, row(run, small, THREADS, 30000))
    table.attempt('waylay run, %d more threads, large' % THREADS,
                  row(run, large, THREADS, 30000))
    for program in small, large:
        try:
            counted(bench, program)
        except Exception as e:  # whatever it is, the rows above prove nothing then
            table.fail('calls counted', str(e))


def counted(bench, program):
    """One run more, since what counts is a little slower."""
    stats, read_stats = bench.stats('first.json')
    run_checked(bench.pinned([bench.waylay, 'run', '--stats-json', stats, program, str(THREADS)]))
    got = read_stats()
    check(got['calls']['getpid']['count'] == SITES * CALLS + 1, 'not every call was counted')
    sites = got['sites']
    check(sites['padding'] + sites['before'] + sites['pun'] >= SITES, 'sites were not rewritten')


def parts(bench):
    program = bench.compile('parts', 'parts.c')
    names = ['a call that is caught by SIGSYS', 'open /proc/self/mem, and close it',
             'one write to it', 'make 4 pages of code writable, and put them back',
             'the same for a page among 384', 'membarrier']
    table = bench.table(
        'What a rewriting is made of: nanoseconds, medians',
        [('name', 'part', '{}'), ('alone', 'one thread', '{:.0f}'),
         ('threads', '%d more threads' % THREADS, '{:.0f}')],
        ['The sums are what no rewriting can go below in the way that waylay does it.'])

    def measured(threads):
        got = run_checked(bench.pinned([program, str(threads)])).stdout.split()
        check(len(got) == len(names), 'parts.c printed something else')
        return [float(x) for x in got]

    alone, threads = measured(0), measured(THREADS)
    for k, name in enumerate(names):
        table.add(name=name, alone=alone[k], threads=threads[k])
    trip, opened, write, small, page, barrier = range(len(names))
    table.add(name='sum: few pages of code', alone=alone[trip] + alone[small],
              threads=threads[trip] + threads[small] + threads[barrier])
    table.add(name='sum: many', alone=alone[trip] + alone[opened] + alone[write],
              threads=threads[trip] + threads[page] + threads[barrier])


def measure(bench):
    small = bench.compile('first', 'first.c', 'sites.S')
    large = bench.compile('first-large', 'first.c', 'sites.S', flags=('-DLARGE',))
    calls_of_sites(bench, small, large)
    parts(bench)
