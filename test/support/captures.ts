// Transcripts of the real Codex in test/fixtures/captures: 0.169.0, and 0.116.0 where the name says so. Each of
// `CAPTURES` holds a turn.
//
// Every reading is fresh, because the code under test takes what it is given over.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const CAPTURES = [
  "appr-ask", "appr-cmd-accept", "appr-cmd-cancel", "appr-cmd-decline", "appr-cmd-error", "appr-cmd-session",
  "appr-cmd-unanswered-interrupt", "appr-file-accept", "appr-file-cancel", "appr-parallel", "appr-perm",
  "bg-after-interrupt", "codemode-escalate", "compact-review", "dyn-tool", "fail-401", "fail-429", "fail-500-retry",
  "fail-cut-once", "fail-hang", "fail-quota", "interrupt-race", "interrupt-then-start", "mcp-danger-accept",
  "mcp-elicit", "parallel-requests", "plain-turn", "provider-refused-interrupt", "share-a", "steer-while-approval",
  "subagent", "threads-1", "threads-2-restart", "turn-command", "turn-command-stream", "turn-parallel-cmds",
  "turn-patch", "turn-patch-fail", "turn-plan", "turn-reasoning", "turn-steer-interrupt", "turn-unknown-tool",
  "v116-appr-cmd", "v116-appr-escalate", "v116-appr-file", "v116-cmd-fail", "v116-plan", "v116-retry",
  "ws-midstream-b",
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
