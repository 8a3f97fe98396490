#!/bin/bash
# capsule-entrypoint: starts capsuled, waits until it serves, and becomes the session. When that ends, capsuled is
# stopped in order, and the container ends with the code of the session.
set -euo pipefail

# PATH is the sessions' alone: agents may write to a directory in it. What runs as root is found in root's directories.
sessions_path=${PATH:-}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

usage() {
    cat <<'TEXT'
What a capsule is started with:

  AGENT [--provider ID] [-- ARGUMENTS]     a session of claude, codex or opencode, as `capsulectl exec` has it
  serve [OPTIONS]                          capsuled alone; sessions are then started in the container with
                                           capsulectl exec AGENT (docker exec, kubectl exec)
  shell [ARGUMENTS]                        a login shell of the agents' user; on a terminal, what no arguments mean
TEXT
}

say() { printf 'capsule: %s\n' "$*" >&2; }

# Becomes a program of root's that hands PATH on to sessions.
with_sessions_path() {
    local program
    program=$(command -v "$1")
    PATH=$sessions_path exec "$program" "${@:2}"
}

as_agent() { setpriv --reuid=agent --regid=agent --init-groups --reset-env -- "$@"; }

# A session that can read the secrets has every provider's key. Where /run/secrets is the container's own directory
# (Docker mounts single files into it) it is closed here; a mount of its own must be closed by whoever makes it.
close_secrets() {
    local secrets=/run/secrets open
    [ -d "$secrets" ] || return 0
    chmod 0700 "$secrets" 2>/dev/null || true
    open=$(as_agent find -L "$secrets" -type f -readable -print -quit 2>/dev/null || true)
    [ -z "$open" ] || {
        say "agents can read $open, so a session would not be limited to its own key"
        say "  hint: mount it for root alone: mode 0400 (Swarm), defaultMode 0400 and no fsGroup (Kubernetes)"
        exit 1
    }
}

# A fresh volume belongs to root. One with something in it belongs to whom it should, or to the host.
give_to_agent() {
    if [ -O "$1" ] && [ -z "$(ls -A "$1")" ]; then
        chmod 0755 "$1" && chown agent:agent "$1"
    fi
}

prepare() {
    [ "$(id -u)" -eq 0 ] || {
        say "this must start as root: capsuled keeps keys from the agents by being another user than they"
        say "  hint: leave out --user (Docker) and runAsUser (Kubernetes); sessions run as the user agent"
        exit 1
    }
    close_secrets
    give_to_agent /home/agent
    give_to_agent /workspace
    install -d -m 0755 /run/capsule
}

daemon=
session=
signalled=false
forward() {
    signalled=true
    [ -z "$session" ] || kill -s "$1" "$session" 2>/dev/null || true
}

# The child's own exit code: a signal interrupts bash's wait.
wait_for() {
    local code
    while :; do
        signalled=false code=0
        wait "$1" || code=$?
        $signalled || return "$code"
    done
}

stop_daemon() {
    kill -s TERM "$daemon" 2>/dev/null || true
    wait_for "$daemon" || say "capsuled ended with $?"
}

start_daemon() {
    local log=/dev/stderr options=() tries=0
    # An agent's screen is not to be written into.
    if [ -t 2 ]; then
        log=/run/capsule/capsuled.log
        options=(--log-file "$log")
    fi
    # In a session of its own: what a terminal's keys send is for the agent.
    (umask 0077 && with_sessions_path setsid "$(command -v capsuled)" "${options[@]}" >>"$log" 2>&1 </dev/null) &
    daemon=$!
    until capsulectl status --quiet 2>/dev/null && kill -0 "$daemon" 2>/dev/null; do
        tries=$((tries + 1))
        if ! kill -0 "$daemon" 2>/dev/null || [ "$tries" -gt 200 ] || $signalled; then
            stop_daemon
            if [ -f "$log" ]; then cat "$log" >&2; fi
            say "capsuled did not start"
            exit 1
        fi
        sleep 0.05
    done
}

# The inner tini gives the session the terminal and a process group, so that Ctrl-C reaches it, and that once.
run_session() {
    local code=0
    exec 3<&0
    (with_sessions_path env --default-signal=INT,QUIT "$(command -v tini)" -s -- "$@" <&3 3<&-) &
    session=$!
    exec 3<&-
    wait_for "$session" || code=$?
    stop_daemon
    exit "$code"
}

for name in TERM HUP INT QUIT USR1 USR2; do
    trap "forward $name" "$name"
done

case ${1:-} in
serve)
    prepare
    with_sessions_path capsuled "${@:2}"
    ;;
help | --help | -h)
    usage
    ;;
'' | shell)
    if [ $# -eq 0 ] && ! { [ -t 0 ] && [ -t 1 ]; }; then
        say "no agent is named, and there is no terminal for a shell"
        usage >&2
        exit 2
    fi
    prepare
    start_daemon
    # An interactive shell does not end with SIGTERM.
    trap "forward HUP" TERM
    run_session "$(command -v setpriv)" --reuid=agent --regid=agent --init-groups --reset-env -- \
        env LANG="${LANG:-C.UTF-8}" CAPSULE_SOCKET="${CAPSULE_SOCKET:-/run/capsule/capsule.sock}" /bin/bash -l "${@:2}"
    ;;
*)
    prepare
    start_daemon
    run_session "$(command -v capsulectl)" exec "$@"
    ;;
esac
