#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# waylay trace export and report: help, bad usage, bad runs.
# $WAYLAY is the program.
bats_require_minimum_version 1.5.0

bad_usage() { # COMMAND
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "waylay: $1: "*"; try 'waylay $1 --help'" ]]
}

@test "--help explains both" {
	for command in export report; do
		run -0 --separate-stderr "$WAYLAY" trace $command --help
		[[ $output == "Usage: waylay trace $command RUN"* ]]
		[ "$stderr" = "" ]
	done
}

@test "they want one run, and export one format" {
	run -2 --separate-stderr "$WAYLAY" trace export --json
	bad_usage 'trace export'
	run -2 --separate-stderr "$WAYLAY" trace export a b --json
	bad_usage 'trace export'
	run -2 --separate-stderr "$WAYLAY" trace export a
	bad_usage 'trace export'
	run -2 --separate-stderr "$WAYLAY" trace export a --json --pcapng
	bad_usage 'trace export'
	run -2 --separate-stderr "$WAYLAY" trace report
	bad_usage 'trace report'
	run -2 --separate-stderr "$WAYLAY" trace report a b
	bad_usage 'trace report'
}

@test "words that they do not know" {
	for option in --csv=narrow --html -q; do
		run -2 --separate-stderr "$WAYLAY" trace export a $option
		bad_usage 'trace export'
	done
	run -2 --separate-stderr "$WAYLAY" trace report a --json
	bad_usage 'trace report'
	run -125 --separate-stderr "$WAYLAY" trace --csv=narrow -d "$BATS_TEST_TMPDIR/x" true
	bad_usage trace
	run -125 --separate-stderr "$WAYLAY" trace --snaplen 65K true
	bad_usage trace
}

@test "a run that is not there, or is none" {
	for command in 'export --json' 'export --text' 'export --csv' 'export --pcapng' report; do
		run -2 --separate-stderr "$WAYLAY" trace $command /not/there
		[ "$output" = "" ]
		[ "$stderr" = "waylay: cannot open /not/there: No such file or directory" ]
		run -2 --separate-stderr "$WAYLAY" trace $command /bin/sh
		[ "$output" = "" ]
		[ "$stderr" = "waylay: /bin/sh is not a run file" ]
	done
}

@test "-d makes the logs, -o takes what is exported" {
	run -0 --separate-stderr "$WAYLAY" trace -d "$BATS_TEST_TMPDIR/run" true
	[ "$stderr" = "" ]
	[ -s "$BATS_TEST_TMPDIR/run/summary.txt" ]
	ls "$BATS_TEST_TMPDIR"/run/[0-9]*.log
	run -0 "$WAYLAY" trace export "$BATS_TEST_TMPDIR/run/run.trc" --json -o "$BATS_TEST_TMPDIR/x"
	[ "$output" = "" ]
	head -1 "$BATS_TEST_TMPDIR/x" | grep '"k":"meta"'
	run -0 "$WAYLAY" trace report "$BATS_TEST_TMPDIR/run"
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/run/summary.txt")" ]
}
