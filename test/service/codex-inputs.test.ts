// What callers may send about approvals, Codex's calls, threads and uploads, field by field.
// Deliberately without HTTP: how the routes pass it on is tested in test/http.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError, type Decoder } from "../../src/base/decode.ts";
import { LIMITS } from "../../src/core/limits.ts";
import {
  decodeDecideApproval, decodeForkThread, decodeNameThread, decodeReviewThread, decodeRpc, decodeUpload,
} from "../../src/service/codex-inputs.ts";

function refused(decode: Decoder<unknown>, value: unknown, path: string, problem = /./): void {
  assert.throws(() => decode(value, ""), (error) => {
    assert.ok(error instanceof DecodeError);
    assert.equal(error.path, path);
    assert.match(error.message, problem);
    return true;
  });
}

test("a decision is a word or a whole answer, exactly one of the two", () => {
  for (const decision of ["accept", "acceptForSession", "decline", "cancel"]) {
    assert.deepEqual(decodeDecideApproval({ decision, result: null }, ""), { decision });
  }
  assert.deepEqual(decodeDecideApproval({ result: { answers: {} } }, ""), { result: { answers: {} } });
  refused(decodeDecideApproval, {}, "decision", /accept, acceptForSession, decline, cancel.*or result/);
  refused(decodeDecideApproval, { decision: null }, "decision");
  refused(decodeDecideApproval, { decision: "accept", result: {} }, "result", /one of the two/);
  refused(decodeDecideApproval, { decision: "yes" }, "decision", /one of accept/);
  refused(decodeDecideApproval, { result: "accept" }, "result", /an object/);
  refused(decodeDecideApproval, { word: "accept" }, "word", /the fields are decision, result/);
});

test("a call has a method, and a time within its bounds", () => {
  const whole = { method: "model/list", params: { limit: 1 }, timeoutMs: LIMITS.rpcMsMax };
  assert.deepEqual(decodeRpc(whole, ""), whole);
  assert.deepEqual(decodeRpc({ method: "x", params: null, timeoutMs: 1 }, ""), { method: "x", timeoutMs: 1 });
  refused(decodeRpc, {}, "method");
  refused(decodeRpc, { method: "" }, "method");
  refused(decodeRpc, { method: "x", params: [] }, "params");
  for (const timeoutMs of [0, LIMITS.rpcMsMax + 1, 1.5]) refused(decodeRpc, { method: "x", timeoutMs }, "timeoutMs");
});

test("a fork takes what differs, a review its target, a name is text", () => {
  const fork = {
    lastTurnId: "t", ephemeral: true, cwd: "/x", model: "m", modelProvider: "p", approvalPolicy: "never",
    sandbox: "read-only",
  };
  assert.deepEqual(decodeForkThread(fork, ""), fork);
  assert.deepEqual(decodeForkThread({}, ""), {});
  refused(decodeForkThread, { cwd: "x" }, "cwd");
  refused(decodeForkThread, { model: "--trust" }, "model");
  refused(decodeForkThread, { sandbox: "none" }, "sandbox");
  const review = { target: { type: "uncommittedChanges" }, delivery: "inline" };
  assert.deepEqual(decodeReviewThread(review, ""), review);
  assert.deepEqual(decodeReviewThread({}, ""), {});
  refused(decodeReviewThread, { target: "x" }, "target");
  refused(decodeReviewThread, { delivery: "-x" }, "delivery");
  assert.deepEqual(decodeNameThread({ name: "a name" }, ""), { name: "a name" });
  refused(decodeNameThread, { name: "" }, "name");
});

test("an upload's data is base64, whatever is left over at its end", () => {
  for (const size of [0, 1, 2, 3, 4, 255]) {
    const data = Buffer.alloc(size, 0xfb);
    assert.deepEqual(decodeUpload({ sessionId: "s", data: data.toString("base64") }, ""), { sessionId: "s", data });
  }
  const data = Buffer.from("x").toString("base64");
  assert.equal(decodeUpload({ sessionId: "s", data, mediaType: "image/webp" }, "").mediaType, "image/webp");
  const url = "data:image/png;base64,eA==";
  for (const wrong of ["x", "eA=", "eA", "eA==\n", "e A=", "eA==eA==", "====", "é===", "eHh4=", "-_-_", url]) {
    refused(decodeUpload, { sessionId: "s", data: wrong }, "data", /base64 with its padding/);
  }
  refused(decodeUpload, { sessionId: "s", data: 1 }, "data", /a file as base64/);
  refused(decodeUpload, { sessionId: "s", data, mediaType: "image/svg+xml" }, "mediaType", /image\/png/);
  refused(decodeUpload, { data }, "sessionId");
});

test("the largest file there may be is read without trouble", () => {
  const data = Buffer.alloc(LIMITS.uploadBytesMax, 0xfb);
  const text = data.toString("base64");
  assert.equal(decodeUpload({ sessionId: "s", data: text }, "").data.equals(data), true);
  assert.ok(JSON.stringify({ sessionId: "s", data: text, mediaType: "image/jpeg" }).length < LIMITS.uploadJsonBytesMax);
});
