#!/bin/bash
# capsule-entrypoint: starts capsuled, waits until it serves, and becomes the session. When that ends, capsuled is
# stopped in order, and the container ends with the code of the session.
set -euo pipefail

# PATH is only for sessions: agents may write to a directory in it. What runs as root is found in root's directories.
sessions_path=${PATH:-}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

usage() {
    cat <<'TEXT'
What a capsule is started with:

  AGENT [--provider ID] [-- ARGUMENTS]     a session of claude, codex or opencode, as `capsulectl exec` has it
  keys [OPTIONS]                           the sidecar: a capsuled that has keys, and gives tokens to the one of another
                                           container at /run/capsule-keys, whose CAPSULE_CONFIG is /etc/capsule/agents.toml
  serve [OPTIONS]                          only capsuled; sessions are then started in the container with
                                           /usr/bin/capsulectl exec AGENT (docker exec, kubectl exec)
  shell [ARGUMENTS]                        a login shell of the agents' user; on a terminal, what no arguments mean
  drain                                    beside `serve`, before a container is stopped: waits for the sessions in it
TEXT
}

say() { printf 'capsule: %s\n' "$*" >&2; }
refuse() { say "$1" && say "  hint: $2" && exit 1; }

# Becomes a program of root's that hands PATH on to sessions.
with_sessions_path() {
    local program; program=$(command -v "$1")
    PATH=$sessions_path exec "$program" "${@:2}"
}

# Any process of the agents' user can take what the program has. So it has neither the container's keys, nor its terminal or log,
# also not as controlling terminal: output goes to the caller's pipe, or nowhere. `as-agent` closes the other descriptors.
as_agent() {
    env -i PATH="$PATH" setsid --wait capsulectl as-agent -- "$@" </dev/null 2>/dev/null
}

# Answers of the agents' user, each ended by NUL, the last one "end". Their end is not waited for, which that user can hold up.
ask_agent() {
    local answer left
    answers=()
    while left=$((until - SECONDS)) && [ "$left" -gt 0 ] && IFS= read -r -d '' -t "$left" answer; do
        if [ "$answer" = end ]; then return; fi
        answers+=("$answer")
    done < <(as_agent "$@")
    refuse "it cannot be asked whether agents can read keys" "it needs the capabilities SETUID and SETGID (--cap-add); did something stop it?"
}

