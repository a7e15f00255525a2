// SOAK.jsonl: one line for each soak, and each cell of the matrix, that was run.
//
// Only ever appended to. Invariant: a line says what ran, so that a result is never taken for that of other sources.

import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./dist.ts";

export interface SoakRecord {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly beganAt: number;
  /** Versions; null where none had a part in it. */
  readonly node: string;
  readonly codex: string | null;
  /** Null where nothing was drawn by lot. */
  readonly seed: number | null;
  readonly n: number;
  readonly failures: number;
  readonly detail: Record<string, unknown>;
}

/** Appends it, and prints it. */
export function keepRecord({ name, beganAt, node, codex, seed, n, failures, detail }: SoakRecord): void {
  const line = JSON.stringify({
    name,
    at: new Date(beganAt).toISOString(),
    commit: commit(),
    versions: { node, codex, codexd: version() },
    seed,
    n,
    failures,
    seconds: Math.round((Date.now() - beganAt) / 1000),
    detail,
  });
  appendFileSync(path.join(ROOT, "SOAK.jsonl"), `${line}\n`);
  process.stdout.write(`${line}\n`);
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string }).version;
}

/** With `-dirty` when what ran is not what that commit holds; the record itself does not run. */
function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!SOAK.jsonl");
  return `${git("rev-parse", "--short=12", "HEAD")}${changed === "" ? "" : "-dirty"}`;
}
