// Answers about approvals, uploads and Codex's threads against their descriptions.
//
// The services are doubles; schemas are closed for it, so that no field of a record goes by undescribed.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonSchema } from "../../src/base/json-schema.ts";
import { createRoutes } from "../../src/http/routes.ts";
import { describeApi } from "../../src/http/openapi.ts";
import { APPROVAL_SCHEMAS } from "../../src/http/openapi-approvals.ts";
import { RECORD_SCHEMAS } from "../../src/http/openapi-records.ts";
import { startEdge } from "../support/edge-under-test.ts";
import { makeApproval } from "../support/fake-services.ts";
import { misfits } from "../support/schema-check.ts";

const EVENTS = "/v1/codexd/events";
const SCHEMAS = { ...RECORD_SCHEMAS, ...APPROVAL_SCHEMAS };
const api = describeApi({ routes: createRoutes({ eventStreamPath: EVENTS }), eventStreamPath: EVENTS, version: "1" });

interface Operation {
  readonly responses: Readonly<Record<string, { readonly content: Record<string, { readonly schema: JsonSchema }> }>>;
}

const DECIDED = makeApproval({
  kind: "file_change", sessionId: null, command: null, cwd: null, status: "resolved", decision: "accept",
  changes: [
    { path: "/a", kind: "update", diff: "@@" }, { path: "/b", kind: "update", movePath: "/c", diff: "" },
  ],
  permissions: { network: true }, questions: [{ id: "q" }], requestId: "r-1", decidedBy: "rule", rule: "rules[0]",
  decidedAt: "2025-01-02T03:04:05.678Z", expiresAt: "2025-01-02T03:04:05.678Z", result: { decision: "accept" },
});
const ORPHANED = makeApproval({
  status: "orphaned", threadId: null, turnId: null, itemId: null, orphanedBy: "turn_ended",
});

test("what is answered is what is described", async (t) => {
  const edge = await startEdge(t);
  const check = async (method: string, path: string, described: string, sent?: object): Promise<void> => {
    const headers = [["Content-Type", "application/json"]] as const;
    const body = sent === undefined ? "" : JSON.stringify(sent);
    const reply = await edge.ask({ method, path: `/v1/codexd/${path}`, headers, body });
    const paths = api["paths"] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    const responses = paths[`/v1/codexd/${described}`]?.[method.toLowerCase()]?.responses;
    const schema = responses?.[reply.status]?.content["application/json"]?.schema;
    assert.ok(schema !== undefined && reply.status < 300, `${method} ${described} ${reply.status} is described`);
    assert.deepEqual(misfits(JSON.parse(reply.body), schema, { schemas: SCHEMAS, closed: true }), [], described);
  };
  for (const approval of [makeApproval(), DECIDED, ORPHANED]) {
    edge.services.approval = approval;
    await check("GET", "approvals", "approvals");
    await check("GET", "approvals/apr_1", "approvals/{id}");
    await check("POST", "approvals/apr_1", "approvals/{id}", { decision: "accept" });
  }
  const turn = { sessionId: "ses_1", prompt: "hi" };
  await check("POST", "turn", "turn", turn);
  edge.services.waitsFor = [makeApproval()];
  await check("POST", "turn", "turn", turn);
  await check("POST", "uploads", "uploads", { sessionId: "ses_1", data: "eA==", mediaType: "image/gif" });
  await check("POST", "rpc", "rpc", { method: "model/list" });
  await check("GET", "codex", "codex");
  await check("GET", "threads", "threads");
  await check("GET", "threads/t", "threads/{id}");
  for (const act of ["fork", "archive", "unarchive", "compact", "review"]) {
    await check("POST", `threads/t/${act}`, `threads/{id}/${act}`);
  }
  await check("POST", "threads/t/name", "threads/{id}/name", { name: "n" });
});

test("an approval with a field more or less is no approval", () => {
  const check = (value: unknown): string[] =>
    misfits(value, SCHEMAS["Approval"] ?? {}, { schemas: SCHEMAS, closed: true });
  assert.deepEqual(check(DECIDED), []);
  assert.notDeepEqual(check({ ...DECIDED, more: 1 }), []);
  const { summary: _, ...less } = DECIDED;
  assert.notDeepEqual(check(less), []);
  assert.notDeepEqual(check({ ...DECIDED, changes: [{ path: "/a", kind: "update" }] }), []);
});
