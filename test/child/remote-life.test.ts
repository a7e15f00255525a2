// A supervisor of an app-server that runs elsewhere: connected, lost, connected again, refused, stopped.
//
// Real sockets to a server of the test's own; the delays are the fake clock's.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { CodexAppServerClient } from "../../src/child/app-server-client.ts";
import { startRemoteLife } from "../../src/child/remote-life.ts";
import { createSupervisor, type AppServer } from "../../src/child/supervisor.ts";
import { createCodexAppServerWebSocketTransport } from "../../src/child/transport-websocket.ts";
import { CodexdError } from "../../src/core/errors.ts";
import type { EventDraft } from "../../src/core/event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { redact } from "../../src/core/redact.ts";
import { accepted, startFakeRemote, type FakeRemote } from "../support/fake-remote.ts";
import { createFakeClock } from "../support/fake-clock.ts";

async function rig(t: TestContext, { endpoint, remote }: { endpoint?: string; remote?: FakeRemote } = {}) {
  const server = remote ?? await startFakeRemote();
  t.after(() => server.close());
  const clock = createFakeClock();
  const events: EventDraft[] = [];
  const connected: AppServer[] = [];
  const downs: string[] = [];
  const said: string[] = [];
  const url = endpoint ?? server.url;
  const supervisor = createSupervisor({
    target: { command: "codex", args: [], cwd: "/", endpoint: url },
    remote: true,
    startLife: (callbacks) => startRemoteLife({
      ...callbacks,
      clock,
      redact: (text) => redact(text, ["s3cret"]),
      handlers: {
        onNotification: (method) => void said.push(method),
        onRequest: (id, method) => void said.push(`${method} ${id}`),
        onNoise: (text) => void said.push(text),
      },
      connect(handlers) {
        const transport = createCodexAppServerWebSocketTransport({ url, clock });
        return new CodexAppServerClient({ clientInfo: { version: "1" }, transport, clock, handlers });
      },
    }),
    lastStderrLines: () => [],
    clock,
    random: () => 0,
    report: (draft) => void events.push(draft),
    onChange: () => undefined,
    onConnected: (given) => void connected.push(given),
    onDown: (reason) => void downs.push(reason),
  });
  t.after(() => supervisor.stop());
  /** Until it holds; sockets take their time, and timers are the test's. */
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve));
  };
  const types = (): string[] => events.map(({ type }) => type);
  return { server, clock, supervisor, events, connected, downs, said, until, types, url };
}

test("it is external when connected, restarting in between, and of a new generation each time", async (t) => {
  const { server, clock, supervisor, events, connected, downs, until, types, url } = await rig(t);
  await supervisor.start();
  assert.equal(supervisor.state.status, "starting");
  const first = await supervisor.ready();
  assert.deepEqual([supervisor.state.status, supervisor.state.pid, supervisor.version], ["external", null, "0.169.0"]);
  assert.ok(supervisor.state.startedAt !== null);
  assert.deepEqual(types(), ["child.starting", "app-server.connected"]);
  assert.deepEqual(events.map(({ detail }) => detail), [
    { endpoint: url, attempt: 1 }, { endpoint: url, version: "0.169.0" },
  ]);
  assert.equal(connected[0]?.generation, first.generation);

  const call = first.client.call("thread/read", {});
  const peer = await server.peer();
  await peer.frame('text {"id":2');
  peer.socket.destroy();
  await assert.rejects(call, (error: CodexdError) => error.code === "child_restarted");
  await until(() => downs.length === 1);
  assert.equal(supervisor.state.status, "restarting");
  assert.match(supervisor.state.lastError ?? "", /^the connection to ws:\/\/.* has ended: the app-server ended it/);
  assert.deepEqual(types().slice(2), ["child.exited", "child.restarting"]);
  assert.deepEqual(events.at(-2)?.detail, { endpoint: url, reason: downs[0] });
  assert.deepEqual(clock.dueInMs, [250]);
  const waiting = supervisor.ready();
  await clock.advance(250);
  const second = await waiting;
  assert.notEqual(second.generation, first.generation);
  assert.deepEqual([supervisor.state.status, supervisor.state.restarts], ["external", 1]);
  assert.equal(connected.length, 2);
});

test("a restart that is asked for connects anew, without a delay", async (t) => {
  const { server, supervisor, events, downs, types, url } = await rig(t);
  await supervisor.start();
  const first = await supervisor.ready();
  const peer = await server.peer();
  const restarted = supervisor.restart("asked for");
  await peer.frame("close 1000");
  peer.closeFrame(1000);
  assert.equal(supervisor.state.status, "restarting");
  const second = await supervisor.ready();
  await restarted;
  assert.notEqual(second.generation, first.generation);
  assert.deepEqual(types().slice(2), ["child.restarting", "child.exited", "child.starting", "app-server.connected"]);
  assert.deepEqual(events[2]?.detail, { endpoint: url, attempt: 1, delayMs: 0, reason: "asked for" });
  assert.deepEqual(downs, [`the connection to ${url} has ended: restarted: asked for`]);
  assert.equal(events[3]?.level, "info");
  assert.deepEqual([supervisor.state.status, supervisor.state.restarts], ["external", 1]);
});

test("it is tried for ever, however often it dies", async (t) => {
  const gone = await startFakeRemote();
  await gone.close();
  const { supervisor, clock, types, until } = await rig(t, { endpoint: gone.url });
  await supervisor.start();
  for (let deaths = 1; deaths <= 2 * LIMITS.childDeathsMax; deaths += 1) {
    await until(() => types().filter((type) => type === "child.restarting").length >= deaths);
    await clock.advance(LIMITS.childRestart.mostMs);
  }
  assert.equal(types().includes("child.failed"), false);
});

