#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# agent-bites - tools/check_agent lets a good agent pass and finds each thing it looks for.
#
#	agent-bites.sh CHECK_AGENT
set -u
check=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
boot='__attribute__((section(".boot"), aligned(4096)))'
start="$boot void wy_agent_start(void) { for (;;) ; }"
common='-O2 -ffreestanding -fno-builtin -fno-stack-protector -fcf-protection=none -fPIE -nostdlib
	-nostartfiles -Wl,-e,wy_agent_start'
pie='-static-pie -Wl,--no-dynamic-linker -Wl,-z,norelro -Wl,-z,noexecstack'

# image TEXT CODE FLAG...: links an agent; TEXT is what check_agent has to say about it,
# or nothing if it is a good one.
image() {
	text=$1
	printf '%s\n' "$2" >"$dir/agent.c"
	shift 2
	# shellcheck disable=SC2086
	if ! ${CC:-cc} $common "$@" "$dir/agent.c" -o "$dir/agent" 2>"$dir/err"; then
		cat "$dir/err"
		echo "cannot build the agent that '$text'"
		failed=1
		return
	fi
	if "$check" "$dir/agent" >"$dir/out" 2>&1; then
		[ -z "$text" ] && return
		echo "passed, but it '$text'"
		failed=1
	elif [ -z "$text" ] || ! grep -q "^check_agent: .*$text" "$dir/out"; then
		echo "expected '$text', got:"
		cat "$dir/out"
		failed=1
	fi
}

# shellcheck disable=SC2086
{
	image '' "$start static int f(void) { return 1; } int (*volatile table)(void) = f;
		long __attribute__((used)) wide(int n) { return n; }" $pie -mgeneral-regs-only
	image 'vector or x87' "$start double d; void __attribute__((used)) f(void) { d *= 2; }" $pie
	image 'vector or x87' "$start long double d;
		void __attribute__((used)) f(void) { d += 1; }" $pie
	image 'thread pointer' "$start long __attribute__((used)) f(void)
		{ long r; __asm__(\"mov %%fs:0x28, %0\" : \"=r\"(r)); return r; }" $pie
	image 'thread-local' "__thread int n = 3; int f(void) { return n; }
		$boot void wy_agent_start(void) { f(); }" $pie
	for string in 'rep stosb' 'repne scasb' movsq lodsb stosl cmpsb; do
		image 'string instructions' "$start void __attribute__((used)) f(void)
			{ __asm__ volatile(\"$string\"); }" $pie
	done
	image 'constructors' "$start static void __attribute__((constructor)) f(void)
		{ __asm__ volatile(\"nop\"); }" $pie
	image 'written and executed' "$start" -static-pie -Wl,--no-dynamic-linker -Wl,-z,execstack
	image 'need a symbol' "extern void f(void) __attribute__((ifunc(\"r\"))); static void g(void) { }
		static void *r(void) { return g; } $boot void wy_agent_start(void) { f(); }" $pie
	image 'position independent' "$start" -static -no-pie
	image 'dynamic linker' "$start" -pie
	image 'needs a library' "$start" -pie -Wl,--no-as-needed -lc
	image 'no wy_agent_start' "$boot void other(void) { }" $pie -Wl,-e,other
	image 'not there yet' "void __attribute__((noinline)) f(void) { __asm__ volatile(\"\"); }
		$boot void wy_agent_start(void) { for (;;) f(); }" $pie
	image 'a page, with its entry' 'void wy_agent_start(void) { for (;;) ; }' $pie
	image 'a page, with its entry' "$boot void other(void) { for (;;) ; } $boot
		void wy_agent_start(void) { for (;;) ; }" $pie
	image 'more than a page' "$start $boot void __attribute__((used)) f(void)
		{ __asm__ volatile(\".skip 8192\"); }" $pie
}
exit $failed
