#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs, natively and under waylay: what they print and how they end must be equal.

    programs.py [NAME...]

Each test is a shell script that runs in an empty directory, whole under `waylay run`: the shell
and everything it starts.  Servers listen on sockets in that directory or on a port of the
loopback that was free a moment ago.  What the programs say of times and rates is not printed;
that they did the work is.
Environment: WAYLAY is the program under test; without it native runs are compared.
Output: TAP.
"""
import os
import re
import shutil
import socket
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
import torture  # noqa: E402  (the harness is not a package)

TESTS = {}


def test(name, script, needs="", **options):
    TESTS[name] = dict(options, script=script, needs=needs.split())


test("ls", "ls -l /etc /usr/bin")
test("sh", "echo a|cat; ls")
test("env", "env -i /bin/sh -c 'echo $0 | cat; env -i /usr/bin/env; exit 3'")

test("bash traps", r"""
trap 'echo trapped USR1' USR1
trap 'echo at the end' EXIT
trap 'echo a child ended' CHLD
kill -USR1 $$
(exit 5); echo $?
{ trap 'echo TERM in a subshell; exit 9' TERM; echo ready >&3; while :; do read -t 0.01 x <&4; done; } \
	3>fifo1 4<>fifo2 &
read line <fifo1
kill -TERM $!; wait $!; echo $?
for i in 1 2 3; do kill -USR1 $$; done
trap '' PIPE; yes 2>/dev/null | head -n 1
coproc cat; echo through >&"${COPROC[1]}"; read -u "${COPROC[0]}" line; echo "$line"
eval "exec ${COPROC[1]}>&-"; wait
# bash's parser does not bear a trap that runs while it reads a substitution, natively either
trap - CHLD
exec 9>file; echo to nine >&9; exec 9>&-; cat file; exec 10<file; read -u 10 line; echo "$line"
cat <(echo one) <(echo two) | tee >(cat >tee) ; wait; until [ -s tee ]; do :; done; cat tee
""", setup="mkfifo fifo1 fifo2", shell="bash", needs="bash")

test("bash jobs", r"""
set -m
sleep 1000 & echo started
jobs %1 | sed 's/ *$//'
kill -STOP %1; until jobs -s | grep -q sleep; do :; done; jobs | sed 's/ *$//'
bg %1 >/dev/null; until jobs -r | grep -q sleep; do :; done; jobs | sed 's/ *$//'
kill %1; wait %1; echo $?
(sleep 0.01; exit 4) & wait $!; echo $?
set -o pipefail; false | true | exit 3; echo $? ${PIPESTATUS[@]}
sleep 1000 | cat & kill -INT -- -$!; kill -INT %2; wait; echo all gone
""", shell="bash", needs="bash",
     # whether bash still says so of a job that it has waited for is a race natively, too
     normalise=r"(?m)^(bash: line .*|\[\d\]\S* +Interrupt.*)\n=>")

test("python threads", r"""
cat >t.py <<'END'
import threading, queue, os, signal, time
q, out = queue.Queue(), []
def work():
    while (n := q.get()) is not None:
        out.append(n * n); os.getppid()
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[q.put(n) for n in range(2000)]
[q.put(None) for _ in threads]
[t.join() for t in threads]
print(sum(out), len(out))
hits = []
signal.signal(signal.SIGALRM, lambda *a: hits.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
while len(hits) < 50: time.sleep(0.01)
signal.setitimer(signal.ITIMER_REAL, 0)
print("alarms")
END
python3 t.py
""", needs="python3")

test("python subprocess", r"""
cat >t.py <<'END'
import subprocess, sys, os, multiprocessing, concurrent.futures
def f(n): return n * n
if __name__ == "__main__":
    print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True))
    p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(p.communicate(b"x" * 100000)[0] == b"x" * 100000, p.returncode)
    try: subprocess.run(["/does/not/exist"])
    except FileNotFoundError as e: print(e)
    p = subprocess.Popen(["sleep", "1000"], start_new_session=True, close_fds=True)
    p.terminate(); print(p.wait())
    try: subprocess.run(["sleep", "1000"], timeout=0.05)
    except subprocess.TimeoutExpired as e: print('timed out')
    with multiprocessing.get_context("fork").Pool(4) as pool: print(sum(pool.map(f, range(100))))
    with multiprocessing.get_context("spawn").Pool(2) as pool: print(sum(pool.map(f, range(100))))
    with concurrent.futures.ThreadPoolExecutor(8) as ex:
        print(sum(ex.map(lambda n: subprocess.call(["sh", "-c", f"exit {n}"]), range(30))))
    r, w = os.pipe()
    if os.fork() == 0: os.write(w, b"child"); os._exit(0)
    print(os.read(r, 10), os.wait()[1], os.system("exit 7") >> 8, os.popen("echo popen").read())
