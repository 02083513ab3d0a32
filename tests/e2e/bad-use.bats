#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What cannot be run: one line that says what and why, and the status that env(1) has for it.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	export LC_ALL=C
}

# A 64-byte file that begins as an ELF program: class (1: 32 bits, 2: 64), machine (little-endian).
elf() {
	{
		printf "\\177ELF\\$(printf %03o "$1")\\1\\1"
		head -c 9 /dev/zero
		printf "\\2\\0\\$(printf %03o "$2")\\0\\1\\0\\0\\0"
		head -c 40 /dev/zero
	} >"$3"
	chmod 755 "$3"
}

one_line() {
	[ "$output" = '' ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ ${stderr_lines[0]} == "waylay: "* ]]
	for word in "$@"; do
		[[ ${stderr_lines[0]} == *"$word"* ]]
	done
}

@test 'a program that is missing: 127' {
	run -127 --separate-stderr "$WAYLAY" run /does/not/exist
	one_line /does/not/exist
	run -127 --separate-stderr "$WAYLAY" run no-such-program-in-path
	one_line no-such-program-in-path
	run -127 --separate-stderr "$WAYLAY" run ''
	one_line
}

@test 'a file that may not be executed: 126' {
	echo 'echo hello' >plain
	chmod 644 plain
	run -126 --separate-stderr "$WAYLAY" run ./plain
	one_line ./plain
}

@test 'a directory: 126' {
	mkdir dir
	run -126 --separate-stderr "$WAYLAY" run ./dir
	one_line ./dir
	run -126 --separate-stderr "$WAYLAY" run /
	one_line /
}

@test 'something under a file, and too long a name' {
	: >file
	run --separate-stderr "$WAYLAY" run ./file/x
	[ "$status" = 126 ]
	one_line ./file/x
	run --separate-stderr "$WAYLAY" run "/$(head -c 5000 /dev/zero | tr '\0' x)"
	[ "$status" = 126 ]
	[ "${#stderr_lines[@]}" = 1 ]
}

@test 'a 32-bit program: 126' {
	elf 1 3 i386
	run -126 --separate-stderr "$WAYLAY" run ./i386
	one_line ./i386 32
}

@test 'a program for another machine: 126' {
	elf 2 183 arm64
	run -126 --separate-stderr "$WAYLAY" run ./arm64
	one_line ./arm64
	elf 2 243 riscv
	run -126 --separate-stderr "$WAYLAY" run ./riscv
	one_line ./riscv
}

@test 'a broken program: 126' {
	printf '\177ELF\2\1\1' >short
	head -c 1000 /bin/true >cut
	chmod 755 short cut
	run -126 --separate-stderr "$WAYLAY" run ./short
	one_line ./short
	# as the kernel takes it: refused, or killed at the start
	run --separate-stderr "$WAYLAY" run ./cut
	[ "$status" != 0 ]
}

@test 'a script runs, one without its interpreter does not' {
	printf '#!/bin/sh\necho script "$@"; exit 3\n' >script
	printf '#!/does/not/exist\n' >lost
	chmod 755 script lost
	run -3 --separate-stderr "$WAYLAY" run ./script a 'b c'
	[ "$output" = 'script a b c' ]
	[ "$stderr" = '' ]
	run --separate-stderr "$WAYLAY" run ./lost
	[ "$status" = 127 ] || [ "$status" = 126 ]
	one_line ./lost
}

@test 'wrong options: 125' {
	run -125 --separate-stderr "$WAYLAY" run
	[ "$output" = '' ] && [ "$stderr" != '' ]
	run -125 --separate-stderr "$WAYLAY" run --no-such-option true
	[ "$output" = '' ] && [ "$stderr" != '' ]
	run -125 --separate-stderr "$WAYLAY" run --stats-json
	[ "$output" = '' ] && [ "$stderr" != '' ]
	run -125 --separate-stderr "$WAYLAY" run --stats-json /does/not/exist/file true
	[ "$output" = '' ] && [ "$stderr" != '' ]
}

# Where it can run, it runs; where not, one line says why.
runs_or_says() {
	if [ "$status" = 0 ]; then
		[ "$output" = "$1" ]
		[ "${#stderr_lines[@]}" -le 1 ]
	else
		[ "$status" = 125 ] || [ "$status" = 126 ]
		one_line
	fi
}

@test 'little address space' {
	for kilobytes in 4000000 200000 100000 50000 20000 10000; do
		run --separate-stderr bash -c "ulimit -v $kilobytes; exec \"\$0\" run /bin/echo here" "$WAYLAY"
		runs_or_says here
	done
	# with a few gigabytes there is no excuse
	run -0 --separate-stderr bash -c 'ulimit -v 4000000; exec "$0" run /bin/echo here' "$WAYLAY"
	[ "$output" = here ]
	[ "$stderr" = '' ]
}

@test 'little address space for the program alone' {
	run -0 --separate-stderr "$WAYLAY" run sh -c 'ulimit -v 20000; /bin/echo here'
	[ "$output" = here ]
	[ "${#stderr_lines[@]}" -le 1 ]
}

@test 'few descriptors' {
	for count in 3 4 5 8 16; do
		run --separate-stderr bash -c "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- 10>&-; ulimit -n $count; exec \"\$0\" run /bin/echo here" "$WAYLAY"
		# natively 3 is too few for the dynamic loader
		if [ "$count" -gt 3 ]; then
			runs_or_says here
		else
			[ "$status" = 0 ] || [ "$stderr" != '' ]
		fi
	done
	run -0 --separate-stderr bash -c 'ulimit -n 16; exec "$0" run /bin/echo here' "$WAYLAY"
	[ "$output" = here ]
}

@test 'descriptors 0, 1 and 2 closed' {
	run -0 --separate-stderr bash -c 'exec "$0" run sh -c "exit 0" <&- >&- 2>&-' "$WAYLAY"
	run -0 --separate-stderr bash -c 'exec "$0" run /bin/ls /proc/self/fd <&-' "$WAYLAY"
	bash -c 'exec /bin/ls /proc/self/fd <&-' >native
	[ "$output" = "$(cat native)" ]
	run -7 --separate-stderr bash -c 'exec "$0" run sh -c "exit 7" >&- 2>&-' "$WAYLAY"
}

@test 'the end of the program is the end of waylay' {
	for sig in HUP INT QUIT ABRT KILL SEGV TERM SYS USR1 PIPE; do
		# a job in the background may have been started with SIGINT ignored
		run --separate-stderr env --default-signal "$WAYLAY" run sh -c "ulimit -c 0; kill -$sig \$\$"
		[ "$status" = $((128 + $(kill -l "$sig"))) ]
		[ "$stderr" = '' ]
	done
	for code in 0 1 42 125 126 127 255; do
		run --separate-stderr "$WAYLAY" run sh -c "exit $code"
		[ "$status" = "$code" ]
		[ "$stderr" = '' ]
	done
}
