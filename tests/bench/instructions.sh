#!/usr/bin/env bash
# How many instructions one status, one spawn of each agent, one short request and one stream through the broker take,
# against what is recorded in instructions.json.
#
#   tests/bench/instructions.sh             builds and compares, as the tests do: fails when one is 10 % off
#   tests/bench/instructions.sh --record    builds and records today's; the commit says why they changed
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
tests/install_packages.sh
cmake --preset release >/dev/null </dev/null
cmake --build --preset release -j 2 --target capsuled capsule-broker bench_agent bench_under_valgrind </dev/null
exec python3 -B tests/bench/instructions.py --capsuled build/release/bin/capsuled --broker build/release/bin/capsule-broker \
    --agent build/release/bin/bench_agent --preload build/release/tests/bench/libbench_under_valgrind.so "$@"
