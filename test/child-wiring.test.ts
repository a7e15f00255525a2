// A daemon on an app-server that runs elsewhere: connected with its token, left running at the stop, taken up after it.
//
// The server is a double on a real socket; everything on this side of it is real. Spawned children: daemon.test.ts.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { CodexdEvent } from "../src/core/event.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { threadAnswer } from "./support/fake-app-server.ts";
import { startFakeRemote, type FakeRemote } from "./support/fake-remote.ts";
import { heldClock } from "./support/service-rig.ts";

async function rig(t: TestContext) {
  const dir = workDir(t);
  const remote = await startFakeRemote();
  endBefore(dir, () => remote.close());
  remote.on("thread/start", () => threadAnswer("T"));
  remote.on("thread/resume", () => threadAnswer("T"));
  remote.on("turn/start", () => ({ turn: { id: "turn-1", status: "inProgress" } }));
  const tokenFile = path.join(dir, "server-token");
  writeFileSync(tokenFile, "s3cret-t0ken\n", { mode: 0o600 });
  const config = configure(dir, {
    serverStrategy: "external", serverEndpoint: remote.url, serverTokenFile: tokenFile, serverCwd: "/nowhere/here",
  });
  const events: CodexdEvent[] = [];
  const start = async (): Promise<CodexdDaemon> => {
    const daemon = new CodexdDaemon(config, { clock: heldClock, onEvent: (event) => void events.push(event) });
    endBefore(dir, async () => void await daemon.stop().catch(() => undefined));
    await daemon.start();
    return daemon;
  };
  return { remote, tokenFile, start, events };
}

async function stop(daemon: CodexdDaemon, remote: FakeRemote): Promise<void> {
  const stopped = daemon.stop();
  const peer = remote.peers.at(-1);
  await peer?.frame("close 1000");
  peer?.closeFrame(1000);
  await stopped;
}

test("its turns are not the daemon's to end, and their outcome is found at the next start", async (t) => {
  const { remote, start, events } = await rig(t);
  let daemon = await start();
  const session = await daemon.createSession({ cwd: "/only/there" });
  assert.deepEqual([session.endpoint, session.childPid], [remote.url, null]);
  const { submissionId } = await daemon.createTurn({ sessionId: session.sessionId, prompt: "hello" });
  const peer = await remote.peer();
  assert.match(peer.head, /\r\nAuthorization: Bearer s3cret-t0ken\r\n/);
  const { child } = daemon.getStatusSnapshot().daemon;
  assert.deepEqual([child.status, child.pid, child.endpoint], ["external", null, remote.url]);
  await stop(daemon, remote);
  assert.ok(!peer.frames.some((frame) => frame.includes("turn/interrupt")));
  assert.ok(!events.some(({ type }) => type === "turn.finished"));

  remote.on("thread/turns/list", () => ({ data: [
    { id: "turn-1", status: "completed", items: [{ type: "agentMessage", id: "m", text: "done" }], durationMs: 5 },
  ] }));
  daemon = await start();
  const turn = await daemon.services.turns.get(submissionId ?? "", 10_000);
  assert.deepEqual([turn.status, turn.turnId, turn.finalMessage], ["completed", "turn-1", "done"]);
  assert.equal(events.filter(({ type }) => type === "turn.finished").length, 1);
  await stop(daemon, remote);
  assert.doesNotMatch(JSON.stringify(events), /s3cret/);
});

test("a lost connection fails the calls under way and no turn; the token is read anew", async (t) => {
  const { remote, tokenFile, start } = await rig(t);
  const daemon = await start();
  const { sessionId } = await daemon.createSession({});
  const { submissionId } = await daemon.createTurn({ sessionId, prompt: "hello" });
  const first = await remote.peer();
  writeFileSync(tokenFile, "another");
  remote.on("turn/steer", () => {
    first.socket.destroy();
    return undefined;
  });
  const steered = daemon.createTurn({ sessionId, prompt: "more", expectedTurnId: "turn-1" });
  await assert.rejects(steered, { code: "child_restarted" });
  remote.on("thread/turns/list", () => ({ data: [{ id: "turn-1", status: "inProgress" }] }));
  const second = await remote.peer();
  assert.match(second.head, /Bearer another\r\n/);
  await second.frame(`text {"id":3,"method":"thread/turns/list"`);
  second.send({ method: "turn/completed", params: { threadId: "T", turn: { id: "turn-1", status: "completed" } } });
  assert.equal((await daemon.services.turns.get(submissionId ?? "", 10_000)).status, "completed");
  await stop(daemon, remote);
});
