#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# waylay trace: options, bad use, exit statuses.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# One line on stderr, that begins with waylay: and has this in it; nothing ran.
refused() {
	local status=$1 text=$2
	shift 2
	run "-$status" --separate-stderr "$WAYLAY" trace "$@"
	[ "$output" = '' ]
	[[ $stderr == waylay:* ]]
	[[ $stderr == *"$text"* ]]
	[ "$(head -n 1 <<<"$stderr")" = "$stderr" ]
}

@test 'trace --help prints to stdout and ends with 0' {
	run -0 --separate-stderr "$WAYLAY" trace --help
	[[ $output == Usage:*trace* ]]
	[ "$stderr" = '' ]
}

@test 'what a filter cannot mean' {
	refused 125 nosuchcall -e nosuchcall true
	refused 125 "no condition 'signal=none'" -e signal=none true
	refused 125 "no condition 'size>4K'" -e 'size>4K' true
	refused 125 "'fd=' names nothing" -e fd= true
	refused 125 twice -e fd=1 -e fd=2 true
	refused 125 "'path=,' names nothing" -e path=, true
	refused 125 nosuch -e class=nosuch true
	refused 125 "no descriptor 'x'" -e fd=x true
	refused 125 ENOSUCH -e err=ENOSUCH true
	refused 125 "no size 'much'" -e 'size>=much' true
	refused 125 "no duration 'x'" -e 'lat>=x' true
	refused 125 "no port 'x'" -e port=x true
	refused 125 "no address 'x'" -e addr=x true
	refused 125 %nosuch -e %nosuch true
}

@test 'options that do not exist, values that make no sense' {
	refused 125 nosuch --nosuch true
	refused 125 '-s' -s many true
	refused 125 '-S' -S size true
	refused 125 '-ff cannot' -ff -o '|cat' true
	refused 125 color --color=perhaps true
	refused 125 '-o' -ff true
	refused 125 program -c
	refused 125 'cannot choose by path' -c -P /etc true
}

@test 'the table in the order that is asked for' {
	for order in time calls errors name nothing; do
		"$WAYLAY" trace -c -S $order -o table cat /etc/hostname
		awk '/^---/ { rows = !rows; next } rows { print }' table >rows
		[ "$(wc -l <rows)" -gt 5 ]
		case $order in
		time) LC_ALL=C sort -s -c -k 2,2nr rows ;;
		calls) LC_ALL=C sort -s -c -k 4,4nr rows ;;
		errors) awk '{ e = NF == 6 ? $5 : 0; if (NR > 1 && e > last) exit 1; last = e }' rows ;;
		name) awk '{ print $NF }' rows | LC_ALL=C sort -c ;;
		nothing) [ "$(head -n 1 rows | awk '{ print $NF }')" = read ] ;;
		esac
	done
}

@test 'lines go to a command, and how it ends is not told with -qq' {
	run -7 --separate-stderr "$WAYLAY" trace -qq -e read -o '|sed s/read/READ/ >lines; echo done >>lines' \
		sh -c 'cat /etc/hostname; exit 7'
	[ "$stderr" = '' ]
	[ "$(tail -n 1 lines)" = done ]
	grep -q 'READ(.*</etc/hostname>' lines
	run -1 grep +++ lines
	"$WAYLAY" trace -q -o lines true
	grep -q '+++ exited with 0 +++' lines
}

@test 'outputs that cannot be written' {
	refused 125 /nosuch/lines -o /nosuch/lines true
	refused 125 /dev/null/run -d /dev/null/run true
	mkdir -p dir
	refused 125 dir -o dir true
}

@test 'programs that are not there, or cannot be run' {
	refused 127 nosuch -o lines ./nosuch
	: >text
	refused 126 text -o lines ./text
}

@test 'the exit status and output are the program'\''s' {
	run -7 --separate-stderr "$WAYLAY" trace -o lines sh -c 'echo out; echo err >&2; exit 7'
	[ "$output" = out ]
	[ "$stderr" = err ]
	grep -q '+++ exited with 7 +++' lines
}

@test '-c prints the table alone, -C both' {
	"$WAYLAY" trace -c -o table true
	[ "$(grep -c ' total$' table)" = 1 ]
	! grep -q exit_group\( table
	"$WAYLAY" trace -C -o both true
	grep -q ' total$' both
	grep -q 'exit_group(0)' both
}

@test '-ff makes a file for each process' {
	"$WAYLAY" trace -ff -o lines sh -c '/bin/true; :'
	[ "$(ls lines.* | wc -l)" = 2 ]
}

@test 'lines go to stderr' {
	run -0 --separate-stderr "$WAYLAY" trace -e write echo words
	[ "$output" = words ]
	[[ $stderr == *'write(1<'*'"words\n", 6)'* ]]
}
