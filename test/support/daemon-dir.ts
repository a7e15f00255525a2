// A directory for daemons in this process, and a configuration that keeps all of theirs in it.
//
// Invariant: what a test has started ends, the newest first, before the directory goes. Hooks of a test run in the
// order of their making, so one hook does both.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { resolveCodexdConfig, type CodexdConfigInput } from "../../src/config.ts";
import type { CodexdConfig } from "../../src/core/config.ts";
import { FAKE_CODEX_PATH } from "./fake-codex.ts";

const endings = new Map<string, Array<() => Promise<unknown>>>();

export function workDir(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "codexd-test-"));
  endings.set(dir, []);
  t.after(async () => {
    for (const end of endings.get(dir)?.reverse() ?? []) await end();
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Calls `end` before `dir`, one of `workDir`'s, is removed. */
export function endBefore(dir: string, end: () => Promise<unknown>): void {
  endings.get(dir)?.push(end);
}

/** State in `dir`, port 0, the fake Codex as the child; `more` beats all of it. */
export function configure(dir: string, more: CodexdConfigInput = {}): CodexdConfig {
  return resolveCodexdConfig({
    stateDir: path.join(dir, "state"), repoRoot: dir, localApiBase: "http://127.0.0.1:0",
    serverCommand: process.execPath, serverArgs: [FAKE_CODEX_PATH], ...more,
  }, {});
}