END
python3 t.py
""", needs="python3")

test("python asyncio", r"""
cat >t.py <<'END'
import asyncio, signal, os
async def handle(r, w):
    while data := await r.readline(): w.write(data.upper()); await w.drain()
    w.close()
async def client(port, n):
    r, w = await asyncio.open_connection("127.0.0.1", port)
    for i in range(20):
        w.write(b"line %d %d\n" % (n, i)); await w.drain()
        assert await r.readline() == b"LINE %d %d\n" % (n, i)
    w.close(); await w.wait_closed()
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*(client(port, n) for n in range(30)))
    server.close()
    p = await asyncio.create_subprocess_exec("sh", "-c", "read x; echo got $x; exit 6",
        stdin=-1, stdout=-1)
    print(await p.communicate(b"input\n"), p.returncode)
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, done.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(done.wait(), 60)
    print(await asyncio.to_thread(lambda: 42))
asyncio.run(main())
END
python3 t.py
""", needs="python3")

test("node", r"""
cat >t.js <<'END'
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { execFileSync, spawn } = require('child_process');
const fs = require('fs'), http = require('http'), crypto = require('crypto'), zlib = require('zlib');
if (!isMainThread) { parentPort.on('message', n => { parentPort.postMessage(n * n); }); }
else (async () => {
  console.log(execFileSync('sh', ['-c', 'echo from sh']).toString().trim());
  let sum = 0;
  await Promise.all([1, 2, 3].map(n => new Promise(done => {
    const w = new Worker(__filename);
    w.on('message', m => { sum += m; w.terminate().then(done); });
    w.postMessage(n);
  })));
  console.log(sum);
  const server = http.createServer((q, a) => a.end('hello ' + q.url)).listen(0, '127.0.0.1');
  await new Promise(r => server.on('listening', r));
  const get = p => new Promise(r => http.get({ port: server.address().port, host: '127.0.0.1', path: p, agent: false },
    a => { let s = ''; a.on('data', d => s += d); a.on('end', () => r(s)); }));
  console.log((await Promise.all([...Array(20).keys()].map(n => get('/' + n)))).join());
  server.close();
  await fs.promises.writeFile('file', 'text'.repeat(10000));
  console.log((await fs.promises.readFile('file')).length, zlib.gzipSync(fs.readFileSync('file')).length);
  console.log(await new Promise(r => crypto.pbkdf2('a', 'b', 1000, 8, 'sha1', (e, k) => r(k.toString('hex')))));
  let f = 0; for (let i = 0; i < 3e6; i++) f = (f * 31 + i) | 0; console.log(f);
  const c = spawn('sleep', ['1000']); c.on('exit', (code, sig) => console.log(code, sig)); c.kill();
})();
END
node t.js
""", needs="node", timeout=120)

test("git", r"""
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_CONFIG_NOSYSTEM=1
git init -q -b main repo && cd repo || exit
for i in 1 2 3 4 5 6 7 8; do seq $i 100 >file$i; git add .; git commit -q -m "commit $i"; done
echo more >>file1; echo new >untracked
git status; git log --stat | tail -30; git diff; git gc -q; git fsck 2>&1
git checkout -q -b other HEAD~3; seq 500 >file2; git commit -q -a -m other; git merge -q main -m merge 2>&1
git status --short; git checkout -q -f main
git clone -q . ../clone && cd ../clone && git log --oneline && git status && git count-objects
git clone -q "file://$PWD/../repo" ../clone2 && git -C ../clone2 rev-parse HEAD && git stash list
""", needs="git")

test("tar", r"""
mkdir -p tree/a/b/c && seq 100000 >tree/a/numbers && ln -s numbers tree/a/link && ln tree/a/numbers tree/a/b/hard
mkfifo tree/a/b/fifo; chmod 700 tree/a/b/c; touch -d @1000000000 tree/a/b/c
tar c --sort=name --mtime=@1000000000 --owner=0 --group=0 --numeric-owner tree | tee all.tar | sha256sum
tar cz --sort=name --mtime=@1000000000 --owner=0 --group=0 --numeric-owner tree | gzip -d | sha256sum
tar cJ --sort=name --mtime=@1000000000 tree 2>/dev/null | xz -d | tar t
mkdir out && tar xf all.tar -C out && (cd out && find . | sort && sha256sum tree/a/numbers tree/a/b/hard)
tar x <all.tar nothing
""", needs="tar")

test("gcc", r"""
for i in 1 2 3; do gcc -O$i -g0 -c "$SOURCE/tests/torture/16-registers.c" -I "$SOURCE/tests/harness" -o reg$i.o &&
	sha256sum reg$i.o; done
