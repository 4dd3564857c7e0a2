# The two commands a newcomer needs are `make run` and `make test`. Each installs what is missing, builds, and works.
SHELL := /bin/bash
PRESET ?= release
CONFIG ?= config/quickstart.toml
CHARTER := build/$(PRESET)/bin/charter
ENV := source scripts/env.sh &&

.PHONY: run test build install bench bench-peers asan tsan format check-format clean

run: build
	$(ENV) $(CHARTER) run $(CONFIG) $(ARGS)

test: build
	$(ENV) ctest --preset $(PRESET) -j 2

install:
	@scripts/install.sh

build: install
	@scripts/build.sh $(PRESET)
