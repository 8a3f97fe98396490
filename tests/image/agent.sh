#!/bin/bash
# Stands for claude, codex and opencode in the image: runs what follows "run:" in its last argument.
case "${0##*/} $*" in
'claude --version') echo '2.1.197 (Claude Code)' && exit ;;
'codex --version') echo 'codex-cli 0.169.0' && exit ;;
'opencode --version') echo '1.18.33' && exit ;;
'codex debug models -c'*) exit 0 ;;
'codex debug models'*) exec cat /usr/local/share/codex_models.json ;;
esac
last=${*: -1}
if [[ $last == run:* ]]; then eval "${last#run:}"; fi
