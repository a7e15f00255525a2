// Standard input as a stream that a test writes: lines, the end, and what was typed too early.
//
// No terminal and no process; what a real one does is tried in system-io.test.ts.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { createInput, type Input } from "../../src/cli/input.ts";
import { LIMITS } from "../../src/core/limits.ts";

function open({ terminal = false } = {}): { stream: PassThrough; input: Input; shown: string[] } {
  const stream = new PassThrough();
  const shown: string[] = [];
  const input = createInput(() => Object.assign(stream, { isTTY: terminal }), (text) => void shown.push(text));
  return { stream, input, shown };
}

describe("lines of a pipe", () => {
  test("come one by one, however they are cut, the last without its end too", async () => {
    const { stream, input } = open();
    const euro = Buffer.from("a\r\n\n€uro\nla");
    for (const byte of euro) stream.write(Buffer.from([byte]));
    stream.end("st");
    const lines: Array<string | null> = [];
    for (let line = await input.readLine(); line !== null; line = await input.readLine()) lines.push(line);
    assert.deepEqual(lines, ["a", "", "€uro", "last"]);
    assert.equal(await input.readLine(), null);
    assert.equal(await input.readAll(), "");
  });

  test("are waited for, and what is left can be read whole", async () => {
    const { stream, input } = open();
    const first = input.readLine();
    setImmediate(() => stream.write("one\ntwo\nthree"));
    assert.equal(await first, "one");
    stream.end();
    assert.equal(await input.readAll(), "two\nthree");
  });

  test("an abort ends the wait and loses nothing", async () => {
    const { stream, input, shown } = open();
    const stop = new AbortController();
    const reason = new Error("withdrawn");
    const line = input.readLine(stop.signal, "? ");
    stop.abort(reason);
    await assert.rejects(line, reason);
    await assert.rejects(input.readLine(stop.signal, "never shown"), reason);
    stream.write("later\n");
    assert.equal(await input.readLine(), "later");
    assert.deepEqual(shown, ["? "]);
  });

  test("a stream that breaks is at its end", async () => {
    const { stream, input } = open();
    const line = input.readLine();
    stream.destroy(new Error("gone"));
    assert.equal(await line, null);
  });

  test("hold so much and no more", async () => {
    const most = Buffer.alloc(LIMITS.clientInputBytesMax, "x");
    const { stream, input } = open();
    stream.end(most);
    assert.equal((await input.readAll()).length, most.length);
    const more = open();
    more.stream.write(most);
    more.stream.end("x");
    await assert.rejects(more.input.readAll(), { exitCode: 64, message: /more than 33554432 bytes/ });
  });
});

describe("lines of a terminal", () => {
  test("typed before the question answer nothing", async () => {
    const { stream, input, shown } = open({ terminal: true });
    stream.write("yes\n");
    stream.write("yes\nye");
    const answer = input.readLine(undefined, "sure? ");
    while (shown.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stream.write("no\n");
    assert.equal(await answer, "no");
    stream.write("yes again\n");
    const next = input.readLine(undefined, "really? ");
    while (shown.length === 1) await new Promise((resolve) => setImmediate(resolve));
    stream.end();
    assert.equal(await next, null);
    assert.equal(await input.readLine(), null);
    assert.deepEqual(shown, ["sure? ", "really? "]);
  });

  test("an abort while the early ones are dropped shows no question", async () => {
    const { input, shown } = open({ terminal: true });
    const stop = new AbortController();
    const answer = input.readLine(stop.signal, "sure? ");
    stop.abort(new Error("over"));
    await assert.rejects(answer, { message: "over" });
    assert.deepEqual(shown, []);
  });
});
