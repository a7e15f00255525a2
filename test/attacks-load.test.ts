// More connections, and slower ones, than codexd takes, on the wire of a whole daemon with the limits that it has.
//
// How each timeout fires is tried with small limits in http/timeouts.test.ts, on every version of Node; what many
// attackers cost in time and memory is measured, not tested.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { LIMITS } from "../src/core/limits.ts";
import { requestTo, startAttacked, taken, type Attacked, type Target } from "./support/attack-rig.ts";
import { openRaw, type RawConnection } from "./support/raw-http.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const CONNECTIONS = 500;
let attacked: Attacked;

before(async () => {
  attacked = await startAttacked(daemons);
});

afterEach(() => attacked.nothingRan());

/** Streams, so that no timeout takes part; those that were answered, once the others have been closed. */
async function fill(target: Target): Promise<RawConnection[]> {
  const bytes = requestTo(target, "GET /v1/codexd/events?format=ndjson HTTP/1.1");
  const all = Array.from({ length: CONNECTIONS }, () => openRaw(target.place, bytes));
  const settled = await Promise.allSettled(all.map((each) => each.until((text) => text.includes("HTTP/1.1 200"))));
  return all.filter((_, i) => settled[i]?.status === "fulfilled");
}

async function empty(connections: readonly RawConnection[]): Promise<void> {
  for (const { socket } of connections) socket.destroy();
  await Promise.all(connections.map(({ closed }) => closed));
}

/** A place that has just been given up is free when the daemon has seen it. */
async function takesAgain(target: Target): Promise<void> {
  for (let answered = false; !answered; ) {
    answered = await taken(target, {}).then(() => true, (error: unknown) => {
      if (error instanceof assert.AssertionError) throw error;
      return false;
    });
  }
}

test("500 connections on TCP or the Unix socket leave the other as it was [attack connections-500]", async () => {
  for (const [full, other] of [[attacked.tcp, attacked.unix], [attacked.unix, attacked.tcp]] as const) {
    const held = await fill(full);
    assert.equal(held.length, LIMITS.connectionsMax, full.name);
    await taken(other, {});
    await empty(held);
    await takesAgain(full);
  }
});

test("a head that comes byte by byte is 408 after its five seconds, and nothing behind it runs", async () => {
  const hidden = "POST /v1/codexd/runs HTTP/1.1\r\n";
  await Promise.all([attacked.tcp, attacked.unix].map(async (target) => {
    const connection = openRaw(target.place, "GET /healthz HTTP/1.1\r\nHost: codexd\r\nX: ");
    const began = performance.now();
    const drip = setInterval(() => connection.socket.write("x"), 100);
    const { status, body } = await connection.reply();
    clearInterval(drip);
    connection.socket.write(`\r\n\r\n${hidden}\r\n`);
    assert.deepEqual([status, JSON.parse(body).error], [408, "request_timeout"]);
    assert.ok(performance.now() - began >= LIMITS.headersMs, "it has had its time");
    await connection.closed;
    assert.equal(connection.text().split("HTTP/1.1 ").length, 2);
  }));
});
