#!/bin/bash
# Stands for the agents: tells where it was run to be looked at, and as a session shows itself.
case "${0##*/} $*" in
*' --version') echo "$TMPDIR" >>/mnt/looked && echo '2.1.197 (Claude Code)' && exit ;;
'codex debug models'*) echo "$TMPDIR" >>/mnt/looked && exec cat /opt/codex_models.json ;;
esac
id -u
env
