#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# waylay and other tracers: one inside, one outside, one that comes later.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	command -v strace >/dev/null || skip 'strace is not installed'
}

teardown() {
	[ -z "${waylay_pid:-}" ] || kill -9 "$waylay_pid" 2>/dev/null || true
}

# What waylay says of programs that another tracer has is left out.
said() {
	printf '%s\n' "$stderr" | grep -v '^waylay: ' || true
}

@test 'strace of waylay alone sees waylay and leaves the program to it' {
	run -3 --separate-stderr strace -o log "$WAYLAY" run sh -c 'echo one; /bin/echo two | cat; exit 3'
	[ "$output" = $'one\ntwo' ]
	[ "$stderr" = '' ]
	grep -q '^exit_group(3)\|+++ exited with 3' log
}

@test 'waylay under strace -f: the program runs' {
	run -3 --separate-stderr strace -f -o log "$WAYLAY" run sh -c 'echo one; /bin/echo two | cat; exit 3'
	[ "$output" = $'one\ntwo' ]
	[ "$(said)" = '' ]
	grep -q 'write(1, "one' log
	grep -q 'write(1, "two' log
}

@test 'strace comes later, to a program that runs under waylay' {
	mkfifo go
	"$WAYLAY" run sh -c 'echo $$ >pid; read line <go; echo "$line"; exec /bin/echo executed' >out 3>&- &
	waylay_pid=$!
	until [ -s pid ]; do :; done
	strace -o log -p "$(cat pid)" 3>&- &
	tracer=$!
	until grep -q '^TracerPid:.[1-9]' "/proc/$(cat pid)/status"; do :; done
	echo line >go
	wait "$waylay_pid"
	wait "$tracer" || true
	[ "$(cat out)" = $'line\nexecuted' ]
	grep -q 'write(1, "line' log
	grep -q 'write(1, "executed' log
}

@test 'gdb attaches to a program under waylay and lets it go' {
	command -v gdb >/dev/null || skip 'gdb is not installed'
	mkfifo go
	"$WAYLAY" run sh -c 'echo $$ >pid; read line <go; echo "$line"' >out 3>&- &
	waylay_pid=$!
	until [ -s pid ]; do :; done
	gdb -nx -batch -ex 'set debuginfod enabled off' -p "$(cat pid)" -ex bt -ex detach >gdb.log 2>&1 3>&-
	grep -q '^#1' gdb.log
	echo line >go
	wait "$waylay_pid"
	[ "$(cat out)" = line ]
}

@test 'nobody traces a program under waylay' {
	run -0 "$WAYLAY" run sh -c 'grep TracerPid /proc/self/status; grep TracerPid /proc/$$/status'
	[ "$output" = $'TracerPid:\t0\nTracerPid:\t0' ]
}

@test 'waylay inside waylay' {
	run -4 --separate-stderr "$WAYLAY" run "$WAYLAY" run sh -c 'echo one; /bin/echo two | cat; exit 4'
	[ "$output" = $'one\ntwo' ]
	[ "$(said)" = '' ]
}
