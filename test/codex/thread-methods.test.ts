// What Codex is asked of its threads, and what is read of its answers.
// That Codex takes it so is for test/e2e/reach.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalThreadId, readListPage, readReviewThreadId, readThread, reviewParams, threadForkParams, threadListParams,
} from "../../src/codex/thread-methods.ts";
import { makeSession } from "../support/fake-services.ts";

const ID = "01a20553-8129-7a61-99ab-36d7563e70d4";

test("a thread's id is one and the same in each form that Codex takes", () => {
  const bare = ID.replaceAll("-", "");
  for (const form of [ID, ID.toUpperCase(), bare, bare.toUpperCase(), `{${ID}}`, `urn:uuid:${ID}`]) {
    assert.equal(canonicalThreadId(form), ID, form);
  }
  for (const other of ["thread-1", "", bare.slice(1), `${bare}0`, `${ID}x`, "g".repeat(32)]) {
    assert.equal(canonicalThreadId(other), other);
  }
});

test("a list is asked for with what the caller has said and nothing else", () => {
  const none = { limit: 5, cursor: null, archived: false, cwd: null, sources: null, search: null };
  assert.deepEqual(threadListParams(none), { limit: 5 });
  const all = { limit: 5, cursor: "c", archived: true, cwd: "/w", sources: ["exec"], search: "x" };
  assert.deepEqual(threadListParams(all), {
    limit: 5, cursor: "c", archived: true, cwd: "/w", sourceKinds: ["exec"], searchTerm: "x",
  });
});

test("a fork takes the settings of its session, and what the caller says before them", () => {
  const input = { cwd: "/w", lastTurnId: "t", model: undefined };
  const alone = { threadId: ID, cwd: "/w", lastTurnId: "t", excludeTurns: true };
  assert.deepEqual(threadForkParams(ID, undefined, input), alone);
  const session = makeSession({ sandbox: "read-only", approvalPolicy: "never", model: "m" });
  const params = threadForkParams(ID, session, { approvalPolicy: "on-request" });
  const { sandbox, approvalPolicy, model, threadId } = params;
  assert.deepEqual([sandbox, approvalPolicy, model, threadId], ["read-only", "on-request", "m", ID]);
});

test("a review is one of the uncommitted changes unless it says otherwise", () => {
  assert.deepEqual(reviewParams(ID, {}), { threadId: ID, target: { type: "uncommittedChanges" } });
  const target = { type: "commit", sha: "abc" };
  assert.deepEqual(reviewParams(ID, { target, delivery: "inline" }), { threadId: ID, target, delivery: "inline" });
});

test("answers are read leniently", () => {
  assert.deepEqual(readListPage({ data: [{ id: 1 }, "no", null], nextCursor: "n" }), {
    items: [{ id: 1 }], nextCursor: "n",
  });
  for (const answer of [null, "x", {}, { data: 5, nextCursor: "" }]) {
    assert.deepEqual(readListPage(answer), { items: [], nextCursor: null });
  }
  assert.deepEqual(readThread({ thread: { id: ID } }), { id: ID });
  for (const answer of [null, {}, { thread: "t" }]) assert.equal(readThread(answer), undefined);
  assert.equal(readReviewThreadId({ reviewThreadId: ID }), ID);
  assert.equal(readReviewThreadId({}), null);
  assert.equal(readReviewThreadId(null), null);
});
