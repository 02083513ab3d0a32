# SPDX-License-Identifier: Apache-2.0
"""What is paid once for each program: its first calls, its start, an exec."""
import os
import subprocess

from common import at_least, at_most, check, median, run_checked, say

SHELL_EXECS = 100


def go_program(bench):
    """Kept in the build folder: Go builds its own library first."""
    out = os.path.join(bench.build, 'bench-go')
    cache = os.path.join(bench.build, 'bench-go-cache')
    say('building the Go program')
    run_checked(['go', 'build', '-o', out, os.path.join(bench.source, 'calls.go')],
                env={**os.environ, 'GOCACHE': cache, 'GOPATH': cache + '/path', 'GOPROXY': 'off',
                     'GOFLAGS': '-mod=mod', 'GO111MODULE': 'auto', 'CGO_ENABLED': '0'})
    return out


def jump_share(bench):
    n = 3000
    table = bench.table(
        'Calls that go by a jump: percent',
        [('name', 'program', '{}'), ('calls', 'calls', '{}'), ('all', 'from the start', '{:.2f}'),
         ('warm', 'after warm-up', '{:.2f}'), ('bar', 'bar', '{}'), ('verdict', '', '{}')],
        ['After warm-up: what a run with twice the work has more of.'])
    stats, read_stats = bench.stats('share.json')
    python = 'import os,sys\nfor i in range(int(sys.argv[1])): os.stat("/")'
    bash = 'for ((i = 0; i < $1; i++)); do [ -e /none ]; read -r x </dev/null; done; true'

    def caught(command):
        run_checked([bench.waylay, 'run', '--stats-json', stats, *command])
        got = read_stats()
        jump, total = got['caught']['jump'], got['caught']['jump'] + got['caught']['signal']
        counted = sum(c['count'] for c in got['calls'].values())
        check(total == counted, '%d calls counted, %d caught' % (counted, total))
        return jump, total

    def row(command_for):
        def measure():
            jump1, all1 = caught(command_for(n))
            jump2, all2 = caught(command_for(2 * n))
            check(all2 - all1 >= n, 'the longer run made only %d calls more' % (all2 - all1))
            by_signal = max(0, (all2 - jump2) - (all1 - jump1))
            warm = 100 - 100 * by_signal / (all2 - all1)
            return {'calls': all2, 'all': 100 * jump2 / all2, 'warm': warm, 'bar': '>= 98',
                    'verdict': at_least(warm, 98)}
        return measure

    table.attempt('python3', row(lambda n: ['python3', '-c', python, str(n)]))
    table.attempt('bash', row(lambda n: ['bash', '-c', bash, 'bash', str(n)]))
    table.attempt('dd bs=1', row(lambda n: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1',
                                            'count=%d' % n]))
    table.attempt('Go, 4 goroutines', lambda: row(
        lambda n, go=go_program(bench): [go, str(n)])())


def spawn_rounds(spawn, rounds, commands):
    line = []
    for c in commands:
        line += [':', *c]
    out = subprocess.run([*spawn, str(rounds), *line[1:]], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return list(zip(*([float(x) for x in l.split()] for l in out.splitlines())))


def start_up(bench):
    spawn = bench.compile('spawn', 'spawn.c')
    true, sh = '/bin/true', '/bin/sh'
    script = 'i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done'
    stats, read_stats = bench.stats('start.json')
    waylay = [bench.waylay, 'run']
    table = bench.table(
        'Start-up: microseconds',
        [('name', 'what', '{}'), ('native', 'native', '{:.0f}'), ('waylay', 'waylay run', '{:.0f}'),
         ('added', 'added', '{:.0f}'), ('bar', 'bar', '{}'), ('verdict', '', '{}')])

    def row(native, caught, bar):
        return {'native': native, 'waylay': caught, 'added': caught - native,
                'bar': '<= +%d' % bar, 'verdict': at_most(caught - native, bar)}

    def start(prefix):
        n = 60 if bench.quick else 300
        times = spawn_rounds(prefix + [spawn], n, [[true], [*waylay, true]])
        return row(median(times[0]), median(times[1]), 1500)

    def follow(prefix):
        """A shell that starts programs, less the same shell that starts none."""
        run_checked([*waylay, '--stats-json', stats, sh, '-c', script % SHELL_EXECS])
        execs = read_stats()['execs']
        check(execs == SHELL_EXECS + 1, '%d execs were followed' % execs)
        times = spawn_rounds(prefix + [spawn], 5 if bench.quick else 11, [
            [sh, '-c', script % 0], [sh, '-c', script % SHELL_EXECS],
            [*waylay, sh, '-c', script % 0], [*waylay, sh, '-c', script % SHELL_EXECS]])
        none, some, caught_none, caught_some = times
        return row(median([b - a for a, b in zip(none, some)]) / SHELL_EXECS,
                   median([b - a for a, b in zip(caught_none, caught_some)]) / SHELL_EXECS, 700)

    one_cpu = bench.pinned([])
    table.attempt('/bin/true', lambda: start([]))
    table.attempt('/bin/true, one processor', lambda: start(one_cpu))
    table.attempt('fork and exec in a shell', lambda: follow([]))
    table.attempt('fork and exec in a shell, one processor', lambda: follow(one_cpu))


def measure(bench):
    jump_share(bench)
    start_up(bench)
