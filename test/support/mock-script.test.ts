// How the mock model reads a prompt, on values alone.
//
// That Codex understands what the model then says is shown by the end-to-end tests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startMockModel } from "./mock-model.ts";
import { NO_FAULT, readScript } from "./mock-script.ts";

function user(text: string): Record<string, unknown> {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

test("a prompt without tags gets five deltas", () => {
  const script = readScript([user("hello")]);
  assert.deepEqual(script.pieces, ["tok0 ", "tok1 ", "tok2 ", "tok3 ", "tok4 "]);
  assert.deepEqual([script.fault, script.rate, script.usage], [NO_FAULT, null, { input: 100, output: 10 }]);
});

test("the newest user message with a tag is the script", () => {
  const script = readScript([user("DELTAS=1"), user("DELTAS=2 RATE=7 SIZE=4 USAGE=3:4"), user("no tag")]);
  assert.deepEqual(script.pieces, ["0 ..", "1 .."]);
  assert.deepEqual([script.position, script.rate, script.usage], [1, 7, { input: 3, output: 4 }]);
});

test("steps are read in order, and outputs behind the script count as done", () => {
  const input = [user("RUNCMD=a\\; b; ESCALATE=c; TEXT=the end;"), { type: "function_call_output", output: "x" }];
  const script = readScript(input);
  assert.deepEqual(script.steps, [{ kind: "RUNCMD", value: "a; b" }, { kind: "ESCALATE", value: "c" }]);
  assert.deepEqual([script.stepsDone, script.pieces.join("")], [1, "the end"]);
});

test("faults are read with their numbers", () => {
  const { fault, times } = readScript([user("CUT=3 HANG=4 DELAY=5 HTTP=500 FAILED=some_code TIMES=2")]);
  const wanted = { cutAfter: 3, hangAfter: 4, delayMs: 5, httpStatus: 500, failedCode: "some_code" };
  assert.deepEqual([fault, times], [wanted, 2]);
});

test("a fault is met TIMES times a turn, then the answer comes whole", async () => {
  const mock = await startMockModel();
  const ask = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${mock.port}/v1/responses`, {
      method: "POST",
      body: JSON.stringify({ prompt_cache_key: "thread", input: [user("HTTP=503 TIMES=1 DELTAS=2")] }),
    });
  assert.equal((await ask()).status, 503);
  const answer = await (await ask()).text();
  const deltas = answer.matchAll(/"type":"response.output_text.delta".*?"delta":"(.*?)"/g);
  assert.deepEqual([...deltas].map((match) => match[1]), ["tok0 ", "tok1 "]);
  assert.equal(mock.requests.length, 2);
  await mock.close();
});
