// Reads how a run of `node --test` ended out of its report in TAP.
//
// Not a TAP parser: only the lines that Node's reporter writes on versions 20 to 24.

export interface TapSummary {
  readonly tests: number;
  readonly skipped: number;
  /** Names of what failed: tests, suites and files. */
  readonly failed: readonly string[];
  readonly exitCode: number;
}

const FAILED = /^\s*not ok \d+ - (.*)$/;
const COUNT = /^# (tests|skipped) (\d+)$/;

/** `exitCode` is the runner's own. A report that was cut off counts no tests. */
export function readTap(text: string, exitCode: number): TapSummary {
  const counts = { tests: 0, skipped: 0 };
  const failed: string[] = [];
  for (const line of text.split("\n")) {
    const name = FAILED.exec(line)?.[1];
    if (name !== undefined) failed.push(name);
    const [, count, number] = COUNT.exec(line) ?? [];
    if (count === "tests" || count === "skipped") counts[count] = Number(number);
  }
  return { ...counts, failed: [...new Set(failed)], exitCode };
}
