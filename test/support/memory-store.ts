// A store without files: commits count as journaled one microtask later, or when the test says so.
//
// For tests of the services: it keeps the order of events and the tables, and can refuse or hold what is committed.

import { isoTime, type Clock } from "../../src/base/clock.ts";
import { CodexdError } from "../../src/core/errors.ts";
import type { CodexdEvent, EventBatch, EventDraft } from "../../src/core/event.ts";
import { tableSpecs, type CodexdStore, type CodexdTables } from "../../src/service/tables.ts";
import type { Changes, ChangesOf, ReadonlyTable, SeqHole, TableSpec } from "../../src/store/types.ts";
import type { CodexdPaths } from "../../src/core/config.ts";

export interface MemoryStore extends CodexdStore {
  /** Every event, in order. */
  readonly events: CodexdEvent[];
  types(): string[];
  /** While true, nothing becomes journaled. */
  hold(on: boolean): void;
  /** While true, `commit` is refused with `storage_full`. */
  full(on: boolean): void;
  setPending(bytes: number): void;
  /** Forgets events up to `seq`, as retention does. */
  dropUpTo(seq: number): void;
  /** As after a loss of power. */
  readonly seqHoles: SeqHole[];
}

const KINDS = ["session", "turn", "run", "approval", "answer", "mark"] as const;

export function createMemoryStore(clock: Clock): MemoryStore {
  const specs = tableSpecs({} as CodexdPaths) as unknown as Readonly<Record<string, TableSpec<object>>>;
  const records = {
    session: new Map<string, object>(), turn: new Map<string, object>(), run: new Map<string, object>(),
    approval: new Map<string, object>(), answer: new Map<string, object>(), mark: new Map<string, object>(),
  };
  /** What is cut out of records that are too long, by kind and id. */
  const parts = new Map<string, Readonly<Record<string, object>>>();
  const events: CodexdEvent[] = [];
  const listeners = new Set<(batch: EventBatch) => void>();
  const drained = new Set<() => void>();
  let waiting: Array<() => void> = [];
  let oldest = 1;
  const seqHoles: SeqHole[] = [];
  let head = 0;
  let last = 0;
  let held = false;
  let refusing = false;
  let pendingBytes = 0;

  const table = <K extends keyof CodexdTables>(kind: K): ReadonlyTable<CodexdTables[K]> => ({
    get size() {
      return records[kind].size;
    },
    get: (id) => records[kind].get(id) as CodexdTables[K] | undefined,
    getByOther(otherId) {
      const all = [...records[kind].values()] as Array<CodexdTables[K]>;
      return all.findLast((record) => specs[kind]?.otherIdOf?.(record) === otherId);
    },
    newestFirst: () => [...records[kind].values()].reverse()[Symbol.iterator]() as IterableIterator<CodexdTables[K]>,
  });

  const apply = ({ put, del }: Changes<CodexdTables>): void => {
    for (const kind of KINDS) {
      del?.[kind]?.forEach((id) => records[kind].delete(id));
      const record = put?.[kind];
      const spec = specs[kind];
      if (record === undefined || spec === undefined) continue;
      const id = spec.idOf(record);
      const cut = spec.beside?.cut(record, records[kind].get(id)) ?? { record, parts: {} };
      records[kind].set(id, cut.record);
      parts.set(`${kind} ${id}`, { ...parts.get(`${kind} ${id}`), ...cut.parts });
    }
  };

  const publish = (): void => {
    if (held) return;
    const from = head;
    head = last;
    const fresh = events.filter((event) => event.seq > from);
    if (fresh.length > 0) for (const listener of [...listeners]) listener(batchOf(fresh));
    const settled = waiting;
    waiting = [];
    for (const resolve of settled) resolve();
  };

  const append = (draft: EventDraft, changes: ChangesOf<CodexdTables> = {}): number => {
    last += 1;
    apply(typeof changes === "function" ? changes(last) : changes);
    events.push(JSON.parse(JSON.stringify({ seq: last, createdAt: isoTime(clock.now()), ...draft })) as CodexdEvent);
    queueMicrotask(publish);
    return last;
  };

  const settled = (): Promise<void> => (head === last ? Promise.resolve() : new Promise((go) => waiting.push(go)));

  return {
    tables: {
      session: table("session"), turn: table("turn"), run: table("run"), approval: table("approval"),
      answer: table("answer"), mark: table("mark"),
    },
    async commit(draft, changes) {
      if (refusing) throw new CodexdError("storage_full", "no space left on the disk");
      const seq = append(draft, changes);
      await settled();
      return seq;
    },
    append,
    settled,
    get lastSeq() {
      return last;
    },
    get headSeq() {
      return head;
    },
    get oldestSeq() {
      return oldest;
    },
    seqHoles,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async *replay(afterSeq) {
      const wanted = events.filter((event) => event.seq > afterSeq && event.seq >= oldest && event.seq <= head);
      for (let at = 0; at < wanted.length; at += 3) {
        await Promise.resolve();
        yield batchOf(wanted.slice(at, at + 3));
      }
    },
    journalSize: () => ({ segments: 1, bytes: events.reduce((sum, event) => sum + JSON.stringify(event).length, 0) }),
    async readDetail(seq) {
      const event = events.find((candidate) => candidate.seq === seq && seq >= oldest);
      return event === undefined ? null : JSON.stringify(event.detail);
    },
    async readWhole(kind, record) {
      const { idOf, beside } = specs[kind] ?? {};
      if (idOf === undefined || beside === undefined || beside.partsOf(record).length === 0) return record;
      return beside.join(record, parts.get(`${kind} ${idOf(record)}`) ?? {}) as typeof record;
    },
    recentEvents: () => events.slice(-50),
    get pendingBytes() {
      return pendingBytes;
    },
    onDrained(listener) {
      drained.add(listener);
      return () => drained.delete(listener);
    },
    health: () => ({ writable: !refusing, reason: refusing ? "no space left on the disk" : null }),
    broken: new Promise(() => undefined),
    touchDaemonState: () => undefined,
    sync: settled,
    close: settled,
    events,
    types: () => events.map((event) => event.type),
    hold(on) {
      held = on;
      if (!on) publish();
    },
    full(on) {
      refusing = on;
    },
    setPending(bytes) {
      pendingBytes = bytes;
      for (const listener of drained) listener();
    },
    dropUpTo(seq) {
      oldest = seq + 1;
    },
  };
}

/** A batch as the journal gives it. */
export function batchOf(events: readonly CodexdEvent[]): EventBatch {
  const lines = events.map((event) => Buffer.from(JSON.stringify(event)));
  let start = 0;
  const entries = events.map(({ seq, type, detail }, i) => {
    const entry = {
      seq, type, sessionId: detail.sessionId ?? null, threadId: detail.threadId ?? null, runId: detail.runId ?? null,
      start, end: start + (lines[i]?.length ?? 0) - 1,
    };
    start += lines[i]?.length ?? 0;
    return entry;
  });
  return {
    firstSeq: events[0]?.seq ?? 0, lastSeq: events.at(-1)?.seq ?? 0, bytes: Buffer.concat(lines), entries,
  };
}
