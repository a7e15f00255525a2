// The edge as a whole: its life, its two ways in, and how it stops.
//
// Real sockets; the services are doubles. How requests are judged is tested elsewhere.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { silentLogger } from "../../src/base/log.ts";
import { EXIT, ExitError } from "../../src/core/errors.ts";
import { createHttpEdge } from "../../src/http/server.ts";
import { REPOSITORY } from "../support/codex-install.ts";
import { makeConfig, startEdge, TOKEN } from "../support/edge-under-test.ts";
import { FakeServices } from "../support/fake-services.ts";
import { openRaw } from "../support/raw-http.ts";
import { makeTempDir } from "../support/temp-dir.ts";
import { readSources } from "../support/tidy-source.ts";
import { connectWs } from "../support/ws-client.ts";

const EVENTS = "/v1/codexd/events";

test("it has a base URL only while it listens, and stops more than once", async (t) => {
  const edge = await startEdge(t, { service: { localApiBase: "http://localhost:0" } });
  assert.match(edge.edge.baseUrl ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.ok(existsSync(edge.socketPath));
  await Promise.all([edge.edge.stop(), edge.edge.stop()]);
  assert.equal(edge.edge.baseUrl, null);
  assert.ok(!existsSync(edge.socketPath));
  await assert.rejects(edge.ask({ path: "/healthz" }));
});

test("one that never listened can be stopped", async (t) => {
  const config = makeConfig(makeTempDir(t));
  const services = new FakeServices(config);
  const edge = createHttpEdge({ config, services, token: TOKEN, clock: systemClock, log: silentLogger });
  assert.equal(edge.baseUrl, null);
  await edge.stop();
});

test("no edge of codexd has another judge than the guard", () => {
  const sources = readSources(REPOSITORY, ["src"]);
  const naming = (name: string): string[] => sources.flatMap(({ path, code }) => {
    return [...code.matchAll(new RegExp(`\\b${name}\\(.*`, "g"))].map(([line]) => `${path}: ${line}`);
  });
  // Where it is made, and the one call; so no option, flag or variable leads to another.
  assert.deepEqual(naming("createEdgeJudgedBy"), [
    "src/http/server.ts: createEdgeJudgedBy(judge, options);",
    "src/http/server.ts: createEdgeJudgedBy(judgeOf: Judge, options: HttpEdgeOptions): HttpEdge {",
  ]);
  assert.equal(sources.filter(({ code }) => code.includes("createEdgeJudgedBy")).length, 1);
  assert.equal(naming("createEdgeServer").filter((call) => call.includes("judge")).length, 1);
  const server = sources.find(({ path }) => path === "src/http/server.ts")?.text ?? "";
  assert.match(server, /^import \{ judge, .*\} from "\.\/guard\.ts";$/m);
});

test("without a socket path there is TCP alone", async (t) => {
  const edge = await startEdge(t, { service: { socketPath: null } });
  assert.equal((await edge.ask({ path: "/healthz" })).status, 200);
});

test("without auth no token is needed, and Host and Origin are judged as ever", async (t) => {
  const edge = await startEdge(t, { token: null });
  const path = "/v1/codexd/sessions";
  assert.equal((await edge.askPlain({ path })).status, 200);
  assert.equal((await edge.askPlain({ path, headers: [["Authorization", "Bearer x"]] })).status, 200);
  assert.equal((await edge.askPlain({ path, headers: [["Host", "evil.test"]] })).status, 403);
  assert.equal((await edge.askPlain({ path, headers: [["Origin", "null"]] })).status, 403);
  const stream = openRaw(edge.tcp, `GET ${EVENTS}?format=ndjson HTTP/1.1\r\nHost: localhost:${edge.port}\r\n\r\n`);
  await stream.until((text) => text.includes("x-ndjson"));
  edge.edge.rotateToken("new");
  edge.services.events.publish({});
  await stream.until((text) => text.includes('"seq":1'));
  stream.socket.destroy();
});

test("a port in use ends the start with 75, and nothing listens", async (t) => {
  const first = await startEdge(t);
  const config = makeConfig(makeTempDir(t), { localApiBase: `http://127.0.0.1:${first.port}` });
  const services = new FakeServices(config);
  const edge = createHttpEdge({ config, services, token: TOKEN, clock: systemClock, log: silentLogger });
  await assert.rejects(edge.listen(), (error) => error instanceof ExitError && error.exitCode === EXIT.held);
  assert.ok(!existsSync(config.service.socketPath ?? ""));
});

test("a socket that cannot be had frees the port again", async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await new Promise((resolve) => holder.close(resolve));
  const config = makeConfig(makeTempDir(t), { localApiBase: `http://127.0.0.1:${port}` });
  writeFileSync(config.service.socketPath ?? "", "in the way");
  const services = new FakeServices(config);
  const edge = createHttpEdge({ config, services, token: TOKEN, clock: systemClock, log: silentLogger });
  await assert.rejects(edge.listen(), (error) => error instanceof ExitError && error.exitCode === EXIT.config);
  assert.equal(edge.baseUrl, null);
  await edge.stop();
  assert.ok(existsSync(config.service.socketPath ?? ""));
  await new Promise<void>((resolve) => holder.listen(port, "127.0.0.1", resolve));
  await new Promise((resolve) => holder.close(resolve));
});

