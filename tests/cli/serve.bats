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

@test "values that are none" {
	for option in --mode=quick --stdin=tty --stderr=both --exit=slow --freeze=ice --at=read \
		--at=read:0 --pool=x --max=0 --queue=-1 --per-ip=0 --timeout=5x --total-timeout=s \
		--memory=0 --memory=12Q --cpu=x --recycle=0 --spool-max=x --load-timeout=; do
		run -125 --separate-stderr "$WAYLAY" serve "$option" 0 -- cat
		bad_usage
		[[ $stderr == *"'${option#*=}' is no value for ${option%%=*}: "* ]]
	done
	run -125 --separate-stderr "$WAYLAY" serve 0 --pool -- cat
	bad_usage
	run -125 --separate-stderr "$WAYLAY" serve 0 -l nowhere -- cat
	bad_usage
	for option in --warm=/dev/null --at=read:2 --trace=/dev/null --stats --stats-json=/dev/null; do
		run -125 --separate-stderr "$WAYLAY" serve --mode=fresh "$option" 0 -- cat
		bad_usage
	done
}

@test "files that cannot be had" {
	run -125 --separate-stderr "$WAYLAY" serve --preload=/nonexistent 0 -- cat
	[ "$stderr" = "waylay: cannot read '/nonexistent': No such file or directory" ]
	run -125 --separate-stderr "$WAYLAY" serve --log=/nonexistent/log 0 -- cat
	[ "$stderr" = "waylay: cannot write '/nonexistent/log': No such file or directory" ]
	run -125 --separate-stderr "$WAYLAY" serve --trace=/nonexistent/trace 0 -- cat
	[ "$stderr" = "waylay: cannot write '/nonexistent/trace': No such file or directory" ]
}

@test "an address that cannot be had" {
	run -125 --separate-stderr "$WAYLAY" serve unix:/nonexistent/socket -- cat
	[ "$stderr" = "waylay: cannot listen at 'unix:/nonexistent/socket': No such file or directory" ]
	run -125 --separate-stderr "$WAYLAY" serve fd:0 -- cat </dev/null
	[ "$stderr" = "waylay: cannot listen at 'fd:0': Socket operation on non-socket" ]
}

@test "a program that is not there, or cannot be run" {
	ln -s loop "$BATS_TEST_TMPDIR/loop"
	for mode in auto fresh; do
		run -127 --separate-stderr "$WAYLAY" serve --mode=$mode 0 -- nonexistent-program
		[ "$stderr" = "waylay: cannot run 'nonexistent-program': No such file or directory" ]
		run -126 --separate-stderr "$WAYLAY" serve --mode=$mode 0 -- /etc/passwd
		[ "$stderr" = "waylay: cannot run '/etc/passwd': Permission denied" ]
		run -126 --separate-stderr "$WAYLAY" serve --mode=$mode 0 -- "$BATS_TEST_TMPDIR/loop"
		[[ $stderr == *": Too many levels of symbolic links" ]]
	done
}

@test "options of the program are its own" {
	run -1 --separate-stderr "$WAYLAY" serve 0 -- echo --help -v --
	[ "$output" = "--help -v --" ]
	[ "$stderr" = "waylay: the program ended with exit status 0 before it read its stdin" ]
}
