// Transcripts of the real Codex in test/fixtures/captures: 0.169.0, and 0.116.0 where the name says so.
//
// Every reading is fresh, because the code under test takes what it is given over.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const CAPTURES = [
  "appr-cmd-decline", "bg-after-interrupt", "fail-cut-once", "interrupt-race", "plain-turn", "subagent", "turn-command",
  "v116-appr-cmd",
] as const;

export interface CapturedMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly emittedAtMs?: number;
  readonly result?: unknown;
}

/** What Codex said, in order. */
export function readCapture(name: (typeof CAPTURES)[number]): CapturedMessage[] {
  const path = fileURLToPath(new URL(`../fixtures/captures/${name}.jsonl`, import.meta.url));
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { dir: string; msg: CapturedMessage });
  return entries.filter(({ dir }) => dir === "in").map(({ msg }) => msg);
}
