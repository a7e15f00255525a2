#!/usr/bin/env bash
# Tells a chat what codexd does: one message for each turn and run that ends, and for each question of Codex's.
#
#   relay.sh WEBHOOK CURSOR_FILE
#
# WEBHOOK takes {"text": "…"} by POST, as Slack, Mattermost and many others do. The number of the last event that was
# told stands in CURSOR_FILE, so that nothing is missed when this script, codexd, the chat or the network is away for a
# while; only what was being told at that very moment may come twice. It needs curl and jq.
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 WEBHOOK CURSOR_FILE" >&2; exit 64; }
SOCKET=${CODEXD_SOCKET:-${XDG_STATE_HOME:-$HOME/.local/state}/codexd/codexd.sock}
TYPES=turn.finished,run.completed,run.failed,run.cancelled,approval.requested

text='if .type == "approval.requested" then
    "Codex asks: \(.detail.summary)\nAnswer with: codexd approve \(.detail.approvalId)"
  elif .type == "turn.finished" then
    "A turn is \(.detail.status): \(.detail.finalMessage // .detail.error.message // "no answer")"
  else
    "A run is \(.detail.status): \(.detail.finalMessage // .detail.error.message // "no answer")"
  end'

while true; do
  after=$(cat "$2" 2>/dev/null || echo 0)
  exec 3< <(exec curl -sSN --fail --unix-socket "$SOCKET" \
    "http://codexd/v1/codexd/events?format=ndjson&after=$after&type=$TYPES")
  events=$!
  while read -r line <&3; do
    if [ "$(jq -r .type <<< "$line")" != heartbeat ]; then
      jq -c "{text: ($text)}" <<< "$line" |
        curl -sS --fail -H 'Content-Type: application/json' -d @- "$1" >/dev/null || break
    fi
    # Only behind what was told. A heartbeat has a number too: everything up to it has been looked at.
    jq -r .seq <<< "$line" > "$2"
  done
  # codexd is being started again, or the chat is away: what was not told comes again.
  kill "$events" 2>/dev/null || true
  sleep 1
done
