// Real answers against their descriptions: every member of an answer is described, and every described one is there.
//
// A whole daemon with the fake Codex answers; schemas are closed for it, so that nothing undescribed goes by.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { JsonSchema } from "../../src/base/json-schema.ts";
import { APPROVAL_SCHEMAS } from "../../src/http/openapi-approvals.ts";
import { RECORD_SCHEMAS } from "../../src/http/openapi-records.ts";
import { ref } from "../../src/http/openapi-schema.ts";
import { STATUS_SCHEMAS } from "../../src/http/openapi-status.ts";
import { runSummary, type RunRecord } from "../../src/core/runs.ts";
import { CodexdLocalService } from "../../src/local-service.ts";
import { configure, endBefore, workDir } from "../support/daemon-dir.ts";
import { fakeCodexEnv } from "../support/fake-codex.ts";
import { makeRun } from "../support/fake-services.ts";
import { misfits } from "../support/schema-check.ts";
import { heldClock } from "../support/service-rig.ts";

const SCHEMAS: Readonly<Record<string, JsonSchema>> = { ...RECORD_SCHEMAS, ...APPROVAL_SCHEMAS, ...STATUS_SCHEMAS };

interface Api {
  readonly paths: Readonly<Record<string, Readonly<Record<string, {
    readonly responses: Readonly<Record<string, { content?: Record<string, { schema: JsonSchema }> }>>;
  }>>>>;
}

async function startService(dir: string) {
  const env = { ...process.env, ...fakeCodexEnv({ statePath: path.join(dir, "fake-threads.json") }) };
  const service = new CodexdLocalService(configure(dir), { env, clock: heldClock });
  const { service: edge } = await service.start();
  endBefore(dir, () => service.stop());
  const token = readFileSync(path.join(dir, "state", "token"), "utf8").trim();
  const ask = async (method: string, target: string, body?: object): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${edge.resolvedBaseUrl ?? ""}${target}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() as unknown };
  };
  const api = (await ask("GET", "/openapi.json")).body as Api;
  /** Asks, and holds the answer to its description. */
  const check = async (method: string, target: string, described: string, body?: object): Promise<never> => {
    const reply = await ask(method, target, body);
    const { responses } = api.paths[described]?.[method.toLowerCase()] ?? { responses: {} };
    const answer = responses[reply.status] as { $ref?: string } & typeof responses[string] | undefined;
    const schema = answer?.$ref === undefined ? answer?.content?.["application/json"]?.schema : ref("Error");
    assert.ok(schema !== undefined, `${method} ${described} ${reply.status} is described`);
    assert.deepEqual(misfits(reply.body, schema, { schemas: SCHEMAS, closed: true }), [], `${method} ${target}`);
    return reply.body as never;
  };
  return { check };
}

test("what a daemon answers is what is described", async (t) => {
  const { check } = await startService(workDir(t));
  await check("GET", "/healthz", "/healthz");
  const created: { data: { session: { sessionId: string } } } = await check(
    "POST", "/v1/codexd/sessions", "/v1/codexd/sessions", { metadata: { a: "b" } },
  );
  const { sessionId } = created.data.session;
  await check("POST", "/v1/codexd/turn", "/v1/codexd/turn", { sessionId, input: "TEXT=hello;", waitMs: 20_000 });
  await check("POST", "/v1/codexd/turn", "/v1/codexd/turn", { sessionId, input: "FAIL", waitMs: 20_000 });
  const hanging: { data: { submissionId: string } } = await check(
    "POST", `/v1/codexd/sessions/${sessionId}/turns`, "/v1/codexd/sessions/{id}/turns", { input: "DELTAS=2 HANG" },
  );
  await check("GET", `/v1/codexd/turns/${hanging.data.submissionId}`, "/v1/codexd/turns/{id}");
  await check("GET", "/v1/codexd/status", "/v1/codexd/status");
  await check("GET", "/readyz", "/readyz");
  await check("POST", `/v1/codexd/sessions/${sessionId}/interrupt`, "/v1/codexd/sessions/{id}/interrupt");
  await check("GET", "/v1/codexd/sessions", "/v1/codexd/sessions");
  await check("GET", `/v1/codexd/sessions/${sessionId}`, "/v1/codexd/sessions/{id}");
  await check("GET", `/v1/codexd/sessions/${sessionId}/turns`, "/v1/codexd/sessions/{id}/turns");
  await check("GET", "/v1/codexd/turns", "/v1/codexd/turns");
  await check("POST", `/v1/codexd/sessions/${sessionId}/close`, "/v1/codexd/sessions/{id}/close");
  const queued: { data: { run: RunRecord } } = await check(
    "POST", "/v1/codexd/runs", "/v1/codexd/runs", { prompt: "TEXT=hi;", waitMs: 20_000, skipGitRepoCheck: true },
  );
  assert.equal(queued.data.run.finishedAt === null, false);
  await check("GET", `/v1/codexd/runs/${queued.data.run.runId}`, "/v1/codexd/runs/{id}");
  await check("POST", `/v1/codexd/runs/${queued.data.run.runId}/cancel`, "/v1/codexd/runs/{id}/cancel");
  await check("GET", "/v1/codexd/runs", "/v1/codexd/runs");
  await check("GET", "/v1/codexd/status", "/v1/codexd/status");
  await check("GET", "/v1/codexd/events?limit=1000", "/v1/codexd/events");
  await check("GET", "/v1/codexd/events?after=1000000", "/v1/codexd/events");
  await check("GET", "/v1/codexd/sessions/none", "/v1/codexd/sessions/{id}");
  await check("POST", "/v1/codexd/turn", "/v1/codexd/turn", { sessionId, input: "late" });
  await check("POST", "/v1/codexd/turn", "/v1/codexd/turn", { wrong: 1 });
});

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0]).toString("base64");

