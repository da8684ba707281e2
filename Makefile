# The two that matter: `make run` and `make test`. Everything that is built lands outside of the tree, in $(CACHE), so
# that a fresh clone on the same machine builds our own crates only.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Cargo uses all cores by itself, and the parts of `test` stand in their order on purpose.
.NOTPARALLEL:

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/anteroom
export TOOLS_DIR ?= $(CACHE)/tools
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(TOOLS_DIR)/bin:$(PATH)

ANTEROOM := $(CARGO_TARGET_DIR)/release/anteroom
# Machines are made of namespaces, devices and firewall rules, which only root can make.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo env HOME="$(HOME)" PATH="$(PATH)")

.PHONY: help run test root check fmt clippy layers licences advisories unit web web-test build image e2e bench model sim fuzz install-run install-test install-fuzz

help:
	@echo 'make run         installs what is missing, builds, and serves the page on 127.0.0.1:4000'
	@echo 'make test        installs what tests need and runs all of them'
	@echo 'make check       formatting, clippy, types, layers'
	@echo 'make e2e         real browser, real command-line tools, real issuer (DRIVER=qemu ACCEL=kvm: in virtual machines)'
	@echo 'make model       every order of events with bounded faults, and each invariant broken on purpose'
	@echo 'make sim         whole controllers in virtual time under faults (SEEDS=1000, or SEED=n to replay one)'
	@echo 'make bench       measures; writes bench/out/latest.json'
	@echo 'make fuzz        feeds parsers with anything: SECONDS=600 for each target, TARGET=... for one'
	@echo 'make image       builds the guest image, if its recipe has none yet'
	@echo 'make web         builds the page'
	@echo 'make licences    licences, sources and bans of all dependencies'
	@echo 'make advisories  known weaknesses of dependencies (needs the network)'

run: install-run build image
	exec scripts/run.sh $(ANTEROOM)

# The cheap ones first; each part says its own closing line.
test: root install-test check licences web-test unit e2e

root:
	@[ "$$(id -u)" = 0 ] || { echo 'this needs root, for the tests make machines; run it with sudo or in a virtual machine' >&2; exit 1; }

check: install-run fmt clippy layers
	npm run --prefix web check

fmt:
	cargo fmt --all --check

# The page is embedded in the program, so that it has to be there for the compiler too.
clippy: web
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

# Always the whole workspace: cargo unifies features over what is selected, so that a smaller selection would build
# the dependencies once more.
layers: web
	cargo test --release --locked --workspace --test layers --test hygiene --test specification

unit: web
	cargo nextest run --release --locked --workspace

licences: install-test
	cargo deny --locked check licenses bans sources

# The database of advisories comes from a git host, which not every machine that tests can reach.
advisories: install-test
	cargo deny --locked check advisories

web: web/dist/index.html

web/node_modules/.package-lock.json: web/package-lock.json
	scripts/npm-ci.sh web

WEB_SOURCES := $(shell find web/src web/public web/index.html web/vite.config.ts web/tsconfig.json web/package.json -type f 2>/dev/null)

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	npm run --prefix web build
	touch $@

web-test: web
	npm test --prefix web

build: web
	cargo build --release --locked --workspace

image: build
	$(AS_ROOT) $(ANTEROOM) image build

e2e/node_modules/.package-lock.json: e2e/package-lock.json
	scripts/npm-ci.sh e2e

e2e: root install-test build image e2e/node_modules/.package-lock.json
	npm test --prefix e2e

bench: root install-test build image e2e/node_modules/.package-lock.json
	npm run --prefix e2e bench

# Built as a part of the whole workspace, for the reason that `layers` gives. `make test` runs its tests, a shorter way.
model: install-run
	cargo build --release --locked --workspace --bin anteroom-model
	$(CARGO_TARGET_DIR)/release/anteroom-model $(MODEL)

SEEDS ?= 1000
# `make test` runs some hundred schedules more, of a fresh seed.
sim: install-run
	cargo run --release --locked --package anteroom-sim --features virtual-time -- $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

# Seconds for each target. What a run finds stays in fuzz/artifacts, what it learns in the cache.
SECONDS ?= 60
TARGET ?= $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))

# A sanitizer is a flag that a stable compiler takes only so; nothing else is built with it.
fuzz: export RUSTC_BOOTSTRAP := 1
fuzz: export RUSTFLAGS := -Clink-arg=-fuse-ld=mold
fuzz: install-fuzz
	cargo fuzz build --target-dir $(CACHE)/fuzz/target
	for target in $(TARGET); do \
		mkdir -p $(CACHE)/fuzz/corpus/$$target; \
		echo "fuzz: $$target for $(SECONDS) s"; \
		cargo fuzz run --target-dir $(CACHE)/fuzz/target $$target \
			$(CACHE)/fuzz/corpus/$$target $$(find fuzz/corpus-seed -type d -name $$target) -- \
			-max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1; \
	done

install-run:
	scripts/install.sh run

install-test:
	scripts/install.sh run test

install-fuzz:
	scripts/install.sh run fuzz
