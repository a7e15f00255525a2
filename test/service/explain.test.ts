// A failed login says who must log in, and nothing else is explained.
// The shapes are those that Codex has for a refused login.

import assert from "node:assert/strict";
import { test } from "node:test";

import { explainOutcome } from "../../src/service/explain.ts";
import { createServiceRig } from "../support/service-rig.ts";

const place = { user: "ann", codexHome: "/home/ann/.codex" };

test("401 in any of Codex's shapes names the user, CODEX_HOME and the command", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  await rig.start(sessionId);
  const turn = rig.open.ofSession(sessionId);
  assert.ok(turn);
  const explain = (codexErrorInfo: unknown, status: "failed" | "completed" = "failed") => {
    turn.receipt.error = { message: "no", reason: null, codexErrorInfo, additionalDetails: null };
    return explainOutcome({ status }, turn, place).error?.message;
  };
  const expected = 'no; if nobody is logged in: run "codex login" as ann with CODEX_HOME=/home/ann/.codex';
  assert.equal(explain({ httpConnectionFailed: { httpStatusCode: 401 } }), expected);
  assert.equal(explain("unauthorized"), expected);
  assert.equal(explain({ httpConnectionFailed: { httpStatusCode: 503 } }), undefined);
  assert.equal(explain("other"), undefined);
  assert.equal(explain("unauthorized", "completed"), undefined);
  turn.receipt.error = null;
  assert.equal(explainOutcome({ status: "failed" }, turn, place).error, undefined);
});
