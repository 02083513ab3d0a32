# SPDX-License-Identifier: Apache-2.0
"""waylay trace against native and strace, program and tracer on one processor."""
import os
import re
import shutil
import sys
import time

import macro
from common import at_least, at_most, check, median, run_checked

PAIRS = 200000  # reads, and as many writes

# name: what stands before the command; {} is a file or folder of its own.
TOOLS = {
    'native': [],
    'full': ['waylay', 'run', '--trace', '{}'],
    'totals': ['waylay', 'trace', '-c', '-o', '{}'],
    'strace': ['strace', '-f', '-o', '{}'],
    'strace -c': ['strace', '-f', '-c', '-o', '{}'],
    'strace bpf': ['strace', '-f', '--seccomp-bpf', '-e', 'trace=network,read,write,close', '-o',
                   '{}'],
}


def under(bench, tool, out):
    return [bench.waylay if word == 'waylay' else out if word == '{}' else word
            for word in TOOLS[tool]]


def recorded(bench, tool, out):
    """How many calls the tool has recorded; every one of them is there."""
    if tool == 'full':
        said = run_checked([bench.waylay, 'trace', 'report', out]).stdout.decode()
        found = re.search(r'^100\.00 .*? (\d+) +\d* *total$', said, re.M)
        check('dropped=0' in said, 'events were dropped')
        return int(found.group(1)) if found else 0
    with open(out, errors='replace') as f:
        if tool.startswith('strace') and tool != 'strace -c':
            return sum(1 for line in f if ' = ' in line)
        found = re.search(r'^100\.00 +\S+ +\S+ +(\d+)', f.read(), re.M)
        return int(found.group(1)) if found else 0


def timed(bench, command, tools, least_calls, rounds, **kwargs):
    """The median of each tool; the tools in turn. strace, which takes long, is run less often."""
    times = {tool: [] for tool in tools}
    outputs = set()
    for n in range(rounds + 1):
        for tool in tools:
            if tool.startswith('strace') and n not in (1, 2):
                continue
            out = bench.path('traced')
            shutil.rmtree(out, ignore_errors=True)
            if os.path.exists(out):
                os.unlink(out)
            full = bench.pinned([*under(bench, tool, out), *command])
            begin = time.perf_counter()
            result = run_checked(full, timeout=300, **kwargs)
            if n:  # the first round warms caches
                times[tool].append(time.perf_counter() - begin)
            outputs.add(result.stdout)
            # strace's filter leaves most calls out: it has something, and that is all.
            least = 0 if tool == 'native' else 1 if tool == 'strace bpf' else least_calls
            if least:
                got = recorded(bench, tool, out)
                check(got >= least, '%s recorded %d calls of %d' % (tool, got, least))
    check(len(outputs) == 1, 'the output differs')
    return {tool: median(of) for tool, of in times.items()}


def row(times, bars):
    """bars: tool -> (at most times native, peer, at least so many times faster than it)."""
    native = times['native']
    cells = {'native': '%.0f ms' % (1e3 * native)}
    for tool, seconds in times.items():
        if tool != 'native':
            cells[tool] = seconds / native
    verdicts = []
    for tool, (most, peer, faster) in bars.items():
        verdicts.append('%s %s' % (most, at_most(times[tool] / native, most)))
        gain = times[peer] / times[tool]
        verdicts.append('%.1f of %s x %s %s' % (gain, faster, peer, at_least(gain, faster)))
    cells['bars'] = '; '.join(verdicts)
    return cells


def read_and_write(bench, rounds):
    program = bench.compile('rw', 'rw.c')
    times = timed(bench, [program, str(PAIRS)],
                  ['native', 'full', 'totals', 'strace', 'strace -c'], 2 * PAIRS, rounds)
    return row(times, {'full': (3.0, 'strace', 20), 'totals': (2.0, 'strace -c', 25)})


ALL = ['native', 'full', 'totals', 'strace', 'strace -c', 'strace bpf']


def tar(bench, rounds):
    return row(timed(bench, ['tar', 'cf', bench.path('all.tar'), '-C', '/usr/share', 'doc'], ALL,
                     5000, rounds), {'full': (1.4, 'strace', 4)})


def git(bench, rounds):
    env, command = macro.git_repository(bench, 'traced-repository')
    return row(timed(bench, command, ALL, 1500, rounds, env=env),
               {'full': (1.5, 'strace bpf', 1)})


def python(bench, rounds):
    return row(timed(bench, [sys.executable, '-c', 'import json, urllib.request, asyncio'], ALL,
                     300, rounds), {'full': (1.15, 'strace bpf', 1)})


def gcc(bench, rounds):
    source = bench.path('small.c')
    shutil.copy(os.path.join(bench.source, 'rw.c'), source)
    script = 'for i in 1 2 3 4 5 6 7 8 9 10; do gcc -c -O1 -o %s.o %s || exit; done' % (
        source, source)
    return row(timed(bench, ['sh', '-c', script], ALL, 3000, rounds),
               {'full': (1.12, 'strace bpf', 1)})


def served(bench, serve, rounds, bar):
    """serve(prefix) runs a server and its client once: requests for each second, and in all."""
    rates = {tool: [] for tool in ALL}
    for n in range(rounds):
        for tool in ALL:
            if tool.startswith('strace') and n:
                continue
            out = bench.path('traced')
            shutil.rmtree(out, ignore_errors=True)
            if os.path.exists(out):
                os.unlink(out)
            rate, requests = serve(under(bench, tool, out))
            rates[tool].append(rate)
            if tool in ('full', 'totals'):
                got = recorded(bench, tool, out)
                check(got >= requests, '%s recorded %d calls for %d requests' %
                      (tool, got, requests))
    native = median(rates['native'])
    cells = {tool: median(of) / native for tool, of in rates.items() if tool != 'native'}
    share = cells['full']
    return {'native': '%.0f /s' % native, **cells,
            'bars': '%.2f %s' % (bar, at_least(share, bar))}


def measure(bench):
    rounds = 2 if bench.quick else 5
    servers = 1 if bench.quick else 3
    heads = [('name', 'program', '{}'), ('native', 'native', '{}')]
    heads += [(tool, 'run --trace' if tool == 'full' else 'trace -c' if tool == 'totals' else tool,
               '{:.2f}') for tool in TOOLS if tool != 'native']
    table = bench.table('waylay trace and strace: times native, on one processor',
                        heads + [('bars', 'bars', '{}')])
    table.attempt('400,000 one-byte calls', lambda: read_and_write(bench, rounds))
    table.attempt('tar of /usr/share/doc', lambda: tar(bench, rounds))
    table.attempt('git status', lambda: git(bench, 2 * rounds))
    table.attempt('python start-up', lambda: python(bench, 2 * rounds))
    table.attempt('ten gcc runs', lambda: gcc(bench, rounds))
    table = bench.table('waylay trace and strace: share of the native throughput',
                        heads + [('bars', 'bars', '{}')])
    table.attempt('nginx + wrk', lambda: served(
        bench, lambda prefix: macro.nginx_once(bench, prefix), servers, 0.75))
    table.attempt('redis-server + redis-benchmark', lambda: served(
        bench, lambda prefix: macro.redis_once(bench, prefix), servers, 0.80))
