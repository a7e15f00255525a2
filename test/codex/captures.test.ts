// Nothing is lost in translation: shown on all that the real Codex said in the transcripts of turns.
//
// What each row makes of its method stands in notifications.test.ts; here it is the property that counts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readThreadFacts, readTurnId, versionFromUserAgent } from "../../src/codex/methods.ts";
import { NOTIFICATIONS, toEvent } from "../../src/codex/notifications.ts";
import { parseRpcLine } from "../../src/protocol/json-rpc.ts";
import { CAPTURES, readCapture } from "../support/captures.ts";

for (const name of CAPTURES) {
  test(`${name}: every member of every notification is in its event [trap 8.1]`, () => {
    const messages = readCapture(name).filter(({ id, method }) => id === undefined && method !== undefined);
    assert.ok(messages.length > 5);
    for (const message of messages) {
      const parsed = parseRpcLine(JSON.stringify(message));
      assert.ok(parsed.kind === "notification");
      const { detail, type } = toEvent(parsed, "ses_1");
      const said = NOTIFICATIONS.has(parsed.method) ? detail : (detail["params"] as Record<string, unknown>);
      for (const [member, value] of Object.entries(message.params ?? {})) {
        assert.deepEqual(said[member], value, `${parsed.method}.${member}`);
      }
      assert.equal(type === "app-server.notification", !NOTIFICATIONS.has(parsed.method), parsed.method);
      assert.equal(detail["emittedAtMs"] ?? undefined, message.emittedAtMs);
    }
  });

  test(`${name}: an event about a thread or a turn names it at the top`, () => {
    for (const message of readCapture(name)) {
      if (message.id !== undefined || message.method === undefined) continue;
      const params = message.params ?? {};
      const { thread, turn, item } = params as Record<string, { id?: string } | undefined>;
      const { detail } = toEvent({ method: message.method, params, emittedAtMs: null }, null);
      if (thread?.id !== undefined) assert.equal(detail.threadId, thread.id);
      if (turn?.id !== undefined) assert.equal(detail.turnId, turn.id);
      if (item?.id !== undefined) assert.equal(detail["itemId"], item.id);
    }
  });
}

test("plain-turn: the deltas make the message, and the last event says how the turn ended", () => {
  const events = readCapture("plain-turn")
    .filter(({ id, method }) => id === undefined && method !== undefined)
    .map(({ method, params }) => toEvent({ method: method ?? "", params: params ?? {}, emittedAtMs: null }, null));
  const deltas = events.filter(({ type }) => type === "app-server.turn.message.delta");
  assert.equal(deltas.map(({ detail }) => detail["delta"]).join(""), "tok0 tok1 tok2 tok3 ");
  const last = events.at(-1);
  assert.equal(last?.type, "app-server.turn.completed");
  assert.equal(last?.detail["status"], "completed");
});

test("fail-cut-once: the error that is tried again is a warning", () => {
  const error = readCapture("fail-cut-once").find(({ method }) => method === "error");
  const event = toEvent({ method: "error", params: error?.params ?? {}, emittedAtMs: null }, null);
  assert.equal(event.level, "warn");
  assert.match(event.message, /^Reconnecting/);
});

for (const [name, version] of [["plain-turn", "0.169.0"], ["v116-appr-cmd", "0.116.0"]] as const) {
  test(`${name}: version, thread and turn are read out of the answers [trap 1.2]`, () => {
    const answers = readCapture(name).filter(({ method }) => method === undefined).map(({ result }) => result);
    assert.equal(versionFromUserAgent(answers[0]), version);
    const facts = readThreadFacts(answers[1]);
    assert.match(facts?.threadId ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(facts?.cwd, "/home/dev/project");
    assert.equal(facts?.modelProvider, "mock");
    assert.notEqual(facts?.sandbox, null);
    assert.match(readTurnId(answers[2]) ?? "", /^[0-9a-f-]{36}$/);
  });
}
