#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# waylay run as a command: its options, its exit statuses, its statistics.  What happens to
# programs under it is the matter of the torture and end-to-end tests.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
}

usage_error() {
	run -125 --separate-stderr "$WAYLAY" run "$@"
	[ "$output" = '' ]
	[[ $stderr == "waylay: run: "*"try 'waylay run --help'" ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
}

# One line of waylay's, nothing else.
one_line() {
	[ "$output" = '' ]
	[[ $stderr == 'waylay: '* ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
}

@test 'usage errors: one line, 125' {
	usage_error
	usage_error --
	usage_error --nonesuch true
	[[ $stderr == *"'--nonesuch'"* ]]
	usage_error -xv true
	[[ $stderr == *"'-x'"* ]]
	usage_error --stats-json
	[[ $stderr == *"'--stats-json'"* ]]
}

@test 'the exit status is the program'\''s' {
	for code in 0 1 2 77 124 125 126 127 128 255; do
		run -$code --separate-stderr "$WAYLAY" run sh -c "exit $code"
		[ "$output$stderr" = '' ]
	done
}

@test 'killed by a signal: waylay ends by the same signal' {
	for signal in HUP INT QUIT KILL USR1 PIPE ALRM TERM; do
		run --separate-stderr python3 - "$WAYLAY" $signal <<-'PY'
			import resource, signal, subprocess, sys
			resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
			number = getattr(signal, "SIG" + sys.argv[2])
			# A job in the background may have been started with SIGINT ignored.
			signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
			number == signal.SIGKILL or signal.signal(number, signal.SIG_DFL)
			done = subprocess.run([sys.argv[1], "run", "sh", "-c", f"kill -{sys.argv[2]} $$"])
			assert done.returncode == -number, done.returncode
		PY
		[ "$status" = 0 ]
		[ "$output$stderr" = '' ]
	done
}

@test 'not found: 127' {
	run -127 --separate-stderr "$WAYLAY" run nonesuch-program
	one_line
	[[ $stderr == *nonesuch-program* ]]
	run -127 --separate-stderr "$WAYLAY" run ./nonesuch-program
	one_line
	run -127 --separate-stderr env PATH=/nonexistent "$WAYLAY" run true
	one_line
}

@test 'not executable: 126' {
	echo 'exit 0' >plain
	run -126 --separate-stderr "$WAYLAY" run ./plain
	one_line
	run -126 --separate-stderr "$WAYLAY" run /
	one_line
}

@test 'a program of another machine: 126' {
	# An ELF header: 64 bits, little endian, EM_AARCH64.
	printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\267\0\1\0\0\0' >foreign
	head -c 4096 /dev/zero >>foreign
	chmod +x foreign
	run -126 --separate-stderr "$WAYLAY" run ./foreign
	one_line
	# And one that ends after the header.
	head -c 64 foreign >short
	chmod +x short
	run -126 --separate-stderr "$WAYLAY" run ./short
	one_line
}

@test 'a 32-bit program: 126' {
	cat >prog.c <<-'C'
		void _start(void) { __asm__ volatile("int $0x80" : : "a"(1), "b"(0)); }
	C
	cc -m32 -nostdlib -static -fno-pie -no-pie -o prog prog.c 2>err || skip 'cc cannot build for 32 bits'
	run -126 --separate-stderr "$WAYLAY" run ./prog
	one_line
}

@test 'a script without an interpreter line is left to the caller, as execvp(3) does it' {
	printf 'exit 5\n' >script
	chmod +x script
	native=0
	env ./script || native=$?
	run --separate-stderr "$WAYLAY" run ./script
	[ "$status" = "$native" ]
}

@test 'the program gets its words as they are' {
	run -0 --separate-stderr "$WAYLAY" run printf '<%s>' -v --stats -- '' 'a b' --help
	[ "$output" = '<-v><--stats><--><><a b><--help>' ]
	run -0 --separate-stderr "$WAYLAY" run -- printf '<%s>' -- x
	[ "$output" = '<--><x>' ]
	[ "$stderr" = '' ]
}

@test 'argv[0], environment and directory are as without waylay' {
	cat >show <<-'SH'
		#!/bin/sh
		echo "$0"; pwd; env | grep -v '^_=' | sort
	SH
	chmod +x show
	PATH=$PWD:$PATH
	native=$(show)
	[ "$("$WAYLAY" run show)" = "$native" ]
}

@test 'stdin reaches the program, and its end' {
	head -c 300000 /dev/urandom >data
	"$WAYLAY" run cat <data >copy
	cmp data copy
	head -c 300000 data | "$WAYLAY" run sha256sum >under
	sha256sum <data >native
	cmp under native
}

@test '--stats goes to stderr, after the program' {
	run -0 --separate-stderr "$WAYLAY" run --stats sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[[ $stderr == $'err\n'* ]]
	[[ $stderr == *write* ]]
}

@test '--stats-json counts what was done' {
	python3 - "$WAYLAY" <<-'PY'
		import json, subprocess, sys
		n = 137
		subprocess.run([sys.argv[1], "run", "--stats-json", "s.json",
			"dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={n}", "status=none"], check=True)
		s = json.load(open("s.json"))
		assert s["version"] == 1
		assert s["calls"]["write"] == {"count": n, "errors": 0}, s["calls"]["write"]
		assert s["calls"]["read"]["count"] >= n
		assert s["processes"] == 1 and s["execs"] == 1, s
		assert s["unfollowed"] == [] and s["faults"] == {}, s
		total = sum(c["count"] for c in s["calls"].values())
		assert s["caught"]["jump"] + s["caught"]["signal"] == total, (s["caught"], total)
		assert set(s["sites"]) == {"padding", "before", "pun", "signal"}
	PY
}

@test '--stats-json sees descendants, and --no-follow lets them go' {
	python3 - "$WAYLAY" <<-'PY'
		import json, subprocess, sys
		shell = "/bin/true; /bin/true; exit 0"
		subprocess.run([sys.argv[1], "run", "--stats-json", "a.json", "sh", "-c", shell], check=True)
		s = json.load(open("a.json"))
		assert s["execs"] == 3 and s["processes"] == 3, s
		subprocess.run([sys.argv[1], "run", "--no-follow", "--stats-json", "b.json", "sh", "-c", shell],
			check=True)
		s = json.load(open("b.json"))
		assert s["execs"] == 1, s
		assert s["calls"]["execve"]["count"] == 2, s["calls"]["execve"]
	PY
}

@test 'a file for --stats-json that cannot be written: 125, and nothing ran' {
	run -125 --separate-stderr "$WAYLAY" run --stats-json /nonexistent/x touch ran
	one_line
	[ ! -e ran ]
}

@test 'it says nothing of its own, unless asked' {
	run -0 --separate-stderr "$WAYLAY" run sh -c 'ls / | cat >/dev/null; (exit 3); true'
	[ "$output$stderr" = '' ]
	run -0 --separate-stderr "$WAYLAY" run -vv true
	[ "$output" = '' ]
	while IFS= read -r line; do
		[[ $line == '' || $line == 'waylay: '* ]]
	done <<<"$stderr"
}

@test 'no process is left behind' {
	sid=$(setsid -w bash -c '"$WAYLAY" run sh -c "true | true; exit 0" >/dev/null; echo $$')
	[ -n "$sid" ]
	run ! ps --no-headers -o pid,args -s "$sid"
}