gcc -O2 -pthread -I "$SOURCE/tests/harness" "$SOURCE/tests/torture/14-jit.c" -o jit && ./jit
gcc -c nothing.c; echo $?
echo 'int main(void) { return undeclared; }' | gcc -x c -c - -o /dev/null; echo $?
""", needs="gcc")

test("make", r"""
for i in $(seq 20); do echo "int f$i(void) { return $i; }" >f$i.c; done
{ echo '#include <stdio.h>'; for i in $(seq 20); do echo "int f$i(void);"; done
  echo 'int main(void) { int n = 0;'; for i in $(seq 20); do echo "n += f$i();"; done
  echo 'printf("%i", n); putchar(10); return 0; }'; } >main.c
cat >Makefile <<'END'
OBJ = $(patsubst %.c,%.o,$(wildcard *.c))
all: prog
prog: $(OBJ)
	$(CC) -o $@ $(sort $(OBJ))
%.o: %.c
	$(CC) -O1 -c -o $@ $<
fail:
	exit 3
END
make -j2 CC=gcc >log; echo $?; sort log; ./prog; make -j2 CC=gcc; make fail; echo $?
""", needs="make gcc")

test("nginx", r"""
mkdir -p www tmp; seq 1000 >www/index.html
cat >nginx.conf <<END
worker_processes 2; daemon off; pid $PWD/pid; error_log $PWD/error.log; user nobody nogroup;
events { worker_connections 256; }
http { access_log $PWD/access.log; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp; sendfile on;
  server { listen 127.0.0.1:$PORT; root $PWD/www; } }
END
nginx -p "$PWD" -e error.log -c "$PWD/nginx.conf" 2>start.log & server=$!
until [ -s pid ] && curl -s -o index http://127.0.0.1:$PORT/; do
	kill -0 $server 2>/dev/null || { cat start.log error.log; exit 1; }; done
cmp index www/index.html && echo served
wrk -t 2 -c 20 -d 1s http://127.0.0.1:$PORT/ >wrk.log || cat wrk.log
grep -E 'errors|Non-2xx' wrk.log; awk '/requests in/ { print ($1 > 100) ? "many requests" : "few requests" }' wrk.log
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:$PORT/nothing
old=$(cat pid); kill -HUP $old
until curl -s -o index2 http://127.0.0.1:$PORT/ && cmp -s index2 www/index.html; do :; done; echo reloaded
kill -QUIT $server; wait $server; echo $?; grep -c -E 'alert|emerg|crit' error.log
""", needs="nginx wrk curl", user="nobody", port=True, timeout=120,
     normalise=r"nginx: \[warn\][^\n]*\n=>")

test("redis", r"""
redis-server --port 0 --unixsocket "$PWD/sock" --save '' --appendonly yes --daemonize no --dir "$PWD" >log & server=$!
until redis-cli -s sock ping 2>/dev/null | grep -q PONG; do kill -0 $server || { cat log; exit 1; }; done
redis-cli -s sock set key value; redis-cli -s sock get key
redis-cli -s sock eval 'for i = 1, 1000 do redis.call("set", "k" .. i, i) end return redis.call("dbsize")' 0
redis-benchmark -s sock -q -n 5000 -c 20 -t set,get,lpush,lrange_100 >bench.log 2>&1; echo $?
grep -c 'requests per second' bench.log
redis-cli -s sock save; redis-cli -s sock bgsave
until redis-cli -s sock info persistence | grep -q rdb_bgsave_in_progress:0; do :; done
redis-cli -s sock info persistence | grep -E 'rdb_last_bgsave_status'; redis-cli -s sock llen mylist
redis-cli -s sock shutdown; wait $server; echo $?
""", needs="redis-server redis-cli redis-benchmark", user="nobody", timeout=120)

test("postgres", r"""
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; export PGHOST=$PWD PGUSER=pg PGDATABASE=postgres LC_ALL=C
initdb -D data -U pg -A trust --no-sync >initdb.log 2>&1 || { cat initdb.log; exit 1; }
pg_ctl -D data -s -w -o "-c listen_addresses='' -c unix_socket_directories='$PWD' -c fsync=off" -l log start || { cat log; exit 1; }
pgbench -q -i -s 1 >init.log 2>&1 || cat init.log
pgbench -n -c 4 -j 2 -t 50 >bench.log 2>&1 || cat bench.log
grep -E 'actually processed|failed' bench.log
psql -At -c 'select count(*), sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts'
psql -At -c 'select 1/0' 2>&1; psql -At -c 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0;
  set min_parallel_table_scan_size = 0; select sum(aid) from pgbench_accounts'
