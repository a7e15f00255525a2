// What lies beside the records of runs that ended without a process: their prompts stay, their secrets do not.
//
// Deliberately not the ends themselves (runs-end.test.ts).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Logger } from "../../../src/base/log.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { errnoError } from "../../support/disk-simulator.ts";
import { createRunRig, type RunRig } from "../../support/run-rig.ts";

const LONG = "x".repeat(LIMITS.inlineInputBytesMax + 1);

function memoryLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const add = (message: string): void => void lines.push(message);
  return { lines, debug: add, info: add, warn: add, error: add };
}

async function envOf(rig: RunRig, runId: string): Promise<unknown> {
  return (await rig.files.readDocument(runId, "request.json"))?.["env"];
}

test("a run that was cancelled while it waited keeps its whole prompt, and no value of its environment", async () => {
  const rig = await createRunRig({ begin: false });
  const { runId } = await rig.start({ prompt: LONG, env: { A: "secret" } });
  assert.deepEqual(await envOf(rig, runId), { A: "secret" });
  const { run } = await rig.runs.cancel(runId);
  assert.deepEqual([run.status, run.prompt === LONG], ["cancelled", true]);
  assert.deepEqual(await envOf(rig, runId), { A: "[not kept]" });
});

test("so does one that ran when the daemon died, and it is counted", async () => {
  const dead = await createRunRig();
  const { runId } = await dead.start({ prompt: LONG, env: { A: "secret" } });
  // It died between the line and the file.
  await dead.files.writeDocument(runId, "request.json", { prompt: LONG, cwd: "/", env: { A: "secret" } });
  const rig = await createRunRig({ from: dead, begin: false });
  await rig.runs.recover();
  const run = await rig.runs.get(runId);
  assert.deepEqual([run.error?.reason, run.prompt === LONG, await envOf(rig, runId)],
    ["interrupted", true, { A: "[not kept]" }]);
  assert.equal(rig.tally.runs.failed, 1);
  await rig.files.remove(runId);
  assert.equal((await rig.runs.get(runId)).prompt.length, LIMITS.inlineInputBytesMax, "without its file what is left");
});

test("a long prompt waits in its file, a short one in memory too", async () => {
  const rig = await createRunRig({ begin: false });
  const long = await rig.start({ prompt: LONG });
  const changed = { prompt: "from the file", cwd: "/" };
  await rig.files.writeDocument(long.runId, "request.json", changed);
  const short = await rig.start({ prompt: "short" });
  await rig.files.writeDocument(short.runId, "request.json", changed);
  rig.runs.begin();
  await rig.settle();
  assert.deepEqual(rig.processes.map(({ request }) => request.prompt).sort(), ["from the file", "short"]);
  const started = rig.store.events.filter(({ type }) => type === "run.started").map(({ detail }) => detail.runId);
  assert.deepEqual(started, [long.runId, short.runId], "in the order in which they came");
});

test("an environment that cannot be taken out of its file is told in the log", async () => {
  const log = memoryLog();
  const rig = await createRunRig({ begin: false, log });
  const { runId } = await rig.start({ env: { A: "secret" } });
  rig.disk.fault = (operation) => (operation === "open" ? { error: errnoError("EIO") } : undefined);
  assert.equal((await rig.runs.cancel(runId)).run.status, "cancelled");
  assert.match(log.lines.join("\n"), /environment of a run stays in its file/);
});

test("files of runs without a record are removed at the start, and nothing else", async () => {
  const dead = await createRunRig({ begin: false });
  const { runId } = await dead.start();
  await dead.files.writeDocument("run_gone", "request.json", { prompt: "p", env: { A: "secret" } });
  await dead.files.writeDocument("run_gone", "result.json", {});
  await dead.files.writeDocument("other", "request.json", {});
  assert.deepEqual((await dead.files.runIds()).sort(), ["run_gone", runId].sort());

  const careful = await createRunRig({ from: dead, begin: false, keepUnrecorded: true });
  await careful.runs.recover();
  assert.equal((await careful.fileNames()).length, 4, "not where records may have been lost");
  const log = memoryLog();
  const rig = await createRunRig({ from: dead, begin: false, log });
  await rig.runs.recover();
  assert.deepEqual((await rig.fileNames()).sort(), [`${runId}.request.json`, "other.request.json"].sort());
  assert.match(log.lines.join("\n"), /removed the files of runs that have no record/);
});

test("files that cannot be removed keep no daemon from its start", async () => {
  const log = memoryLog();
  const rig = await createRunRig({ begin: false, log });
  await rig.files.writeDocument("run_gone", "result.json", {});
  rig.disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("EIO") } : undefined);
  await rig.runs.recover();
  assert.match(log.lines.join("\n"), /could not be removed/);
});