test("a stop tells WebSockets 1001, ends lines with their end, and closes what is idle", async (t) => {
  const edge = await startEdge(t, { limits: { edgeStopMs: 60_000 } });
  const socket = await connectWs({ port: edge.port, path: EVENTS, token: TOKEN });
  await socket.next();
  const lines = edge.open({ path: `${EVENTS}?format=ndjson` });
  await lines.until((text) => text.includes("x-ndjson"));
  const idle = edge.open({ path: "/healthz" });
  await idle.reply();
  const silent = openRaw(edge.tcp, "");
  await edge.ask({ path: "/healthz" });
  await edge.edge.stop();
  assert.equal((await socket.closed).code, 1001);
  await lines.closed;
  assert.ok(lines.text().endsWith("0\r\n\r\n"));
  await Promise.all([idle.closed, silent.closed]);
  assert.equal(edge.services.events.openCount, 0);
  assert.equal(edge.edge.websocketClients, 0);
});

test("a request in flight gets its answer, and the next one on its connection 503", async (t) => {
  const edge = await startEdge(t, { limits: { edgeStopMs: 60_000 } });
  const hold = createDeferred<void>();
  edge.services.hold = hold;
  const waiting = edge.open({ path: "/v1/codexd/turns/x?waitMs=1000" });
  const first = `GET /healthz HTTP/1.1\r\nHost: localhost:${edge.port}\r\n\r\n`;
  const late = openRaw(edge.tcp, `${first}GET /healthz HTTP/1.1\r\n`);
  const upgrade = openRaw(edge.tcp, "GET /healthz HTTP/1.1\r\n");
  while (edge.services.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await late.reply();
  const stopped = edge.edge.stop();
  late.socket.write(`Host: localhost:${edge.port}\r\n\r\n`);
  await late.until((text) => text.includes("503") && text.includes('"draining"') && text.includes("Connection: close"));
  hold.resolve();
  const reply = await waiting.reply();
  assert.deepEqual([reply.status, reply.headers["connection"]], [200, "close"]);
  await stopped;
  await upgrade.closed;
});

test("a stream whose answer is ready when it stops does not begin", async (t) => {
  const edge = await startEdge(t);
  const { runs } = edge.services;
  const { output } = runs;
  let stopped: Promise<void> | null = null;
  Object.assign(runs, {
    output(...asked: Parameters<typeof output>) {
      stopped = edge.edge.stop();
      return output(...asked);
    },
  });
  const reply = await edge.ask({ path: "/v1/codexd/runs/run_1/output?follow=1" });
  assert.deepEqual([reply.status, JSON.parse(reply.body).error], [503, "draining"]);
  await stopped;
});

test("an upgrade is refused while it stops", async (t) => {
  const edge = await startEdge(t, { limits: { edgeStopMs: 60_000, lingerMs: 20 } });
  const first = `GET /healthz HTTP/1.1\r\nHost: localhost:${edge.port}\r\n\r\n`;
  const second = `GET ${EVENTS} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  const connection = openRaw(edge.tcp, first + second);
  await connection.reply();
  const stopped = edge.edge.stop();
  connection.socket.write(`Host: localhost:${edge.port}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
  await connection.until((text) => text.includes('"draining"'));
  await stopped;
});

test("a request that does not end in time is cut off", async (t) => {
  const edge = await startEdge(t, { limits: { edgeStopMs: 20 } });
  edge.services.hold = createDeferred<void>();
  const waiting = edge.open({ path: "/v1/codexd/turns/x?waitMs=1000" });
  const stuck = await connectWs({ port: edge.port, path: EVENTS, token: TOKEN });
  stuck.socket.pause();
  while (edge.services.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await edge.edge.stop();
  await waiting.closed;
  assert.equal(waiting.text(), "");
  stuck.destroy();
});
