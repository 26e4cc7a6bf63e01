#!/usr/bin/env bash
# What a request costs portway-proxy, Envoy, nginx and HAProxy: CPU per request, latency, memory.
#
#   tests/bench/run.sh [--smoke] [--only plain,latency,routes-a,routes-b,routes-c,memory] ...
#
# (tests/bench/run.sh --help lists the rest.) Needs two cores and a quiet machine: the proxy runs on core 0,
# load and origin on core 1. Results go to tests/bench/out/.
#   PORTWAY_PROXY   a portway-proxy to measure instead of building one with the dist profile
#   PORTWAY_ENVOY   a real Envoy 1.40
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
source tests/tools.sh

need cc build-essential
need python3 python3
need taskset util-linux
need nginx nginx
need haproxy haproxy
install_envoy

if [ "$(nproc)" -lt 2 ]; then
    say "this machine has one core; the method needs two"
    exit 1
fi
# Nine thousand idle connections.
ulimit -n "$(ulimit -Hn)"

cargo build --locked --profile dist -p portway-tests --examples
if [ -z "${PORTWAY_PROXY:-}" ]; then
    cargo build --locked --profile dist -p portway-data-plane --bin portway-proxy
    export PORTWAY_PROXY="$CARGO_TARGET_DIR/dist/portway-proxy"
fi
exec "$CARGO_TARGET_DIR/dist/examples/bench" "$@"
