#!/bin/bash
# Stands for the agents: as a session it asks its provider once, in its own protocol, and says what it was answered.
case "${0##*/} $*" in
*' --version') echo '2.1.197 (Claude Code)' && exit ;;
'codex debug models'*) exec cat /opt/codex_models.json ;;
'claude hold') exec sleep 60 ;;
esac
case ${0##*/} in
claude) url=$ANTHROPIC_BASE_URL/v1/messages key=$ANTHROPIC_AUTH_TOKEN ;;
codex) url=$(printf '%s\n' "$@" | grep -o 'http://[^"]*' | head -n 1)/responses key=$ZAI_API_KEY ;;
opencode) url=$(grep -o 'http://[^"]*' <<<"$OPENCODE_CONFIG_CONTENT" | head -n 1)/chat/completions key=$ZAI_API_KEY ;;
esac
exec python3 -c 'import sys, urllib.request as u
print(u.urlopen(u.Request(sys.argv[1], data=b"{}", headers={"Authorization": "Bearer " + sys.argv[2]})).read().decode())' \
    "$url" "$key"
