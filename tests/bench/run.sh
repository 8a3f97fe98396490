#!/usr/bin/env bash
# How fast capsuled is, beside a raw Asio echo and Redis on Unix sockets in the same run. Fails with a list when a promise
# of docs/performance.md is not met.
#
#   tests/bench/run.sh                        everything, some ten minutes
#   tests/bench/run.sh --quick                short rounds: a first look
#   tests/bench/run.sh --only NAME[,NAME…]    only these: a figure (throughput, ready, commands, memory, idle, sizes,
#                                             parts), a method (status, claude, codex, opencode), or a load (1x1, 50x1)
#   tests/bench/run.sh --quiet-cores          servers and clients with real-time priority (chrt -f), for a busy machine
#   tests/bench/run.sh --profile --only …     where capsuled's time goes under these loads, by perf
#   tests/bench/run.sh --json FILE            the figures as JSON too
#   tests/bench/run.sh --markdown FILE        the ratios as the tables of docs/performance.md
#   tests/bench/run.sh --no-build             as built; CAPSULED and CAPSULECTL name other programs to measure
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

build=true
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --no-build) build=false ;;
    --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

if $build; then
    tests/install_packages.sh
    options=()
    if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    cmake --preset release "${options[@]}" >/dev/null </dev/null
    cmake --build --preset release -j 2 --target capsuled capsulectl bench bench_parts </dev/null
fi

# A thousand connections on each side.
ulimit -n 8192
exec python3 -B tests/bench/measure.py "${arguments[@]}"
