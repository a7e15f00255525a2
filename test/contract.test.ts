// The public contract, written out: routes, fields, event types, error codes. One more or one less fails.
//
// These lists are meant to be read beside the README and changed by hand, together with it and the changelog.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DecodeError } from "../src/base/decode.ts";
import { CONFIG_OPTIONS } from "../src/config-options.ts";
import { ERROR_STATUS } from "../src/core/errors.ts";
import { APP_SERVER_EVENT_TYPES, OWN_EVENT_TYPES } from "../src/core/event.ts";
import { createRoutes } from "../src/http/routes.ts";
import {
  decodeDecideApproval, decodeForkThread, decodeNameThread, decodeReviewThread, decodeRpc, decodeUpload,
} from "../src/service/codex-inputs.ts";
import { decodeCreateSession, decodeStartTurn } from "../src/service/inputs.ts";
import { decodeStartRun } from "../src/service/runs/run-inputs.ts";
import { createServiceRig } from "./support/service-rig.ts";

const words = (text: string): string[] => text.trim().split(/\s+/);

test("routes", () => {
  const routes = createRoutes({ eventStreamPath: "/v1/codexd/events" });
  const rows = routes.map(({ method, path, status }) => `${method} ${path} ${status}`);
  assert.deepEqual(rows.sort(), [
    "GET /healthz 200",
    "GET /metrics 200",
    "GET /openapi.json 200",
    "GET /readyz 200",
    "GET /v1/codexd/approvals 200",
    "GET /v1/codexd/approvals/:id 200",
    "GET /v1/codexd/codex 200",
    "GET /v1/codexd/events 200",
    "GET /v1/codexd/events/:seq/detail 200",
    "GET /v1/codexd/runs 200",
    "GET /v1/codexd/runs/:id 200",
    "GET /v1/codexd/runs/:id/output 200",
    "GET /v1/codexd/sessions 200",
    "GET /v1/codexd/sessions/:id 200",
    "GET /v1/codexd/sessions/:id/turns 200",
    "GET /v1/codexd/status 200",
    "GET /v1/codexd/threads 200",
    "GET /v1/codexd/threads/:id 200",
    "GET /v1/codexd/turns 200",
    "GET /v1/codexd/turns/:id 200",
    "POST /v1/codexd/approvals/:id 200",
    "POST /v1/codexd/child/restart 200",
    "POST /v1/codexd/rpc 200",
    "POST /v1/codexd/runs 202",
    "POST /v1/codexd/runs/:id/cancel 200",
    "POST /v1/codexd/sessions 201",
    "POST /v1/codexd/sessions/:id/close 200",
    "POST /v1/codexd/sessions/:id/interrupt 200",
    "POST /v1/codexd/sessions/:id/turns 202",
    "POST /v1/codexd/threads/:id/archive 200",
    "POST /v1/codexd/threads/:id/compact 202",
    "POST /v1/codexd/threads/:id/fork 201",
    "POST /v1/codexd/threads/:id/name 200",
    "POST /v1/codexd/threads/:id/review 202",
    "POST /v1/codexd/threads/:id/unarchive 200",
    "POST /v1/codexd/turn 202",
    "POST /v1/codexd/turns/:id/interrupt 200",
    "POST /v1/codexd/uploads 201",
  ]);
  const open = routes.filter((route) => route.open).map(({ path }) => path);
  assert.deepEqual(open.sort(), ["/healthz", "/readyz"], "every other route needs the token");
});

test("fields of requests", () => {
  assert.deepEqual(fieldsOf((value) => decodeCreateSession(value, "")), words(`
    purpose threadId cwd model modelProvider serviceTier reasoningEffort approvalPolicy sandbox personality ephemeral
    baseInstructions developerInstructions config metadata`));
  assert.deepEqual(fieldsOf((value) => decodeStartRun(value, "")), words(`
    prompt purpose sessionId cwd model profile sandbox config images additionalWritableDirectories env metadata
    skipGitRepoCheck ephemeral outputSchema timeoutMs waitMs`));
  assert.deepEqual(fieldsOf((value) => decodeStartTurn(value, "")), words(`
    sessionId input prompt expectedTurnId whenBusy approvalPolicy sandboxPolicy cwd model effort summary serviceTier
    personality collaborationMode outputSchema waitMs waitFor`));
  assert.deepEqual(fieldsOf((value) => decodeDecideApproval(value, "")), words("decision result"));
  assert.deepEqual(fieldsOf((value) => decodeRpc(value, "")), words("method params timeoutMs"));
  assert.deepEqual(fieldsOf((value) => decodeForkThread(value, "")), words(`
    lastTurnId ephemeral cwd model modelProvider approvalPolicy sandbox`));
  assert.deepEqual(fieldsOf((value) => decodeReviewThread(value, "")), words("target delivery"));
  assert.deepEqual(fieldsOf((value) => decodeNameThread(value, "")), words("name"));
  assert.deepEqual(fieldsOf((value) => decodeUpload(value, "")), words("sessionId data mediaType"));
});

