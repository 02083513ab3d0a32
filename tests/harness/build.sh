#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh VARIANT SOURCE OUT [DEPFILE [FLAG...]] - builds one test program in one variant.
# The flags of the project's own build (sanitizers, coverage) stay out of it on purpose.
set -eu
variant=$1 source=$2 out=$3 dep=${4:-} here=$(dirname "$0")
shift 3
[ $# -eq 0 ] || shift
case $variant in
go)
	# No module, no network, no user cache: only the standard library.
	export GOCACHE="$(dirname "$(realpath "$out")")/go-cache" GOFLAGS=-mod=mod GO111MODULE=auto
	export GOPATH="$GOCACHE/path" GOPROXY=off CGO_ENABLED="${CGO_ENABLED:-0}"
	exec go build -o "$out" "$source"
	;;
go-cgo)
	export CGO_ENABLED=1
	exec "$0" go "$source" "$out"
	;;
esac
set -- -O2 -g -std=gnu17 -Wall -Wextra -Wno-unused-parameter -Wno-unused-function -Wno-clobbered -pthread \
	-I "$here" ${dep:+-MMD -MF "$dep" -MT "$out"} "$@" -o "$out" "$source"
musl="-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu"
case $variant in
glibc)		exec ${CC:-cc} "$@" -ldl ;;
glibc-static)	exec ${CC:-cc} -static "$@" ;;
static-pie)	exec ${CC:-cc} -static-pie -fPIE "$@" ;;
musl)		exec musl-gcc $musl "$@" ;;
musl-static)	exec musl-gcc $musl -static "$@" ;;
*)		echo "build.sh: what is $variant?" >&2; exit 2 ;;
esac
