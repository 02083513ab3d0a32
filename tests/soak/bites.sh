#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The comparison of the soak must find a waylay that is wrong, and forgive what happens only once.
# Each waylay here is a script that runs the program natively, and then says what it likes.
set -u
here=$(dirname "$(realpath "$0")")
command -v stress-ng >/dev/null || { echo 'stress-ng is not installed' >&2; exit 77; }
top=$(mktemp -d) && chmod 777 "$top" || exit 99
trap 'rm -rf "$top"' EXIT
bad=0

# check NAME STATUS PATTERN SCRIPT: the comparison must end so and say so of this waylay
check() {
	printf '#!/bin/sh\nshift\n%s\n' "$4" >"$top/waylay"
	chmod 755 "$top/waylay"
	WAYLAY=$top/waylay python3 "$here/stress.py" --sample sigsegv >"$top/out" 2>&1
	status=$?
	if [ $status != "$2" ] || ! grep -q "$3" "$top/out"; then
		echo "$1: status $status instead of $2, or nothing of '$3' in:"
		cat "$top/out"
		bad=1
	fi
}

check 'as natively' 0 '^ok 1' 'exec "$@"'
check 'another exit status' 1 'different twice: end: natively exit 0.*exit 9' '"$@"; exit 9'
check 'nothing done' 1 'different twice: rounds' 'exit 0'
check 'a failure that is only said' 1 'different twice: says sigsegv: N went wrong' \
	'"$@"; echo "stress-ng: fail:  [1] sigsegv: 12 went wrong"'
check 'different once' 0 'different once: end' \
	"\"\$@\"; [ -e '$top/before' ] || { touch '$top/before'; exit 9; }"
exit $bad
