// One `codexd start` on a service whose promises the test settles, in a process that is all memory.
//
// Nothing is started and nothing waits for time: signals and outcomes are the test's.

import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { Logger } from "../../src/base/log.ts";
import type { StartedService } from "../../src/cli/command.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import type { CodexdConfig } from "../../src/core/config.ts";
import { createFakeIo, createParts, type FakeIo, type FakeIoOptions } from "./cli-io.ts";

export const CHILD = {
  status: "starting", pid: 99, command: "codex", args: ["app-server"], cwd: "/", endpoint: "stdio://",
  startedAt: null, exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
} as const;

export const STARTED: StartedService = {
  service: { resolvedBaseUrl: "http://127.0.0.1:5000", eventStreamUrl: "ws://127.0.0.1:5000/v1/codexd/events" },
  snapshot: { daemon: { child: CHILD } },
};

export interface StartRun {
  readonly io: FakeIo;
  readonly code: Promise<number>;
  readonly start: Deferred<StartedService>;
  readonly stop: Deferred<unknown>;
  readonly failed: Deferred<Error>;
  readonly printed: Promise<void>;
  readonly stopping: Promise<void>;
  readonly created: Array<{ config: CodexdConfig; acceptLoss: boolean; log: Logger }>;
  /** How often all that it has started was killed. */
  readonly kills: () => number;
}

export function runStart(argv: readonly string[] = [], options: FakeIoOptions = {}): StartRun {
  const [start, stop, failed] = [createDeferred<StartedService>(), createDeferred<unknown>(), createDeferred<Error>()];
  const [printed, stopping] = [createDeferred<void>(), createDeferred<void>()];
  const created: StartRun["created"] = [];
  let kills = 0;
  const io = createFakeIo({ ...options, onStdout: () => printed.resolve() });
  const parts = createParts({
    createService(config, { acceptLoss, log }) {
      created.push({ config, acceptLoss, log });
      return {
        start: () => start.promise,
        stop() {
          stopping.resolve();
          return stop.promise;
        },
        failed: failed.promise,
      };
    },
    killChildren() {
      kills += 1;
      return [11, 12];
    },
  });
  const code = runCodexdCli(["start", ...argv], io, parts);
  const promises = { printed: printed.promise, stopping: stopping.promise };
  return { io, code, start, stop, failed, ...promises, created, kills: () => kills };
}

/** All that needs no more than promises has happened after it. */
export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
