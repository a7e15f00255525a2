// What a session was told to work with is in force after every restart: asked of Codex, and seen by the model.
//
// 0.116 resumes a thread with the settings of config.toml, and 0.169 not with all that a turn has changed, so codexd
// says them all again. The model is told model and sandbox by Codex itself: that is where they are read here.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { SessionRecord } from "../../src/core/records.ts";
import type { Daemon } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { childPidOf, prepareRealCodex, runTurn, type RealCodex } from "../support/real-codex.ts";

/** None of it is config.toml's, nor Codex's default. */
const PROFILE = {
  model: "another-model", approvalPolicy: "on-request", sandbox: "workspace-write", reasoningEffort: "high",
};

describe("profiles on the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;
  let cwd: string;

  before(async () => {
    real = await prepareRealCodex("profiles");
    cwd = path.join(real.workDir, "elsewhere");
    mkdirSync(cwd);
    daemon = await real.start();
  });
  after(() => real.remove());

  const restarts: Record<string, () => Promise<void>> = {
    async child() {
      const stream = await openEventStream(daemon);
      process.kill(await childPidOf(daemon), "SIGKILL");
      await stream.waitFor(({ type }) => type === "child.exited");
      stream.close();
    },
    async daemon() {
      await daemon.kill("SIGTERM");
      daemon = await real.start();
    },
  };

  for (const [name, restart] of Object.entries(restarts)) {
    test(`the profile of a session outlives its ${name} [trap 2.10]`, async () => {
      const { sessionId, threadId } = await create({ ...PROFILE, cwd });
      await runTurn(daemon, sessionId, "DELTAS=1");
      const wanted = { ...PROFILE, cwd, threadId };
      assert.deepEqual(await inForce(sessionId), wanted);
      assert.deepEqual(toldToModel(), { model: "another-model", sandbox: "workspace-write", asks: true });
      await restart();
      await runTurn(daemon, sessionId, "DELTAS=1");
      assert.deepEqual(await inForce(sessionId), wanted);
      assert.deepEqual(toldToModel(), { model: "another-model", sandbox: "workspace-write", asks: true });
    });

    test(`what a turn has changed outlives the session's ${name} too [trap 3.1.4, 2.1]`, async () => {
      const { sessionId, threadId } = await create({ ...PROFILE, cwd: real.workDir });
      const overrides = {
        model: "third-model", approvalPolicy: "never", sandboxPolicy: { type: "readOnly" }, effort: "low", cwd,
      };
      const body = { sessionId, input: "DELTAS=1", waitMs: 60_000, ...overrides };
      assert.equal((await daemon.post("/v1/codexd/turn", body)).status, 200);
      const wanted = {
        model: "third-model", approvalPolicy: "never", sandbox: "read-only", reasoningEffort: "low", cwd, threadId,
      };
      assert.deepEqual(toldToModel(), { model: "third-model", sandbox: "read-only", asks: false });
      await restart();
      await runTurn(daemon, sessionId, "DELTAS=1");
      assert.deepEqual(await inForce(sessionId), wanted);
      assert.deepEqual(toldToModel(), { model: "third-model", sandbox: "read-only", asks: false });
    });
  }

  test("a network that a turn's policy opened is open after a restart", async () => {
    const { sessionId } = await create(PROFILE);
    const sandboxPolicy = { type: "workspaceWrite", writableRoots: [cwd], networkAccess: true };
    const body = { sessionId, input: "DELTAS=1", waitMs: 60_000, sandboxPolicy };
    assert.equal((await daemon.post("/v1/codexd/turn", body)).status, 200);
    assert.match(permissions(), /Network access is enabled/);
    await restarts["daemon"]?.();
    await runTurn(daemon, sessionId, "DELTAS=1");
    assert.match(permissions(), /Network access is enabled/);
    assert.ok(permissions().includes(cwd));
  });

  async function create(body: Record<string, unknown>): Promise<SessionRecord> {
    const { status, data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", body);
    assert.equal(status, 201, JSON.stringify(data));
    return data.session;
  }

  /** As Codex has answered thread/start or thread/resume. */
  async function inForce(sessionId: string): Promise<Record<string, unknown>> {
    const { data } = await daemon.get<{ session: SessionRecord }>(`/v1/codexd/sessions/${sessionId}`);
    const { model, approvalPolicy, sandbox, reasoningEffort, cwd: folder, threadId } = data.session;
    return { model, approvalPolicy, sandbox, reasoningEffort, cwd: folder, threadId };
  }

  function toldToModel(): Record<string, unknown> {
    const text = permissions();
    return {
      model: real.mock.requests.at(-1)?.["model"],
      sandbox: /`sandbox_mode` is `([a-z-]+)`/.exec(text)?.[1],
      asks: !/Approval policy is currently never/i.test(text),
    };
  }

  /** What Codex has last told the model of what it may do. */
  function permissions(): string {
    const input = real.mock.requests.at(-1)?.["input"] as Array<{ content?: Array<{ text?: string }> }>;
    const texts = input.flatMap(({ content }) => (content ?? []).map(({ text }) => text ?? ""));
    return texts.findLast((text) => text.startsWith("<permissions instructions>")) ?? "";
  }
});
