// What an Idempotency-Key makes of a request: it is done once, and its first answer is given to all that repeat it.
//
// Deliberately not: what is left out of an answer that is kept (kept-forms.ts), and how a key comes over the wire
// (http/once.ts). Invariants: the key is in the very line of the journal that makes what was asked for, so that no
// crash leaves one without the other; what fails leaves no key; two requests with one key are never both done.

import { isoTime, type Clock } from "../../base/clock.ts";
import { CodexdError } from "../../core/errors.ts";
import type { EventDetail } from "../../core/event.ts";
import { keptAnswerId, type KeptAnswer } from "../../core/kept-answer.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Changes } from "../../store/types.ts";
import type { CodexdStore, CodexdTables } from "../tables.ts";
import { readKeptResult } from "./answer-parts.ts";
import type { KeptForm } from "./kept-forms.ts";

/** A request that bears a key: another `request` or body with the same key is refused. */
export type KeyedRequest = Pick<KeptAnswer, "key" | "request" | "bodyHash">;

/** What a use case is given to put its answer beside what it makes. */
export interface Keeping<R> {
  /** The answer as it is kept so far; null where there is none, or it was withdrawn. */
  readonly kept: R | null;
  /**
   * The changes of a line with the answer added. `open`: the line comes before the answer is certain, and until the
   * next one repetitions are told to wait; should the daemon die before that, this is the answer.
   */
  line(changes: Changes<CodexdTables>, result: R, state?: "open" | "final"): Changes<CodexdTables>;
  /** The changes of a line that says that it has come to nothing, with the key taken back. */
  withdrawn(changes: Changes<CodexdTables>): Changes<CodexdTables>;
  /**
   * Keeps the answer in a line of its own, where what was asked for has none.
   *
   * @throws (rejects) {CodexdError} `storage_full`: it is not kept.
   */
  write(result: R): Promise<void>;
}

export interface IdempotencyService {
  /**
   * Does the work, unless the key has an answer: then gives that. What the work does not keep by itself is kept in
   * a line of its own before it is given.
   *
   * @throws (rejects) {CodexdError} `in_progress` while the first request with the key is under way,
   *   `idempotency_mismatch` for a key that belongs to another request, `storage_full`, and what the work throws.
   */
  once<R extends object>(
    request: KeyedRequest, form: KeptForm<R>, work: (keeping: Keeping<R>) => Promise<R>,
  ): Promise<{ readonly result: R; readonly replayed: boolean }>;
}

/** One whose first request has not been answered yet. */
interface UnderWay {
  readonly request: KeyedRequest;
  /** Its answer is certain, though it may still wait for more. */
  isCertain: boolean;
  /** Its line drops others, and gives them back if it is refused. */
  hasDropped: boolean;
}

