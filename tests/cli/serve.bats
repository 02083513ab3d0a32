#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# waylay serve, as far as nothing is served: help, bad usage, bad programs.
# $WAYLAY is the program.
bats_require_minimum_version 1.5.0

bad_usage() {
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "waylay: serve: "*"; try 'waylay serve --help'" ]]
}

@test "--help explains the command" {
	run -0 --separate-stderr "$WAYLAY" serve --help
	[[ $output == "Usage: waylay serve "* ]]
	[[ $output == *"unix:PATH"* ]]
	[ "$stderr" = "" ]
	run -0 --separate-stderr "$WAYLAY" help serve
	[[ $output == "Usage: waylay serve "* ]]
}

@test "no address, no program" {
	run -125 --separate-stderr "$WAYLAY" serve
	bad_usage
	run -125 --separate-stderr "$WAYLAY" serve -- cat
	bad_usage
	[[ $stderr == *"no address"* ]]
	run -125 --separate-stderr "$WAYLAY" serve 0
	bad_usage
	[[ $stderr == *"no program"* ]]
	run -125 --separate-stderr "$WAYLAY" serve 0 --
	bad_usage
}

@test "the program stands after --" {
	run -125 --separate-stderr "$WAYLAY" serve 0 cat
	bad_usage
	[[ $stderr == *"'cat'"* ]]
	run -125 --separate-stderr "$WAYLAY" serve 0 extra -- cat
	bad_usage
	[[ $stderr == *"'extra'"* ]]
}

@test "an unknown option" {
	run -125 --separate-stderr "$WAYLAY" serve --nonsense 0 -- cat
	bad_usage
	[[ $stderr == *"'--nonsense'"* ]]
	run -125 --separate-stderr "$WAYLAY" serve -x 0 -- cat
	bad_usage
	[[ $stderr == *"'-x'"* ]]
}

@test "an address that is none" {
	for address in 65536 localhost unix: fd:x '[::1]' 1:2:3; do
		run -125 --separate-stderr "$WAYLAY" serve "$address" -- cat
		bad_usage
		[[ $stderr == *"'$address' is no address: "* ]]
	done
}

@test "an address that cannot be had" {
	run -125 --separate-stderr "$WAYLAY" serve unix:/nonexistent/socket -- cat
	[ "$stderr" = "waylay: cannot listen at 'unix:/nonexistent/socket': No such file or directory" ]
	run -125 --separate-stderr "$WAYLAY" serve fd:0 -- cat </dev/null
	[ "$stderr" = "waylay: cannot listen at 'fd:0': Socket operation on non-socket" ]
}

@test "a program that is not there, or cannot be run" {
	run -127 --separate-stderr "$WAYLAY" serve 0 -- nonexistent-program
	[ "$stderr" = "waylay: cannot run 'nonexistent-program': No such file or directory" ]
	run -126 --separate-stderr "$WAYLAY" serve 0 -- /etc/passwd
	[ "$stderr" = "waylay: cannot run '/etc/passwd': Permission denied" ]
}

@test "options of the program are its own" {
	run -1 --separate-stderr "$WAYLAY" serve 0 -- echo --help -v --
	[ "$output" = "--help -v --" ]
	[ "$stderr" = "waylay: the program ended with exit status 0 before it read its stdin" ]
}
