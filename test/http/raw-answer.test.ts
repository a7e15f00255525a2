// Text of Codex's own as an answer: byte for byte, in pieces, as long as somebody takes it.
//
// Over a real connection where its pressure matters; the pieces themselves on a response that is a double.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { createLogger } from "../../src/base/log.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { rawAnswer } from "../../src/http/raw-answer.ts";
import type { EdgeContext } from "../../src/http/route.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { createManualClock } from "../support/manual-clock.ts";
import type { RawConnection } from "../support/raw-http.ts";

const PIECE = LIMITS.rawAnswerPieceChars;

/** Takes what is written, and asks for no more until it is told to. */
class FakeResponse extends EventEmitter {
  readonly written: Buffer[] = [];
  headers: Record<string, string> = {};
  ended = false;
  destroyed = false;

  writeHead(_status: number, headers: Record<string, string>): void {
    this.headers = headers;
  }

  write(text: string): boolean {
    this.written.push(Buffer.from(text));
    return false;
  }

  end(text: string): void {
    this.written.push(Buffer.from(text));
    this.ended = true;
    this.emit("close");
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function open(text: string, member: string | null = null) {
  const clock = createManualClock();
  const records: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => records.push(line), now: () => 0 });
  const response = new FakeResponse();
  const answer = rawAnswer({ clock, log } as unknown as EdgeContext, text, member);
  assert.ok("stream" in answer);
  answer.stream(response as unknown as ServerResponse);
  return { clock, records, response };
}

test("a text of two pieces waits between them, and no timer is left", () => {
  const { response, clock } = open("x".repeat(PIECE + 1), "result");
  assert.deepEqual(response.written.map(({ length }) => length), [32, PIECE]);
  response.emit("drain");
  assert.deepEqual(response.written.map(({ length }) => length), [32, PIECE, 1]);
  response.emit("drain");
  const all = Buffer.concat(response.written);
  assert.equal(all.toString(), `{"ok": true, "data": {"result": ${"x".repeat(PIECE + 1)}}}\n`);
  assert.deepEqual([response.headers["X-Content-Type-Options"], response.ended], ["nosniff", true]);
  assert.deepEqual([clock.pending, response.listenerCount("drain")], [0, 0]);
});

test("no character is cut in two, wherever the pieces end", () => {
  for (const before of [PIECE - 2, PIECE - 1, PIECE]) {
    const text = `"${"x".repeat(before - 1)}😀${"é".repeat(PIECE)}😀"`;
    const { response } = open(text);
    while (!response.ended) response.emit("drain");
    assert.equal(Buffer.concat(response.written).toString(), `{"ok": true, "data": ${text}}\n`);
  }
  const { response } = open("");
  assert.equal(response.ended, true);
});

test("a client that goes ends the writing", () => {
  const { response, clock, records } = open("x".repeat(3 * PIECE));
  response.emit("close");
  response.emit("drain");
  assert.deepEqual([response.written.length, clock.pending, records.length], [2, 0, 0]);
});

test("a client that takes nothing any more is given up, one that takes a little is not", () => {
  const { response, clock, records } = open("x".repeat(3 * PIECE));
  clock.advance(LIMITS.rawAnswerStallMs - 1);
  response.emit("drain");
  clock.advance(LIMITS.rawAnswerStallMs - 1);
  assert.equal(response.destroyed, false);
  clock.advance(1);
  assert.equal(response.destroyed, true);
  assert.equal(records.length, 1);
});

async function ask(edge: EdgeUnderTest): Promise<RawConnection> {
  const headers = [["Content-Type", "application/json"]] as const;
  return edge.open({ method: "POST", path: "/v1/codexd/rpc", headers, body: '{"method":"thread/read"}' });
}

test("megabytes arrive whole, and their connection serves the next request", async (t) => {
  const edge = await startEdge(t);
  edge.services.rpcResult = JSON.stringify("aé😀".repeat(600_000));
  const connection = await ask(edge);
  const reply = await connection.reply();
  assert.equal(reply.status, 200);
  assert.equal(reply.body, `{"ok": true, "data": {"result": ${edge.services.rpcResult}}}\n`);
  assert.equal(reply.headers["transfer-encoding"], "chunked");
  const before = connection.text().length;
  connection.socket.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${edge.port}\r\n\r\n`);
  const all = await connection.until((text) => text.endsWith("}\n") && text.length > before);
  assert.match(all.slice(before), /^HTTP\/1\.1 200 OK/);
  connection.socket.destroy();
});

test("a client that does not read does not hold others up, and its end is nobody's error", async (t) => {
  const edge = await startEdge(t);
  edge.services.rpcResult = JSON.stringify("x".repeat(32 * 1024 * 1024));
  const connection = await ask(edge);
  connection.socket.pause();
  while (edge.services.callsOf("codex.rpc").length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await edge.ask({ path: "/healthz" })).status, 200);
  connection.socket.destroy();
  assert.equal((await edge.ask({ path: "/healthz" })).status, 200);
  assert.deepEqual(edge.log, []);
});