export function createIdempotency(store: CodexdStore, clock: Pick<Clock, "now">): IdempotencyService {
  const answers = store.tables.answer;
  const underWay = new Map<string, UnderWay>();
  /** Key -> id of its newest record, the oldest first; some may have gone from the table. */
  let ids = new Map<string, string>();

  const index = (): void => {
    ids = new Map();
    for (const record of [...answers.newestFirst()].reverse()) note(record);
  };

  const note = (record: KeptAnswer): void => {
    ids.delete(record.key);
    ids.set(record.key, keptAnswerId(record));
  };

  const isOver = ({ createdAt }: KeptAnswer): boolean =>
    clock.now() - Date.parse(createdAt) >= LIMITS.keptAnswerMs;

  const find = (key: string): KeptAnswer | undefined => {
    const record = answers.get(ids.get(key) ?? "");
    return record === undefined || isOver(record) ? undefined : record;
  };

  /** What must go for one more, what is over, and what the key had: a few at a time, so that a line stays short. */
  const dropped = (own: string): string[] => {
    const before = ids.get(own);
    const gone = before !== undefined && answers.get(before) !== undefined ? [before] : [];
    ids.delete(own);
    for (const [key, id] of ids) {
      const record = answers.get(id);
      const isTooMany = answers.size - gone.length >= LIMITS.keptAnswersMax;
      if (record !== undefined && !isTooMany && !isOver(record)) break;
      ids.delete(key);
      if (record !== undefined) gone.push(id);
      if (gone.length === DROPPED_MAX) break;
    }
    return gone;
  };

  const keepingOf = <R extends object>(entry: UnderWay, form: KeptForm<R>): Keeping<R> => {
    const { request } = entry;
    const createdAt = isoTime(clock.now());
    const id = keptAnswerId({ key: request.key, createdAt });
    let kept: R | null = null;
    const keeping: Keeping<R> = {
      get kept() {
        return kept;
      },
      line(changes, result, state = "final") {
        const gone = kept === null ? dropped(request.key) : [];
        entry.hasDropped ||= gone.length > 0;
        kept = result;
        entry.isCertain = state === "final";
        const record: KeptAnswer = { ...request, createdAt, result: form.pack(result) };
        note(record);
        const put = { ...changes.put, answer: record };
        return gone.length === 0 ? { ...changes, put } : { ...changes, put, del: { ...changes.del, answer: gone } };
      },
      withdrawn(changes) {
        if (kept === null) return changes;
        kept = null;
        entry.isCertain = false;
        return { ...changes, del: { ...changes.del, answer: [id] } };
      },
      async write(result) {
        const detail: EventDetail = { ...form.idsOf(result), request: request.request };
        const message = "the answer to a request with an Idempotency-Key is kept";
        const draft = { level: "info", type: "request.answered", message, detail } as const;
        await store.commit(draft, keeping.line({}, result));
      },
    };
    return keeping;
  };

  /** The answer that is there; undefined where the work is to be done. At once, so that two never find none. */
  const look = (request: KeyedRequest): KeptAnswer | undefined => {
    const first = underWay.get(request.key);
    if (first !== undefined) requireSame(first.request, request);
    const record = find(request.key);
    if (record !== undefined) requireSame(record, request);
    if (first !== undefined && (record === undefined || !first.isCertain)) throw inProgress(request.key);
    return record;
  };

  const begin = (request: KeyedRequest): UnderWay => {
    const { writable, reason } = store.health();
    // What could not be kept is not begun: Codex may do what no journal can undo.
    if (!writable) throw new CodexdError("storage_full", `nothing was done: ${reason ?? "state cannot be written"}`);
    const entry: UnderWay = { request, isCertain: false, hasDropped: false };
    underWay.set(request.key, entry);
    return entry;
  };

  index();
  return {
    async once(request, form, work) {
      for (let record = look(request); record !== undefined; record = look(request)) {
        await store.settled();
        // A full disk may have undone it in this moment.
        if (find(request.key) !== record) continue;
        return { result: await form.unpack(await readKeptResult(store, record), store), replayed: true };
      }
      const entry = begin(request);
      const keeping = keepingOf(entry, form);
      try {
        const result = await work(keeping);
        if (keeping.kept === null) await keeping.write(result);
        return { result, replayed: false };
      } catch (error) {
        if (entry.hasDropped) index();
        throw error;
      } finally {
        underWay.delete(request.key);
      }
    },
  };
}

/** Old answers that one line drops at most. */
const DROPPED_MAX = 10;

/** @throws {CodexdError} `idempotency_mismatch`. */
function requireSame(first: KeyedRequest, { key, request, bodyHash }: KeyedRequest): void {
  if (first.request === request && first.bodyHash === bodyHash) return;
  const what = first.request === request ? "another body" : first.request;
  throw new CodexdError(
    "idempotency_mismatch",
    `Idempotency-Key: ${JSON.stringify(key)} was used for ${what}; take a new key for each new request`,
  );
}

function inProgress(key: string): CodexdError {
  const message = `the first request with the Idempotency-Key ${JSON.stringify(key)} is under way; ask again later`;
  return new CodexdError("in_progress", message);
}
