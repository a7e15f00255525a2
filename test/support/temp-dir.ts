// A directory for one test, gone when the test is over.
//
// Below the system's temporary directory, 0700; not for a `CODEX_HOME` (codex-install.ts has one for that).

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** What of a test context is needed to clean up. */
export interface Cleanup {
  after(fn: () => void | Promise<void>): void;
}

/** The absolute path of a new, empty directory that is removed when `t` ends. */
export function makeTempDir(t: Cleanup, prefix = "codexd-test-"): string {
  const dir = mkdtempSync(path.join(tmpdir(), prefix));
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return dir;
}
