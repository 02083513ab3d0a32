# SPDX-License-Identifier: Apache-2.0
"""Whole programs, native against waylay run --stats, in turn."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from common import Failed, check, end, median, run_checked, say, without_rights

TEN = 10


class Pair:
    """A command as it is and under waylay."""

    def __init__(self, bench):
        self.bench = bench
        self.path, self.read = bench.stats('macro.json')

    def under(self, command):
        return [self.bench.waylay, 'run', '--stats', '--stats-json', self.path, *command]

    def calls(self):
        got = self.read()
        return sum(c['count'] for c in got['calls'].values())

    def fresh(self):
        if os.path.exists(self.path):
            os.unlink(self.path)


def timed(bench, command, proof, least_calls, rounds, **kwargs):
    """proof(result) is what the work came to; it must be the same each time."""
    pair = Pair(bench)
    times = {False: [], True: []}
    proofs = set()
    calls = []
    for n in range(rounds + 1):
        for caught in (False, True):
            pair.fresh()
            full = pair.under(command) if caught else command
            begin = time.perf_counter()
            result = run_checked(full, **kwargs)
            if n:  # the first round warms caches
                times[caught].append(time.perf_counter() - begin)
            proofs.add(proof(result))
            if caught:
                calls.append(pair.calls())
    check(len(proofs) == 1, 'the work differs: %s' % list(proofs)[:3])
    check(min(calls) >= least_calls, 'only %d calls were caught' % min(calls))
    native, caught = median(times[False]), median(times[True])
    return {'native': '%.1f ms' % (1e3 * native), 'waylay': '%.1f ms' % (1e3 * caught),
            'ratio': median([b / a for a, b in zip(times[False], times[True])]),
            'calls': int(median(calls)), 'each': 1e9 * (caught - native) / median(calls)}


def dd(bench, rounds):
    def proof(result):
        found = re.search(rb'^(\d+) bytes', result.stderr, re.M)
        check(found and int(found.group(1)) == 200000, 'dd did not copy 200000 bytes')
        return found.group(1)
    return timed(bench, ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=200000'], proof,
                 400000, rounds, env={**os.environ, 'LC_ALL': 'C'})


def tar(bench, rounds):
    def proof(result):
        check(int(result.stdout) > 1000000, 'tar wrote only %d bytes' % int(result.stdout))
        return result.stdout
    script = 'tar cf - -C /usr/share doc | cat | wc -c'
    return timed(bench, ['sh', '-c', script], proof, 1000, rounds)


def git_repository(bench, name):
    """A repository with something to say of; the environment and the command that says it."""
    repo = bench.path(name)
    env = {**os.environ, 'HOME': bench.temp, 'GIT_CONFIG_GLOBAL': '/dev/null',
           'GIT_CONFIG_SYSTEM': '/dev/null', 'LC_ALL': 'C'}
    for d in range(50):
        os.makedirs('%s/folder%d' % (repo, d))
        for f in range(30):
            name = '%s/folder%d/file%d' % (repo, d, f)
            with open(name, 'w') as out:
                out.write('file %d of folder %d\n' % (f, d))
            os.utime(name, (10 ** 9, 10 ** 9))  # else git looks into it each time: it is so new
    who = ['-c', 'user.name=Bench', '-c', 'user.email=bench@localhost']
    for command in (['init', '-q'], ['add', '.'], [*who, 'commit', '-qm', 'all']):
        run_checked(['git', '-C', repo, *command], env=env)
    with open(repo + '/folder7/file7', 'a') as out:
        out.write('one line more\n')
    with open(repo + '/new', 'w') as out:
        out.write('new\n')

    return env, ['git', '-C', repo, 'status', '--porcelain']


def git(bench, rounds):
    env, command = git_repository(bench, 'repository')

    def proof(result):
        check(result.stdout == b' M folder7/file7\n?? new\n', 'git status says something else')
        return result.stdout
    return timed(bench, command, proof, 1500, rounds, env=env)


def gcc(bench, rounds):
    """Ten of our own sources; those that need a generated header are left out."""
    top = os.path.realpath(os.path.join(bench.source, '..', '..'))
    out = bench.path('objects')
    os.mkdir(out)
    chosen = []

    def command(sources):
        return ['gcc', '-c', '-O1', '-std=gnu17', '-D_GNU_SOURCE', '-DWY_VERSION="0"',
                '-I', os.path.join(top, 'src'), *sources]
    for source in sorted(glob.glob(top + '/src/base/*.c') + glob.glob(top + '/src/host/*.c') +
                         glob.glob(top + '/src/launch/*.c')):
        if len(chosen) < TEN and not subprocess.run(
                [*command([source]), '-fsyntax-only'], stderr=subprocess.DEVNULL).returncode:
            chosen.append(source)
    check(len(chosen) == TEN, 'only %d files can be compiled' % len(chosen))

    def proof(_):
        objects = glob.glob(out + '/*.o')
        sizes = [os.path.getsize(o) for o in sorted(objects)]
        for o in objects:
            os.unlink(o)
        check(len(sizes) == TEN, 'gcc made %d objects' % len(sizes))
        return tuple(sizes)
    return timed(bench, command(chosen), proof, 1000, rounds, cwd=out)


def served(bench, rounds, serve, least_per_request):
    """serve(prefix) runs a server and its client once: requests for each second, and in all."""
    pair = Pair(bench)
    rates = {False: [], True: []}
    for _ in range(rounds):
        for caught in (False, True):
            pair.fresh()
            rate, requests = serve(pair.under([]) if caught else [])
            check(rate > 0 and requests > 0, 'no request was answered')
            rates[caught].append(rate)
            if caught:
                calls = pair.calls()
                check(calls >= requests * least_per_request,
                      '%d calls were caught for %d requests' % (calls, requests))
    native, caught = median(rates[False]), median(rates[True])
    return {'native': '%.0f /s' % native, 'waylay': '%.0f /s' % caught,
            'ratio': median([a / b for a, b in zip(rates[False], rates[True])]),
            'calls': calls, 'each': None}


def server_folder(bench, name):
    folder = bench.path(name)
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    if os.geteuid() == 0:
        os.chown(folder, without_rights()['user'], without_rights()['group'])
    return folder


NGINX = '''daemon off;
worker_processes 1;
pid %(folder)s/pid;
error_log %(folder)s/log;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %(folder)s/body;
	proxy_temp_path %(folder)s/proxy;
	fastcgi_temp_path %(folder)s/fastcgi;
	uwsgi_temp_path %(folder)s/uwsgi;
	scgi_temp_path %(folder)s/scgi;
	keepalive_requests 1000000;
	server {
		listen 127.0.0.1:%(port)d;
		root %(folder)s;
	}
}
'''


def end_itself(server, folder):
    """Ends a server under whatever tracer: not all of those pass a signal on."""
    try:
        with open(folder + '/pid') as f:
            os.kill(int(f.read()), signal.SIGTERM)
    except (OSError, ValueError):
        server.send_signal(signal.SIGTERM)


def nginx_once(bench, prefix):
    """nginx takes the listening socket that we made (as it does when it is upgraded), so the
    port is sure to be free, and who connects at once has only to wait."""
    folder = server_folder(bench, 'nginx')
    os.chmod(bench.temp, 0o777)  # --stats-json is opened by the user without rights
    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        listening.listen(128)
        port = listening.getsockname()[1]
        with open(folder + '/conf', 'w') as f:
            f.write(NGINX % {'folder': folder, 'port': port})
        with open(folder + '/page', 'w') as f:
            f.write('x' * 1000)
        server = subprocess.Popen(
            bench.pinned([*prefix, 'nginx', '-p', folder, '-c', folder + '/conf', '-e', folder + '/log']),
            pass_fds=[listening.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, 'NGINX': '%d;' % listening.fileno()}, **without_rights())
    try:
        out = run_checked(bench.elsewhere([
            'wrk', '-t1', '-c16', '-d%d' % (1 if bench.quick else 2),
            'http://127.0.0.1:%d/page' % port])).stdout.decode()
    finally:
        end_itself(server, folder)
        status = end(server)
    check('Non-2xx' not in out and 'Socket errors' not in out, 'wrk saw errors: ' + out[-200:])
    check(status == 0, 'nginx ended with %d' % status)
    return (float(re.search(r'Requests/sec:\s*([\d.]+)', out).group(1)),
            int(re.search(r'(\d+) requests in', out).group(1)))


def redis_once(bench, prefix):
    folder = server_folder(bench, 'redis')
    os.chmod(bench.temp, 0o777)
    where = folder + '/socket'
    requests = 20000 if bench.quick else 60000
    server = subprocess.Popen(
        bench.pinned([*prefix, 'redis-server', '--port', '0', '--unixsocket', where, '--save', '',
                      '--appendonly', 'no', '--dir', folder, '--pidfile', folder + '/pid']),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **without_rights())
    try:
        for line in server.stdout:
            if 'ready to accept connections' in line.lower():
                break
        else:
            raise Failed('redis-server did not start')
        out = run_checked(bench.elsewhere([
            'redis-benchmark', '-s', where, '-q', '--csv', '-c', '16', '-t', 'set,get',
            '-n', str(requests)])).stdout.decode()
    finally:
        end_itself(server, folder)
        server.stdout.read()
        server.stdout.close()
        status = end(server)
    check(status == 0, 'redis-server ended with %d' % status)
    rates = [float(x) for x in re.findall(r'^"[SG]ET","([\d.]+)"', out, re.M)]
    check(len(rates) == 2, 'redis-benchmark says something else: ' + out[-200:])
    return sum(rates) / 2, 2 * requests


def measure(bench):
    rounds = 3 if bench.quick else 9
    servers = 1 if bench.quick else 5
    table = bench.table(
        'Programs: native against waylay run --stats',
        [('name', 'program', '{}'), ('native', 'native', '{}'), ('waylay', 'waylay', '{}'),
         ('ratio', 'times slower', '{:.3f}'), ('calls', 'calls', '{}'),
         ('each', 'added ns per call', '{:.0f}')])
    table.attempt('dd bs=1 count=200000', lambda: dd(bench, rounds))
    table.attempt('tar of /usr/share/doc', lambda: tar(bench, 3 if bench.quick else 5))
    table.attempt('git status', lambda: git(bench, rounds))
    table.attempt('gcc -c, ten files', lambda: gcc(bench, 1 if bench.quick else 5))
    table.attempt('nginx + wrk', lambda: served(
        bench, servers, lambda prefix: nginx_once(bench, prefix), 1))
    table.attempt('redis-server + redis-benchmark', lambda: served(
        bench, servers, lambda prefix: redis_once(bench, prefix), 1))
