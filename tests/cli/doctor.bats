#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

bats_require_minimum_version 1.5.0

# As another user without any capability, where that can be had.
unprivileged() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
			--inh-caps=-all "$@"
	else
		"$@"
	fi
}

# What the verdict and the exit status say must be the same.
agree() {
	last=${lines[-1]}
	if [ "$status" = 0 ]; then
		[[ $last == 'verdict: yes: waylay run works here'* ]]
	else
		[ "$status" = 1 ]
		[[ $last == 'verdict: no: waylay run does not work here: '* ]]
	fi
}

@test 'each line is NAME: ANSWER: TEXT, and the last one is the verdict' {
	run --separate-stderr "$WAYLAY" doctor
	agree
	[ "$stderr" = '' ]
	for line in "${lines[@]}"; do
		[[ $line =~ ^[a-z/_\ ]+:\ (yes|no|unknown):\ .+ ]]
	done
	for name in kernel 'syscall user dispatch' ptrace yama /proc/self/mem 'membarrier sync_core' \
		fsgsbase procmap_query pidfd_getfd memfd_create minsigstksz mdwe 'shadow stack' \
		pkeys 'vsyscall page' io_uring seccomp; do
		[[ $output == *"$name: "* ]]
	done
}

@test 'it works here if the kernel catches calls' {
	# What is known from elsewhere: this kernel has it.
	if ! "$WAYLAY" doctor | grep -q '^syscall user dispatch: yes'; then
		skip 'this kernel has no syscall user dispatch'
	fi
	run -0 "$WAYLAY" doctor
	agree
}

@test 'the same without privileges' {
	copy=$BATS_TEST_TMPDIR/waylay
	cp "$WAYLAY" "$copy"
	chmod 755 "$copy" "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	with=$("$WAYLAY" doctor | tail -n 1)
	run --separate-stderr unprivileged "$copy" doctor
	agree
	[ "${lines[-1]}" = "$with" ]
}

@test 'a file size limit of 0 and few descriptors do no harm' {
	run --separate-stderr bash -c 'ulimit -f 0; ulimit -n 8; "$WAYLAY" doctor | cat'
	[ "$status" = 0 ]
	[[ ${lines[-1]} == 'verdict: '* ]]
}

@test '--json says the same' {
	run --separate-stderr "$WAYLAY" doctor --json
	status_json=$status
	printf '%s' "$output" >"$BATS_TEST_TMPDIR/json"
	run --separate-stderr "$WAYLAY" doctor
	[ "$status" = "$status_json" ]
	printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/lines"
	python3 - "$BATS_TEST_TMPDIR" "$WAYLAY_VERSION" <<-'PY'
		import json, sys
		report = json.load(open(sys.argv[1] + "/json"))
		lines = open(sys.argv[1] + "/lines").read().splitlines()
		assert report["version"] == 1 and report["waylay"] == sys.argv[2]
		said = [f'{c["name"]}: {c["answer"]}: {c["text"]}' for c in report["checks"]]
		said.append(f'verdict: {"yes" if report["works"] else "no"}: {report["verdict"]}')
		assert said == lines, (said, lines)
	PY
}

@test 'it leaves no process behind' {
	command -v setsid >/dev/null
	sid=$(setsid -w bash -c '"$WAYLAY" doctor >/dev/null; echo $$')
	[ -n "$sid" ]
	run ! ps --no-headers -o pid,args -s "$sid"
}

@test 'what a seccomp filter forbids is found out' {
	python3 -c 'import ctypes' || skip 'python3 has no ctypes'
	# prctl(59) fails with EPERM from here on.
	run --separate-stderr python3 - "$WAYLAY" <<-'PY'
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None, use_errno=True)
		def step(code, jt, jf, k):
		    return struct.pack("HBBI", code, jt, jf, k)
		steps = [
		    step(0x20, 0, 0, 0),             # the number
		    step(0x15, 0, 3, 157),           # prctl?
		    step(0x20, 0, 0, 16),            # its first argument
		    step(0x15, 0, 1, 59),            # syscall user dispatch?
		    step(0x06, 0, 0, 0x00050000 | 1),
		    step(0x06, 0, 0, 0x7fff0000),
		]
		code = ctypes.create_string_buffer(b"".join(steps))
		prog = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code))
		assert libc.prctl(38, 1, 0, 0, 0) == 0
		assert libc.prctl(22, 2, prog, 0, 0) == 0, ctypes.get_errno()
		os.execv(sys.argv[1], ["waylay", "doctor"])
	PY
	[ "$status" = 1 ]
	[[ $output == *'syscall user dispatch: no: '* ]]
	[[ $output == *'seccomp: yes: '* ]]
	[[ ${lines[-1]} == 'verdict: no: waylay run does not work here: syscall user dispatch: '* ]]
}

@test 'it takes no operands and no unknown options' {
	for word in now --nonesuch -x; do
		run -2 --separate-stderr "$WAYLAY" doctor $word
		[ "$output" = '' ]
		[[ $stderr == "waylay: doctor: "*"'$word'"*"try 'waylay doctor --help'" ]]
	done
	run -2 --separate-stderr "$WAYLAY" doctor -xv
	[[ $stderr == "waylay: doctor: "*"'-x'"* ]]
}

@test 'stdout that takes nothing is trouble' {
	for option in '' --json; do
		run --separate-stderr bash -c '"$WAYLAY" doctor '"$option"' >/dev/full'
		[ "$status" = 2 ]
		[[ $stderr == 'waylay: doctor: cannot write to stdout'* ]]
	done
}
