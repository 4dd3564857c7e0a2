# The two commands a newcomer needs are `make run` and `make test`. Each installs what is missing, builds, and works.
SHELL := /bin/bash
PRESET ?= release
CONFIG ?= config/quickstart.toml
RUN ?= runs/quickstart
CHARTER := build/$(PRESET)/bin/charter
ENV := source scripts/env.sh &&
SOURCES := git ls-files -z '*.hpp' '*.cpp' | xargs -0
.DEFAULT_GOAL := run

.PHONY: run test test-slow status install tools build bench bench-peers asan tsan fuzz format check-format clean help

run: build  ## the whole pipeline on CONFIG, with ARGS for charter run; again: resumes
	@$(ENV) $(CHARTER) run $(CONFIG) $(ARGS)

test: build  ## every test that takes seconds
	@$(ENV) ctest --preset $(PRESET) -j 2

test-slow: tools build  ## the tests that take minutes
	@$(ENV) ctest --test-dir build/$(PRESET) -L slow --output-on-failure --no-tests=error

status:  ## what the run in RUN has done
	@$(CHARTER) status --run $(RUN) $(ARGS)

install:  ## Debian packages, LibTorch, the default model: what is missing of them
	@scripts/install.sh

tools: install  ## the packages of format, bench-peers and test-slow
	@scripts/install.sh tools

build: install  ## one PRESET: release, dev, asan, tsan
	@scripts/build.sh $(PRESET)

bench: install  ## BENCH=NAME [ARGS=...]: JSON lines on stdout, everything else on stderr
	@scripts/bench.sh "$(BENCH)" $(ARGS)

bench-peers: tools  ## sets up the programs we compare with, then every bench against them: JSON lines
	@bench/peers/setup.sh >&2
	@scripts/bench.sh all $(ARGS)

asan: install  ## the tests under address and undefined-behaviour sanitizers
	@scripts/sanitize.sh asan

tsan: install  ## the tests of transport, store and actors under the thread sanitizer
	@scripts/sanitize.sh tsan

fuzz: tools  ## the readers of model files on mutated inputs, ARGS seconds each (60)
	@scripts/fuzz.sh $(ARGS)

format: tools  ## rewrites the sources
	@$(SOURCES) clang-format-14 -i

check-format: tools  ## fails where a source is not formatted
	@$(SOURCES) clang-format-14 --dry-run -Werror

clean:  ## removes the builds; runs, downloads and LibTorch stay
	rm -rf build

help:
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20
