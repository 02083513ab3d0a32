# SPDX-License-Identifier: Apache-2.0
"""Filters as servers: waylay serve beside a server of one's own that forks, tcpserver and socat.

Servers run on one processor and the client on the others; each answer is checked.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'harness'))
from common import Failed, at_least, at_most, check, end, median, run_checked, say  # noqa: E402

PYTHON = '/usr/bin/python3'  # with Debian's numpy
TEXT = b'the quick brown fox jumps over the lazy dog\n'


class Lines:
    """What a server says, taken as it comes."""

    def __init__(self, stream):
        self.lines, self.more = [], threading.Condition()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            with self.more:
                self.lines.append(line.decode(errors='replace').rstrip('\n'))
                self.more.notify_all()
        with self.more:
            self.lines.append(None)
            self.more.notify_all()

    def find(self, pattern, patience=120):
        n = 0
        with self.more:
            while True:
                while n == len(self.lines):
                    check(self.more.wait(patience), 'no line like %r' % pattern)
                if self.lines[n] is None:
                    raise Failed('it ended: %s' % ' | '.join(self.lines[:n][-3:]))
                found = re.search(pattern, self.lines[n])
                if found:
                    return found
                n += 1


@contextlib.contextmanager
def server(bench, command, pattern, stream='stderr'):
    """Runs a server; gives what the pattern found in what it said."""
    process = subprocess.Popen(bench.pinned(command), stdin=subprocess.DEVNULL,
                               **{'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL,
                                  stream: subprocess.PIPE}, start_new_session=True)
    try:
        lines = Lines(getattr(process, stream))
        yield lines.find(pattern), lines
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        end(process)


def waylay(bench, program, *options, address='0'):
    return server(bench, [bench.waylay, 'serve', *options, address, '--', *program],
                  r'ready: (.*)mode (\w+), serving (?:[\d.]+:)?(?:unix:)?(\S+)')


def tcpserver(bench, program):
    return server(bench, ['tcpserver', '-1', '-q', '-R', '-H', '-l', '0', '127.0.0.1', '0',
                          *program], r'^(\d+)$', 'stdout')


def socat(bench, program):
    # Its own patience after the end of the input, half a second, would lose answers.
    return server(bench, ['socat', '-d', '-d', '-t', '3600',
                          'TCP-LISTEN:0,bind=127.0.0.1,reuseaddr,fork',
                          'EXEC:' + ' '.join(program)], r'listening on .*:(\d+)$')


class Case:
    """A program, what it is asked, and what it answers when it is run by itself."""

    def __init__(self, bench, name, program, text=TEXT):
        self.bench, self.program = bench, program
        self.input, self.wanted = bench.path(name + '.in'), bench.path(name + '.out')
        with open(self.input, 'wb') as f:
            f.write(text)
        done = subprocess.run(program, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        check(done.stdout, '%s answers nothing' % program[0])
        with open(self.wanted, 'wb') as f:
            f.write(done.stdout)

    def ask(self, where, rounds, pause=0):
        """Microseconds of each request: to the first byte, and in whole."""
        rounds = max(5, rounds // 4) if self.bench.quick else rounds
        done = run_checked(self.bench.elsewhere([self.bench.asker, str(rounds + 2), str(pause),
                                                 self.input, self.wanted, where]), timeout=600)
        times = [[float(x) for x in line.split()] for line in done.stdout.decode().splitlines()]
        return list(zip(*times[2:]))  # the first ones warm it all up

    def fresh(self, which, rounds):
        with which(self.bench, self.program) as (found, _):
            return median(self.ask(found.group(1), rounds)[1])

    def served(self, rounds, *options):
        with waylay(self.bench, self.program, *options) as (found, _):
            return median(self.ask(found.group(3), rounds)[1]), found.group(2)


def against_fork(bench, small):
    table = bench.table(
        'waylay serve beside a server written for it, which forks: microseconds of a request',
        [('name', '1 MB program', '{}'), ('bare', 'own server', '{:.0f}'),
         ('waylay', 'waylay', '{:.0f}'), ('ratio', 'ratio', '{:.2f}'), ('bar', 'bar', '{}'),
         ('verdict', '', '{}')])
    case = Case(bench, 'small', [small, '1'])
    rounds = 2000

    def row(own, address, path):
        def measure():
            bare, ours = [], []
            with server(bench, own, r'^(\d+)$', 'stdout') as (found, _), \
                    waylay(bench, case.program, address=address) as (ready, _):
                check(ready.group(2) == 'fork', 'it is served in mode ' + ready.group(2))
                for _ in range(5):  # by turns, for a machine is not the same all the time
                    bare.append(median(case.ask(path or found.group(1), rounds // 5)[1]))
                    ours.append(median(case.ask(ready.group(3), rounds // 5)[1]))
            ratio = median([b / a for a, b in zip(bare, ours)])
            return {'bare': median(bare), 'waylay': median(ours), 'ratio': ratio,
                    'bar': '<= 1.15', 'verdict': at_most(ratio, 1.15)}
        return measure

    path = bench.path('bare')
    table.attempt('TCP', row([small, '1', '--tcp'], '0', None))
    table.attempt('unix', row([small, '1', '--unix', path], 'unix:' + bench.path('ours'), path))


def numpy_script(bench):
    path = bench.path('count.py')
    with open(path, 'w') as f:
        f.write('import sys, numpy as np\n'
                'table = {"word%d" % i: i for i in range(200000)}\n'
                'words = sys.stdin.read().split()\n'
                'print(len(words), np.array([len(w) for w in words]).mean(), len(table))\n')
    return path


def java_program(bench):
    with open(bench.path('H.java'), 'w') as f:
        f.write('import java.io.*; import java.util.*;\n'
                'public class H { public static void main(String[] a) throws Exception {\n'
                'Map<String, Integer> m = new HashMap<>();\n'
                'for (int i = 0; i < 200000; i++) m.put("k" + i, i);\n'
                'BufferedReader r = new BufferedReader(new InputStreamReader(System.in));\n'
                'String l; int n = 0; while ((l = r.readLine()) != null) n += l.length();\n'
                'System.out.println(n + " " + m.size()); } }\n')
    run_checked(['javac', '-d', bench.temp, bench.path('H.java')])
    return ['java', '-cp', bench.temp, 'H']


def jq_program(bench):
    path = bench.path('program.jq')
    with open(path, 'w') as f:
        f.write(''.join('def f%d: . + %d | . * %d %% 10007;\n' % (i, i, i % 7 + 1)
                        for i in range(1500)) + '[.name, (.list | add | f3 | f700 | f1499)]\n')
    return ['jq', '-c', '-f', path]


def tagger(bench, megabytes):
    program = bench.path('tagger')
    if not os.path.exists(program):
        variant = 'musl-static' if shutil.which('musl-gcc') else 'glibc-static'
        run_checked([os.path.join(bench.source, '../harness/build.sh'), variant,
                     os.path.join(bench.source, '../prog/tagger.c'), program, '', '-s'])
    model = bench.path('model')
    run_checked([program, '--build', model, str(megabytes)])
    return [program, model]


def against_exec(bench):
    table = bench.table(
        'waylay serve beside a fresh start for each request: milliseconds of a request',
        [('name', 'program', '{}'), ('socat', 'socat', '{:.2f}'),
         ('tcpserver', 'tcpserver', '{:.2f}'), ('waylay', 'waylay', '{:.3f}'),
         ('mode', 'mode', '{}'), ('ratio', 'times faster', '{:.1f}'), ('bar', 'bar', '{}'),
         ('verdict', '', '{}')],
        ['Times faster: than tcpserver.'])

    def row(case, bar, rounds, *options):
        def measure():
            c = case()
            fresh = c.fresh(tcpserver, rounds) / 1000
            other = c.fresh(socat, rounds) / 1000
            served, mode = c.served(10 * rounds, *options)
            ratio = fresh / (served / 1000)
            return {'socat': other, 'tcpserver': fresh, 'waylay': served / 1000, 'mode': mode,
                    'ratio': ratio, 'bar': '>= %d' % bar, 'verdict': at_least(ratio, bar)}
        return measure

    size = 100 if bench.quick else 500
    table.attempt('static tagger, %d MB' % size,
                  row(lambda: Case(bench, 'tagger', tagger(bench, size)), 300, 20))
    request = b'{"name":"a","list":[1,2]}'
    table.attempt('jq, large program',
                  row(lambda: Case(bench, 'jq', jq_program(bench), request), 40, 40))
    table.attempt('aspell -a',
                  row(lambda: Case(bench, 'aspell', ['aspell', '-a', '-d', 'en']), 4, 40))
    table.attempt('java', row(lambda: Case(bench, 'java', java_program(bench)), 5, 20))

    def python():
        return Case(bench, 'numpy', [PYTHON, numpy_script(bench)])

    table.attempt('python, numpy', row(python, 3, 20))
    table.attempt('python, numpy, --exit=fast', row(python, 60, 20, '--exit=fast'))


def first_byte(bench):
    table = bench.table(
        'Programs that are started ahead: milliseconds to the first byte, a request every 0.7 s',
        [('name', '--mode=prestart', '{}'), ('fresh', 'tcpserver', '{:.2f}'),
         ('waylay', 'waylay', '{:.3f}'), ('ratio', 'times faster', '{:.1f}'),
         ('bar', 'bar', '{}'), ('verdict', '', '{}')])
    node = bench.path('t.js')
    with open(node, 'w') as f:
        f.write('const t = new Map(); for (let i = 0; i < 300000; i++) t.set("k" + i, i);\n'
                'process.stdin.on("data", d => process.stdout.write(String(d).toUpperCase()));\n')

    def row(program):
        def measure():
            c = Case(bench, 'ahead', program)
            with tcpserver(bench, program) as (found, _):
                fresh = median(c.ask(found.group(1), 20)[0]) / 1000
            with waylay(bench, program, '--mode=prestart', '--pool=4') as (found, _):
                check(found.group(2) == 'prestart', 'it is served in mode ' + found.group(2))
                served = median(c.ask(found.group(3), 20, 700)[0]) / 1000
            return {'fresh': fresh, 'waylay': served, 'ratio': fresh / served, 'bar': '>= 20',
                    'verdict': at_least(fresh / served, 20)}
        return measure

    table.attempt('node', row(['node', node]))
    table.attempt('python, numpy', row([PYTHON, numpy_script(bench)]))


def available_mb():
    with open('/proc/meminfo') as f:
        return int(re.search(r'MemAvailable:\s+(\d+)', f.read()).group(1)) // 1024


def own_memory(pid):
    """Kilobytes that a process has for itself, its page tables included."""
    with open('/proc/%d/smaps_rollup' % pid) as f:
        own = sum(int(n) for n in re.findall(r'Private_(?:Clean|Dirty):\s+(\d+)', f.read()))
    with open('/proc/%d/status' % pid) as f:
        return own + int(re.search(r'VmPTE:\s+(\d+)', f.read()).group(1))


def big(bench, small):
    table = bench.table(
        'Big programs',
        [('name', 'what', '{}'), ('value', '', '{:.3f}'), ('unit', '', '{}'), ('bar', 'bar', '{}'),
         ('verdict', '', '{}')],
        ['The fork part alone is in the table of freezing.'])

    def light():
        megabytes = 4096
        if available_mb() < megabytes + 1024:
            say('%d MB are free, too few for %d MB' % (available_mb(), megabytes))
            return {'unit': 'not measured: %d MB are free' % available_mb()}
        case = Case(bench, 'big', [small, str(megabytes)])
        took = case.served(400)[0] / 1000
        return {'value': took, 'unit': 'ms', 'bar': '<= 2', 'verdict': at_most(took, 2)}

    def idle():
        megabytes = 100 if bench.quick else 500
        copies = []
        with waylay(bench, [small, str(megabytes)], '-v', address='unix:' + bench.path('idle')) as \
                (ready, lines):
            check(ready.group(2) == 'fork', 'it is served in mode ' + ready.group(2))
            with contextlib.ExitStack() as stack:
                import socket
                for n in range(20):
                    s = stack.enter_context(socket.socket(socket.AF_UNIX))
                    s.connect(ready.group(3))
                    found = lines.find(r'connection %d .*: process (\d+)' % (n + 1))
                    copies.append(int(found.group(1)))
                # It waits for its input: then it has touched what it touches.
                for pid in copies:
                    while True:
                        with open('/proc/%d/stat' % pid) as f:
                            if f.read().rpartition(')')[2].split()[0] == 'S':
                                break
                own = median([own_memory(pid) for pid in copies]) / 1024
        return {'value': own, 'unit': 'MB', 'bar': '<= 0.3', 'verdict': at_most(own, 0.3)}

    table.attempt('4 GB resident: a light request', light)
    table.attempt('%d MB: an idle copy\'s own memory' % (100 if bench.quick else 500), idle)


def measure(bench):
    bench.asker = bench.compile('asker', 'asker.c')
    small = bench.compile('small', 'small.c', flags=['-static'])
    against_fork(bench, small)
    against_exec(bench)
    first_byte(bench)
    big(bench, small)