test("query parameters", () => {
  const routes = createRoutes({ eventStreamPath: "/v1/codexd/events" });
  const queries = Object.fromEntries(routes.filter(({ query }) => Object.keys(query).length > 0).map((route) =>
    [`${route.method} ${route.path}`, Object.keys(route.query).sort().join(" ")]));
  assert.deepEqual(queries, {
    "GET /v1/codexd/runs": "cursor limit status",
    "GET /v1/codexd/runs/:id/output": "after follow stream",
    "GET /v1/codexd/sessions": "cursor limit purpose status",
    "GET /v1/codexd/sessions/:id/turns": "cursor limit status",
    "GET /v1/codexd/turns": "cursor limit status",
    "GET /v1/codexd/turns/:id": "waitFor waitMs",
    "GET /v1/codexd/approvals": "cursor limit session status waitMs",
    "GET /v1/codexd/threads": "archived cursor cwd limit search source",
    "GET /v1/codexd/threads/:id": "turns",
    "POST /v1/codexd/uploads": "session",
    "GET /v1/codexd/events": "after format limit run session thread type",
  });
});

test("fields of records", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  await rig.start(sessionId);
  const session = rig.store.tables.session.get(sessionId);
  assert.deepEqual(Object.keys(session ?? {}).sort(), words(`
    approvalPolicy childPid createdAt currentTurnId cwd endpoint lastTurnId lastTurnStatus metadata model modelProvider
    profile purpose reasoningEffort sandbox serviceTier sessionId status threadDurable threadId updatedAt`));
  assert.deepEqual(Object.keys(session?.profile ?? {}).sort(), words(`
    approvalPolicy baseInstructions config cwd developerInstructions ephemeral model modelProvider personality
    reasoningEffort sandbox sandboxPolicy serviceTier`));
  assert.deepEqual(Object.keys(await rig.turns.get("turn-1", 0)).sort(), words(`
    approvals commands completedAt diff durationMs error fileChanges finalMessage firstSeq input lastSeq liveness
    outputSchema plan sessionId startedAt status structuredOutput structuredOutputError submissionId threadId tokenUsage
    turnId`));
});

test("fields of an approval", async () => {
  const rig = createServiceRig();
  rig.ingest.request(0, "item/fileChange/requestApproval", { threadId: "t", turnId: "u", itemId: "i" });
  const [approval] = rig.store.tables.approval.newestFirst();
  assert.deepEqual(Object.keys(approval ?? {}).sort(), words(`
    allowedDecisions approvalId changes command createdAt cwd decidedAt decidedBy decision expiresAt itemId kind method
    orphanedBy params permissions questions requestId result rule sessionId status summary threadId turnId`));
  const detail = Object.keys(rig.store.events.at(-1)?.detail ?? {});
  assert.deepEqual(detail.sort(), words(`
    allowedDecisions approvalId command cwd decidedBy decision expiresAt itemId kind method sessionId summary threadId
    turnId`));
});

test("event types", () => {
  assert.deepEqual([...OWN_EVENT_TYPES], words(`
    daemon.started daemon.stopped child.starting child.started child.exited child.restarting child.failed child.stdout
    child.stderr app-server.connected app-server.connect.failed app-server.close.failed app-server.request.refused
    session.registered session.created session.resumed session.closed
    turn.queued turn.submitted turn.accepted turn.stalled turn.finished
    run.queued run.started run.item run.stalled run.completed run.failed run.cancelled
    approval.requested approval.resolved approval.orphaned processes.ended request.answered
    storage.degraded storage.recovered storage.pruned`));
  assert.deepEqual([...APP_SERVER_EVENT_TYPES], words(`
    app-server.thread.started app-server.thread.status.changed app-server.turn.started app-server.turn.completed
    app-server.turn.diff.updated app-server.turn.plan.updated app-server.turn.message.delta app-server.turn.plan.delta
    app-server.turn.reasoning.delta app-server.turn.usage.updated app-server.turn.error app-server.item.started
    app-server.item.completed app-server.item.output.delta app-server.command.output.delta app-server.notification`));
});

