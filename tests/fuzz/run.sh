#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while: tests/fuzz/run.sh [SECONDS [EXECUTIONS]]
# SECONDS each (30), or until EXECUTIONS where given. New inputs stay in build/fuzz/corpus.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-30}
executions=${2:-}
cd "$root"
targets=(rpc toml_block opencode config codex_models)
options=()
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake --preset fuzz "${options[@]}" >/dev/null
# Only the targets and the pure libraries under them: nothing here needs Asio.
cmake --build --preset fuzz --parallel 2 --target "${targets[@]/#/fuzz_}"
failed=0
passed=0
for target in "${targets[@]}"; do
  corpus=build/fuzz/corpus/$target
  mkdir -p "$corpus"
  limit=(-max_total_time="$seconds")
  [ -z "$executions" ] || limit=(-runs="$executions")
  if "build/fuzz/bin/fuzz_$target" "${limit[@]}" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -verbosity=0 -artifact_prefix="build/fuzz/$target-" "$corpus" "tests/fuzz/corpus/$target" \
      >"build/fuzz/$target.log" 2>&1; then
    passed=$((passed + 1))
    echo "fuzz_$target: $(grep -oE 'number_of_executed_units: [0-9]+' "build/fuzz/$target.log")"
  else
    failed=$((failed + 1))
    echo "fuzz_$target FAILED; the input is in build/fuzz/$target-*"
    tail -40 "build/fuzz/$target.log"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
