#!/usr/bin/env bash
# Says which files are not in the form of .clang-format, and which tests have a name with an underscore, which
# GoogleTest keeps for itself, or a small letter first. Fails if there are any.
#
#   tests/format.sh                  looks
#   tests/format.sh --fix            brings them into form
set -euo pipefail

cd "$(dirname -- "${BASH_SOURCE[0]}")/.."
# Another version breaks other lines.
tool=clang-format-14
if ! command -v "$tool" >/dev/null; then
    echo "tests/format.sh: there is no $tool: run tests/install_packages.sh" >&2
    exit 2
fi
sources() {
    find protocol daemon client tests -name node_modules -prune -o \( -name '*.cpp' -o -name '*.hpp' \) -print0
}
if [ "${1:-}" = --fix ]; then
    sources | xargs -0 "$tool" -i
    exit
fi
deviating=$(sources | { xargs -0 "$tool" --dry-run -Werror 2>&1 || true; } | sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error: .*/\1/p' | sort -u)
named=$(grep -rnE --include='*.cpp' --exclude-dir=node_modules '^TEST(_F|_P)?\(\w+, ([a-z]|\w*_)' tests || true)
[ -z "$deviating" ] || printf 'Not in the form of .clang-format (tests/format.sh --fix mends it):\n%s\n' "$deviating" >&2
[ -z "$named" ] || printf 'A test is named LikeThis:\n%s\n' "$named" >&2
[ -z "$deviating$named" ]
