#!/usr/bin/env bash
# Builds and passes every test, on a fresh Debian 12 machine too; what CI runs. Needs root or sudo only for packages
# that are missing.
#
#   tests/run.sh                     every fuzz target for 30 s, then every test in release, the real agents included
#   tests/run.sh --sanitizers        before that the tests under tsan (what has threads) and asan
#   tests/run.sh --preset asan       one preset
#   tests/run.sh --label unit        only tests with this label (unit, integration, e2e, …)
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

presets=(fuzz release)
label=
while [ $# -gt 0 ]; do
    case $1 in
    --preset) presets=("${2:?--preset needs a name}") && shift 2 ;;
    # Release comes last, so that the run closes on the summary of all tests.
    --sanitizers) presets=(tsan asan fuzz release) && shift ;;
    --label) label=${2:?--label needs a name} && shift 2 ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done

jobs=2
began=$SECONDS
phase_began=$SECONDS
phase() {
    phase_end
    phase_name=$1
    phase_began=$SECONDS
    printf '\n==== %s\n' "$1"
}
phase_end() {
    [ -z "${phase_name:-}" ] || printf '==== %s: %d s\n' "$phase_name" $((SECONDS - phase_began))
}
trap 'code=$?; [ $code -eq 0 ] || printf "\n==== FAILED in: %s (after %d s)\n" "${phase_name:-start}" $((SECONDS - began)) >&2' EXIT

# npm's packages for the tests in that folder, as its lock file pins them.
install_modules() {
    local modules=$1/node_modules
    if ! cmp -s "$1/package-lock.json" "$modules/.installed-lock.json"; then
        npm ci --prefix "$1" --no-audit --no-fund --loglevel=error </dev/null
        cp "$1/package-lock.json" "$modules/.installed-lock.json"
    fi
}

# The real agents. Only end-to-end tests use them, and those run in release.
install_agents() {
    local modules=tests/e2e/node_modules
    install_modules tests/e2e
    for agent in claude codex opencode; do
        printf '%s ' "$agent" && PATH="$modules/.bin:$PATH" "$modules/.bin/$agent" --version </dev/null
    done
}

build() {
    local options=()
    if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    cmake --preset "$1" "${options[@]}" </dev/null
    local target=all
    if [ "$1" = tsan ] && [ -z "$label" ]; then target=thread_tests; fi
    if [ "$1" = fuzz ]; then target=fuzz_targets; fi
    cmake --build --preset "$1" --target "$target" -j "$jobs" </dev/null
}

# Speed and the real agents mean something only in what users run; ThreadSanitizer only where there are threads (the
# pure libraries have none; --preset tsan --label unit runs them all the same).
run_tests() {
    local select=(--label-regex 'unit|integration')
    if [ "$1" = tsan ]; then select=(--label-regex 'unit-threads|integration'); fi
    case $1 in release | debug | fuzz) select=() ;; esac
    if [ -n "$label" ]; then select=(--label-regex "^$label"); fi
    # Many tests wait more than they compute, so there is one more than there are cores; the fuzz targets have 30 s,
    # all at once.
    # In release those that compute (PROCESSORS 2: the real agents, packages, images) count twice.
    local at_once=$((jobs + 1))
    case $1 in fuzz) at_once=8 ;; release) at_once=$((jobs * 3)) ;; esac
    ctest --preset "$1" -j "$at_once" "${select[@]}" </dev/null
}

# What --label asks for is in the build of release, or it is the fuzz targets.
if [ "${presets[*]}" = "fuzz release" ] && [ -n "$label" ]; then
    presets=(release)
    if [ "$label" = fuzz ]; then presets=(fuzz); fi
fi

phase "packages"
tests/install_packages.sh

wants_agents=false
for preset in "${presets[@]}"; do
    case $preset:$label in
    release: | release:e2e | debug: | debug:e2e) wants_agents=true ;;
    esac
done
agents=
if $wants_agents; then
    # npm unpacks while the compiler works; only the last tests need what it brings.
    mkdir -p build
    {
        install_agents
        install_modules tests/image/schemas
    } >build/agents.log 2>&1 &
    agents=$!
fi
wait_for_agents() {
    [ -n "$agents" ] || return 0
    phase "agents"
    local code=0
    wait "$agents" || code=$?
    cat build/agents.log
    return $code
}

for preset in "${presets[@]}"; do
    phase "build $preset"
    build "$preset"
    if [ "$preset" != "${presets[-1]}" ]; then
        phase "test $preset"
        run_tests "$preset"
    fi
done
wait_for_agents
phase "test ${presets[-1]} (total so far: $((SECONDS - began)) s)"
run_tests "${presets[-1]}"
