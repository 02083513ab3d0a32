#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What becomes of system call sites in programs that have no sorted unwind table: most calls must
# come by a jump.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
}

# Builds a variant of the torture program that calls many functions of libc, and runs it.
# PERCENT of its calls at least come by a jump, and SITES of its sites at least are rewritten.
by_jump() { # VARIANT PERCENT SITES [BUILD_FLAG...]
	local variant=$1 percent=$2 sites=$3
	shift 3
	[[ $variant != musl* ]] || command -v musl-gcc >compiler || skip 'no musl-gcc'
	sh "$BATS_TEST_DIRNAME/../harness/build.sh" "$variant" \
		"$BATS_TEST_DIRNAME/../torture/30-static-calls.c" ./calls '' "$@"
	unset WAYLAY_TEST_COUNT
	run -0 --separate-stderr "$WAYLAY" run --stats-json stats.json ./calls
	[ "$output" = $'child: exit 3\nall calls gave what they must' ]
	python3 - "$percent" "$sites" <<-'PY'
		import json, sys
		percent, sites = map(int, sys.argv[1:])
		s = json.load(open("stats.json"))
		caught, how = s["caught"], s["sites"]
		assert caught["jump"] * 100 >= percent * sum(caught.values()), s
		assert how["padding"] + how["before"] >= sites, s
	PY
}

@test 'static glibc, not PIE: of .eh_frame' {
	by_jump glibc-static 90 30
}

@test 'the same, stripped' {
	by_jump glibc-static 90 30 -s
}

@test 'static PIE: of the linker'\''s table' {
	by_jump static-pie 90 30
}

@test 'musl: of DT_SYMTAB' {
	by_jump musl 85 20
}

@test 'static musl: of .symtab' {
	by_jump musl-static 60 20
}

@test 'static musl, stripped: few sites, but nothing breaks' {
	by_jump musl-static 0 0 -s
}

@test 'section headers that lie are not believed' {
	sh "$BATS_TEST_DIRNAME/../harness/build.sh" glibc-static \
		"$BATS_TEST_DIRNAME/../torture/30-static-calls.c" ./calls
	python3 - "$WAYLAY" <<-'PY'
		import struct, subprocess, sys
		good = open("calls", "rb").read()
		shoff, = struct.unpack_from("<Q", good, 40)
		entsize, count, names = struct.unpack_from("<HHH", good, 58)
		def section(i):
		    return shoff + i * entsize
		strings, = struct.unpack_from("<Q", good, section(names) + 24)
		def name(i):
		    at = strings + struct.unpack_from("<I", good, section(i))[0]
		    return good[at:good.index(b"\0", at)]
		frames = section([name(i) for i in range(count)].index(b".eh_frame"))
		addr, off, size = struct.unpack_from("<QQQ", good, frames + 16)
		lies = [(40, "<Q", v) for v in (0, 1, len(good) - 10, 1 << 40, (1 << 64) - 1)]
		lies += [(60, "<H", v) for v in (0, 5, 0xffff)] + [(62, "<H", v) for v in (0, 1, 0xffff)]
		lies += [(frames + 16, "<Q", (addr + v) % (1 << 64)) for v in (1, 4, 8, 24, 4096, -addr + 1, -addr - 8)]
		lies += [(frames + 16, "<Q", v) for v in (0x401000, 0x400000)]
		lies += [(frames + 32, "<Q", v) for v in (0, 3, 1000, size // 2, size + 64, 1 << 63)]
		for at, form, value in lies:
		    bad = bytearray(good)
		    struct.pack_into(form, bad, at, value)
		    with open("bad", "wb") as f:
		        f.write(bad)
		    subprocess.run(["chmod", "755", "bad"], check=True)
		    got = subprocess.run([sys.argv[1], "run", "./bad"], capture_output=True, text=True)
		    assert got.stdout == "child: exit 3\nall calls gave what they must\n", (at, value, got)
	PY
}
