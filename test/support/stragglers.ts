// What a killed daemon has left: its child has yet to notice, and writes its last words into the daemon's directory.
//
// For the end of a test alone, when directories are about to go; what a daemon itself must see to is asked of it before
// (living-processes.ts). Invariant: when it resolves, nothing lives that could bring one of them back.

import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { errorCode } from "../../src/base/error-code.ts";
import { findLiving } from "./living-processes.ts";

/** @param directories absolute; who has one of them in its command line, or as a fake Codex's place, is killed. */
export async function endStragglers(directories: readonly string[]): Promise<void> {
  const marks = directories.flatMap((directory) => [
    `FAKE_CODEX_STATE=${path.join(directory, "fake.json")}`,
    `FAKE_CODEX_LOG=${path.join(directory, "fake.log")}`,
  ]);
  for (;;) {
    const living = findLiving({ marks, words: directories });
    if (living.length === 0) return;
    for (const { pid } of living) kill(pid);
    // They go when they next have a processor.
    await setTimeout(2);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}
