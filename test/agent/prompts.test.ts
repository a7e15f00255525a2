// Which prompts are known, and that every answer says who gives it.
// The wording is free, that it says who speaks is not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERS, deltasOf, longDeltas, readRequest } from "../../src/agent/prompts.ts";
import { AGENT_PROMPTS } from "../../src/core/embedded-agent.ts";
import { LIMITS } from "../../src/core/limits.ts";

test("every prompt that is listed is known, however it is written", () => {
  for (const { prompt } of AGENT_PROMPTS) {
    const kind = prompt.split(" ")[0] ?? "";
    const typed = prompt.replace("N", "7");
    for (const text of [typed, `  ${typed.toUpperCase()}!\n`]) assert.equal(readRequest(text).kind, kind, text);
  }
});

test("anything else is none of them", () => {
  for (const text of ["", " ", "hello world", "run 3", "please run", "ran", "long x", "long -1", "constructor"]) {
    assert.equal(readRequest(text).kind, "other", text);
  }
});

test("long takes a number from 1 to its limit, or none", () => {
  const words = (text: string): unknown => readRequest(text);
  const max = LIMITS.agentDeltasMax;
  assert.deepEqual(words("long"), { kind: "long", words: 100 });
  assert.deepEqual(words("long 0"), { kind: "long", words: 1 });
  assert.deepEqual(words(`long ${max}`), { kind: "long", words: max });
  assert.deepEqual(words(`long ${max + 1}`), { kind: "long", words: max });
  assert.equal(longDeltas(3).length, 3);
  assert.equal(longDeltas(max).length, max);
});

test("every answer says that it comes from the embedded agent and from no model", () => {
  const texts = [
    ...Object.values(ANSWERS).map((answer) => (typeof answer === "string" ? answer : answer("x", 0, ""))),
    longDeltas(1).join(""),
  ];
  for (const text of texts) assert.match(text, /embedded agent.*is no model/s);
});

test("the pieces of an answer are the answer", () => {
  assert.equal(deltasOf(ANSWERS.other).join(""), ANSWERS.other);
  assert.ok(deltasOf(ANSWERS.other).length > 10);
  assert.deepEqual(deltasOf(""), []);
});
