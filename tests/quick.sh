#!/usr/bin/env bash
# The daily loop: builds the unit tests in debug, where each file is compiled on its own, and passes them.
#
#   tests/quick.sh                   every unit test
#   tests/quick.sh agents            those of one folder of tests/unit (or of several)
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

targets=()
folders=()
for part in "$@"; do
    if [ ! -f "tests/unit/$part/CMakeLists.txt" ]; then
        echo "tests/quick.sh: tests/unit has no folder $part; it has: $(cd tests/unit && dirname */CMakeLists.txt | xargs)" >&2
        exit 2
    fi
    targets+=("unit_tests_$part")
    folders+=("$part")
done
[ ${#targets[@]} -gt 0 ] || targets=(unit_tests) folders=(.)

options=()
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake --preset debug "${options[@]}" </dev/null >/dev/null
cmake --build --preset debug --target "${targets[@]}" </dev/null
for folder in "${folders[@]}"; do
    ctest --test-dir "build/debug/tests/unit/$folder" -j "$(nproc)" --output-on-failure --no-tests=error </dev/null
done
printf 'built and passed in %d s\n' "$SECONDS"
