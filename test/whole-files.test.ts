// `doctor` and `export` beside a whole daemon on the embedded agent, while it works and after it was killed.
//
// What they say is held against what clients were told and against a reader that shares no code with the store.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { runCodexdCli } from "../src/cli/run.ts";
import type { CodexdEvent } from "../src/core/event.ts";
import type { Inspection } from "../src/core/inspection.ts";
import type { TurnRecord } from "../src/core/records.ts";
import { inspectDaemonFiles, readDaemonFiles } from "../src/daemon-files.ts";
import { CodexdStateStore } from "../src/state-store.ts";
import { createFakeIo, createParts } from "./support/cli-io.ts";
import { REPOSITORY } from "./support/codex-install.ts";
import { createSession, runTurn } from "./support/daemon-calls.ts";
import { configure, workDir } from "./support/daemon-dir.ts";
import type { Daemon } from "./support/daemon.ts";
import { treeOf } from "./support/file-tree.ts";
import { readJournal } from "./support/journal-reader.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const options = daemons.withAgent();
const { stateDir } = options;
/** Small segments: they are closed, renamed and taken away while they are read. */
const FLAGS = ["--journal-max-bytes", "1MiB"];
let daemon: Daemon;

before(async () => {
  daemon = await daemons.start({ ...options, flags: FLAGS });
});

async function codexd(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = createFakeIo({ cwd: stateDir });
  const parts = createParts({ inspectFiles: inspectDaemonFiles, readFiles: readDaemonFiles });
  const code = await runCodexdCli([...argv, "--state-dir", stateDir], io, parts);
  return { code, out: io.out(), err: io.err() };
}

interface Line {
  readonly kind: string;
  readonly record: Record<string, unknown>;
}

async function exported(...flags: string[]): Promise<Line[]> {
  const { code, out, err } = await codexd("export", ...flags);
  assert.deepEqual([code, err], [0, ""]);
  return out.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Line);
}

async function doctor(): Promise<{ code: number; found: Inspection }> {
  const { code, out } = await codexd("doctor", "--json");
  return { code, found: JSON.parse(out) as Inspection };
}

describe("while it works", () => {
  test("every look is whole, names the daemon, and has what was acknowledged before", { timeout: 60_000 }, async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => createSession(daemon)));
    const receipts: TurnRecord[] = [];
    let working = true;
    const work = Promise.all(sessions.map(async (session) => {
      while (working) receipts.push(await runTurn(daemon, session, "long 40"));
    }));
    try {
      for (let round = 0; round < 4 || receipts.length < 6; round++) {
        const acknowledged = [...receipts];
        const { code, found } = await doctor();
        assert.deepEqual(found.findings.filter(({ level }) => level !== "ok" && level !== "note"), []);
        assert.deepEqual([code, found.whole, found.running?.pid, found.start.exitCode], [0, true, daemon.pid, 75]);
        const lines = await exported();
        const turns = lines.filter(({ kind }) => kind === "turn").map(({ record }) => record);
        for (const { turnId, finalMessage } of acknowledged) {
          assert.equal(turns.find((turn) => turn["turnId"] === turnId)?.["finalMessage"], finalMessage);
        }
        checkOneMoment(lines);
      }
    } finally {
      working = false;
    }
    await work;
  });
});

/** A turn that has ended has its last event among the events, and no event comes behind a gap. */
function checkOneMoment(lines: readonly Line[]): void {
  const seqs = lines.filter(({ kind }) => kind === "event").map(({ record }) => Number(record["seq"]));
  assert.deepEqual(seqs, seqs.map((_, i) => Number(seqs[0]) + i));
  const ends = lines.filter(({ kind }) => kind === "turn").map(({ record }) => Number(record["lastSeq"] ?? 0));
  assert.ok(Math.max(...ends) <= Number(seqs.at(-1)), "no turn ends behind the newest event");
}

describe("after it was killed", () => {
  before(async () => {
    await daemon.kill("SIGKILL");
  });

  test("all is whole, and nothing is changed by looking", async () => {
    const tree = treeOf(stateDir);
    const { code, found } = await doctor();
    assert.deepEqual([code, found.whole, found.running, found.start.exitCode], [0, true, null, 0]);
    const state = found.findings.find(({ subject }) => subject === "daemon_state");
    assert.match(state?.message ?? "", new RegExp(`process ${daemon.pid}\\) did not end in order`));
    const lines = await exported();
    assert.deepEqual(treeOf(stateDir), tree);

    const { events, problems } = readJournal(path.join(stateDir, "logs"));
    assert.deepEqual(problems, []);
    const own = lines.filter(({ kind }) => kind === "event").map(({ record }) => record as unknown as CodexdEvent);
    assert.deepEqual(own, events);
  });
});

test("a reader that goes away ends an export quietly", async (t) => {
  const dir = workDir(t);
  const config = configure(dir);
  const store = new CodexdStateStore(config);
  await store.open();
  const detail = { text: "x".repeat(1000) };
  const event = { level: "info", type: "session.registered", message: "m", detail } as const;
  await Promise.all(Array.from({ length: 3000 }, () => store.appendEvent(event)));
  await store.close();
  const argv = [path.join(REPOSITORY, "dist/index.js"), "export", "--state-dir", config.paths.stateDir];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.once("data", () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual([code, stderr], [130, ""]);
});