test("what it answers of approvals, threads, uploads and Codex's own methods is what is described", async (t) => {
  const { check } = await startService(workDir(t));
  const made: { data: { session: { sessionId: string; threadId: string } } } = await check(
    "POST", "/v1/codexd/sessions", "/v1/codexd/sessions", {},
  );
  const { sessionId, threadId } = made.data.session;
  const asking: { data: { approvals: Array<{ approvalId: string }> } } = await check(
    "POST", "/v1/codexd/turn", "/v1/codexd/turn",
    { sessionId, input: "REQUEST=item/commandExecution/requestApproval", waitMs: 20_000 },
  );
  const [approval] = asking.data.approvals;
  const one = `/v1/codexd/approvals/${approval?.approvalId ?? ""}`;
  await check("GET", "/v1/codexd/approvals", "/v1/codexd/approvals");
  await check("GET", one, "/v1/codexd/approvals/{id}");
  for (const body of [{ decision: "maybe" }, { decision: "accept" }, { decision: "accept" }]) {
    await check("POST", one, "/v1/codexd/approvals/{id}", body);
  }
  await check("GET", "/v1/codexd/approvals?status=all", "/v1/codexd/approvals");
  await check("GET", `/v1/codexd/sessions/${sessionId}/turns`, "/v1/codexd/sessions/{id}/turns");

  await check("POST", "/v1/codexd/uploads", "/v1/codexd/uploads", { sessionId, data: PNG });
  await check("POST", "/v1/codexd/uploads", "/v1/codexd/uploads", { sessionId, data: "AAAA" });
  await check("GET", "/v1/codexd/codex", "/v1/codexd/codex");
  for (const method of ["fake/echo", "unknown", "turn/start"]) {
    await check("POST", "/v1/codexd/rpc", "/v1/codexd/rpc", { method });
  }
  await check("POST", "/v1/codexd/child/restart", "/v1/codexd/child/restart", {});
  await check("GET", "/v1/codexd/threads", "/v1/codexd/threads");
  await check("GET", `/v1/codexd/threads/${threadId}?turns=1`, "/v1/codexd/threads/{id}");
  await check("GET", "/v1/codexd/threads/none", "/v1/codexd/threads/{id}");
  for (const name of ["archive", "unarchive", "compact", "review", "fork"]) {
    await check("POST", `/v1/codexd/threads/${threadId}/${name}`, `/v1/codexd/threads/{id}/${name}`, {});
  }
  await check("POST", `/v1/codexd/threads/${threadId}/name`, "/v1/codexd/threads/{id}/name", { name: "a name" });
});

const WHOLE: RunRecord = makeRun({
  status: "failed", sessionId: "ses_1", startedAt: "2025-01-02T03:04:05.678Z", finishedAt: "2025-01-02T03:04:05.678Z",
  error: { message: "no", reason: null }, summary: "exit_code:1", exitCode: 1, metadata: { a: "b" },
  tokenUsage: { totalTokens: 1, inputTokens: 1, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0 },
  result: {
    invocation: { command: "/bin/codex", args: ["exec"], cwd: "/", prompt: "p", purpose: "smoke", timeoutMs: null },
    result: {
      exitCode: 1, signal: null, timedOut: false, durationMs: 5, startedAt: "2025-01-02T03:04:05.678Z",
      finishedAt: "2025-01-02T03:04:05.678Z", lastMessage: null, threadId: "t", tokenUsage: null, jsonEvents: [{}, 1],
      jsonParseErrors: ["x"], stdout: "", stderr: "",
    },
  },
});

test("a run fits its description from its queue to its end, whole and in lists", () => {
  const options = { schemas: SCHEMAS, closed: true };
  const check = (value: unknown, name: string): string[] => misfits(value, ref(name), options);
  for (const run of [makeRun(), WHOLE]) {
    assert.deepEqual(check(run, "Run"), []);
    assert.deepEqual(check(runSummary(run), "RunSummary"), []);
  }
  assert.notDeepEqual(check(WHOLE, "RunSummary"), [], "lists do not give what was printed");
  assert.notDeepEqual(check({ ...WHOLE, more: 1 }, "Run"), []);
  const { exitCode: _, ...less } = WHOLE;
  assert.notDeepEqual(check(less, "Run"), []);
});
