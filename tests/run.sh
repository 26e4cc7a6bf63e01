#!/usr/bin/env bash
# Runs every test of the workspace, after installing what the tests start and this machine lacks.
#
#   tests/run.sh [arguments of cargo nextest run]
#
# Where an environment variable names a program, that one is used and nothing is installed for it:
#   PORTWAY_ENVOY   a real Envoy 1.40
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
source tests/tools.sh

need cc build-essential
need python3 python3
install_envoy

# The same target selection as the tests', so that cargo unifies features once and builds nothing twice.
cargo build --locked --workspace --all-targets

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace "$@"
else
    say "cargo-nextest is not installed: falling back to cargo test, without its groups and time limits"
    say "(cargo install --locked cargo-nextest gives the full run)"
    cargo test --locked --workspace --lib --bins --tests --no-fail-fast "$@" -- --test-threads 2
fi
