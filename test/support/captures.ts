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

export const EXEC_CAPTURES = [
  "exec-background", "exec-badflag", "exec-command", "exec-fail-retry", "exec-fail500", "exec-nogit", "exec-patch",
  "exec-plain", "exec-plan", "exec-sigint-command", "exec116-command", "exec116-plain",
] as const;

export interface ExecCapture {
  /** What it printed on stdout, in order. */
  readonly events: ReadonlyArray<Record<string, unknown>>;
  readonly stderr: string;
}

/** What `codex exec --json` printed. */
export function readExecCapture(name: (typeof EXEC_CAPTURES)[number]): ExecCapture {
  const path = fileURLToPath(new URL(`../fixtures/captures/${name}.jsonl`, import.meta.url));
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const messages = lines.map((line) => (JSON.parse(line) as { msg: Record<string, unknown> }).msg);
  return {
    events: messages.filter((message) => message["STDERR"] === undefined),
    stderr: messages.map((message) => message["STDERR"] ?? "").join(""),
  };
}
