// What a second signal kills, tried on real processes of this test's own.
//
// Not on a made-up process file system: that a signal arrives, and who inherits which mark, is what is in question.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { killChildren } from "../../src/child/kill-children.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";

const WAITS = "setTimeout(() => {}, 600_000)";
/** Starts another one in a session of its own, which inherits no mark, and says its pid. */
const PARENT = `
  const { spawn } = require("node:child_process");
  const child = spawn(process.execPath, ["-e", ${JSON.stringify(WAITS)}], { detached: true, stdio: "ignore", env: {} });
  console.log(child.pid);
  ${WAITS}
`;

function start(t: TestContext, script: string, env: Record<string, string>): ChildProcess {
  const options = { detached: true, env, stdio: ["ignore", "pipe", "ignore"] as ["ignore", "pipe", "ignore"] };
  const child = spawn(process.execPath, ["-e", script], options);
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** Its own pid, once it runs, and what it has started. */
async function pidsOf(child: ChildProcess): Promise<number[]> {
  const [said] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return [child.pid ?? 0, Number(String(said))];
}

test("children and runs of codexd's and all below them are killed at once; others live", async (t) => {
  const child = start(t, PARENT, { BAA_CODEXD_DAEMON_ID: "d_1" });
  const run = start(t, PARENT, { BAA_CODEXD_RUN_ID: "run_1" });
  const other = start(t, PARENT, { PATH: "/bin" });
  const [ours, theirs] = [[...(await pidsOf(child)), ...(await pidsOf(run))], await pidsOf(other)];
  t.after(() => void process.kill(theirs[1] ?? 0, "SIGKILL"));
  assert.deepEqual(killChildren().filter((pid) => !theirs.includes(pid)), ours.toSorted((a, b) => a - b));
  await Promise.all([once(child, "exit"), once(run, "exit")]);
  const lives = (pid: number): boolean => systemProcesses.identify(pid) !== undefined;
  // What they have started is told of its end a moment later, by nobody here.
  while (ours.some(lives)) await new Promise((go) => setTimeout(go, 5));
  assert.deepEqual(theirs.map(lives), [true, true]);
  assert.deepEqual(killChildren(), []);
});

test("a mark that this process bears itself says nothing of its children", async (t) => {
  const env = { BAA_CODEXD_RUN_ID: "run_2" };
  const child = start(t, PARENT, env);
  const pids = await pidsOf(child);
  assert.deepEqual(killChildren({ env }), []);
  assert.deepEqual(killChildren(), pids);
});

test("where there is no process file system nothing is found", () => {
  assert.deepEqual(killChildren({ root: "/nonexistent" }), []);
});
