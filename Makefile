# SPDX-License-Identifier: Apache-2.0
#
# The face of the build; Meson does the work.
#
#	make		build/waylay
#	make demo	see it work on real programs
#	make test	everything, at reduced counts
#	make soak	everything, at full counts, and test suites of others
#	make bench	what it costs, in tables
#	make lint	style, floors, static analysis
#	make install	to PREFIX (/usr/local), under DESTDIR
#	make clean
#
# DEPS=no: do not look for missing packages.

BUILD ?= build
PREFIX ?= /usr/local
DEPS ?= yes

MESON_TEST = meson test -C $(BUILD) --no-rebuild --print-errorlogs

ifeq ($(DEPS),yes)
need = tools/deps $(1)
else
need = :
endif

.PHONY: all build build-tests demo test soak bench lint format install clean deps-build deps-demo deps-test deps-bench deps-soak

all: deps-build
	@$(MAKE) --no-print-directory build

# Configured once; ninja configures again by itself when a meson.build changes.  For the tests
# once more: a configuration from before their packages came has left them out.
build:
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX)
	@ninja -C $(BUILD) product

build-tests:
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) --prefix=$(PREFIX)
	@[ -f $(BUILD)/.for-tests ] || meson setup --reconfigure $(BUILD) >/dev/null
	@touch $(BUILD)/.for-tests
	@ninja -C $(BUILD)

deps-build:
	@$(call need,build)
deps-demo:
	@$(call need,demo)
deps-test:
	@$(call need,test)
deps-bench:
	@$(call need,bench)
deps-soak:
	@$(call need,soak)

demo: deps-demo
	@$(MAKE) --no-print-directory build
	@tools/demo $(BUILD)/waylay

test: deps-test
	@$(MAKE) --no-print-directory build-tests
	@$(MESON_TEST)

soak: deps-soak
	@$(MAKE) --no-print-directory build-tests
	@$(MESON_TEST) --setup soak

bench: deps-bench
	@$(MAKE) --no-print-directory build-tests
	@tests/bench/run $(BUILD)

lint: deps-test
	@$(MAKE) --no-print-directory build-tests
	@tools/lint $(BUILD)

format:
	@tools/format

install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) product
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD)
