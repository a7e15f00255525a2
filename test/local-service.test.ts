// A whole daemon in this process: real files, a real socket, and the fake Codex as a real child.
// What each part does alone has its own test; here it is that they fit, and what survives a stop and a start.

import assert from "node:assert/strict";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import type { Clock } from "../src/base/clock.ts";
import { createLogger } from "../src/base/log.ts";
import type { CodexdConfigInput } from "../src/config.ts";
import { ExitError } from "../src/core/errors.ts";
import { LIMITS } from "../src/core/limits.ts";
import type { CodexdEvent } from "../src/core/event.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { CodexdLocalService } from "../src/local-service.ts";
import { nodeDisk } from "../src/store/disk.ts";
import { rotateToken } from "../src/store/token.ts";
import { fakeCodexEnv } from "./support/fake-codex.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { heldClock } from "./support/service-rig.ts";
import { connectWs } from "./support/ws-client.ts";

async function startService(dir: string, more: CodexdConfigInput = {}) {
  const env = { ...process.env, ...fakeCodexEnv({ statePath: path.join(dir, "fake-threads.json") }) };
  const service = new CodexdLocalService(configure(dir, more), { env, clock: heldClock });
  const { service: edge } = await service.start();
  let stopped: Promise<unknown> | undefined;
  const stop = (): Promise<unknown> => (stopped ??= service.stop());
  endBefore(dir, stop);
  const token = readFileSync(path.join(dir, "state", "token"), "utf8").trim();
  const base = edge.resolvedBaseUrl ?? "";
  const call = async (method: string, route: string, body?: object, auth = token) => {
    const response = await fetch(base + route, {
      method,
      headers: { authorization: `Bearer ${auth}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() as { data: never; error?: string } };
  };
  return { service, edge, base, token, call, stop };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a session, a turn, a restart, and the same session again", async (t) => {
  const dir = workDir(t);
  const first = await startService(dir);
  const created = await first.call("POST", "/v1/codexd/sessions", { metadata: { a: "b" } });
  const { session } = created.body.data as { session: { sessionId: string; threadId: string } };
  const turn = { sessionId: session.sessionId, input: "TEXT=hello;", waitMs: 20_000 };
  const one = await first.call("POST", "/v1/codexd/turn", turn);
  assert.equal((one.body.data as { turn: { finalMessage: string } }).turn.finalMessage, "hello");
  await first.stop();

  const second = await startService(dir);
  const two = await second.call("POST", "/v1/codexd/turn", turn);
  assert.equal(two.status, 200);
  assert.equal((two.body.data as { turn: { threadId: string } }).turn.threadId, session.threadId);
  const status = await second.call("GET", "/v1/codexd/status");
  const data = status.body.data as Record<string, Record<string, unknown>>;
  assert.deepEqual(Object.keys(data).sort(), ["compat", "limits", "liveness", "service", "snapshot"]);
  assert.equal(data["compat"]?.["status"], "ok");
  const page = await second.call("GET", "/v1/codexd/events?limit=1000");
  const events = (page.body.data as { events: CodexdEvent[] }).events;
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1));
  assert.ok(events.some(({ type }) => type === "daemon.stopped"));
  assert.ok(events.some(({ type }) => type === "session.resumed"));
});

test("the stream says goodbye with 1001, behind the event that the daemon has stopped", async (t) => {
  const { edge, token, stop } = await startService(workDir(t));
  const port = Number(new URL(edge.resolvedBaseUrl ?? "").port);
  const client = await connectWs({ port, path: "/v1/codexd/events", token });
  await client.next();
  await stop();
  const types: string[] = [];
  for await (const message of client) types.push((message as { event?: { type: string } }).event?.type ?? "");
  assert.equal(types.at(-1), "daemon.stopped");
  assert.equal(client.closeCode, 1001);
});

test("a rotated token is taken up: the old one is refused, streams that used it end with 4401", async (t) => {
  const dir = workDir(t);
  const { edge, token, call } = await startService(dir);
  const port = Number(new URL(edge.resolvedBaseUrl ?? "").port);
  const client = await connectWs({ port, path: "/v1/codexd/events", token });
  const fresh = await rotateToken(nodeDisk, path.join(dir, "state"));
  await until(async () => (await call("GET", "/v1/codexd/sessions", undefined, token)).status === 401);
  assert.equal((await call("GET", "/v1/codexd/sessions", undefined, fresh)).status, 200);
  await client.closed;
  assert.equal(client.closeCode, 4401);
  writeFileSync(path.join(dir, "state", "token"), "damaged");
  await until(async () => (await call("GET", "/v1/codexd/sessions", undefined, fresh)).status === 200);
});

test("a port in use is 75, and leaves the state directory free", async (t) => {
  const { base } = await startService(workDir(t));
  const dir = workDir(t);
  const blocked = new CodexdLocalService(configure(dir, { localApiBase: base }), { clock: heldClock });
  await assert.rejects(blocked.start(), (error) => error instanceof ExitError && error.exitCode === 75);
  await startService(dir);
});

test("a state directory that is held is 75; a missing directory is 78", async (t) => {
  const dir = workDir(t);
  await startService(dir);
  const exit = (code: number) => (error: unknown): boolean => error instanceof ExitError && error.exitCode === code;
  await assert.rejects(new CodexdDaemon(configure(dir)).start(), exit(75));
  const missing = configure(workDir(t), { serverCwd: path.join(dir, "nothing") });
  await assert.rejects(new CodexdDaemon(missing).start(), exit(78));
});

test("the library: sessions, turns, events and snapshots without an edge", async (t) => {
  const dir = workDir(t);
  const seen: string[] = [];
  const daemon = new CodexdDaemon(configure(dir), { clock: heldClock, onEvent: (event) => seen.push(event.type) });
  const snapshot = await daemon.start();
  assert.equal(snapshot.daemon.started, true);
  const heard: CodexdEvent[] = [];
  const subscription = daemon.subscribe((event) => {
    heard.push(event);
    throw new Error("a listener's own bug");
  });
  const registered = await daemon.registerSession({ purpose: "smoke" });
  assert.equal(daemon.getSession(registered.sessionId)?.threadId, null);
  const session = await daemon.createSession({});
  const { turn } = await daemon.createTurn({ sessionId: session.sessionId, prompt: "TEXT=hi;", waitMs: 20_000 });
  assert.equal(turn?.finalMessage, "hi");
  assert.equal((await daemon.getTurn(turn?.turnId ?? "")).status, "completed");
  assert.equal(daemon.listSessions().length, 2);
  await daemon.closeSession(registered.sessionId);
  subscription.unsubscribe();
  const stopped = await daemon.stop();
  assert.equal(stopped.daemon.child.status, "stopped");
  assert.equal(stopped.daemon.started, false);
  assert.ok(heard.some(({ type }) => type === "turn.finished"));
  assert.equal(seen[0], "daemon.started");
  assert.equal(seen.at(-1), "daemon.stopped");
  assert.deepEqual(daemon.getStatusSnapshot(), stopped);
  assert.equal(daemon.listSessions().length, 2);
});

test("a token that cannot be read is told when that is new, however often it is looked for", async (t) => {
  const dir = workDir(t);
  let looks = 0;
  const clock: Clock = {
    ...heldClock,
    after(ms, fn) {
      if (ms !== LIMITS.tokenPollMs) return heldClock.after(ms, fn);
      looks += 1;
      return heldClock.after(1, fn);
    },
  };
  const warnings: unknown[] = [];
  const write = (line: string): void => {
    if (line.includes("the token cannot be read")) warnings.push(line);
  };
  const log = createLogger({ level: "warn", write, now: () => 0 });
  const service = new CodexdLocalService(configure(dir, { mode: "exec" }), { clock, log });
  await service.start();
  endBefore(dir, () => service.stop());
  const file = path.join(dir, "state", "token");
  const looksMore = async (): Promise<void> => {
    const enough = looks + 5;
    await until(() => looks >= enough);
  };
  const token = readFileSync(file, "utf8");
  for (const text of ["", "damaged", token, "damaged"]) {
    // At once, as it is looked at all the time: a file that is being written is empty first.
    writeFileSync(`${file}.next`, text, { mode: 0o600 });
    renameSync(`${file}.next`, file);
    await looksMore();
  }
  assert.equal(warnings.length, 3);
  assert.match(String(warnings[0]), /is empty/);
  chmodSync(file, 0o644);
  await looksMore();
  assert.equal(warnings.length, 4);
  assert.match(String(warnings[3]), /open to others/);
});

test("one that is stopped while it opens starts nothing, says so, and can be started again", async (t) => {
  const dir = workDir(t);
  const service = new CodexdLocalService(configure(dir), { clock: heldClock });
  endBefore(dir, () => service.stop());
  const [start, stop] = await Promise.allSettled([service.start(), service.stop()]);
  assert.equal(start.status === "rejected" && (start.reason as { code?: unknown }).code, "draining");
  assert.equal(stop.status === "fulfilled" && stop.value.daemon.child.startedAt, null);
  const { snapshot } = await service.start();
  assert.equal(snapshot.daemon.started, true);
});

test("exec mode has no child, and answers sessions with wrong_mode", async (t) => {
  const { call } = await startService(workDir(t), { mode: "exec", serverCommand: "nowhere" });
  assert.equal((await call("GET", "/readyz")).status, 200);
  const refused = await call("POST", "/v1/codexd/sessions", {});
  assert.deepEqual([refused.status, refused.body.error], [409, "wrong_mode"]);
});

test("a Codex that exits before it answers shows its last words in state, readyz and the call's error", async (t) => {
  const dir = workDir(t);
  const env = { ...process.env, ...fakeCodexEnv({ earlyExit: "untrusted is no longer supported" }) };
  const service = new CodexdLocalService(configure(dir), { env, clock: heldClock });
  await service.start();
  endBefore(dir, () => service.stop());
  await until(() => service.getStatus().snapshot.daemon.child.lastError !== null);
  const { child } = service.getStatus().snapshot.daemon;
  assert.match(child.lastError ?? "", /exited with code 1.*untrusted is no longer supported/);
  const { ready, reasons } = service.getDaemon().services.status.readiness();
  assert.equal(ready, false);
  assert.match(reasons.join(), /untrusted/);
});

test("a command that is not there is the child state failed, and the error of every call", async (t) => {
  const { call, service } = await startService(workDir(t), { serverCommand: "codex-that-is-not-there" });
  await until(() => service.getStatus().snapshot.daemon.child.status === "failed");
  const refused = await call("POST", "/v1/codexd/sessions", {});
  assert.deepEqual([refused.status, refused.body.error], [503, "child_failed"]);
});