test("error codes and their statuses", () => {
  const rows = Object.entries(ERROR_STATUS).map(([code, status]) => `${status} ${code}`);
  assert.deepEqual(rows.sort(), [
    "400 bad_json", "400 bad_request", "400 bad_target", "400 duplicate_header", "401 unauthorized",
    "403 cross_site", "403 host_not_allowed", "403 origin_not_allowed", "404 not_found", "405 method_not_allowed",
    "408 request_timeout", "409 approval_orphaned", "409 approval_resolved", "409 cursor_ahead",
    "409 in_progress", "409 session_closed",
    "409 session_exists", "409 thread_locked",
    "409 turn_in_progress", "409 turn_mismatch", "409 wrong_mode", "410 cursor_expired", "413 body_too_large",
    "414 target_too_long", "415 unsupported_media_type",
    "422 idempotency_mismatch", "426 upgrade_required", "429 too_many_runs",
    "429 too_many_turns",
    "431 headers_too_large",
    "500 internal_error", "502 app_server_error", "503 child_failed", "503 child_restarted", "503 draining",
    "503 not_ready", "503 storage_full", "504 timeout", "505 http_version_not_supported",
  ]);
});

test("flags and variables of the configuration", () => {
  const options = Object.values(CONFIG_OPTIONS).filter(({ flag }) => flag !== null);
  const rows = options.map(({ flag, env }) => [flag, ...env].join(" "));
  assert.deepEqual(rows.sort(), [
    "--approval-default BAA_CODEXD_APPROVAL_DEFAULT",
    "--approval-rules BAA_CODEXD_APPROVAL_RULES",
    "--approval-timeout-ms BAA_CODEXD_APPROVAL_TIMEOUT_MS",
    "--auth BAA_CODEXD_AUTH",
    "--child-max-rss BAA_CODEXD_CHILD_MAX_RSS",
    "--durability BAA_CODEXD_DURABILITY",
    "--event-cache-size BAA_CODEXD_EVENT_CACHE_SIZE",
    "--event-stream-path BAA_CODEXD_EVENT_STREAM_PATH",
    "--exec-command BAA_CODEXD_EXEC_COMMAND",
    "--journal-max-bytes BAA_CODEXD_JOURNAL_MAX_BYTES",
    "--keep-days BAA_CODEXD_KEEP_DAYS",
    "--keep-records BAA_CODEXD_KEEP_RECORDS",
    "--local-api-base BAA_CODEXD_LOCAL_API_BASE",
    "--log-level BAA_CODEXD_LOG_LEVEL",
    "--logs-dir BAA_CODEXD_LOGS_DIR BAA_LOGS_DIR",
    "--max-queued-runs BAA_CODEXD_MAX_QUEUED_RUNS",
    "--max-runs BAA_CODEXD_MAX_RUNS",
    "--mode BAA_CODEXD_MODE",
    "--node-id BAA_NODE_ID",
    "--repo-root BAA_CODEXD_REPO_ROOT",
    "--server-arg BAA_CODEXD_SERVER_ARGS",
    "--server-command BAA_CODEXD_SERVER_COMMAND",
    "--server-cwd BAA_CODEXD_SERVER_CWD",
    "--server-endpoint BAA_CODEXD_SERVER_ENDPOINT",
    "--server-strategy BAA_CODEXD_SERVER_STRATEGY",
    "--server-token-file BAA_CODEXD_SERVER_TOKEN_FILE",
    "--smoke-lifetime-ms BAA_CODEXD_SMOKE_LIFETIME_MS",
    "--socket BAA_CODEXD_SOCKET",
    "--stall-interrupt-ms BAA_CODEXD_STALL_INTERRUPT_MS",
    "--stall-warn-ms BAA_CODEXD_STALL_WARN_MS",
    "--state-dir BAA_CODEXD_STATE_DIR",
  ]);
});

/** A decoder that is shown an unknown field names those that it knows. */
function fieldsOf(decode: (value: unknown) => unknown): string[] {
  try {
    decode({ "no such field": 1 });
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return (/the fields are (.*)$/.exec(error.message)?.[1] ?? "").split(", ");
  }
  return assert.fail("an unknown field was taken");
}
