// Many bodies at once, and senders that are refused: what is read of them, and who waits.
//
// What one body may be is tested in body.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import type { RawConnection } from "../support/raw-http.ts";

const KIB = 1024;
const ROOM = { bodiesBytesMax: 200 * KIB };
const JSON_TYPE = ["Content-Type", "application/json"] as const;
const PATH = "/v1/codexd/sessions";

/** A body of so many bytes that was announced, and of which nothing has been sent; resolves when it is let send. */
async function announce(edge: EdgeUnderTest, bytes: number): Promise<RawConnection> {
  const connection = opened(edge, ["Content-Length", String(bytes)], ["Expect", "100-continue"]);
  await connection.until((text) => text.includes("100 Continue"));
  return connection;
}

function opened(edge: EdgeUnderTest, ...fields: ReadonlyArray<readonly [string, string]>): RawConnection {
  return edge.open({ method: "POST", path: PATH, headers: [JSON_TYPE, ...fields] });
}

function objectOf(bytes: number): string {
  return `{"nothing":"${"x".repeat(bytes - 14)}"}`;
}

/** What is read is an object that no route takes. */
async function isRead(connection: RawConnection): Promise<void> {
  assert.equal(JSON.parse((await connection.reply()).body).error, "bad_request");
}

test("a large body waits until there is room for it, small ones do not", async (t) => {
  const edge = await startEdge(t, { limits: ROOM });
  const first = await announce(edge, 120 * KIB);
  const alongside = await announce(edge, 80 * KIB);
  const waiting = opened(edge, ["Content-Length", String(100 * KIB)], ["Expect", "100-continue"]);
  for (let i = 0; i < 3; i += 1) {
    const small = await edge.ask({ method: "POST", path: PATH, headers: [JSON_TYPE], body: objectOf(60 * KIB) });
    assert.equal(JSON.parse(small.body).error, "bad_request");
  }
  assert.equal(waiting.text(), "");
  first.socket.write(objectOf(120 * KIB));
  await isRead(first);
  await waiting.until((text) => text.includes("100 Continue"));
  waiting.socket.write(objectOf(100 * KIB));
  await isRead(waiting);
  for (const { socket } of [first, alongside, waiting]) socket.destroy();
});

test("who goes gives the room back, and so does who is refused", async (t) => {
  const edge = await startEdge(t, { limits: ROOM });
  const gone = await announce(edge, 200 * KIB);
  const behind = announce(edge, 200 * KIB);
  gone.socket.destroy();
  (await behind).socket.destroy();
  const endless = opened(edge, ["Transfer-Encoding", "chunked"]);
  endless.socket.write(`${(2 * LIMITS.bodyBytesMax).toString(16)}\r\n${"x".repeat(2 * LIMITS.bodyBytesMax)}`);
  assert.equal((await endless.reply()).status, 413);
  (await announce(edge, 200 * KIB)).socket.destroy();
  endless.socket.destroy();
});

test("a body without a told length takes room when it is no small one any more", async (t) => {
  const edge = await startEdge(t, { limits: ROOM });
  const text = objectOf(150 * KIB);
  const chunk = (part: string): string => `${part.length.toString(16)}\r\n${part}\r\n`;
  const other = await announce(edge, 100 * KIB);
  const connection = opened(edge, ["Transfer-Encoding", "chunked"]);
  connection.socket.write(`${chunk(text.slice(0, 100))}${chunk(text.slice(100))}0\r\n\r\n`);
  other.socket.write(objectOf(100 * KIB));
  await isRead(other);
  await isRead(connection);
  for (const { socket } of [other, connection]) socket.destroy();
});

test("a body in chunks of one byte is the same body, up to so many of them", async (t) => {
  const edge = await startEdge(t);
  const sent = (bytes: number): RawConnection => {
    const connection = opened(edge, ["Transfer-Encoding", "chunked"]);
    connection.socket.write(`${objectOf(bytes).replaceAll(/./g, "1\r\n$&\r\n")}0\r\n\r\n`);
    return connection;
  };
  const within = sent(LIMITS.bodyChunksMax);
  await isRead(within);
  const over = sent(LIMITS.bodyChunksMax + 1);
  assert.equal(JSON.parse((await over.reply()).body).error, "body_too_large");
  for (const { socket } of [within, over]) socket.destroy();
});

test("of who is refused so much is thrown away, and no more is read", async (t) => {
  const clock = createManualClock();
  const edge = await startEdge(t, { clock, limits: { lingerBytesMax: 1000 * KIB } });
  const refused = async (bytes: number): Promise<RawConnection> => {
    const fields = [["Authorization", "Bearer wrong"], ["Content-Length", String(bytes)]] as const;
    const connection = edge.open({ method: "POST", path: PATH, headers: fields, body: "x".repeat(bytes) });
    assert.equal((await connection.reply()).status, 401);
    return connection;
  };
  // Read to its end, it needs no time to be closed.
  await (await refused(999 * KIB)).closed;
  const over = await refused(1100 * KIB);
  for (let i = 0; i < 5; i += 1) assert.equal((await edge.ask({ path: "/healthz" })).status, 200);
  assert.equal(over.socket.closed, false);
  clock.advance(LIMITS.lingerMs);
  await over.closed;
});
