#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# floors-bites - tools/check_floors lets a good tree pass and finds each breach.
#
#	floors-bites.sh CHECK_FLOORS
set -u
check=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
licence='/* SPDX-License-Identifier: Apache-2.0 */'

# tree FILE CODE: a good tree with one more file.
tree() {
	rm -rf "$dir/src" "$dir/include" "$dir/plugins"
	mkdir -p "$dir/src/base" "$dir/src/proto" "$dir/src/agent/arch/x86_64" \
		"$dir/src/agent/layers" "$dir/src/launch" "$dir/src/host" "$dir/src/cli" \
		"$dir/include/waylay" "$dir/plugins"
	printf '%s\n' "$licence" '#include <stdio.h>' >"$dir/src/base/log.h"
	printf '%s\n' "$licence" '#include <linux/types.h>' >"$dir/src/proto/boot.h"
	printf '%s\n' "$licence" '#include "proto/boot.h"' '#include <stddef.h>' \
		>"$dir/src/agent/layer.h"
	printf '%s\n' "$licence" '#include "agent/layer.h"' '/* asm rax */' \
		'const char *f(void);' 'const char *f(void) { return "asm rax"; }' >"$dir/src/agent/a.c"
	printf '%s\n' "$licence" 'long rax;' >"$dir/src/agent/arch/x86_64/regs.h"
	printf '%s\n' "$licence" '#include "base/log.h"' >"$dir/src/launch/blob.h"
	printf '%s\n' "$licence" '#include "launch/blob.h"' >"$dir/src/host/follow.h"
	printf '%s\n' "$licence" '#include "host/follow.h"' >"$dir/src/cli/main.c"
	[ -z "$1" ] || printf '%s\n' "$licence" "$2" >"$dir/$1"
}

# breach TEXT FILE CODE: it has to be found, as FILE:LINE: TEXT; no TEXT: it has to pass.
breach() {
	tree "$2" "${3-}"
	if [ "$2" ] && [ "${4-}" ]; then
		printf '%b' "$4" >"$dir/$2"
	fi
	case $1 in
	'' | alone*) how= ;;
	*) how=--no-compile ;;
	esac
	# shellcheck disable=SC2086
	if "$check" $how "$dir" >"$dir/out" 2>&1; then
		[ -z "$1" ] && return
		echo "passed, but '$1' is in $2"
		failed=1
	elif [ -z "$1" ] || ! grep -q "$2:[0-9]*: .*$1" "$dir/out"; then
		echo "expected '$1' in $2, got:"
		cat "$dir/out"
		failed=1
	fi
}

breach '' ''
breach 'does not stand on' src/base/x.c '#include "proto/boot.h"'
breach 'does not stand on' src/proto/x.h '#include "base/log.h"'
breach 'does not stand on' src/agent/x.c '#include "base/log.h"'
breach 'does not stand on' src/agent/x.c '#  include "launch/blob.h"'
breach 'does not stand on' src/launch/x.c '#include "agent/layer.h"'
breach 'does not stand on' src/host/x.c '#include "cli/cli.h"'
breach 'does not stand on' src/cli/x.c '#include "agent/layer.h"'
breach 'without a C library' src/agent/x.c '#include <string.h>'
breach 'without a C library' src/proto/x.c '#include <stdio.h>'
breach 'room/file.h' src/cli/x.c '#include "main.h"'
breach 'computed' src/cli/x.c '#include FILE_NAME'
breach 'no room' src/extra.c 'int x;'
breach 'includes another' src/agent/layers/serve.c '#include "agent/layers/trace.h"'
breach 'outside arch' src/agent/x.c 'void f(void) { __asm__("nop"); }'
breach 'outside arch' src/host/x.c 'long f(struct r *r) { return r->rax; }'
breach 'assembly outside arch' src/agent/x.S 'nop'
breach '' src/agent/arch/x86_64/x.S 'mov %rax, %rbx'
breach '' src/host/x.c '/* rax */ long f(void) { return 0; } // asm'
breach 'plugins see only' plugins/x.c '#include "agent/layer.h"'
breach 'installed header' include/waylay/x.h '#include "proto/boot.h"'
breach 'alone with gcc' src/base/x.h 'size_t f(void);'
breach 'columns' src/base/x.c "$(printf '/* %0100d */' 0)"
breach 'trailing blanks' src/base/x.c 'int x; '
breach 'SPDX' src/base/x.c '' 'int x;\n'
breach 'no newline' src/base/x.c '' '/* SPDX-License-Identifier: Apache-2.0 */\nint x;'
exit $failed
