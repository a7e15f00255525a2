#!/usr/bin/env bash
# A nightly job for cron: runs one prompt in a directory, writes what came of it to a report, and exits with it.
#
#   nightly-run.sh DIRECTORY PROMPT REPORT
#   17 3 * * *  nightly-run.sh ~/project "Update the changelog from last day's commits." ~/reports/$(date +\%F).md
#
# It needs curl and jq, and talks to the codexd that runs as the same user, over its socket, without a token.
set -euo pipefail
[ $# = 3 ] || { echo "usage: $0 DIRECTORY PROMPT REPORT" >&2; exit 64; }
SOCKET=${CODEXD_SOCKET:-${XDG_STATE_HOME:-$HOME/.local/state}/codexd/codexd.sock}
api() { curl -sS --fail-with-body --unix-socket "$SOCKET" -H 'Content-Type: application/json' "http://codexd$@"; }

body=$(jq -n --arg cwd "$(cd "$1" && pwd)" --arg prompt "$2" '{
  $prompt, $cwd, sandbox: "workspace-write", skipGitRepoCheck: true, timeoutMs: 3600000, metadata: {job: "nightly"}
}')
run=$(api /v1/codexd/runs -d "$body" | jq -r .data.run.runId)

# Its text, as it is written; where the connection ends before the run does, from its beginning again.
until api "/v1/codexd/runs/$run/output?follow=1" > "$3.part"; do sleep 1; done

record=$(api "/v1/codexd/runs/$run" | jq .data.run)
{
  echo "$record" | jq -r '"# \(.status): \(.prompt)\n\nRun \(.runId) in \(.cwd), from \(.startedAt) to \(.finishedAt)."'
  echo "$record" | jq -r '.commands[] | "- `\(.command)` exited with \(.exitCode)"'
  echo "$record" | jq -r '.fileChanges[] | "- \(.kind) \(.path)"'
  echo
  cat "$3.part"
} > "$3"
rm "$3.part"
[ "$(echo "$record" | jq -r .status)" = completed ]
