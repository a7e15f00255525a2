// A store on a disk for tests: two tables of small records, on a clock that the test moves.
// Without the lock, which needs a real directory: the tests of the lock and of store.ts have their own.

import path from "node:path";

import { silentLogger } from "../../src/base/log.ts";
import type { EventBatch, EventDraft } from "../../src/core/event.ts";
import { decodeEntry } from "../../src/core/event.ts";
import type { Disk } from "../../src/store/disk.ts";
import { openStore, type StoreParts } from "../../src/store/store.ts";
import type { BesideSpec, Recovery, Store, StoreOptions } from "../../src/store/types.ts";
import { createFakeClock } from "./fake-clock.ts";

/** One with a `text`, which only turns have, is kept without: it lies beside the line. */
export interface TestRecord {
  readonly id: string;
  readonly n: number;
  readonly textSeq?: number;
  readonly text?: string;
  readonly beside?: readonly string[];
}

export type TestTables = { readonly run: TestRecord; readonly turn: TestRecord };
export type TestStore = Store<TestTables>;

export const DIR = "/home/user/state";
export const LOGS = `${DIR}/logs`;
export const JOURNAL = `${LOGS}/events.jsonl`;

export interface OpenedStore {
  readonly store: TestStore;
  readonly recovery: Recovery;
}

const TEXT_BESIDE: BesideSpec<TestRecord> = {
  cut({ text, ...record }) {
    if (text === undefined) return { record, parts: {} };
    return { record: { ...record, beside: ["text"] }, parts: { text: { textSeq: record.textSeq, text } } };
  },
  partsOf: ({ beside = [] }) => beside,
  join: ({ beside: _beside, ...record }, { text }) => ({ ...record, ...text }),
};

export function storeOptions(overrides: Partial<StoreOptions<TestTables>> = {}): StoreOptions<TestTables> {
  const stateDir = overrides.stateDir ?? DIR;
  const idOf = ({ id }: TestRecord): string => id;
  return {
    stateDir,
    logsDir: path.join(stateDir, "logs"),
    identity: { nodeId: "node", version: "1.0.0", newDaemonId: () => "dmn_1" },
    tables: {
      run: { path: path.join(stateDir, "run-registry.json"), field: "runs", idOf },
      turn: { path: path.join(stateDir, "turn-registry.json"), field: "turns", idOf, beside: TEXT_BESIDE },
    },
    durability: "interval",
    journalMaxBytes: 1024 ** 3,
    recentEventsMax: 50,
    describe: () => ({ pid: 1 }),
    acceptLoss: false,
    clock: createFakeClock(),
    log: silentLogger,
    ...overrides,
  };
}

/** Opens a store without the lock, which needs a real directory. */
export function openTestStore(
  disk: Disk,
  overrides: Partial<StoreOptions<TestTables>> = {},
  parts: Partial<StoreParts> = {},
): Promise<OpenedStore> {
  // What is replayed is read from the disk, unless a test says otherwise.
  const own = { lock: async () => ({ release: async () => {} }), recentBatchBytesMax: 0 };
  return openStore(storeOptions(overrides), disk, { ...own, ...parts });
}

export function draft(message = "m", detail: EventDraft["detail"] = {}): EventDraft {
  return { level: "info", type: "session.created", message, detail };
}

export function delta(text: string): EventDraft {
  return { level: "info", type: "app-server.turn.message.delta", message: "delta", detail: { delta: text } };
}

/** Newest first, as the table gives them. */
export function recordsOf(store: TestStore, kind: keyof TestTables = "run"): TestRecord[] {
  return [...store.tables[kind].newestFirst()];
}

/** Every event above `afterSeq` that the journal holds, decoded. */
export async function replayed(store: TestStore, afterSeq = 0): Promise<ReturnType<typeof decodeEntry>[]> {
  const events = [];
  for await (const batch of store.replay(afterSeq)) events.push(...eventsOf(batch));
  return events;
}

export function eventsOf(batch: EventBatch): ReturnType<typeof decodeEntry>[] {
  return batch.entries.map((entry) => decodeEntry(batch, entry));
}
