// What no record has room for: refused where a caller says it, not known where Codex does, on both sides of each limit.
// What may be long, and lies beside its record instead, has tests of its own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DecodeError } from "../../src/base/decode.ts";
import { policyOf, readThreadFacts, readTurnId } from "../../src/codex/methods.ts";
import { idOf, threadIdOf, turnIdOf } from "../../src/codex/notifications.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { decodeCreateSession, decodeStartTurn } from "../../src/service/inputs.ts";
import { endedRecord, ownEnd, queuedRecord, withWhole } from "../../src/service/runs/run-records.ts";
import { settingsTaken } from "../../src/service/sessions/thread-settings.ts";
import { asking, COMMAND, newest } from "../support/asking.ts";
import { createServiceRig } from "../support/service-rig.ts";

const PATH = `/${"p".repeat(LIMITS.pathBytesMax - 1)}`;
const ID = "i".repeat(LIMITS.codexIdCharsMax);

/** As long as a policy may be, and `more`. */
function policy(more = 0): Record<string, unknown> {
  return { type: "x".repeat(LIMITS.policyBytesMax - '{"type":""}'.length + more) };
}

function refuses(decode: () => unknown, field: string): void {
  const says = (error: unknown): boolean =>
    error instanceof DecodeError && error.path === field && /at most/.test(error.message);
  assert.throws(decode, says);
}

test("a caller's paths and policies have a limit, which an error says", () => {
  const sessionId = "ses_1";
  const settings = { approvalPolicy: policy(), cwd: PATH };
  assert.deepEqual(decodeCreateSession(settings, ""), settings);
  assert.deepEqual(decodeStartTurn({ sessionId, sandboxPolicy: policy() }, ""), { sessionId, sandboxPolicy: policy() });
  refuses(() => decodeCreateSession({ approvalPolicy: policy(1) }, ""), "approvalPolicy");
  refuses(() => decodeStartTurn({ sessionId, sandboxPolicy: policy(1) }, ""), "sandboxPolicy");
  refuses(() => decodeStartTurn({ sessionId, cwd: `${PATH}p` }, ""), "cwd");
  assert.throws(() => decodeCreateSession({ approvalPolicy: 7 }, ""), /a policy's name or an object/);
});

test("what Codex says at such a length is not known", async () => {
  assert.deepEqual([idOf(ID), idOf(`${ID}i`), idOf(7)], [ID, null, null]);
  assert.deepEqual([threadIdOf({ threadId: ID }), threadIdOf({ threadId: `${ID}i`, thread: { id: "t" } })], [ID, null]);
  assert.deepEqual([turnIdOf({ turn: { id: ID } }), turnIdOf({ turn: { id: `${ID}i` } })], [ID, null]);
  assert.deepEqual([readTurnId({ turn: { id: ID } }), readTurnId({ turn: { id: `${ID}i` } })], [ID, null]);
  assert.deepEqual([policyOf(policy()), policyOf(policy(1)), policyOf("never")], [policy(), null, "never"]);
  const facts = readThreadFacts({ thread: { id: ID }, cwd: `${PATH}p`, model: "m", approvalPolicy: policy(1) });
  assert.deepEqual([facts?.threadId, facts?.cwd, facts?.model, facts?.approvalPolicy], [ID, null, "m", null]);
  assert.equal(readThreadFacts({ thread: { id: `${ID}i` } }), undefined);
  const rig = createServiceRig();
  const session = await rig.session();
  const told = (sandboxPolicy: object) => settingsTaken(session, { threadSettings: { sandboxPolicy } });
  assert.deepEqual([told(policy())?.profile.sandboxPolicy, told(policy(1))], [policy(), undefined]);
});

test("a question that no answer could name is refused", async () => {
  const rig = createServiceRig();
  const { threadId } = await asking(rig);
  rig.approvals.ask(`${ID}i`, COMMAND, { threadId, turnId: "turn-1", itemId: "c" });
  assert.equal(rig.store.tables.approval.size, 0);
  assert.equal(rig.store.types().at(-1), "app-server.request.refused");
  rig.approvals.ask(ID, COMMAND, { threadId, turnId: "turn-1", itemId: "c" });
  assert.equal(newest(rig).requestId, ID);
});

test("the long error of a run lies with its result", () => {
  const run = queuedRecord("run_1", { prompt: "p", cwd: "/" }, "now");
  const ended = (message: string) => endedRecord(run, ownEnd("failed", "x", message), "p", "now");
  const most = "m".repeat(LIMITS.finalMessageEventCharsMax);
  assert.deepEqual([ended(most).record.error?.message, ended(most).whole], [most, null]);
  const { record, whole } = ended(`${most}m`);
  assert.deepEqual([record.error?.message, whole?.error?.message], [most, `${most}m`]);
  assert.equal(withWhole(record, { ...whole }).error?.message, `${most}m`);
});
