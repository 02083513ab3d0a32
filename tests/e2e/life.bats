#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who lives how long: the program, waylay, daemons, and what a terminal's keys do.

bats_require_minimum_version 1.5.0

# JOB: what waylay is asked to do with them.
setup() {
	cd "$BATS_TEST_TMPDIR"
	export JOB=${JOB:-run}
}

# Waits until a process is gone; fails after about a minute.
gone() {
	for _ in $(seq 3000); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.02
	done
	return 1
}

@test 'waylay ends with the program, not with its daemons, and those go on' {
	mkfifo go
	run -5 --separate-stderr "$WAYLAY" $JOB sh -c '
		setsid sh -c "echo \$\$ >pid; read line <go; /bin/echo \"\$line\" >daemon-out; true | cat" \
			</dev/null >/dev/null 2>&1 3>&- &
		until [ -s pid ]; do :; done; echo started; exit 5'
	[ "$output" = started ]
	[ "$stderr" = '' ]
	kill -0 "$(cat pid)"
	echo still here >go
	gone "$(cat pid)"
	[ "$(cat daemon-out)" = 'still here' ]
}

@test 'waylay is killed: the program goes on, and executes others' {
	mkfifo go
	"$WAYLAY" $JOB sh -c 'echo $$ >pid; read line <go; /bin/echo "$line" | cat; exec /bin/echo executed' \
		>out 2>err 3>&- &
	waylay_pid=$!
	until [ -s pid ]; do :; done
	kill -9 "$waylay_pid"
	wait "$waylay_pid" || true
	echo line >go
	gone "$(cat pid)"
	[ "$(cat out)" = $'line\nexecuted' ]
}

# noflsh: else the key that sends a signal also throws away what the shell has printed by then.
@test 'a terminal: Ctrl-C, Ctrl-Z, fg, bg in an interactive shell under waylay' {
	cat >t.py <<-'END'
	import os, pty, re, sys, time, select, signal
	def talk(argv):
	    pid, fd = pty.fork()
	    if pid == 0:
	        os.environ.update(PS1="@@", PS2="", TERM="dumb", HISTFILE="/dev/null", LC_ALL="C")
	        os.execvp(argv[0], argv)
	    log, seen = b"", 0
	    def until(text):
	        nonlocal log, seen
	        end = time.monotonic() + 60
	        while text not in log[seen:]:
	            if not select.select([fd], [], [], max(end - time.monotonic(), 0))[0]:
	                print("no", text, "in", log[seen:]); sys.exit(1)
	            try: got = os.read(fd, 4096)
	            except OSError: got = b""
	            if not got: return
	            log += got
	        seen = log.index(text, seen) + len(text)
	    def foreground():	# until a job has the terminal, in its own mode
	        while os.tcgetpgrp(fd) == pid: time.sleep(0.001)
	    def send(text, wait=b"@@"): os.write(fd, text); until(wait)
	    until(b"@@")
	    send(b"stty -echo noflsh; trap 'echo INT in the shell' INT\n")
	    send(b"sh -c 'echo runs; exec sleep 1000'\n", b"runs\r\n"); os.write(fd, b"\003"); until(b"@@")
	    send(b"echo status $?\n")
	    send(b"sh -c 'echo runs; kill -STOP $$; echo again; exec cat'\n")
	    send(b"jobs | sed 's/ *$//'\n")
	    send(b"fg >/dev/null\n", b"again\r\n"); foreground(); send(b"line\n", b"line\r\n")
	    os.write(fd, b"\032"); until(b"@@")
	    send(b"jobs | sed 's/ *$//'\n")
	    os.write(fd, b"fg >/dev/null\n"); foreground(); send(b"more\n", b"more\r\n"); send(b"\004")
	    send(b"echo status $?\n")
	    os.write(fd, b"exit 9\n"); until(b"never")
	    return re.sub(rb"\d{3,}", b"N", log), os.waitpid(pid, 0)[1] >> 8
	shell = ["bash", "--norc", "--noprofile", "-i"]
	native = talk(shell)
	under = talk([os.environ["WAYLAY"], *os.environ["JOB"].split()] + shell)
	if native != under:
	    print(native, under, sep="\n"); sys.exit(1)
	print(native[1])
	END
	run -0 python3 t.py
	[ "$output" = 9 ]
}

@test 'without any privilege' {
	[ "$(id -u)" = 0 ] || skip 'only root can give up its privileges'
	copy=$(mktemp -d)
	chmod 755 "$copy"
	cp "$WAYLAY" "$copy/waylay"
	run -3 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
		--inh-caps=-all --no-new-privs "$copy/waylay" run sh -c \
		'id -u; grep CapEff /proc/self/status; echo a | cat; env -i /bin/echo b; exit 3'
	rm -r "$copy"
	[ "$output" = $'65534\nCapEff:\t0000000000000000\na\nb' ]
	[ "$stderr" = '' ]
}

@test 'after unshare -n' {
	unshare -rn true 2>/dev/null || skip 'no namespaces here'
	run -0 --separate-stderr "$WAYLAY" run --stats-json stats.json unshare -rn sh -c 'echo a | cat; /bin/echo b'
	[ "$output" = $'a\nb' ]
	[ "$stderr" = '' ]
	# unshare, sh, cat, echo: all followed
	grep -q '"execs":4' stats.json
}

@test 'four hundred programs, two at a time' {
	run -0 --separate-stderr "$WAYLAY" $JOB sh -c '
		i=0; while [ $i -lt 200 ]; do /bin/true & /bin/true & i=$((i + 1)); wait; done; echo all'
	[ "$output" = all ]
	[ "$stderr" = '' ]
}
