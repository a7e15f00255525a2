// The WebSocket endpoint for embedding programs, on real sockets: who may connect, what is said, and how it ends.
// Frames, bounds and slow readers are ws-connection.test.ts's matter.

import assert from "node:assert/strict";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { test, type TestContext } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { CodexdWebSocketConnection } from "../../src/http/websocket-connection.ts";
import { CodexdWebSocketServer, type CodexdWebSocketServerOptions } from "../../src/http/websocket-server.ts";
import { WS_CLOSE } from "../../src/protocol/ws-close.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { HeldSocket } from "../support/held-socket.ts";
import { connectWs } from "../support/ws-client.ts";

async function listen(t: TestContext, options: Partial<CodexdWebSocketServerOptions> = {}) {
  const sockets = new CodexdWebSocketServer({ path: "/ws", ...options });
  const server = createServer();
  const untaken: string[] = [];
  server.on("upgrade", (request, socket, head) => {
    if (sockets.handleUpgrade(request, socket, head)) return;
    untaken.push(request.url ?? "");
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    await sockets.stop();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { sockets, untaken, port, connect: (path = "/ws") => connectWs({ port, path }) };
}

const UPGRADE = {
  "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The refusal of an upgrade; null when the socket is just closed. */
function refused(port: number, headers: Record<string, string>, path = "/ws", method = "GET"): Promise<string | null> {
  return new Promise((resolve) => {
    const request = httpRequest({ port, path, method, headers: { ...UPGRADE, ...headers } });
    const read = async (response: IncomingMessage): Promise<void> => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve(`${response.statusCode} ${(JSON.parse(text) as { error: string }).error}`);
    };
    request.on("response", (response) => void read(response));
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      resolve("101");
    });
    request.on("error", () => resolve(null));
    request.end();
  });
}

test("messages go in and out, to one and to all, and counts follow", async (t) => {
  const connections: CodexdWebSocketConnection[] = [];
  const { sockets, connect } = await listen(t, {
    onConnected: (connection) => void connections.push(connection),
    onClientMessage: (connection, message) => connection.sendJson({ echo: message }),
  });
  const one = await connect();
  const two = await connect("/ws/?query=1");
  one.send({ a: 1 });
  assert.deepEqual(await one.next(), { echo: { a: 1 } });
  assert.equal(sockets.broadcast({ all: true }), 2);
  assert.deepEqual([await one.next(), await two.next()], [{ all: true }, { all: true }]);
  assert.equal(sockets.getConnectionCount(), 2);
  assert.notEqual(connections[0]?.id, connections[1]?.id);
  assert.equal(connections[0]?.bufferedBytes, 0);
  assert.throws(() => connections[0]?.sendJson(undefined), TypeError);
  assert.throws(() => sockets.broadcast(() => undefined), TypeError);
  assert.throws(() => connections[0]?.close(1006), RangeError);
  connections[0]?.close();
  await one.closed;
  assert.equal(await connections[0]?.closed, WS_CLOSE.normal);
  assert.deepEqual([one.closeCode, connections[0]?.open, sockets.getConnectionCount()], [1000, false, 1]);
});

test("a message that is not JSON, and a handler that fails, end their own connection only", async (t) => {
  const { sockets, connect } = await listen(t, {
    async onClientMessage(_, message) {
      if (message === "fail") throw new Error("a handler's own");
    },
  });
  const [bad, failing, good] = [await connect(), await connect(), await connect()];
  bad.sendText("not JSON");
  failing.send("fail");
  await Promise.all([bad.closed, failing.closed]);
  assert.deepEqual([bad.closeCode, failing.closeCode], [WS_CLOSE.badMessage, WS_CLOSE.internalError]);
  sockets.broadcast(1);
  assert.equal(await good.next(), 1);
});

test("without handlers it only broadcasts; a handler of connections that fails ends them", async (t) => {
  const quiet = await listen(t);
  const client = await quiet.connect();
  client.send({});
  quiet.sockets.broadcast("x");
  assert.equal(await client.next(), "x");
  const failing = await listen(t, { onConnected: () => { throw new Error("full"); } });
  const refusedClient = await failing.connect();
  await refusedClient.closed;
  assert.equal(refusedClient.closeCode, WS_CLOSE.internalError);
});

test("another path is left to others; a page's origin, a bad upgrade and a stopped server are refused", async (t) => {
  const { sockets, untaken, port } = await listen(t, { allowedOrigins: ["https://good.test"] });
  assert.equal(await refused(port, {}, "/other"), null);
  assert.deepEqual(untaken, ["/other"]);
  assert.equal(await refused(port, { Origin: "https://evil.test" }), "403 origin_not_allowed");
  assert.equal(await refused(port, { Origin: "null" }), "403 origin_not_allowed");
  assert.equal(await refused(port, { Origin: "https://good.test" }), "101");
  assert.equal(await refused(port, { "Sec-WebSocket-Version": "12" }), "426 upgrade_required");
  assert.equal(await refused(port, { "Sec-WebSocket-Key": "short" }), "400 bad_request");
  await sockets.stop();
  assert.equal(await refused(port, {}), "503 draining");
});

test("as many connections as the limit, and not one more; a stop tells all of them", async () => {
  const clock = createFakeClock();
  const sockets = new CodexdWebSocketServer({ path: "/", clock });
  const rawHeaders = Object.entries(UPGRADE).flat();
  const open = (): void => {
    const request = { method: "GET", httpVersion: "1.1", url: "/", rawHeaders };
    assert.equal(sockets.handleUpgrade(request, deafSocket(), Buffer.of()), true);
  };
  for (let i = 0; i < LIMITS.connectionsMax; i += 1) open();
  assert.equal(sockets.getConnectionCount(), LIMITS.connectionsMax);
  open();
  assert.equal(sockets.getConnectionCount(), LIMITS.connectionsMax);
  const stopping = sockets.stop();
  await clock.advance(LIMITS.wsCloseMs);
  await stopping;
  assert.equal(sockets.getConnectionCount(), 0);
});

test("a connection of its own, on a socket past its handshake", async () => {
  const socket = deafSocket();
  const codes: number[] = [];
  const connection = new CodexdWebSocketConnection({ socket, onClosed: (code) => codes.push(code) });
  assert.equal(connection.open, true);
  socket.destroy();
  assert.equal(await connection.closed, WS_CLOSE.abnormal);
  assert.deepEqual(codes, [WS_CLOSE.abnormal]);
});

test("an onClosed that throws keeps nobody waiting", async () => {
  const socket = new HeldSocket();
  const clock = createFakeClock();
  const connection = new CodexdWebSocketConnection({
    socket, clock,
    onClosed: () => {
      throw new RangeError("a bug");
    },
  });
  assert.throws(() => socket.emit("close"), RangeError);
  assert.equal(await connection.closed, WS_CLOSE.abnormal);
});

/** Takes what is written, and never says a thing. */
function deafSocket(): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
}
