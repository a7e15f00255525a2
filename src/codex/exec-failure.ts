// One sentence that says why a run of `codex exec` failed, out of what is known of its end.
//
// Deliberately not why codexd ended it (child/exec-process.ts knows). Invariant: Codex's own words come first, and a
// sentence is there even where Codex said nothing.

import { stripAnsi } from "../base/ansi.ts";
import { redact } from "../core/redact.ts";
import type { ExecProgress } from "./exec-events.ts";

export interface ExecExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

const SENTENCE_LINES_MAX = 3;
const SENTENCE_CHARS_MAX = 1000;
/** A line of Codex's log: rarely the reason, so it counts only where there is no other. */
const LOG_LINE = /^\d{4}-\d\d-\d\dT\S+\s+(?:ERROR|WARN|INFO|DEBUG|TRACE)\b/;

/** @param stderr its end is enough. */
export function describeExecFailure(progress: ExecProgress, exit: ExecExit, stderr: string): string {
  if (progress.failure !== null) return redact(progress.failure);
  const how = exit.signal === null ? `exited with code ${exit.exitCode}` : `was ended by ${exit.signal}`;
  const words = lastWords(stderr);
  if (/--skip-git-repo-check\b/.test(words)) {
    return `codex exec refused: ${words} (set skipGitRepoCheck to run outside of a repository)`;
  }
  if (words !== "") return `codex exec ${how}: ${words}`;
  return `codex exec ${how}${progress.completed ? "" : " and had not said turn.completed"}`;
}

/** The lines from the first that calls itself an error, else the last ones, without colours, logs and backtraces. */
function lastWords(stderr: string): string {
  const text = redact(stripAnsi(stderr)).split(/^Stack backtrace:/m)[0] ?? "";
  const said = text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !isRoutine(line));
  const spoken = said.filter((line) => !LOG_LINE.test(line));
  const lines = spoken.length > 0 ? spoken : said;
  const first = lines.findIndex((line) => /^(?:fatal )?error\b/i.test(line));
  const chosen = first < 0 ? lines.slice(-SENTENCE_LINES_MAX) : lines.slice(first, first + SENTENCE_LINES_MAX);
  return chosen.join(" | ").slice(0, SENTENCE_CHARS_MAX);
}

/** Said on every run, or of the surroundings: never why one has failed. */
const ROUTINE = ["Reading additional input from stdin", "Reading prompt from stdin", "WARNING:"] as const;

function isRoutine(line: string): boolean {
  return ROUTINE.some((start) => line.startsWith(start));
}