test("nobody there: tried again with growing delays, told each time", async (t) => {
  const gone = await startFakeRemote();
  await gone.close();
  const { supervisor, clock, types, until, events, url } = await rig(t, { endpoint: gone.url });
  await supervisor.start();
  await until(() => types().includes("child.restarting"));
  assert.deepEqual(types(), ["child.starting", "app-server.connect.failed", "child.restarting"]);
  const reason = `no connection to ${url}: connect ECONNREFUSED 127.0.0.1:${gone.port}`;
  assert.deepEqual(events[1]?.detail, { endpoint: url, reason });
  assert.deepEqual(events[2]?.detail, { endpoint: url, attempt: 1, delayMs: 250, reason });
  assert.equal(supervisor.state.status, "restarting");
  await clock.advance(250);
  await until(() => types().length === 6);
  assert.equal(events[5]?.detail["delayMs"], 500);
});

test("a refusal is failed at once, and tried again seldom", async (t) => {
  const { server, supervisor, clock, types, until, events } = await rig(t);
  server.answer = () => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
  await supervisor.start();
  const refused = server.peer().then(({ socket }) => socket.end());
  const waiting = supervisor.ready();
  await assert.rejects(waiting, (error: CodexdError) => {
    assert.equal(error.code, "child_failed");
    assert.match(error.message, /^the app-server cannot be reached: no connection to .* 401 Unauthorized: no$/);
    return true;
  });
  await refused;
  assert.equal(supervisor.state.status, "failed");
  assert.deepEqual(types(), ["child.starting", "app-server.connect.failed", "child.failed", "child.restarting"]);
  assert.equal(events.at(-1)?.detail["delayMs"], LIMITS.childRestart.mostMs);
  server.answer = accepted;
  await clock.advance(LIMITS.childRestart.mostMs);
  await until(() => supervisor.state.status === "external");
});

test("a server that does not answer the handshake, or refuses it, is no connection", async (t) => {
  const { server, supervisor, clock, types, until, events } = await rig(t);
  server.on("initialize", () => ({ error: { code: -32600, message: "too old" } }));
  await supervisor.start();
  await until(() => types().includes("child.restarting"));
  assert.deepEqual(types(), ["child.starting", "app-server.connect.failed", "child.restarting"]);
  assert.match(events[1]?.message ?? "", /the handshake failed: Codex refused initialize: too old$/);
  server.on("initialize", () => undefined);
  await clock.advance(250);
  await server.peer();
  await (await server.peer()).frame("text {");
  await clock.advance(LIMITS.childInitializeMs);
  await until(() => types().length === 6);
  assert.match(events[4]?.message ?? "", /the handshake failed: Codex did not answer initialize within/);
});

test("what it says is passed on; stop closes in order, even while reading is on hold", async (t) => {
  const { server, supervisor, said, types, until, events } = await rig(t);
  await supervisor.start();
  const { client } = await supervisor.ready();
  const peer = await server.peer();
  peer.send({ method: "turn/started", params: {} });
  peer.send({ id: 0, method: "item/tool/call", params: {} });
  peer.sendText("not JSON");
  await until(() => said.length === 3);
  assert.deepEqual(said, ["turn/started", "item/tool/call 0", "not JSON"]);
  client.pause();
  const stopped = supervisor.stop();
  await peer.frame("close 1000");
  peer.closeFrame(1000);
  await stopped;
  await supervisor.stop();
  assert.equal(supervisor.state.status, "stopped");
  assert.equal(types().at(-1), "child.exited");
  assert.equal(events.at(-1)?.level, "info");
  assert.match(events.at(-1)?.message ?? "", /has ended: it was closed in order$/);
});

test("stopped before it was connected, and a server that does not answer the close", async (t) => {
  const early = await rig(t);
  early.server.answer = () => null;
  await early.supervisor.start();
  await early.server.peer();
  await early.supervisor.stop();
  assert.deepEqual(early.types(), ["child.starting"], "that nothing came of it is nobody's failure");
  assert.equal(early.supervisor.state.status, "stopped");

  const late = await rig(t);
  await late.supervisor.start();
  await late.supervisor.ready();
  const peer = await late.server.peer();
  const stopped = late.supervisor.stop();
  await peer.frame("close 1000");
  await late.clock.advance(LIMITS.wsCloseMs);
  await stopped;
});

test("an endpoint that cannot be used at all is failed for good", async (t) => {
  const { supervisor, clock, types } = await rig(t, { endpoint: "ftp://codex.example" });
  await supervisor.start();
  assert.equal(supervisor.state.status, "failed");
  assert.deepEqual(types(), ["child.starting", "app-server.connect.failed", "child.failed"]);
  assert.deepEqual(clock.dueInMs, []);
});

test("a token that the server sends back, as it refuses the handshake or closes, is in no event", async (t) => {
  const { server, clock, supervisor, events, types, until } = await rig(t);
  server.on("initialize", () => ({ error: { code: -1, message: "bad s3cret" } }));
  await supervisor.start();
  await until(() => types().includes("child.restarting"));
  assert.match(supervisor.state.lastError ?? "", /bad \[redacted\]/);
  server.on("initialize", () => ({ userAgent: "fake/0.169.0 (x)" }));
  await clock.advance(250);
  await supervisor.ready();
  server.peers.at(-1)?.closeFrame(1008, "no s3cret");
  await until(() => types().includes("child.exited"));
  assert.match(supervisor.state.lastError ?? "", /1008: no \[redacted\]/);
  assert.ok(!JSON.stringify(events).includes("s3cret"));
});
