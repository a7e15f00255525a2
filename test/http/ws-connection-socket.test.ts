// The connection on real sockets, TCP and Unix, with Node's own HTTP server before it and the client double behind.
//
// Here only what a double of the socket cannot show: the handshake's seam, resets, and kernels' buffers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { isObject } from "../../src/base/decode.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createWsConnection, type WsConnection } from "../../src/http/ws-connection.ts";
import { encodeFrame, encodeTextFrame, OPCODE } from "../../src/protocol/ws-frame.ts";
import { judgeUpgrade, upgradeResponse } from "../../src/protocol/ws-handshake.ts";
import { connectWs, UpgradeRefused, type ConnectWsOptions } from "../support/ws-client.ts";

const MASKED = { maskKey: 0x01020304 };

interface Accepted {
  readonly connection: WsConnection;
  readonly closed: Promise<number>;
}

/** Echoes what it gets; `accepted` has every connection in order. */
function createEchoServer(accepted: Accepted[]): Server {
  const server = createServer((_request, response) => void response.writeHead(404).end("no such thing"));
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const judgement = judgeUpgrade(request);
    if (!judgement.ok) return void socket.end(`HTTP/1.1 ${judgement.status} No\r\n\r\n${judgement.message}`);
    socket.write(upgradeResponse(judgement.accept));
    const closed = createDeferred<number>();
    const connection = createWsConnection({
      socket, head, clock: systemClock,
      handlers: { text: (message) => connection.sendText(message), closed: closed.resolve },
    });
    accepted.push({ connection, closed: closed.promise });
  });
  return server;
}

for (const kind of ["TCP", "a Unix socket"] as const) {
  describe(`on ${kind}`, () => {
    const accepted: Accepted[] = [];
    const server = createEchoServer(accepted);
    let folder = "";
    let target: ConnectWsOptions = { path: "/" };
    const newest = (): Accepted => {
      const connection = accepted.at(-1);
      assert.ok(connection);
      return connection;
    };

    before(async () => {
      folder = await mkdtemp(path.join(tmpdir(), "ws-connection-"));
      const socketPath = path.join(folder, "s");
      if (kind === "TCP") server.listen(0, "127.0.0.1");
      else server.listen(socketPath);
      await once(server, "listening");
      target = kind === "TCP" ? { path: "/", port: (server.address() as AddressInfo).port } : { path: "/", socketPath };
    });
    after(async () => {
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    });

    test("messages, pings and a close in order, with frames in the same write as the request", async () => {
      const ping = encodeFrame(OPCODE.ping, Buffer.from("e"), MASKED);
      const early = Buffer.concat([encodeTextFrame('{"n":0}', MASKED), encodeTextFrame('{"n":1}', MASKED), ping]);
      const client = await connectWs({ ...target, early });
      client.send({ n: 2 });
      client.sendText("plain");
      assert.deepEqual(await client.nextThat((message) => isObject(message) && message["n"] === 1), { n: 1 });
      assert.deepEqual(await client.next(), { n: 2 });
      client.ping("late");
      const { closed } = newest();
      assert.deepEqual(await client.close(4000, "done"), { code: 4000, reason: "" });
      assert.equal(await closed, 4000);
      assert.deepEqual(client.pongs, ["e", "late"]);
      const rest: unknown[] = [];
      for await (const message of client) rest.push(message);
      assert.deepEqual(rest, ["plain"]);
      await assert.rejects(client.next(), /4000/);
    });

    test("a close by the server reaches the client behind all that was queued", async () => {
      const client = await connectWs(target);
      const { connection, closed } = newest();
      const large = "x".repeat(4 * 1024 * 1024);
      connection.sendText(large);
      connection.sendText("last");
      connection.close(1001, "stopping");
      assert.deepEqual(await client.closed, { code: 1001, reason: "stopping" });
      assert.equal(client.closeCode, 1001);
      assert.deepEqual(client.received, [large, "last"]);
      assert.equal(await closed, 1001);
    });

    test("the largest message is echoed; who sends a larger one learns why, while still sending", async () => {
      const client = await connectWs(target);
      const most = "y".repeat(LIMITS.wsMessageBytesMax);
      client.sendText(most);
      assert.equal(await client.next(), most);
      client.sendText(`${most}y`);
      client.sendText(most);
      assert.equal((await client.closed).code, 1009);
      assert.equal(await newest().closed, 1009);
    });

    test("a peer that vanishes is 1006", async () => {
      const client = await connectWs(target);
      const { connection, closed } = newest();
      client.destroy();
      assert.equal(await closed, 1006);
      assert.equal(connection.open, false);
      assert.deepEqual(await client.closed, { code: null, reason: "" });
    });

    test("a reader that stops is cut off, and then what was queued is dropped", async () => {
      const client = await connectWs(target);
      const { connection, closed } = newest();
      client.socket.pause();
      const part = encodeTextFrame("z".repeat(256 * 1024));
      for (let sent = 0; connection.open; sent += part.length) {
        assert.ok(sent < 10 * LIMITS.streamHardBytes, "it was never cut off");
        connection.sendFrames(part);
      }
      assert.ok(connection.bufferedBytes <= LIMITS.streamHardBytes + part.length);
      await connection.drained();
      client.destroy();
      assert.equal(await closed, 1013);
    });

    test("a refused upgrade tells its status and body", async () => {
      await assert.rejects(connectWs({ ...target, headers: { "Sec-WebSocket-Version": "12" } }), (error) => {
        return error instanceof UpgradeRefused && error.status === 426 && /must be 13/.test(error.body);
      });
      await assert.rejects(connectWs({ ...target, headers: { Connection: "close" } }), (error) => {
        return error instanceof UpgradeRefused && error.status === 404 && error.body.includes("no such thing");
      });
    });
  });
}
