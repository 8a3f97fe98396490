#!/usr/bin/env bash
# quickstart.sh: what capsuled does, in one go. Builds it, starts a private daemon with throw-away keys, shows the route
# of every cell and the status page, and cleans up. On a fresh Debian 12 machine it installs what the build needs (root
# or sudo). Nothing outside the build folder and a temporary one is touched; no provider is contacted.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bin=$root/build/release/bin
began=$SECONDS

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi
heading() { printf '\n%s==== %s%s\n\n' "$bold" "$1" "$plain"; }

# Everything goes, however this ends: Ctrl-C included.
place=$(mktemp -d)
daemon=
progress=
clean_up() {
    [ -z "$progress" ] || kill "$progress" 2>/dev/null || true
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" || true
    fi
    rm -rf -- "$place"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What is done, of what: ninja's own count, on a terminal.
show_progress() {
    while sleep 0.5; do
        printf '\r  %s ' "$(grep -o '^\[[0-9/]*\]' "$place/build.log" | tail -n 1)"
    done
}
quietly() {
    if ! "$@" >>"$place/build.log" 2>&1 </dev/null; then
        tail -n 40 "$place/build.log" >&2
        exit 1
    fi
}

heading "Build"
tests/install_packages.sh --build
options=()
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
printf 'capsuled and capsulectl, into build/release/bin\n'
if [ -t 1 ]; then
    touch "$place/build.log"
    show_progress &
    progress=$!
fi
quietly cmake --preset release "${options[@]}"
quietly cmake --build --preset release --target capsuled capsulectl -j "$(nproc)"
if [ -n "$progress" ]; then
    kill "$progress" && wait "$progress" 2>/dev/null || true
    progress=
    printf '\r'
fi
printf 'built after %d s\n' $((SECONDS - began))

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
        jq -r --arg bold "$bold" --arg dim "$dim" --arg plain "$plain" --arg cell "$1 on $2" '
            .error | "\($bold)\($cell)\($plain)  \($dim)not offered: \(.message)\($plain)"' <<<"$plan"
        return
    fi
    printf '%s%s on %s%s\n' "$bold" "$1" "$2" "$plain"
    jq -r --arg home "$place/home" --arg dim "$dim" --arg plain "$plain" '
        ["request", "daemon environment", "session user"] as $elsewhere
        | (.arguments | map(.value | if test("[ {\"]") then @sh else . end) | join(" ")
              | "  \($dim)argv\($plain)  " + .),
          (.env[] | select((.from | IN($elsewhere[]) | not) and (.name | startswith("CAPSULE_") | not))
              | "  \($dim)env\($plain)   \(.name)=\(.value)"),
          (.files[] | "  \($dim)file\($plain)  \(.path)")
        | gsub($home; "~")' <<<"$plan"
}

heading "The route of every cell (capsulectl explain AGENT --provider ID)"
providers=$(capsulectl --json status | jq -r '.providers[].id')
for agent in claude codex opencode; do
    for provider in $providers; do
        show_cell "$agent" "$provider"
    done
    echo
done

heading "capsulectl status"
capsulectl status

heading "Done, after $((SECONDS - began)) s"
cat <<TEXT
The keys were made up, the daemon goes now, with its files. A session of your own:

    export ZAI_API_KEY=…                                  # in the capsule's environment
    $bin/capsuled &
    $bin/capsulectl exec claude --provider zai
TEXT