psql -q -c 'create table t (n int); listen x; notify x' | sed 's/PID [0-9]*/PID/'; seq 1000 | psql -q -c 'copy t from stdin'; psql -At -c 'select sum(n) from t'
psql -At -c 'select pg_terminate_backend(pg_backend_pid())' >term.log 2>&1; echo $?
pg_ctl -D data -s -m fast stop; echo $?; grep -c -E 'PANIC|terminated by signal' log
""", needs="/usr/lib/postgresql", user="nobody", timeout=240)

test("sqlite3", r"""
sqlite3 db <<'END'
create table t (n integer primary key, s text);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000) insert into t select n, hex(n * 7919) from c;
select count(*), sum(length(s)) from t;
begin; delete from t where n % 3 = 0; rollback;
select count(*) from t; create index i on t (s); select n from t where s = hex(7919 * 500); vacuum; pragma integrity_check;
pragma journal_mode = wal; update t set s = 'x' where n < 100; select count(*) from t where s = 'x';
select * from nothing;
END
echo $?; sqlite3 db .dump | sha256sum
""", needs="sqlite3")

test("vim", r"""
seq 100 >file
vim -u NONE -es -c '%s/7/seven/g' -c 'g/5/d' -c 'r !echo from the shell' -c '%!sort' -c 'wq' file; echo $?
sha256sum file; vim -u NONE -es -c 'cquit 3' ; echo $?
""", needs="vim")

test("gdb", r"""
cat >p.c <<'END'
#include <stdio.h>
#include <unistd.h>
static int f(int n) { return n ? f(n - 1) + 1 : getpid() > 0 ? 0 : 9; }
int main(void) { printf("%d\n", f(3)); fflush(stdout); return f(4); }
END
gcc -g -O0 p.c -o p && gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'break f if n == 0' -ex run -ex bt -ex 'p n' -ex c -ex c ./p 2>&1 |
	grep -v -E 'warning|libthread_db|Using host'