# A session that can read the files with keys has every provider's key. Where /run/secrets is the container's own directory
# (Docker mounts single files into it) it is closed here; a mount of its own must be closed by whoever makes it, as must the
# files elsewhere that capsuled, with these options, reads keys from.
close_secrets() {
    local secrets=/run/secrets names files each found answers until=$((SECONDS + 60))
    local -A listed
    names=$(capsuled "$@" --key-files)
    mapfile -t files <<<"$names"
    if [ -d "$secrets" ]; then
        chmod 0700 "$secrets" 2>/dev/null || true
        # Agents can read by its name what they cannot list. What is below another user's directory, or where a link leads, is not
        # for root to list.
        while IFS= read -r -d '' found; do
            if [ "${found:0:1}" = / ]; then files+=("$found"); else listed[${found%% *}]=${found#* }; fi
        done < <(find "$secrets" ! -type d -print0 -o ! -uid 0 -print0 -prune -o -printf '%D:%i %p\0')
        wait $!
    fi
    # find takes a name that begins with "-" for an option, and does not look for the file.
    for each in "${!files[@]}"; do [[ ${files[each]} =~ ^(/|$) ]] || files[each]=./${files[each]}; done
    # find's exit code is 1 where a file is missing, and where find itself failed. So find says when it has come to the last name.
    ask_agent find -L "${files[@]}" /dev/./null -type f -readable -printf 'file %p\0end\0' -quit -o \
        -type d -executable ! -readable -printf '%D:%i %p\0' -o -path /dev/./null -printf 'end\0'
    # A directory that agents go through counts as open, unless they list it, or root did where they come to it.
    for found in "${answers[@]}"; do
        ask_agent sh -c 'test ! -x "$1" || printf "yes\0"; printf "end\0"' sh "${listed[${found%% *}]:-}"
        if [ "${#answers[@]}" -gt 0 ]; then continue; fi
        printf -v found %q "${found#* }" # a name may have a line end
        refuse "agents can read $found, so a session would not be limited to its own key" \
            "close it (chmod 0600), or mount it for root alone: mode 0400 (Swarm), defaultMode 0400 and no fsGroup (Kubernetes)"
    done
}

# A fresh volume belongs to root. One with something in it belongs to whom it should, or to the host.
give_to_agent() {
    if [ -O "$1" ] && [ -z "$(find "$1" -mindepth 1 -maxdepth 1 -print -quit)" ]; then chmod 0755 "$1" && chown agent:agent "$1"; fi
}

# A user namespace with one uid, as a rootless engine without /etc/subuid makes it, has no agent.
has_agent() {
    local uid first count
    uid=$(id -u agent)
    while read -r first _ count; do
        if [ "$uid" -ge "$first" ] && [ "$uid" -lt $((first + count)) ]; then return 0; fi
    done </proc/self/uid_map
    return 1
}

is_root() { [ "$(id -u)" -eq 0 ] && has_agent; }

# A directory of one's own in /tmp, where anybody may have made it before.
make_own() {
    (umask 0077 && mkdir "$own" 2>/dev/null) || { [ ! -L "$own" ] && [ -d "$own" ] && [ -O "$own" ] && chmod 0700 "$own"; } ||
        refuse "$own is not a directory of user $(id -u)'s, so it cannot be used" \
            "remove it, or start the container with a /tmp of its own (--tmpfs /tmp)"
}

# Not root: capsuled and sessions are one user, whichever it is. It may have no name, HOME=/, and little to write to.
prepare_one_user() {
    local own
    own=/tmp/capsule-$(id -u)
    if [ "${CAPSULE_CONFIG:-}" != /etc/capsule/agents.toml ]; then
        say "one user for all (uid $(id -u)): sessions can get every key of this container, not only their own"
        say "  hint: give it only the keys that its sessions may have, or start it as root: docs/guides/where-it-runs.md"
    fi
    if [ "${HOME:-/}" = / ] || [ ! -w "$HOME" ]; then
        HOME=/home/agent
        [ -w "$HOME" ] || {
            make_own
            HOME=$own/home
            say "/home/agent cannot be written to, so the home is $HOME; with a volume there it stays"
        }
    fi
    if [ -z "${CAPSULE_SOCKET:-}" ] && [ ! -w /run/capsule ]; then
        make_own
        CAPSULE_SOCKET=$own/capsule.sock
        say "/run/capsule cannot be written to, so the socket is $CAPSULE_SOCKET"
        say "  hint: with a volume there (--tmpfs /run/capsule) docker exec and the health check find it"
    fi
    export HOME CAPSULE_SOCKET=${CAPSULE_SOCKET:-/run/capsule/capsule.sock}
    logs=${CAPSULE_SOCKET%/*}
    (umask 0077 && mkdir -p "$HOME" "$logs")
    if [ "$logs" = /run/capsule ] && [ -O "$logs" ]; then chmod go-w "$logs"; fi
    [ -z "${CAPSULE_CONFIG:-}" ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        # Root of such a namespace would read the file that names the user agent. The image's files are not this root's.
        export CAPSULE_CONFIG=$own/capsule.toml
        make_own
        (umask 0077 && cat /etc/capsule/one-user.toml >"$CAPSULE_CONFIG")
    elif [ ! -e "${XDG_CONFIG_HOME:-$HOME/.config}/capsule/capsule.toml" ]; then
        export CAPSULE_CONFIG=/etc/capsule/one-user.toml
    fi
}

logs=/run/capsule
prepare() {
    if ! is_root; then prepare_one_user; return; fi
    close_secrets "$@"
    give_to_agent /home/agent
    give_to_agent /workspace
    # Whoever may list a directory can keep it busy.
    install -d -m 0711 /run/capsule
    # A Pod's volume is open to everybody; capsuled keeps no keys in such a place.
    if [ -O /var/lib/capsule ]; then chmod go-rwx /var/lib/capsule 2>/dev/null || true; fi
}

daemon=
daemon_job=
session=
session_job=
signalled=false
# bash signals a job only while it has not ended. A process's number may be another's by then.
last_job() { if [[ $(jobs %% 2>/dev/null) =~ ^\[([0-9]+)\] ]]; then printf '%%%s' "${BASH_REMATCH[1]}"; fi; }
forward() {
    signalled=true
    [ -z "$session_job" ] || kill -s "$1" "$session_job" 2>/dev/null || true
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

# The session's exit code. A daemon that dies meanwhile is started again: the session's requests go through it.
wait_for_session() {
    local code ended
    while :; do
        code=0
        wait -n -p ended "$session" "$daemon" || code=$? # unset where a signal came
        if [ "${ended:-}" = "$session" ]; then return "$code"; fi
        if [ "${ended:-}" = "$daemon" ]; then
            say "capsuled ended with $code and is started again"
            sleep 1
            launch_daemon
        fi
    done
}

stop_daemon() {
    kill -s TERM "$daemon_job" 2>/dev/null || true
    wait_for "$daemon" || say "capsuled ended with $?"
}

log=
launch_daemon() {
    local capsuled; capsuled=$(command -v capsuled)
    # In a session of its own: what a terminal's keys send is for the agent.
    if [ -t 2 ]; then
        # Not an agent's screen. While the directory was open to others, they may have made a link, FIFO or directory of its names.
        log=$logs/capsuled.log
        for name in "$log" "$log.1"; do
            if [ -L "$name" ] || { [ -e "$name" ] && ! { [ -f "$name" ] && [ -O "$name" ]; }; }; then
                mv -T "$name" "$name.of-others.$(date +%s).$$"
            fi
        done
        (umask 0077 && with_sessions_path setsid "$capsuled" --log-file "$log" >>"$log" 2>&1 </dev/null) &
    else
        # Not /dev/stderr, which is only for the user whose pipe it is to open.
        (umask 0077 && with_sessions_path setsid "$capsuled" >&2 </dev/null) &
    fi
    daemon=$!
    daemon_job=$(last_job)
}

start_daemon() {
    local tries=0
    launch_daemon
    until capsulectl status --alive 2>/dev/null && kill -0 "$daemon_job" 2>/dev/null; do
        tries=$((tries + 1))
        if ! kill -0 "$daemon_job" 2>/dev/null || [ "$tries" -gt 200 ] || $signalled; then
            stop_daemon
            if [ -n "$log" ]; then cat "$log" >&2; fi
            say "capsuled did not start" && exit 1
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
    session_job=$(last_job)
    exec 3<&-
    wait_for_session || code=$?
    stop_daemon
    exit "$code"
}

# What docker exec and kubectl exec start has no parent in the container.
drain() {
    local status name value pid parent busy
    while :; do
        busy=false
        for status in /proc/[0-9]*/status; do
            pid='' parent=''
            while read -r name value; do
                case $name in Pid:) pid=$value ;; PPid:) parent=$value ;; esac
            done 2>/dev/null <"$status" || true
            if [ "$parent" = 0 ] && [ "$pid" != 1 ] && [ "$pid" != $$ ]; then busy=true; fi
        done
        $busy || return 0
        sleep 1
    done
}

