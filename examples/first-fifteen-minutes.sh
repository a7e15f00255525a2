#!/usr/bin/env bash
# The first fifteen minutes with codexd, as a script: start it, talk to Codex with curl, follow along with wscat,
# kill it, start it again and go on in the same session.
#
# It needs `npm run build`, curl and jq; Codex (CODEX_BIN) and wscat (WSCAT) are taken from .cache, where `npm run e2e`
# installs them. The model is a stand-in that answers what the prompt tells it to, so no account is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

WSCAT=${WSCAT:-$PWD/.cache/clients/node_modules/.bin/wscat}
if [ -z "${CODEX_BIN:-}" ]; then
  for CODEX_BIN in .cache/codex/node_modules/@openai/codex-*/vendor/*/bin/codex; do break; done
  CODEX_BIN=$PWD/$CODEX_BIN
fi
[ -x "$CODEX_BIN" ] || { echo "no Codex at $CODEX_BIN: run npm run e2e, or set CODEX_BIN" >&2; exit 1; }

# A place of its own, and nothing left behind. Codex wants its home outside the system's temporary directory.
mkdir -p .cache/e2e
HERE=$(mktemp -d "$PWD/.cache/e2e/first-XXXXXX")
DAEMON='' MODEL='' FOLLOWER=''
finish() {
  for pid in $DAEMON $MODEL $FOLLOWER; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$HERE"
}
trap finish EXIT

say() { printf '\n# %s\n' "$*"; }
show() { printf '$ %s\n' "$*"; }
same() { [ "$1" = "$2" ] || { echo "expected: $2"; echo "got:      $1"; exit 1; }; }

say "A model that needs no account: it answers what the prompt's tags say."
mkdir "$HERE/home" "$HERE/project"
node --import tsx test/support/mock-model.ts > "$HERE/model-port" &
MODEL=$!
until [ -s "$HERE/model-port" ]; do sleep 0.05; done
cat > "$HERE/home/config.toml" <<TOML
model = "mock-model"
model_provider = "mock"
check_for_update_on_startup = false
features = { plugins = false, apps = false }
analytics = { enabled = false }
[model_providers.mock]
name = "mock"
base_url = "http://127.0.0.1:$(cat "$HERE/model-port")/v1"
wire_api = "responses"
requires_openai_auth = false
supports_websockets = false
TOML

# Starts codexd in the background, and reads from what it prints where it is.
start_codexd() {
  show "codexd start --json"
  # Emptied here: the subshell of the background job may come late, and the loop below must not read the last start.
  : > "$HERE/started.json"
  CODEX_HOME="$HERE/home" node dist/index.js start --json --state-dir "$HERE/state" --repo-root "$HERE/project" \
    --local-api-base http://127.0.0.1:0 --server-command "$CODEX_BIN" > "$HERE/started.json" 2>> "$HERE/codexd.log" &
  DAEMON=$!
  until jq -r .service.resolvedBaseUrl "$HERE/started.json" 2>/dev/null | grep -q '^http'; do
    kill -0 "$DAEMON" 2>/dev/null || { cat "$HERE/codexd.log" >&2; exit 1; }
    sleep 0.05
  done
  BASE=$(jq -r .service.resolvedBaseUrl "$HERE/started.json")
  HEADER=$(jq -r .headerFile "$HERE/started.json")
  SOCKET=$(jq -r .socketPath "$HERE/started.json")
  jq -c '{base: .service.resolvedBaseUrl, child: .snapshot.daemon.child.status}' "$HERE/started.json"
}

# GET PATH, and POST PATH with a JSON body: the token comes from a file, never from the command line.
get() { curl -sS -H "@$HEADER" "$BASE$1"; }
post() { curl -sS -H "@$HEADER" -H 'Content-Type: application/json' -d "$2" "$BASE$1"; }

say "Start codexd: it starts Codex, and prints where it listens."
start_codexd

say "Create a session. Sandbox and approvals are left to Codex's own configuration."
show "curl -H @$HEADER -X POST $BASE/v1/codexd/sessions"
SESSION=$(curl -sS -H "@$HEADER" -X POST "$BASE/v1/codexd/sessions" | tee "$HERE/reply" | jq -r .data.session.sessionId)
jq -c '.data.session | {sessionId, threadId, status, sandbox, approvalPolicy}' "$HERE/reply"
THREAD=$(jq -r .data.session.threadId "$HERE/reply")

say "Send a turn and wait for its receipt."
show "curl … -d '{\"sessionId\": \"$SESSION\", \"input\": \"TEXT=hello from codex;\", \"waitMs\": 30000}' $BASE/v1/codexd/turn"
post /v1/codexd/turn "{\"sessionId\": \"$SESSION\", \"input\": \"TEXT=hello from codex;\", \"waitMs\": 30000}" > "$HERE/reply"
jq -c '.data.turn | {status, finalMessage, durationMs, tokenUsage}' "$HERE/reply"
same "$(jq -r .data.turn.finalMessage "$HERE/reply")" "hello from codex"
FIRST=$(jq -r .data.turn.firstSeq "$HERE/reply")

say "Read that turn's events: each has a number that no restart ever repeats."
show "curl … '$BASE/v1/codexd/events?after=$((FIRST - 1))&limit=100'"
get "/v1/codexd/events?after=$((FIRST - 1))&limit=100" > "$HERE/reply"
jq -r '.data.events[] | "\(.seq)  \(.type)"' "$HERE/reply"
same "$(jq -r '[.data.events[] | select(.type == "app-server.turn.message.delta") | .detail.delta] | join("")' "$HERE/reply")" \
  "hello from codex"

say "Follow the stream with wscat while a long turn runs."
# Over the Unix socket, which takes no token: what stands in wscat's arguments every user of the machine can see.
STREAM="ws+unix://$SOCKET:/v1/codexd/events?session=$SESSION&snapshot=0"
show "wscat -c $STREAM"
# It ends when its standard input does, so it gets one that nobody closes.
mkfifo "$HERE/keyboard"
: > "$HERE/stream"
"$WSCAT" -c "$STREAM" > "$HERE/stream" 0<> "$HERE/keyboard" &
FOLLOWER=$!
until grep -q '"hello"' "$HERE/stream"; do sleep 0.05; done
post /v1/codexd/turn "{\"sessionId\": \"$SESSION\", \"input\": \"DELTAS=600 RATE=20\"}" > "$HERE/reply"
jq -c '.data | {accepted, turnId}' "$HERE/reply"
until grep -q 'tok9 ' "$HERE/stream"; do sleep 0.05; done
grep -o '"delta":"[^"]*"' "$HERE/stream" | head -10 | tr '\n' ' '; echo

say "Interrupt it: the answer comes when the turn has ended."
show "curl … -X POST $BASE/v1/codexd/sessions/$SESSION/interrupt"
post "/v1/codexd/sessions/$SESSION/interrupt" '{}' > "$HERE/reply"
jq -c '.data | {turn: (.turn | {turnId, status}), stopped, survived}' "$HERE/reply"
same "$(jq -r .data.turn.status "$HERE/reply")" interrupted
kill "$FOLLOWER" && wait "$FOLLOWER" 2>/dev/null || true
FOLLOWER=''

say "Kill the daemon in the middle of a turn, without a warning."
post /v1/codexd/turn "{\"sessionId\": \"$SESSION\", \"input\": \"DELTAS=600 RATE=20\"}" > "$HERE/reply"
KILLED=$(jq -r .data.submissionId "$HERE/reply")
show "kill -9 $DAEMON"
kill -9 "$DAEMON" && wait "$DAEMON" 2>/dev/null || true

say "Start it again on the same directory: the session is there, and the turn has ended with a reason."
start_codexd
get "/v1/codexd/turns/$KILLED" > "$HERE/reply"
jq -c '.data.turn | {submissionId, status, error}' "$HERE/reply"
same "$(jq -r .data.turn.status "$HERE/reply")" interrupted

say "And the next turn goes on in the same thread."
post /v1/codexd/turn "{\"sessionId\": \"$SESSION\", \"input\": \"TEXT=still the same thread;\", \"waitMs\": 30000}" > "$HERE/reply"
jq -c '.data.turn | {status, threadId, finalMessage}' "$HERE/reply"
same "$(jq -r .data.turn.finalMessage "$HERE/reply")" "still the same thread"
same "$(jq -r .data.turn.threadId "$HERE/reply")" "$THREAD"

say "Stop it in order."
show "codexd shutdown"
node dist/index.js shutdown --state-dir "$HERE/state"
wait "$DAEMON"
DAEMON=''
say "Done."