""", needs="gdb gcc", notes="may", normalise=r"0x[0-9a-f]+=>ADDR && process \d+=>process N")

test("strace inside", r"""
strace -ff -o log -e trace=write,exit_group,execve sh -c 'echo one; /bin/echo two | cat'; echo $?
cat log.* | grep -c -E 'write\(1, "(one|two)'; cat log.* | grep -c 'exit_group(0)'
strace -o log -e trace=none sh -c 'kill -9 $$'; echo $?; strace -c -o log true; grep -c execve log
""", needs="strace", notes="may")

test("java", r"""
cat >T.java <<'END'
import java.util.stream.*; import java.util.concurrent.*; import java.nio.file.*; import java.net.*; import java.io.*;
public class T {
  static int deep(int n) { return deep(n + 1) + 1; }
  public static void main(String[] a) throws Exception {
    System.out.println(IntStream.range(0, 1000000).parallel().mapToLong(i -> (long) i * i).sum());
    try { deep(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
    try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null"); }
    ExecutorService ex = Executors.newFixedThreadPool(20);
    int sum = 0; for (Future<Integer> f : ex.invokeAll(IntStream.range(0, 200).mapToObj(i -> (Callable<Integer>) () -> i).collect(Collectors.toList()))) sum += f.get();
    ex.shutdown(); System.out.println(sum);
    Process p = new ProcessBuilder("sh", "-c", "echo from sh; exit 4").start();
    System.out.println(new String(p.getInputStream().readAllBytes()).trim() + " " + p.waitFor());
    ServerSocket s = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
    Thread t = new Thread(() -> { try (Socket c = s.accept()) { c.getInputStream().transferTo(c.getOutputStream()); } catch (IOException e) { } });
    t.start();
    try (Socket c = new Socket(s.getInetAddress(), s.getLocalPort())) { c.getOutputStream().write("echo".getBytes()); c.shutdownOutput();
      System.out.println(new String(c.getInputStream().readAllBytes())); }
    t.join(); byte[][] g = new byte[1000][]; for (int i = 0; i < 20000; i++) g[i % 1000] = new byte[10000]; System.gc();
    Files.writeString(Path.of("f"), "text"); System.out.println(Files.size(Path.of("f")));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook"))); System.exit(5);
  }
}
END
java -Xmx256m T.java; echo $?; java -Xint -Xmx256m -XX:+UseSerialGC T.java | tail -1
""", needs="java javac", timeout=240)

test("go server", r"""
cp "$SOURCE/tests/prog/go/http-server.go" . && GOCACHE=$CACHE GO111MODULE=off go build -o server http-server.go || exit 1
./server >port & server=$!
until [ -s port ]; do :; done; read -r address <port
curl -s http://$address/hello; wrk -t 2 -c 30 -d 1s http://$address/load >wrk.log || cat wrk.log
grep -E 'errors|Non-2xx' wrk.log; awk '/requests in/ { print ($1 > 100) ? "many requests" : "few requests" }' wrk.log
kill -TERM $server; wait $server; echo $?; tail -n +2 port
""", needs="go wrk curl", timeout=180)

test("busybox", r"""
busybox sh -c 'for i in 1 2 3; do echo $i; done | busybox sort -r; busybox seq 1000 | busybox md5sum; (exit 3); echo $?'
busybox ls -l /etc | busybox wc -l; busybox tar c -C /etc passwd | busybox tar t
""", needs="busybox")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def missing(needs):
    for need in needs:
        if need.startswith("/"):
            if not os.path.exists(need):
                return need
        elif not shutil.which(need, path=PATH):
            return need
    return None


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def one(tap, name, options, top, waylay):
    lack = missing(options["needs"])
    if lack:
        tap.point(True, name, skip=f"{lack} is not installed")
        return
    cwd = os.path.join(top, "work")
    user = []
    if options.get("user") and os.geteuid() == 0:
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    script = options["script"]
    if options.get("setup"):
        script = options["setup"] + "\n" + script
    timeout = options.get("timeout", 60)
    results = []
    ways = [("native", [])]
    if waylay:
        ways += [("run", [waylay, "run"]),
                 ("stats", [waylay, "run", "--stats-json", os.path.join(top, "stats.json")])]
    else:
        ways += [("native again", [])]
    for way, prefix in ways:
        env = {"PATH": PATH, "HOME": cwd, "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
               "SOURCE": os.path.abspath(os.path.join(HERE, "..", "..")),
               "CACHE": os.path.join(top, "cache")}
        if options.get("port"):
            env["PORT"] = str(free_port())
        if os.path.exists(os.path.join(top, "stats.json")):
            os.unlink(os.path.join(top, "stats.json"))
        argv = user + prefix + [options.get("shell", "sh"), "-c", script]
        got = torture.run(argv, cwd, timeout if way == "native" else 3 * timeout, env)
        if options.get("notes") == "may":
            got.err = re.sub(rb"(?m)^waylay: .*\n", b"", got.err)
        for rule in options.get("normalise", "").split("&&"):
            if "=>" in rule:
                pattern, _, text = rule.partition("=>")
                got.out = re.sub(pattern.strip().encode(), text.strip().encode(), got.out)
                got.err = re.sub(pattern.strip().encode(), text.strip().encode(), got.err)
        if options.get("port"):
            got.out = got.out.replace(env["PORT"].encode(), b"PORT")
            got.err = got.err.replace(env["PORT"].encode(), b"PORT")
        results.append(got)
        native = results[0]
        notes = list(got.stuck)
        if got.left:
            notes += ["processes are left over:"] + got.left
        if got is native:
            if notes or not native.out:
                tap.point(False, f"{name} native", notes + torture.show(native.err))
                return
            continue
        if got.end != native.end:
            notes.append(f"ended by {got.end}, natively by {native.end}")
        notes += torture.difference("stdout", native.out, got.out)
        notes += torture.difference("stderr", native.err, got.err)
        tap.point(not notes, f"{name} {way}", notes)


def main():
    waylay = os.environ.get("WAYLAY")
    wanted = sys.argv[1:] or list(TESTS)
    tap = torture.Tap()
    torture.become_subreaper()
    with tempfile.TemporaryDirectory(prefix="waylay-e2e-") as top:
        os.chmod(top, 0o777)
        if waylay:
            # where another user can reach it
            shutil.copy(waylay, os.path.join(top, "waylay"))
            waylay = os.path.join(top, "waylay")
        for name in wanted:
            one(tap, name, TESTS[name], top, waylay)
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
