// What may be wrong with the state directory, the clock and what is recorded, before whole daemons.
//
// What a disk may do to it is in whole-disk-full, whole-disk-broken and whole-disk-damage.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { systemClock } from "../src/base/clock.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { isAlive } from "./support/daemon-calls.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { spawnDaemon } from "./support/daemon.ts";
import { fakeCodexEnv, fakeCodexFlags } from "./support/fake-codex.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const DAY = 86_400_000;
const daemons = createWholeDaemons({ after });
const optionsFor = (stateDir: string) => ({ stateDir, flags: fakeCodexFlags, env: fakeCodexEnv({}) });
const modeOf = (name: string): number => statSync(name).mode & 0o7777;

describe("a state directory", () => {
  test("that is a symbolic link is 78, wherever it leads [attack state-link]", async () => {
    const outer = daemons.makeStateDir();
    const target = path.join(outer, "target");
    mkdirSync(target, { mode: 0o700 });
    const link = path.join(outer, "link");
    symlinkSync(target, link);
    const refused = spawnDaemon(optionsFor(link));
    assert.deepEqual(await refused.exited, { code: 78, signal: null });
    assert.match(refused.stderr(), /symbolic link/);
  });

  test("that others can enter is closed, or 78 where it is not codexd's [attack state-open]", async () => {
    const stateDir = daemons.makeStateDir();
    chmodSync(stateDir, 0o755);
    const daemon = await daemons.start(optionsFor(stateDir));
    assert.equal(modeOf(stateDir), 0o700);
    await daemon.kill("SIGTERM");
    const shared = daemons.makeStateDir();
    chmodSync(shared, 0o755);
    writeFileSync(path.join(shared, "index.html"), "");
    const refused = spawnDaemon(optionsFor(shared));
    assert.deepEqual(await refused.exited, { code: 78, signal: null });
    assert.equal(modeOf(shared), 0o755, "it is as it was");
  });
});

test("a recorded pid that is somebody else's process by now is spared [attack pid-of-another]", async (t) => {
  const options = optionsFor(daemons.makeStateDir());
  const daemon = await daemons.start(options);
  const child = (await daemon.started).snapshot.daemon.child.pid;
  await daemon.kill("SIGKILL");
  const innocent = spawn("sleep", ["600"]);
  t.after(() => innocent.kill("SIGKILL"));
  for (const name of ["lock.json", "daemon-state.json"]) {
    const file = path.join(options.stateDir, name);
    const text = readFileSync(file, "utf8");
    const changed = text.replaceAll(new RegExp(`("pid": ?)(${daemon.pid}|${child})\\b`, "g"), `$1${innocent.pid}`);
    assert.notEqual(changed, text, name);
    writeFileSync(file, changed);
  }
  const next = await daemons.start(options);
  assert.equal((await next.get("/healthz")).status, 200);
  assert.equal(isAlive(innocent.pid ?? 0), true);
  assert.deepEqual(await next.kill("SIGTERM"), { code: 0, signal: null });
  assert.equal(isAlive(innocent.pid ?? 0), true);
});

test("a clock that goes days back and forth moves no limit and no order [attack clock-back-and-forth]", async (t) => {
  const dir = workDir(t);
  let offset = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + offset };
  const seen: number[] = [];
  const done: Array<string | null> = [];
  for (const jumps of [[0, -DAY, DAY, -2 * DAY], [3 * DAY, -3 * DAY, 0]]) {
    const daemon = new CodexdDaemon(configure(dir), { clock, onEvent: ({ seq }) => void seen.push(seq) });
    endBefore(dir, () => daemon.stop());
    await daemon.start();
    const { sessionId } = await daemon.createSession();
    for (const jump of jumps) {
      offset += jump;
      const { submissionId } = await daemon.createTurn({ sessionId, prompt: "DELTAS=2 GAP=20" });
      offset += jump;
      const turn = await daemon.services.turns.get(submissionId ?? "", 10_000);
      assert.equal(turn.status, "completed");
      assert.ok(Number(turn.durationMs) >= 0 && Number(turn.durationMs) < DAY, String(turn.durationMs));
      done.push(turn.submissionId);
    }
    const { records } = await daemon.services.turns.list({ limit: 100, cursor: null, sessionId: null, status: null });
    const kept = records.map(({ submissionId }) => submissionId);
    assert.deepEqual(kept.toSorted(), done.toSorted(), "nothing is taken for old");
    await daemon.stop();
  }
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  assert.equal(new Set(seen).size, seen.length);
});
