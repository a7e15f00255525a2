// Which records have been kept long enough, and their ordinary deletion through the journal.
//
// Deliberately not the journal's own bytes (store/retention.ts). Invariants: what is under way is never dropped; a
// record goes before what lies beside it on disk, so that a crash leaves a file without a record and never the
// reverse; nothing here runs on the event path, a timer looks once a minute.

import { isoTime, type Clock, type Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { turnKey } from "../core/records.ts";
import type { CodexdStore, CodexdTables } from "./tables.ts";

export interface RecordRetention {
  /** Looks now, and from then on once every `LIMITS.retentionMs`. Rejects never. */
  start(): Promise<void>;
  /** Resolves when a deletion that is under way has been written. */
  stop(): Promise<void>;
}

export interface RecordRetentionOptions {
  readonly store: CodexdStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** How many ended records of each kind stay, the newest ones. */
  readonly keepRecords: number;
  /** How many days an ended record stays at most. */
  readonly keepDays: number;
  /** The records have gone: what codexd holds of them elsewhere may go too. */
  readonly forget: { readonly [K in Retained]?: (record: CodexdTables[K]) => void | Promise<void> };
}

/** What retention must know of a kind of record. */
interface Kind<R> {
  readonly idOf: (record: R) => string;
  /** Since when the record has been over, as ISO time; null while it is not. */
  readonly endOf: (record: R) => string | null;
  /** So long after its end it is still under way in part. */
  readonly restMs?: number;
}

/** Answers that are kept by a key go by rules of their own (idempotency.ts); a mark goes with the end of its work. */
type Retained = Exclude<keyof CodexdTables, "answer" | "mark">;

const KINDS: { readonly [K in Retained]: Kind<CodexdTables[K]> } = {
  turn: {
    idOf: turnKey,
    endOf: ({ lastSeq, completedAt, startedAt }) => (lastSeq === null ? null : (completedAt ?? startedAt ?? "")),
  },
  run: { idOf: ({ runId }) => runId, endOf: ({ finishedAt }) => finishedAt },
  approval: {
    idOf: ({ approvalId }) => approvalId,
    endOf: ({ status, decidedAt, createdAt }) => (status === "pending" ? null : (decidedAt ?? createdAt)),
    // What is decided is written first, and then told to Codex and to who has decided.
    restMs: LIMITS.retentionMs,
  },
  session: {
    idOf: ({ sessionId }) => sessionId,
    endOf: ({ status, updatedAt }) => (status === "closed" ? updatedAt : null),
  },
};

const DAY_MS = 86_400_000;

export function createRecordRetention(options: RecordRetentionOptions): RecordRetention {
  const { store, clock, log } = options;
  let timer: Timer | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  /** One line a batch: a line stays short however much there is to drop. */
  const drop = async <K extends Retained>(kind: K): Promise<void> => {
    const before = isoTime(clock.now() - options.keepDays * DAY_MS);
    const restsSince = isoTime(clock.now() - (KINDS[kind].restMs ?? 0));
    const endOf = (record: CodexdTables[K]): string | null => {
      const at = KINDS[kind].endOf(record);
      return at !== null && at > restsSince && KINDS[kind].restMs !== undefined ? null : at;
    };
    const old = expired(store.tables[kind].newestFirst(), { endOf }, { keep: options.keepRecords, before });
    for (let at = 0; at < old.length && !stopped; at += LIMITS.retentionBatch) {
      const batch = old.slice(at, at + LIMITS.retentionBatch);
      await store.commit(
        {
          level: "info", type: "storage.pruned", message: `dropped ${batch.length} old record(s): ${kind}`,
          detail: { kind, count: batch.length },
        },
        { del: { [kind]: batch.map(KINDS[kind].idOf) } },
      );
      for (const record of batch) await options.forget[kind]?.(record);
    }
  };

  const look = async (): Promise<void> => {
    try {
      await drop("turn");
      await drop("run");
      await drop("approval");
      await drop("session");
    } catch (error) {
      // A full disk: what could not be dropped now is dropped a minute later.
      log.warn("old records could not be dropped", { reason: errorMessage(error) });
    }
    if (!stopped) timer = clock.after(LIMITS.retentionMs, () => void (running = look()));
  };

  return {
    start() {
      running = look();
      return running;
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}

/** How many records of each kind have ended and are kept, and for how many days the oldest of them has been. */
export function countKept(tables: CodexdStore["tables"], nowMs: number) {
  let oldest: string | undefined;
  const count = <K extends Retained>(kind: K): number => {
    let ended = 0;
    for (const record of tables[kind].newestFirst()) {
      const at = KINDS[kind].endOf(record);
      if (at === null) continue;
      ended += 1;
      if (at !== "" && (oldest === undefined || at < oldest)) oldest = at;
    }
    return ended;
  };
  const counts = {
    keptSessions: count("session"), keptTurns: count("turn"), keptRuns: count("run"), keptApprovals: count("approval"),
  };
  const ageMs = oldest === undefined ? 0 : nowMs - Date.parse(oldest);
  return { counts, keptDays: Math.max(0, Math.floor(ageMs / DAY_MS)) };
}

/** Ended records beyond the newest `keep`, and those that ended before `before`; the oldest end first. */
export function expired<R>(
  records: Iterable<R>,
  { endOf }: Pick<Kind<R>, "endOf">,
  { keep, before }: { readonly keep: number; readonly before: string },
): R[] {
  const ended: Array<{ readonly record: R; readonly at: string }> = [];
  for (const record of records) {
    const at = endOf(record);
    if (at !== null) ended.push({ record, at });
  }
  // ISO times of one zone are in order as text; the newest stand first, as the table gives them.
  ended.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  return ended.filter(({ at }, index) => index >= keep || at < before).map(({ record }) => record).reverse();
}
