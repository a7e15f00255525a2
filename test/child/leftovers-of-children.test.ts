// What real children leave behind that carries no mark: the servers that Codex starts for itself, in its own session.
// Whose everything else is stands in leftovers.test.ts.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { createLeftovers } from "../../src/child/leftovers.ts";
import { pidsIn, systemProcesses, type ProcessEntry } from "../../src/child/process-tree.ts";
import { processSpawner, type ChildHandle } from "../../src/child/spawner.ts";

/** One in a group of its own without a parent, and one with a parent; neither has an environment. */
const SERVERS = "set -m; (env -i sleep 305 &); env -i sleep 305 & echo ready; wait";

const skip = existsSync("/proc/self/stat") ? false : "no /proc";

test("a child's death leaves no server of its own behind, and another child's live on", { skip }, async (t) => {
  const leftovers = createLeftovers({ processes: systemProcesses, clock: systemClock, daemonId: "dmn_servers" });
  const spawner = leftovers.watch(processSpawner);
  // A clock's own timers keep no test alive.
  const hold = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(hold));
  const dead = await start();
  const other = await start();
  t.after(() => [...sessionOf(dead), ...sessionOf(other)].forEach((one) => systemProcesses.signal(one, "SIGKILL")));
  await kill(dead);
  assert.equal(sessionOf(dead).length, 2, "nobody else ends them");
  const { stopped, survived } = await leftovers.endStrays();
  assert.deepEqual(stopped.map(({ command }) => command), ["sleep 305", "sleep 305"]);
  assert.deepEqual([survived, sessionOf(dead).length, sessionOf(other).length], [[], 0, 3]);
  await kill(other);
  assert.equal((await leftovers.endStrays()).stopped.length, 2);
  assert.deepEqual(await leftovers.endStrays(), { stopped: [], survived: [] });

  async function start(): Promise<ChildHandle> {
    const child = spawner.spawn("bash", ["-c", SERVERS], { cwd: "/", env: { PATH: process.env["PATH"] } });
    await new Promise<void>((resolve) => child.stdout.on("data", () => resolve()));
    while (sessionOf(child).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    return child;
  }
});

function kill(child: ChildHandle): Promise<void> {
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  child.kill("SIGKILL");
  return exited;
}

/** The living ones that are the program by now that they are to be. */
function sessionOf({ pid }: ChildHandle): ProcessEntry[] {
  const all = pidsIn("/proc").flatMap((one) => systemProcesses.identify(one) ?? []);
  const own = all.filter(({ sessionId }) => sessionId === pid);
  return own.filter((entry) => entry.pid === pid || systemProcesses.describe(entry) === "sleep 305");
}
