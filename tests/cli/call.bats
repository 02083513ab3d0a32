#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# waylay call, waylay serve check and bench: help and bad usage.
# $WAYLAY is the program.
bats_require_minimum_version 1.5.0

bad_usage() { # COMMAND
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "waylay: $1: "*"; try 'waylay $1 --help'" ]]
}

@test "call --help explains the command" {
	run -0 --separate-stderr "$WAYLAY" call --help
	[[ $output == "Usage: waylay call "* ]]
	[ "$stderr" = "" ]
	run -0 --separate-stderr "$WAYLAY" help call
	[[ $output == "Usage: waylay call "* ]]
}

@test "call wants an address" {
	run -125 --separate-stderr "$WAYLAY" call
	bad_usage call
	for address in 65536 localhost unix: 1:2:3; do
		run -125 --separate-stderr "$WAYLAY" call "$address"
		bad_usage call
		[[ $stderr == *"'$address' is no address: "* ]]
	done
}

@test "call takes no arguments for the program" {
	run -125 --separate-stderr "$WAYLAY" call unix:/nonexistent/s -a file
	bad_usage call
	[[ $stderr == *"'-a': the program has the arguments that it was served with"* ]]
}

@test "call does not know an option" {
	run -125 --separate-stderr "$WAYLAY" call --nonsense 1
	bad_usage call
}

@test "serve check and bench: help and bad usage" {
	for command in check bench; do
		run -0 --separate-stderr "$WAYLAY" serve "$command" --help
		[[ $output == "Usage: waylay serve $command "* ]]
		run -2 --separate-stderr "$WAYLAY" serve "$command" </dev/null
		bad_usage "serve $command"
		run -2 --separate-stderr "$WAYLAY" serve "$command" -- </dev/null
		bad_usage "serve $command"
		run -2 --separate-stderr "$WAYLAY" serve "$command" -n x -- cat </dev/null
		bad_usage "serve $command"
		run -2 --separate-stderr "$WAYLAY" serve "$command" -- nonexistent-program </dev/null
		[ "$stderr" = "waylay: cannot run 'nonexistent-program': No such file or directory" ]
	done
}