for name in TERM HUP INT QUIT USR1 USR2; do trap "forward $name" "$name"; done

case ${1:-} in
serve)
    prepare "${@:2}"
    with_sessions_path capsuled "${@:2}"
    ;;
keys)
    # It has no sessions, so no home, and nothing to keep: sessions are granted anew after a restart.
    unset HOME XDG_STATE_HOME
    export CAPSULE_CONFIG=${CAPSULE_CONFIG:-/etc/capsule/keys.toml}
    export CAPSULE_SOCKET=${CAPSULE_SOCKET:-/run/capsule-keys/capsule.sock}
    with_sessions_path capsuled "${@:2}"
    ;;
drain) drain ;;
help | --help | -h) usage ;;
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
    identity=()
    if is_root; then
        # As with an agent, below: nothing here continues a job that was stopped. What the shell starts can be.
        identity=("$(command -v env)" -i --ignore-signal=TSTP)
        if [ -n "${TERM:-}" ]; then identity+=(TERM="$TERM"); fi
        identity+=("$(command -v capsulectl)" as-agent -- "$(command -v setpriv)" --reset-env "$(command -v env)" --default-signal=TSTP)
    fi
    run_session "${identity[@]}" /usr/bin/env LANG="${LANG:-C.UTF-8}" CAPSULE_SOCKET="${CAPSULE_SOCKET:-/run/capsule/capsule.sock}" /bin/bash -l "${@:2}"
    ;;
*)
    prepare
    start_daemon
    # Nothing here continues a job that was stopped, as a shell does.
    run_session "$(command -v env)" --ignore-signal=TSTP "$(command -v capsulectl)" exec "$@"
    ;;
esac
