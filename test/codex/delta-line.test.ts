// The short way of deltas gives what the long way gives, and takes nothing that is not exactly a delta.
// The long way, through JSON and the table of notifications, is the judge.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeltaReader, deltaDetailJson } from "../../src/codex/delta-line.ts";
import { toEvent } from "../../src/codex/notifications.ts";

const readDeltaLine = createDeltaReader();

function line(delta: string, more: { method?: string; emittedAtMs?: number } = {}): string {
  const { method = "item/agentMessage/delta", emittedAtMs } = more;
  const params = { threadId: "01a2-b", turnId: "t_1", itemId: "msg_1", delta };
  return JSON.stringify({ method, params, ...(emittedAtMs === undefined ? {} : { emittedAtMs }) });
}

function bothWays(text: string, sessionId: string | null): void {
  const short = readDeltaLine(text);
  assert.ok(short !== undefined, text);
  const message = JSON.parse(text) as { method: string; params: Record<string, unknown>; emittedAtMs?: number };
  const { method, params, emittedAtMs = null } = message;
  const long = toEvent({ method, params, emittedAtMs }, sessionId);
  assert.equal(short.item.type, long.type);
  assert.equal(short.item.message, long.message);
  assert.deepEqual(JSON.parse(deltaDetailJson(short, sessionId)), JSON.parse(JSON.stringify(long.detail)));
}

test("every kind of text comes through unchanged, with and without session and time stamp", () => {
  const texts = ["tok0 ", "", "\"quoted\" \\ / \b\f\n\r\t\u0000\u001f", "ä € 😀 \u2028", "\ud800 lone", "}{][,:\"", " "];
  for (const text of texts) {
    for (const method of ["item/agentMessage/delta", "item/commandExecution/outputDelta", "item/plan/delta"]) {
      bothWays(line(text, { method, emittedAtMs: 1_795_356_358_086 }), "ses_1");
      bothWays(line(text, { method }), null);
    }
  }
  bothWays(line("escapes").replace("escapes", "\\u00e4\\/\\u0000"), null);
});

test("what is not exactly a delta is left to the parser", () => {
  const good = line("x", { emittedAtMs: 5 });
  const spoilt = [
    good.slice(0, -1), `${good} `, ` ${good}`, good.replace("{", "{ "), `${good}${good}`, `[${good}]`,
    good.replace('"delta":"x"', '"delta":5'), good.replace('"delta":"x"', '"delta":"x","more":1'),
    good.replace('"delta":"x"', '"delta":"x"},"params":{"delta":"y"'), good.replace('"x"', '"\\x"'),
    good.replace('"x"', '"\t"'), good.replace('"x"', '"\\u12g4"'), good.replace('"x"', '"a"b"'),
    good.replace("msg_1", "msg\\u0031"), good.replace("msg_1", 'm"1'), good.replace("msg_1", ""),
    good.replace("5}", "05}"), good.replace("5}", "5.5}"), good.replace("5}", '"5"}'), good.replace("5}", "-5}"),
    line("x", { method: "item/reasoning/textDelta" }), '{"method":"item/started","params":{}}', "", "{",
    line("x".repeat(64 * 1024)),
  ];
  for (const text of spoilt) assert.equal(readDeltaLine(text), undefined, text.slice(0, 200));
});

test("items whose deltas come in turns are told apart, also when there are more than are remembered", () => {
  const read = createDeltaReader();
  const ids = Array.from({ length: 20 }, (_, n) => `t${n}`);
  for (const id of [...ids, ...ids, "t3", "t3", "t19", "t1", "t10"]) {
    const delta = read(line("x").replace("01a2-b", id));
    assert.equal(delta?.item.threadId, id);
    assert.equal(JSON.parse(deltaDetailJson(delta, null)).threadId, id);
  }
});

test("a known item does not let a spoilt line pass", () => {
  const read = createDeltaReader();
  const good = line("x", { emittedAtMs: 5 });
  assert.ok(read(good) !== undefined);
  const spoilt = ["x", '"', '"}', '"}}}', 'x"},"emittedAtMs":5', 'x"},"more":5}', '"},"params":{"delta":""}}', '\\"}}'];
  for (const rest of spoilt) {
    assert.equal(read(good.slice(0, good.indexOf('x"}')) + rest), undefined, rest);
  }
});
