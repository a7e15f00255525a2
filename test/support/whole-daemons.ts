// The whole daemons of one test file.
//
// Says nothing of what they do (daemon-calls.ts asks them). Invariant: when the file is over, every one of them and all
// that they have started has gone, and after that every directory; one would come back behind its removal otherwise.

import path from "node:path";
import { startDaemon, type Daemon, type DaemonOptions } from "./daemon.ts";
import { fakeCodexEnv, fakeCodexFlags, type FakeCodexOptions } from "./fake-codex.ts";
import { endStragglers } from "./stragglers.ts";
import { makeTempDir, type Cleanup } from "./temp-dir.ts";

export interface WholeDaemons {
  /** A new directory. */
  makeStateDir(): string;
  /** Options for a daemon in a new directory whose child is the fake Codex. */
  withFakeCodex(fake?: FakeCodexOptions): DaemonOptions;
  /** Options for a daemon in a new directory on the embedded agent. */
  withAgent(): DaemonOptions;
  /** Resolves when it listens. */
  start(options: DaemonOptions): Promise<Daemon>;
}

/** @param file its `after` runs when all tests are over. */
export function createWholeDaemons(file: Cleanup): WholeDaemons {
  const daemons: Daemon[] = [];
  const directories: string[] = [];
  const removals: Array<() => void | Promise<void>> = [];
  file.after(async () => {
    for (const daemon of daemons) await daemon.kill("SIGKILL");
    await endStragglers(directories);
    for (const remove of removals) await remove();
  });
  const makeStateDir = (): string => {
    const directory = makeTempDir({ after: (remove) => void removals.push(remove) });
    directories.push(directory);
    return directory;
  };
  return {
    makeStateDir,
    withFakeCodex(fake = {}) {
      const stateDir = makeStateDir();
      const env = fakeCodexEnv({ statePath: path.join(stateDir, "fake.json"), ...fake });
      return { stateDir, env, flags: fakeCodexFlags };
    },
    withAgent: () => ({ stateDir: makeStateDir(), command: "demo" }),
    async start(options) {
      const daemon = await startDaemon(options);
      daemons.push(daemon);
      return daemon;
    },
  };
}
