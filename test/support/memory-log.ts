// A log file in memory.
// Deliberately not a file: rotation, modes and links are tried on real ones.

import type { RotatingLog } from "../../src/child/rotating-log.ts";

export interface MemoryLog extends RotatingLog {
  /** All that was appended. */
  readonly text: string;
}

export function createMemoryLog(): MemoryLog {
  let text = "";
  return {
    append(more) {
      text += more;
    },
    close: () => undefined,
    get text() {
      return text;
    },
  };
}
