#!/usr/bin/env bash
# A long run of the fuzz targets, one after the other: tests/fuzz/run.sh [EXECUTIONS [TARGET…]]
# EXECUTIONS (ten million) of each without sanitizers, which is ten times as fast; then what reached something new goes
# through AddressSanitizer and UndefinedBehaviorSanitizer. An input that breaks a promise stays in build/fuzz*/TARGET-*.
# The short run is `tests/run.sh --preset fuzz`.
set -euo pipefail
cd "$(dirname "$0")/../.."
executions=${1:-10000000}
mapfile -t targets < <(basename -s .cpp -a tests/fuzz/fuzz_*.cpp | sed 's/^fuzz_//')
if [ $# -gt 1 ]; then targets=("${@:2}"); fi

build() {
    local options=(-B "$1")
    if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    cmake --preset fuzz "${options[@]}" "${@:2}" >/dev/null
    cmake --build "$1" --parallel 2 --target fuzz_targets
}
build build/fuzz
build build/fuzz-fast -DCAPSULE_FUZZ_SANITIZE= "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1 -D_GLIBCXX_ASSERTIONS"

# run FOLDER TARGET OPTION…: its figures go to FOLDER/TARGET.log
run() {
    local arguments
    mapfile -t arguments <"$1/fuzz_$2.arguments"
    "$1/bin/fuzz_$2" "${@:3}" "${arguments[@]}" >"$1/$2.log" 2>&1
}
failed=()
for target in "${targets[@]}"; do
    began=$SECONDS
    if run build/fuzz-fast "$target" -runs="$executions" -max_len=1024 &&
        run build/fuzz "$target" -runs=0 "build/fuzz-fast/corpus/$target"; then
        count=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz-fast/$target.log")
        echo "fuzz_$target: $count executions in $((SECONDS - began)) s"
    else
        failed+=("$target")
        echo "fuzz_$target FAILED, see build/fuzz-fast/$target.log and build/fuzz/$target.log" >&2
    fi
done
[ ${#failed[@]} -eq 0 ]
