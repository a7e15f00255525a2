// codexd on a real Codex that runs by itself: over TCP, with a token, over a Unix socket; what a lost connection, a
// restart of the daemon and one of the server mean for a turn.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import type { Transport } from "../../src/child/transport.ts";
import { createCodexAppServerWebSocketTransport } from "../../src/child/transport-websocket.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { ChildState } from "../../src/core/records.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { prepareExternalCodex, startLink, type ExternalCodex } from "../support/external-codex.ts";
import { piece } from "../support/mock-script.ts";
import { createSession, endOfTurn, runTurn, startTurn } from "../support/real-codex.ts";
import { connectWs, UpgradeRefused } from "../support/ws-client.ts";

const DELTA = "app-server.turn.message.delta";
/** Two seconds of work: long enough to lose a connection in. */
const LONG = "DELTAS=120 RATE=60";
const LONG_TEXT = Array.from({ length: 120 }, (_, i) => piece(i)).join("");

interface Status {
  readonly snapshot: { readonly daemon: { readonly child: Pick<ChildState, "status" | "lastError"> } };
}

async function childOf(daemon: Daemon): Promise<Pick<ChildState, "status" | "lastError">> {
  return (await daemon.get<Status>("/v1/codexd/status")).data.snapshot.daemon.child;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** 0.116 listens on TCP alone, and asks nobody for a token. */
const NEWER_ONLY = { skip: CODEX_VERSION === "0.116.0" ? "0.116 has no --ws-auth and no unix://" : false };

describe("an external Codex", () => {
  let codex: ExternalCodex;

  before(async () => {
    codex = await prepareExternalCodex("external");
  });
  after(() => codex.remove());

  test("a connection lost in mid-turn is taken up, and the receipt is whole [trap 2.7, 2.8]", async () => {
    const server = await codex.serve("ws://127.0.0.1:0");
    const link = await startLink(server.url);
    const daemon = await codex.start(link.url);
    const session = await createSession(daemon);
    const stream = await openEventStream(daemon);
    const { turnId } = await startTurn(daemon, session.sessionId, `RUNCMD=printf once; ${LONG}`);
    await stream.waitFor(({ type }) => type === DELTA);
    link.cut();
    await stream.waitFor(({ type }) => type === "child.restarting");
    link.mend();
    await stream.waitFor(({ type }) => type === "session.resumed");
    await stream.waitFor(({ type, seq }) => type === DELTA && seq > 0);
    const turn = await endOfTurn(daemon, turnId);
    assert.deepEqual([turn.status, turn.finalMessage, turn.turnId], ["completed", LONG_TEXT, turnId]);
    // Its history tells it again.
    assert.deepEqual(turn.commands.map(({ exitCode }) => exitCode), [0]);
    assert.ok((turn.tokenUsage?.totalTokens ?? 0) > 0);
    assert.equal((await childOf(daemon)).status, "external");
    // One that ends while there is no connection at all.
    const { turnId: second } = await startTurn(daemon, session.sessionId, "RUNCMD=true; DELTAS=30 RATE=60");
    await stream.waitFor(({ type, detail }) => type === DELTA && detail.turnId === second);
    link.cut();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    link.mend();
    const { finalMessage, commands } = await endOfTurn(daemon, second);
    assert.equal(finalMessage, LONG_TEXT.slice(0, LONG_TEXT.indexOf(piece(30))));
    // The history of 0.116 leaves commands out, and gives the message another id.
    assert.deepEqual(commands.map(({ exitCode }) => exitCode), [0]);
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=and on;")).finalMessage, "and on");
    stream.close();
    assert.equal((await daemon.kill("SIGTERM")).code, 0, daemon.stderr());
    await link.close();
    await server.stop();
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`a turn goes on over the daemon's ${signal}, and ends at the next one [trap 5.6]`, async () => {
      const server = await codex.serve("ws://127.0.0.1:0");
      let daemon = await codex.start(server.url);
      const session = await createSession(daemon);
      const stream = await openEventStream(daemon);
      const { submissionId } = await startTurn(daemon, session.sessionId, LONG);
      await stream.waitFor(({ type, detail }) => type === DELTA && detail.sessionId === session.sessionId);
      await daemon.kill(signal);
      await stream.closed;
      daemon = await codex.start(server.url);
      const turn = await endOfTurn(daemon, submissionId);
      assert.deepEqual([turn.status, turn.finalMessage], ["completed", LONG_TEXT], JSON.stringify(turn.error));
      assert.equal((await runTurn(daemon, session.sessionId, "TEXT=again;")).threadId, session.threadId);
      await daemon.kill("SIGTERM");
      await server.stop();
    });
  }

  test("a server that is killed has interrupted the turn, and the session goes on with the next one", async () => {
    let server = await codex.serve("ws://127.0.0.1:0");
    const link = await startLink(server.url);
    const daemon = await codex.start(link.url);
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
    const stream = await openEventStream(daemon);
    const { turnId } = await startTurn(daemon, session.sessionId, LONG);
    await stream.waitFor(({ type, detail }) => type === DELTA && detail.turnId === turnId);
    // On a SIGTERM it lets the turn end first.
    await server.stop("SIGKILL");
    server = await codex.serve("ws://127.0.0.1:0");
    link.lead(server.url);
    const turn = await endOfTurn(daemon, turnId);
    assert.equal(turn.status, "interrupted");
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=here again;")).finalMessage, "here again");
    stream.close();
    await daemon.kill("SIGTERM");
    await link.close();
    await server.stop();
  });

  test("a token: the right one, then a wrong one, which says so [trap 5.3]", NEWER_ONLY, async () => {
    const tokenFile = path.join(codex.root, "server-token");
    const own = path.join(codex.root, "own-token");
    writeFileSync(tokenFile, "right-t0ken\n", { mode: 0o600 });
    writeFileSync(own, "right-t0ken", { mode: 0o600 });
    const auth = ["--ws-auth", "capability-token", "--ws-token-file", tokenFile];
    const server = await codex.serve("ws://127.0.0.1:0", auth);
    let daemon = await codex.start(server.url, ["--server-token-file", own]);
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=with a token;")).finalMessage, "with a token");
    await daemon.kill("SIGTERM");

    for (const [flags, why] of [
      [["--server-token-file", tokenFile.replace("server", "wrong")], /invalid websocket bearer token/],
      [[], /missing websocket bearer token/],
    ] as const) {
      writeFileSync(path.join(codex.root, "wrong-token"), "wr0ng-t0ken", { mode: 0o600 });
      daemon = await codex.start(server.url, flags);
      await until(async () => (await childOf(daemon)).status === "failed");
      assert.match((await childOf(daemon)).lastError ?? "", why);
      const refused = await daemon.post<{ error: string; message: string }>("/v1/codexd/sessions", {});
      assert.deepEqual([refused.status, refused.data.error], [503, "child_failed"]);
      assert.doesNotMatch(JSON.stringify(refused.data) + daemon.stderr(), /wr0ng-t0ken/);
      await daemon.kill("SIGTERM");
    }
    await server.stop();
  });

  test("a Unix socket [trap 5.8]", NEWER_ONLY, async () => {
    const server = await codex.serve(`unix://${path.join(codex.root, "c.sock")}`);
    const daemon = await codex.start(server.url);
    const session = await createSession(daemon);
    assert.equal(session.endpoint, server.url);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=200")).status, "completed");
    await daemon.kill("SIGTERM");
    await server.stop();
  });

  test("what Codex takes of nobody, an Origin and too large a frame, it never gets [trap 5.1, 5.2, 5.4]", async () => {
    const server = await codex.serve("ws://127.0.0.1:0");
    // As its banner has it: the system has chosen it.
    const port = Number(new URL(server.url).port);
    const daemon = await codex.start(server.url);
    assert.equal((await createSession(daemon)).endpoint, server.url);
    const headers = { origin: `http://127.0.0.1:${port}` };
    const isRefused = (error: unknown) => error instanceof UpgradeRefused && error.status === 403;
    await assert.rejects(connectWs({ port, path: "/", headers }), isRefused);
    const stream = await openEventStream(daemon);
    /** A call whose body has just so many bytes; behind an id its frame has a few more. */
    const call = (bytes: number) => {
      const body = { method: "thread/loaded/list", params: { pad: "" } };
      body.params.pad = "x".repeat(bytes - JSON.stringify(body).length);
      return daemon.post<Partial<Refusal>>("/v1/codexd/rpc", body);
    };
    const refused = await call(LIMITS.remoteFrameBytesMax);
    assert.deepEqual([refused.status, refused.data.error], [413, "body_too_large"]);
    assert.equal((await call(LIMITS.remoteFrameBytesMax - 100)).status, 200);
    const raw = await connectWs({ port, path: "/" });
    raw.sendText("x".repeat(LIMITS.remoteFrameBytesMax + 1));
    assert.equal((await raw.closed).code, null);
    assert.deepEqual(stream.seen.filter(({ event }) => event.type.startsWith("child.")), []);
    stream.close();
    await daemon.kill("SIGTERM");
    await server.stop();
  });

  test("a server that ends by a signal says no farewell: the next one is found [trap 5.7]", async () => {
    let server = await codex.serve("ws://127.0.0.1:0");
    const link = await startLink(server.url);
    const daemon = await codex.start(link.url);
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
    const stream = await openEventStream(daemon);
    const raw = await connectWs({ port: Number(new URL(server.url).port), path: "/" });
    await server.stop("SIGTERM");
    assert.deepEqual(await raw.closed, { code: null, reason: "" });
    const lost = await stream.waitFor(({ type }) => type === "child.exited");
    assert.match(lost.message, /without a word|it was closed/);
    server = await codex.serve("ws://127.0.0.1:0");
    link.lead(server.url);
    await stream.waitFor(({ type }) => type === "app-server.connected");
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=found;")).finalMessage, "found");
    stream.close();
    await daemon.kill("SIGTERM");
    await link.close();
    await server.stop();
  });

  test("one who does not read is cut off and comes back, and one who is silent must ping [trap 5.5]",
    NEWER_ONLY, async () => {
      const server = await codex.serve(`unix://${path.join(codex.root, "slow.sock")}`);
      const initialize = { id: 1, method: "initialize", params: { clientInfo: { name: "slow", version: "1" } } };
      const open = (): { transport: Required<Transport>; heard: Promise<string>; closed: Promise<Error | null> } => {
        const [heard, closed] = [createDeferred<string>(), createDeferred<Error | null>()];
        const transport = createCodexAppServerWebSocketTransport({ url: server.url });
        transport.connect({ onMessage: heard.resolve, onClose: closed.resolve });
        transport.send(JSON.stringify(initialize));
        return { transport, heard: heard.promise, closed: closed.promise };
      };
      const slow = open();
      await slow.heard;
      slow.transport.pause();
      for (let id = 2; id < 40_000; id += 1) slow.transport.send(JSON.stringify({ id, method: "none", params: {} }));
      assert.ok(await slow.closed instanceof Error);
      const again = open();
      assert.match(await again.heard, /userAgent/);
      again.transport.close();
      assert.equal(await again.closed, null);

      const raw = await connectWs({ socketPath: path.join(codex.root, "slow.sock"), path: "/" });
      raw.ping("there?");
      raw.send(initialize);
      await raw.next();
      assert.ok(raw.pongs.includes("there?"));
      assert.equal(raw.pings, 0);
      raw.destroy();
      await server.stop();
    });
});
