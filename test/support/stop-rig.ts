// A directory with a daemon in it that is started and stopped again and again, on a fake Codex for turns and runs.
//
// What has become of turns and runs is read from the journal's files alone, by the independent reader. Invariant:
// `dispose` ends every daemon, and what it has started, before the directory goes.

import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import type { CodexdEvent } from "../../src/core/event.ts";
import { spawnDaemon, type Daemon, type DaemonOptions } from "./daemon.ts";
import { childrenOf } from "./daemon-calls.ts";
import { FAKE_CODEX_PATH, fakeCodexEnv, type FakeCodexOptions } from "./fake-codex.ts";
import { readJournal } from "./journal-reader.ts";
import { endStragglers } from "./stragglers.ts";
import { makeTempDir } from "./temp-dir.ts";

export interface StopRig {
  readonly stateDir: string;
  /** Does not wait. */
  spawn(fake?: FakeCodexOptions): Daemon;
  /** Waits until it listens. */
  start(fake?: FakeCodexOptions): Promise<Daemon>;
  dispose(): Promise<void>;
}

/** At most two runs at a time. */
export function createStopRig(): StopRig {
  const daemons: Daemon[] = [];
  const removals: Array<() => void | Promise<void>> = [];
  const stateDir = makeTempDir({ after: (remove) => void removals.push(remove) });
  const command = path.join(stateDir, "codex");
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${FAKE_CODEX_PATH}' "$@"\n`);
  chmodSync(command, 0o700);
  const flags = ["--server-command", command, "--max-runs", "2", "--repo-root", stateDir];
  const spawn: StopRig["spawn"] = (fake = {}) => {
    const env = fakeCodexEnv({ statePath: path.join(stateDir, "fake.json"), ...fake });
    const options: DaemonOptions = { stateDir, flags, env };
    const daemon = spawnDaemon(options);
    daemons.push(daemon);
    return daemon;
  };
  return {
    stateDir,
    spawn,
    async start(fake) {
      const daemon = spawn(fake);
      await daemon.started;
      return daemon;
    },
    async dispose() {
      for (const daemon of daemons) await daemon.kill("SIGKILL");
      await endStragglers([stateDir]);
      for (const remove of removals) await remove();
    },
  };
}

export interface Ends {
  /** How each turn (by `turnId`) and each run has ended, as often as it was told. */
  readonly ended: Readonly<Record<string, readonly string[]>>;
  /** How many children were started. */
  readonly starts: number;
  /** What is wrong with the journal. */
  readonly problems: readonly string[];
}

/** Of all daemons of the directory together. */
export function endsOf({ stateDir }: Pick<StopRig, "stateDir">): Ends {
  const logsDir = path.join(stateDir, "logs");
  if (!existsSync(path.join(logsDir, "events.jsonl"))) return { ended: {}, starts: 0, problems: [] };
  const { events, problems } = readJournal(logsDir);
  const ended: Record<string, string[]> = {};
  for (const { type, detail } of events) {
    if (type === "turn.finished") (ended[String(detail.turnId)] ??= []).push(String(detail["status"]));
    const [, outcome] = /^run\.(completed|failed|cancelled)$/.exec(type) ?? [];
    if (outcome !== undefined) (ended[String(detail["runId"])] ??= []).push(`${outcome} ${reasonOf(detail)}`.trim());
  }
  return { ended, starts: events.filter(({ type }) => type === "child.starting").length, problems };
}

/** Resolves when the journal's files hold an event of the type: also of a daemon that answers no more. */
export async function journaled({ stateDir }: Pick<StopRig, "stateDir">, type: string): Promise<void> {
  while (!readJournal(path.join(stateDir, "logs")).events.some((event) => event.type === type)) await setTimeout(10);
}

/** Resolves when the daemon has the directory: it listens to signals, and to nothing else yet. */
export async function holdsTheLock(rig: Pick<StopRig, "stateDir">, { pid }: Daemon): Promise<void> {
  while (lockHolder(rig.stateDir) !== pid) await setTimeout(2);
}

function lockHolder(stateDir: string): unknown {
  try {
    return (JSON.parse(readFileSync(path.join(stateDir, "lock.json"), "utf8")) as { pid?: unknown }).pid;
  } catch {
    // It is not there yet, or being written.
    return undefined;
  }
}

/** Its children, theirs, and so on; not what has lost its parent. */
export function processesBelow(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...processesBelow(child)]);
}

function reasonOf(detail: CodexdEvent["detail"]): string {
  const error = detail["error"] as { readonly reason?: string | null } | null | undefined;
  return error?.reason ?? "";
}
