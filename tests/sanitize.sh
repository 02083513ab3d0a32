#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sanitize.sh - builds hosted code with sanitizers, and runs its tests.
#
#	sanitize.sh SOURCE BUILD
#
# The agent has no run-time for sanitizers: its build file leaves them out.
set -eu
source=$1 build=$2
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" "$source" -Dtests=fast -Db_sanitize=address,undefined \
		-Db_lundef=false >"$build.log" || { cat "$build.log"; exit 1; }
fi
ninja -C "$build" >"$build.log" || { cat "$build.log"; exit 1; }
# A closed stderr, or a filter of seccomp, must not hide a finding: it ends the program, too.
ASAN_OPTIONS=detect_stack_use_after_return=1:exitcode=99 \
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:exitcode=99 \
	meson test -C "$build" --no-rebuild --print-errorlogs --suite unit --suite cli
