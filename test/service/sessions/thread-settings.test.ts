// What another hand has changed on a thread is what its session says, resumes with and takes its turns by.
// Codex's words are those of 0.169.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createServiceRig } from "../../support/service-rig.ts";

const IN_FORCE = {
  effort: null, serviceTier: null, personality: null,
  sandboxPolicy: { type: "dangerFullAccess" },
};

async function rigWithSession(sandboxPolicy?: Record<string, unknown>) {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  if (sandboxPolicy !== undefined) {
    const { turnId } = await rig.turns.start({ sessionId, input: "hi", sandboxPolicy });
    rig.sayTurn(threadId, turnId ?? "", "done");
  }
  const session = () => rig.store.tables.session.get(sessionId);
  const { model, approvalPolicy, cwd } = session() ?? {};
  const say = (threadSettings: unknown): void => {
    rig.say("thread/settings/updated", { threadId, threadSettings });
  };
  return { rig, sessionId, session, say, inForce: { ...IN_FORCE, model, approvalPolicy, cwd } };
}

test("what Codex says is in force is what the session says, and its next turn does not undo it", async () => {
  const { rig, sessionId, session, say, inForce } = await rigWithSession({ type: "dangerFullAccess" });
  const readOnly = { type: "readOnly", networkAccess: false };
  say({
    ...inForce, sandboxPolicy: readOnly, approvalPolicy: "on-request", effort: "low", personality: "friendly",
    cwd: "/elsewhere", model: "m2",
  });
  const { sandbox, approvalPolicy, reasoningEffort, cwd, model, profile } = session() ?? assert.fail();
  assert.deepEqual([sandbox, approvalPolicy, reasoningEffort, cwd, model], [
    "read-only", "on-request", "low", "/elsewhere", "m2",
  ]);
  assert.deepEqual([profile.sandboxPolicy, profile.sandbox, profile.personality], [readOnly, "read-only", "friendly"]);
  await rig.turns.start({ sessionId, input: "again" });
  const { params } = rig.codex.asked.findLast(({ method }) => method === "turnStart") ?? assert.fail();
  assert.deepEqual(params["sandboxPolicy"], readOnly);
});

test("what is known already changes nothing, though Codex tells members that nobody has given", async () => {
  const { session, say, inForce } = await rigWithSession({ type: "workspaceWrite", networkAccess: true });
  const before = session();
  const sandboxPolicy = { type: "workspaceWrite", writableRoots: [], networkAccess: true, excludeSlashTmp: false };
  say({ ...inForce, sandboxPolicy, serviceTier: "priority" });
  say("nothing that can be read");
  say({ sandboxPolicy: null, model: null, cwd: 5 });
  assert.equal(session(), before);
  say({ ...inForce, sandboxPolicy: { ...sandboxPolicy, networkAccess: false } });
  assert.equal(session()?.profile.sandboxPolicy?.["networkAccess"], false);
});

test("a closed session is left as it was, and a thread without one is nobody's", async () => {
  const { rig, sessionId, session, say } = await rigWithSession();
  await rig.sessions.close(sessionId);
  const before = session();
  say({ ...IN_FORCE, model: "another" });
  rig.say("thread/settings/updated", { threadId: "unknown", threadSettings: IN_FORCE });
  assert.equal(session(), before);
  assert.equal(rig.store.events.at(-1)?.detail["notificationMethod"], "thread/settings/updated");
});
