// The body of POST /v1/codexd/runs: its fields and their order, and what it refuses by name.
// Each check of a value has its own test in test/codex/exec-inputs.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../../src/base/decode.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { decodeStartRun } from "../../../src/service/runs/run-inputs.ts";

test("every documented field is taken as it came", () => {
  const body = {
    prompt: "hi", purpose: "worker", sessionId: "ses_1", cwd: "/w", model: "m", profile: "p", sandbox: "read-only",
    config: ["a=b"], images: ["/i.png"], additionalWritableDirectories: ["/d"], env: { A: "b" }, metadata: { k: "v" },
    skipGitRepoCheck: true, ephemeral: false, outputSchema: { type: "object" }, timeoutMs: 1, waitMs: 0,
  };
  assert.deepEqual(decodeStartRun(body, ""), body);
  assert.deepEqual(Object.keys(decodeStartRun(body, "")), Object.keys(body));
  assert.deepEqual(decodeStartRun({ prompt: "hi", cwd: null }, ""), { prompt: "hi" });
});

test("anything else is refused by name", () => {
  const refusals: Array<[Record<string, unknown>, RegExp]> = [
    [{}, /^prompt: is required/],
    [{ prompt: "a\0b" }, /^prompt: has a NUL/],
    [{ prompt: "x", purpose: "duplex" }, /^purpose: must be one of fallback-worker, worker, smoke/],
    [{ prompt: "x", sandbox: "none" }, /^sandbox: /],
    [{ prompt: "x", model: "--trust" }, /^model: /],
    [{ prompt: "x", images: ["-x"] }, /^images\[0\]: must be an absolute path/],
    [{ prompt: "x", waitMs: LIMITS.waitMsMax + 1 }, /^waitMs: /],
    [{ prompt: "x", metadata: { k: "v".repeat(LIMITS.metadataBytesMax) } }, /^metadata: must be at most/],
    [{ prompt: "x", command: "/bin/sh" }, /^command: unknown field; the fields are prompt, purpose, sessionId, cwd/],
    [{ prompt: "x", commandArgs: [] }, /^commandArgs: unknown/],
    [{ prompt: "x", runId: "r" }, /^runId: unknown/],
    [{ prompt: "x", signal: {} }, /^signal: unknown/],
  ];
  for (const [body, message] of refusals) {
    const isRefusal = (error: unknown): boolean => error instanceof DecodeError && message.test(error.message);
    assert.throws(() => decodeStartRun(body, ""), isRefusal, String(message));
  }
});
