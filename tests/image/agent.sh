#!/bin/bash
# Stands for claude, codex and opencode in the image: runs what follows "run:" in its last argument.
case "${0##*/} $*" in
'claude --version') echo '2.1.197 (Claude Code)' && exit ;;
'codex --version') echo 'codex-cli 0.169.0' && exit ;;
'opencode --version') echo '1.18.33' && exit ;;
'codex debug models -c'*) exit 0 ;;
'codex debug models'*) exec cat /usr/local/share/codex_models.json ;;
esac

# Asks the provider once, as Claude Code would, and prints the answer's first line.
ask() {
    local address=${ANTHROPIC_BASE_URL#http://}
    exec 5<>"/dev/tcp/${address%%:*}/$(grep -o ':[0-9]*' <<<"$address" | tr -d :)" || return
    printf 'POST /%s/v1/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}' \
        "${address#*/}" "${address%%/*}" "$ANTHROPIC_AUTH_TOKEN" >&5
    head -n 1 <&5
    exec 5>&-
}

last=${*: -1}
if [[ $last == run:* ]]; then eval "${last#run:}"; fi
