// What a whole daemon does with its child beyond its work: a restart that is asked for, and one because of its size.
//
// The child is the embedded agent. Only the minute between two looks at its size is made short.

import assert from "node:assert/strict";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "../src/base/clock.ts";
import { LIMITS } from "../src/core/limits.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { LOADER } from "./support/loader.ts";

async function start(t: TestContext, more: { readonly childMaxRss?: string } = {}) {
  const dir = workDir(t);
  const agent = [...LOADER, path.join(REPOSITORY, "src/agent/main.ts")];
  const serverArgs = [...agent, "--home", path.join(dir, "agent"), "app-server"];
  // Nothing is asked of the child where this time is made short, so that no other limit of a minute counts.
  const hurried = {
    ...systemClock,
    after: (ms: number, fn: () => void) => systemClock.after(ms === LIMITS.childSizeCheckMs ? 1 : ms, fn),
  };
  const clock = more.childMaxRss === undefined ? systemClock : hurried;
  const daemon = new CodexdDaemon(configure(dir, { serverCommand: process.execPath, serverArgs, ...more }), { clock });
  const reasons: unknown[] = [];
  const restarted = new Promise<void>((resolve) => {
    daemon.subscribe(({ type, detail }) => {
      if (type !== "child.restarting") return;
      reasons.push(detail["reason"]);
      resolve();
    });
  });
  endBefore(dir, () => daemon.stop());
  await daemon.start();
  return { daemon, reasons, restarted };
}

test("a restart ends the turn that runs and starts another child, which has the session's thread", async (t) => {
  const { daemon, reasons } = await start(t);
  const { sessionId } = await daemon.createSession();
  const { submissionId: first } = await daemon.createTurn({ sessionId, input: "hello" });
  assert.equal((await daemon.services.turns.get(first ?? "", 10_000)).status, "completed");
  const { submissionId } = await daemon.createTurn({ sessionId, input: "stall" });
  const { pid } = daemon.getStatusSnapshot().daemon.child;
  const child = await daemon.services.child.restart();
  assert.deepEqual([child.status, child.restarts, reasons], ["running", 1, ["asked for"]]);
  assert.notEqual(child.pid, pid);
  const turn = await daemon.services.turns.get(submissionId ?? "", 0);
  assert.deepEqual([turn.status, turn.error?.reason], ["interrupted", "child_restarted"]);
  const { submissionId: next } = await daemon.createTurn({ sessionId, input: "hello" });
  assert.equal((await daemon.services.turns.get(next ?? "", 10_000)).status, "completed");
});

test("an idle child above --child-max-rss is restarted", { skip: process.platform !== "linux" }, async (t) => {
  const { restarted, reasons } = await start(t, { childMaxRss: "1MiB" });
  await restarted;
  assert.match(String(reasons[0]), /^its resident size of \d{8,} bytes is above the 1048576 of --child-max-rss$/);
});

test("what it costs stands in status", { skip: process.platform !== "linux" }, async (t) => {
  const { daemon } = await start(t);
  await daemon.createSession();
  const { limits } = await daemon.services.status.status() as { limits: Record<string, { value: number | null }> };
  assert.ok((limits["childRssBytes"]?.value ?? 0) > 1024 * 1024);
  // The embedded agent leaves Codex's home alone.
  assert.equal(limits["codexHomeBytes"]?.value, null);
});
