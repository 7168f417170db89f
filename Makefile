# The only entry points: people and CI run the same recipes. `make` alone lists them.
#
# Each recipe first calls `.ci/setup`, which installs what is missing, says what and why, and is over at once
# when nothing is.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check bench bench-ssh

# Rust may have been installed a second ago, by `.ci/setup`, for a shell that does not know it yet.
CARGO_HOME ?= $(HOME)/.cargo
export PATH := $(CARGO_HOME)/bin:$(PATH)

# `make demo ARGS=--script`, `make test ARGS=holds`, `make bench ARGS=--quick`
ARGS ?=

help:
	@echo 'make demo     a whole world on this machine: PostgreSQL, Countersign, a story to play (ARGS=--script plays it)'
	@echo 'make test     every test (ARGS=holds: those with `holds` in their name)'
	@echo 'make check    format, lints, documentation, licences and sources of dependencies'
	@echo 'make bench    speed beside haproxy and pgbouncer, about 40 minutes (ARGS=--quick: one minute; ROUNDS=5)'
	@echo 'make bench-ssh   the same for SSH, beside the direct connection and ProxyJump, about six minutes (ARGS="--rounds 3")'
	@echo
	@echo 'All of them install what is missing on Debian and Ubuntu, and say so.'

demo:
	@.ci/setup build postgres
	cargo run -- demo $(ARGS)

# nextest where it is installed, since its report is easier to read; it leaves out the examples in documentation.
# It is not installed for you: that would build for minutes, and `cargo test` runs the same tests.
test:
	@.ci/setup build postgres drivers
	@if command -v cargo-nextest >/dev/null 2>&1; then \
		set -ex; cargo nextest run --workspace --no-fail-fast $(ARGS); cargo test --workspace --doc $(ARGS); \
	else \
		set -ex; cargo test --workspace --no-fail-fast $(ARGS); \
	fi
	cargo run --quiet -- --version    # as `make demo` runs it

check:
	@.ci/setup build lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
	cargo deny check --hide-inclusion-graph licenses bans sources

bench:
	@.ci/setup build postgres bench
	cargo build --release
	python3 benches/postgres $(ARGS)

bench-ssh:
	@.ci/setup build drivers bench
	cargo build --release
	python3 benches/ssh $(ARGS)
