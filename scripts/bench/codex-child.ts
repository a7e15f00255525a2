// Which child a daemon of a bench has: the real Codex where it is installed, else the synthetic one.
//
// Nothing is asked of a model here, so none need listen (codex-turn.ts has one). Invariant: the name of a figure says
// which child it was.

import { existsSync } from "node:fs";
import path from "node:path";

import { codexBinary, codexHomeEnv, writeCodexHome } from "../../test/support/codex-install.ts";
import type { Daemon, DaemonOptions } from "../../test/support/daemon.ts";
import { BLAST_FLAGS } from "./programs.ts";

export interface ChildChoice {
  /** For the name of a figure. */
  readonly name: string;
  readonly options: Omit<DaemonOptions, "stateDir">;
}

/** @param root where the real Codex gets its home. */
export function chooseChild(root: string): ChildChoice {
  const binary = installedCodex();
  if (binary === undefined) return { name: "synthetic child", options: { flags: BLAST_FLAGS } };
  const home = path.join(root, "home");
  writeCodexHome(home, 9, 0);
  return { name: "real Codex", options: { flags: ["--server-command", binary], env: codexHomeEnv(home) } };
}

/** Resolves when the child has answered its handshake. */
export async function untilReady(daemon: Daemon): Promise<void> {
  for (;;) {
    if ((await daemon.get("/readyz")).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function installedCodex(): string | undefined {
  try {
    const binary = codexBinary();
    return existsSync(binary) ? binary : undefined;
  } catch {
    // Not installed: `npm run e2e` does that.
    return undefined;
  }
}
