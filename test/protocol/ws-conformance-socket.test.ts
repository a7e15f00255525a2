// The conformance cases of RFC 6455 before the example's echo, over real sockets, as server and as client.
//
// How they are cut is tried without (ws-conformance.test.ts). What is checked beyond the answers: that the close frame
// is the last byte, that the server ends TCP first, and that a client waits for it.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { connectEcho, createEchoServer } from "../../examples/echo.ts";
import type { WsCase } from "../support/ws-case.ts";
import { CLOSE_CASES, LIMIT_CASES } from "../support/ws-cases-close.ts";
import { FRAME_CASES } from "../support/ws-cases-frames.ts";
import { LARGE_CASES } from "../support/ws-cases-large.ts";
import { TEXT_CASES } from "../support/ws-cases-text.ts";
import { acceptOne, dial, judgeCase, judgeLateReader, judgeLeaving } from "../support/ws-fuzz.ts";

/** How a case is cut is tried by bytes; here each sign, each violation and each size comes once. */
const TEXTS = TEXT_CASES.filter(({ id }) => !/in octets|in fragments|chopped|noncharacter/.test(id));
const LARGE = LARGE_CASES.filter(({ id }) => !/binary of (4096|16384)/.test(id));
const FAMILIES: Readonly<Record<string, readonly WsCase[]>> = {
  "1 to 5": FRAME_CASES, 6: TEXTS, 7: CLOSE_CASES, "9 and 10": [...LARGE, ...LIMIT_CASES],
};

for (const [name, cases] of Object.entries(FAMILIES)) {
  test(`cases ${name} before a server on the framer`, async () => {
    const server = createEchoServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (const wsCase of cases) await judgeCase(await dial(port), "server", wsCase);
    server.close();
    await once(server, "close");
  });

  test(`cases ${name} before a client on the framer`, async () => {
    for (const wsCase of cases) await judgeCase(await acceptOne(connectEcho), "client", wsCase);
  });
}

test("a client whose upgrade is refused hangs up", async () => {
  const server = createEchoServer().removeAllListeners("upgrade").listen(0, "127.0.0.1");
  server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n"));
  await once(server, "listening");
  const client = connectEcho((server.address() as AddressInfo).port);
  await once(client, "close");
  server.close();
  await once(server, "close");
});

test("a server reads no faster than its client, and keeps nothing of those that have left", async () => {
  const server = createEchoServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await judgeLateReader(server, port);
  await judgeLeaving(server, port);
});

test("a server refuses what is no upgrade to a WebSocket", async () => {
  const server = createEchoServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await assert.rejects(dial(port, "Sec-WebSocket-Version: 12"), /HTTP\/1\.1 426/);
  server.close();
  await once(server, "close");
});
