// A supervisor whose processes, time and logs are the test's.
//
// Deliberately without sessions or a store: `seen` holds what it told, in order. Its random source never takes
// anything away, so that every delay is the full one.

import { startChildLife } from "../../src/child/child-life.ts";
import { createChildOutput } from "../../src/child/child-output.ts";
import { createSupervisor, type Supervisor } from "../../src/child/supervisor.ts";
import type { EventDraft } from "../../src/core/event.ts";
import type { ChildStatus } from "../../src/core/records.ts";
import { createFakeSpawner, type FakeChild, type FakeSpawner } from "./fake-child.ts";
import { createFakeClock, settle, type FakeClock } from "./fake-clock.ts";
import { createMemoryLog, type MemoryLog } from "./memory-log.ts";

export interface SupervisedChild {
  readonly supervisor: Supervisor;
  readonly spawner: FakeSpawner;
  readonly clock: FakeClock;
  readonly events: EventDraft[];
  /** Event types, `down`, and each status as the state took it on. */
  readonly seen: string[];
  /** The reasons that `onDown` was given. */
  readonly downs: string[];
  /** Notifications and requests of the child. */
  readonly messages: string[];
  readonly stderrLog: MemoryLog;
  /** The newest child comes to be and answers the handshake. */
  connect(): Promise<FakeChild>;
  /** The newest event of that type. */
  event(type: string): EventDraft | undefined;
}

export const USER_AGENT = "baa-conductor-codexd/0.169.0 (Debian 12.0.0; x86_64)";

export function createSupervisedChild(): SupervisedChild {
  const spawner = createFakeSpawner();
  const clock = createFakeClock();
  const events: EventDraft[] = [];
  const seen: string[] = [];
  const downs: string[] = [];
  const messages: string[] = [];
  const stderrLog = createMemoryLog();
  const report = (draft: EventDraft): void => {
    events.push(draft);
    seen.push(draft.type);
  };
  let status: ChildStatus = "idle";
  const output = createChildOutput({
    clock, stdoutLog: createMemoryLog(), stderrLog, report, secrets: () => ["hunter2"],
  });
  const command = { command: "/bin/codex", args: ["app-server"] };
  const supervisor = createSupervisor({
    target: { ...command, cwd: "/work-dir", endpoint: "stdio://" },
    startLife: (callbacks) => startChildLife({
      ...callbacks,
      ...command,
      spawner,
      spawnOptions: { cwd: "/work-dir", env: { HOME: "/home/dev" } },
      version: "0.1.0",
      clock,
      output,
      handlers: {
        onNotification: (method) => messages.push(method),
        onRequest: (id, method) => messages.push(`${method} ${id}`),
      },
    }),
    lastStderrLines: () => output.lastStderrLines(),
    clock,
    random: () => 0,
    report,
    onChange() {
      if (supervisor.state.status !== status) seen.push(`status ${supervisor.state.status}`);
      status = supervisor.state.status;
    },
    onDown(reason) {
      downs.push(reason);
      seen.push("down");
    },
  });

  return {
    supervisor, spawner, clock, events, seen, downs, messages, stderrLog,
    async connect() {
      const { child } = spawner;
      child.emitSpawn();
      child.answer("initialize", { userAgent: USER_AGENT });
      await settle();
      return child;
    },
    event: (type) => events.findLast((draft) => draft.type === type),
  };
}
