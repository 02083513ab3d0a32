# SPDX-License-Identifier: Apache-2.0
"""What a copy of a big process costs, before and after its memory is frozen."""
import os
import subprocess

from common import Failed, at_most, check

NEEDED = 2  # the memory that must be free for each byte of a row


def free_mb():
    with open('/proc/meminfo') as f:
        for line in f:
            if line.startswith('MemAvailable:'):
                return int(line.split()[1]) // 1024
    return 0


def measure(bench):
    agent = os.path.join(bench.source, '..', '..', 'src', 'agent')
    program = bench.compile('freeze', 'freeze.c', os.path.join(agent, 'freeze.c'),
                            os.path.join(agent, 'frozen.c'), os.path.join(agent, 'maps.c'),
                            os.path.join(agent, 'procfs.c'),
                            flags=('-I' + os.path.join(agent, '..'),))
    table = bench.table(
        'Freezing the memory of a process that is copied: microseconds',
        [('name', 'MB, how', '{}'), ('took', 'took ms', '{:.0f}'), ('cpu', 'cpu ms', '{:.0f}'),
         ('fork_before', 'fork', '{:.0f}'), ('fork', 'frozen', '{:.0f}'),
         ('whole_before', 'and exit', '{:.0f}'), ('whole', 'frozen', '{:.0f}'),
         ('touched_before', '400 pages', '{:.0f}'), ('touched', 'frozen', '{:.0f}'),
         ('tables_before', 'tables KB', '{:.0f}'), ('tables', 'frozen', '{:.0f}'),
         ('bar', 'bar: fork', '{}'), ('verdict', '', '{}')])

    def row(mb, how):
        if free_mb() < NEEDED * mb:
            raise Failed('only %d MB are free' % free_mb())
        out = subprocess.run(bench.pinned([program, str(mb), how]), check=True, text=True,
                             stdout=subprocess.PIPE, timeout=120).stdout.split()
        did, frozen = out[0], int(out[1])
        check(did == how and frozen >= mb, '%s of %d MB' % (did, frozen))
        keys = ['took', 'cpu', 'fork_before', 'whole_before', 'touched_before', 'tables_before',
                'fork', 'whole', 'touched', 'tables']
        values = dict(zip(keys, map(float, out[3:])))
        if how == 'memfd':
            values.update(bar='<= 100', verdict=at_most(values['fork'], 100))
        return values

    for mb in [100, 500] if bench.quick else [100, 500, 1000, 4000]:
        for how in ['memfd', 'thp']:
            table.attempt('%d %s' % (mb, how), lambda mb=mb, how=how: row(mb, how))
