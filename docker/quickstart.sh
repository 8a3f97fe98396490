#!/usr/bin/env bash
# quickstart.sh: what capsuled does, in one go. Builds it, starts a private daemon with throw-away keys, shows the route
# of every cell and the status page, and cleans up. On a fresh Debian 12 machine it installs what the build needs (root
# or sudo). Nothing outside the build folder and a temporary one is touched; no provider is contacted.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bin=$root/build/release/bin

heading() { printf '\n==== %s\n\n' "$1"; }

heading "Build"
tests/install_packages.sh --build
options=()
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake --preset release "${options[@]}" >/dev/null </dev/null
cmake --build --preset release --target capsuled capsulectl -j "$(nproc)" </dev/null

place=$(mktemp -d)
daemon=
clean_up() {
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" || true
    fi
    rm -rf -- "$place"
}
trap clean_up EXIT

# An environment of the daemon's own: no key of the person who runs this can get in. All agents' keys are made up.
mkdir "$place/home"
touch "$place/capsule.toml"
env -i PATH="$PATH" LANG="${LANG:-C.UTF-8}" TERM="${TERM:-dumb}" HOME="$place/home" STATE_DIRECTORY="$place/state" \
    ANTHROPIC_API_KEY=sk-ant-THROW-AWAY-0001 OPENAI_API_KEY=sk-THROW-AWAY-0002 ZAI_API_KEY=zai-key-THROW-AWAY-0003 \
    MINIMAX_API_KEY=sk-cp-THROW-AWAY-0004 KIMI_CODE_API_KEY=sk-ki-THROW-AWAY-0005 \
    "$bin/capsuled" --config "$place/capsule.toml" --socket "$place/capsule.sock" >"$place/log" 2>&1 &
daemon=$!
capsulectl() { "$bin/capsulectl" --socket "$place/capsule.sock" "$@"; }

for _ in $(seq 200); do
    if capsulectl status --quiet 2>/dev/null; then break; fi
    if ! kill -0 "$daemon" 2>/dev/null; then break; fi
    sleep 0.05
done
if ! capsulectl status --quiet; then
    cat "$place/log" >&2
    exit 1
fi

# What a session of this cell is started with, or why there is none. Only the route: what comes from this terminal and
# the session's user (PATH, HOME and the like) is left out, and keys are masked by the daemon itself.
show_cell() {
    local plan
    if ! plan=$(capsulectl --json explain "$1" --provider "$2"); then
        jq -r '.error | "    not offered: \(.message)"' <<<"$plan"
        return
    fi
    jq -r --arg home "$place/home" '
        ["request", "daemon environment", "session user"] as $elsewhere
        | (.arguments | map(.value | if test("[ {\"]") then @sh else . end) | join(" ") | "    argv   " + .),
          (.env[] | select((.from | IN($elsewhere[]) | not) and (.name | startswith("CAPSULE_") | not))
              | "    env    \(.name)=\(.value)"),
          (.files[] | "    file   \(.path)")
        | gsub($home; "~")' <<<"$plan"
}

heading "The route of every cell (capsulectl explain AGENT --provider ID)"
providers=$(capsulectl --json status | jq -r '.providers[].id')
for agent in claude codex opencode; do
    for provider in $providers; do
        printf '%s on %s\n' "$agent" "$provider"
        show_cell "$agent" "$provider"
    done
    echo
done

heading "capsulectl status"
capsulectl status

heading "Done"
cat <<EOF
The keys were made up, the daemon is gone with its files. A session of your own:

    export ZAI_API_KEY=…                                  # in the capsule's environment
    $bin/capsuled &
    $bin/capsulectl exec claude --provider zai
EOF
