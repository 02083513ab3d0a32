#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What holds for waylay as a whole: help, version, usage errors, exit statuses.

bats_require_minimum_version 1.5.0

one_error_line() {
	[ "$output" = '' ]
	[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
	[[ $stderr == "waylay: "* ]]
}

@test '--help goes to stdout and teaches' {
	run -0 --separate-stderr "$WAYLAY" --help
	[ "$stderr" = '' ]
	[[ $output == 'Usage: waylay '* ]]
	for word in run doctor help version 'exit status' 125 126 127 WAYLAY_LOG 'waylay(7)'; do
		[[ $output == *"$word"* ]]
	done
}

@test 'help, -h and --help print the same' {
	"$WAYLAY" --help >"$BATS_TEST_TMPDIR/a"
	"$WAYLAY" -h >"$BATS_TEST_TMPDIR/b"
	"$WAYLAY" help >"$BATS_TEST_TMPDIR/c"
	cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/c"
}

@test 'no line of a help text is wider than 80 columns' {
	commands=$("$WAYLAY" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
	[[ $commands == *doctor* ]]
	for command in '' $commands; do
		run ! bash -c '"$WAYLAY" '"$command"' --help | expand | grep -E "^.{81}"'
	done
}

@test 'every command in the list has help of its own, two ways' {
	commands=$("$WAYLAY" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
	[[ $commands == *run*doctor*version* ]]
	for command in $commands; do
		run -0 --separate-stderr "$WAYLAY" "$command" --help
		[ "$stderr" = '' ]
		[[ $output == "Usage: waylay $command"* ]]
		first=$output
		[ "$command" = help ] && continue
		run -0 --separate-stderr "$WAYLAY" help "$command"
		[ "$output" = "$first" ]
	done
}

@test '--version and version' {
	run -0 --separate-stderr "$WAYLAY" --version
	[ "$output" = "waylay $WAYLAY_VERSION" ]
	[ "$stderr" = '' ]
	run -0 --separate-stderr "$WAYLAY" version
	[ "$output" = "waylay $WAYLAY_VERSION" ]
}

@test 'no command: one line, 125' {
	run -125 --separate-stderr "$WAYLAY"
	one_error_line
	[[ $stderr == *"try 'waylay --help'" ]]
}

@test 'unknown command: one line, 125' {
	run -125 --separate-stderr "$WAYLAY" nonesuch
	one_error_line
	[[ $stderr == *"'nonesuch'"* ]]
}

@test 'unknown option before the command: one line, 125' {
	for option in --nonesuch -x -vx -; do
		run -125 --separate-stderr "$WAYLAY" $option run true
		one_error_line
		[[ $stderr == *"'$option'"* ]]
	done
}

@test 'commands that run no program: 2 for a usage error' {
	run -2 --separate-stderr "$WAYLAY" help nonesuch
	one_error_line
	run -2 --separate-stderr "$WAYLAY" help doctor version
	one_error_line
	run -2 --separate-stderr "$WAYLAY" version now
	one_error_line
}

@test 'stdout that takes nothing is an error' {
	run --separate-stderr bash -c '"$WAYLAY" --help >/dev/full'
	[ "$status" = 125 ]
	[ "$stderr" = 'waylay: cannot write to stdout: No space left on device' ]
	run --separate-stderr bash -c '"$WAYLAY" version >/dev/full'
	[ "$status" = 2 ]
}

@test 'a bad WAYLAY_LOG is said once and does no harm' {
	WAYLAY_LOG=loud run -0 --separate-stderr "$WAYLAY" version
	[ "$output" = "waylay $WAYLAY_VERSION" ]
	[[ $stderr == "waylay: WAYLAY_LOG is 'loud'"* ]]
	[ "$(printf '%s\n' "$stderr" | wc -l)" = 1 ]
}

@test 'closed standard fds do no harm' {
	run -0 bash -c '"$WAYLAY" version <&- 2>&-'
	[ "$output" = "waylay $WAYLAY_VERSION" ]
	run -125 bash -c '"$WAYLAY" nonesuch <&- 2>&-'
	[ "$output" = '' ]
}
