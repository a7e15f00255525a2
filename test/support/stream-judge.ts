// What one client of the event stream has been told over all its connections, and whether that was right.
//
// Knows the journal only from the journal's own files. Invariant: a client's cursor is what it was last told, as a
// program would keep it; what it was not told, and what no gap has told it of either, is a problem.

import { crc32 } from "node:zlib";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { Journal } from "./journal-reader.ts";
import type { Told } from "./stream-parsers.ts";

export interface Filter {
  readonly session?: string;
  readonly thread?: string;
  readonly run?: string;
  readonly type?: string;
}

/** Of all events after `after` those before `oldestSeq` are not kept any more. */
interface Gap {
  readonly after: number;
  readonly oldestSeq: number;
}

const PROBLEMS_KEPT = 20;

export class StreamRecord {
  readonly name: string;
  readonly filter: Filter;
  /** Null until it knows one. */
  cursor: number | null;
  readonly problems: string[] = [];
  readonly gaps: Gap[] = [];
  /** Behind this one it was to be told everything; null until it is known. */
  #start: number | null;
  #latestBegin = 0;
  readonly #seqs: number[] = [];
  readonly #sums: number[] = [];

  /** @param after 0 is from the oldest, null from now on. */
  constructor(name: string, filter: Filter, after: number | null) {
    this.name = name;
    this.filter = filter;
    this.cursor = after;
    this.#start = after;
  }

  get count(): number {
    return this.#seqs.length;
  }

  /** False where nobody can say yet what is to come: without a cursor, or from the oldest that is always another. */
  get hasBegun(): boolean {
    return this.#start !== null && (this.#start > 0 || this.count > 0 || this.#latestBegin === 0);
  }

  problem(what: string): void {
    if (this.problems.length < PROBLEMS_KEPT) this.problems.push(`${this.name}: ${what}`);
  }

  told(told: Told): void {
    if (told.kind === "event") this.event(told.seq, told.text);
    else if (told.kind === "mark") this.#mark(told.seq);
    else if (told.kind === "hello") this.#hello(told);
    else if (told.kind === "refused") this.#refused(told);
    else if (told.kind === "wrong") this.problem(told.what);
  }

  event(seq: number, text: string): void {
    if (this.cursor !== null && seq <= this.cursor) this.problem(`event ${seq} came behind ${this.cursor}`);
    this.#begin(seq - 1);
    this.cursor = seq;
    this.#seqs.push(seq);
    this.#sums.push(crc32(text));
  }

  /** As the daemon told it; `after` is the cursor that it was told about. */
  gapTold(after: number, oldestSeq: number): void {
    if (oldestSeq <= after + 1) this.problem(`a gap up to ${oldestSeq} where there is none, behind ${after}`);
    this.gaps.push({ after, oldestSeq });
  }

  /** Where retention runs, `0` may begin at any seq. */
  allowLateBegin(): void {
    this.#latestBegin = Number.POSITIVE_INFINITY;
  }

  /** From the oldest is what the oldest is when it comes. */
  #begin(seq: number): void {
    this.#start ??= seq;
    if (this.#start === 0 && this.count === 0 && this.gaps.length === 0) this.#start = Math.min(seq, this.#latestBegin);
  }

  #gap(oldestSeq: number): void {
    this.gapTold(this.cursor ?? 0, oldestSeq);
    this.cursor = oldestSeq - 1;
  }

  #mark(seq: number): void {
    if (this.cursor !== null && seq < this.cursor) this.problem(`the cursor went from ${this.cursor} back to ${seq}`);
    this.#begin(seq);
    this.cursor = seq;
  }

  #hello({ status, oldestSeq, headSeq }: Told & { readonly kind: "hello" }): void {
    if (this.cursor === null) {
      if (status !== "live") this.problem(`hello says ${status} to one without a cursor`);
      return this.#mark(headSeq);
    }
    const isGone = this.cursor > 0 && this.cursor < oldestSeq - 1;
    const right = isGone ? "gap" : "ok";
    if (status !== right) this.problem(`hello says ${status}, of ${oldestSeq} to ${headSeq}, behind ${this.cursor}`);
    if (isGone) this.#gap(oldestSeq);
  }

  #refused({ status, error, detail }: Told & { readonly kind: "refused" }): void {
    // A daemon that ends or has only begun.
    if (status === 503) return;
    if (status !== 410 || error !== "cursor_expired" || this.cursor === 0) {
      return this.problem(`refused behind ${this.cursor} with ${status} ${error} ${JSON.stringify(detail)}`);
    }
    this.#gap(Number(detail["oldestSeq"]));
  }

  /**
   * What should have come of all that the journal ever held, against what has.
   *
   * @param headSeq up to here it was waited for; what came behind it must be right all the same.
   */
  compare(journal: Journal, headSeq: number): string[] {
    const start = this.hasBegun ? (this.#start ?? 0) : Number.POSITIVE_INFINITY;
    const isFirst = new Set(journal.segments.map(({ firstSeq }) => firstSeq));
    for (const { oldestSeq } of this.gaps) {
      if (!isFirst.has(oldestSeq)) this.problem(`${oldestSeq} was told to be the oldest, and begins no segment`);
    }
    let at = 0;
    for (const event of journal.events) {
      const { seq } = event;
      if (seq > Math.max(headSeq, this.cursor ?? 0)) break;
      const isTold = this.gaps.some((gap) => seq > gap.after && seq < gap.oldestSeq);
      if (seq <= start || isTold || !passes(event, this.filter)) continue;
      while (at < this.#seqs.length && (this.#seqs[at] as number) < seq) {
        this.problem(`event ${this.#seqs[at]} is not in the journal, or not what was asked for`);
        at += 1;
      }
      if (this.#seqs[at] !== seq) this.problem(`event ${seq} is missing, ${event.type}`);
      else if (this.#sums[at++] !== crc32(journal.textOf(seq) ?? "")) this.problem(`event ${seq} is not the journal's`);
    }
    for (; at < this.#seqs.length; at += 1) this.problem(`event ${this.#seqs[at]} is not in the journal`);
    return this.problems;
  }
}

/** A filter as SPEC words say it: all of its parts, and of the types any. */
export function passes({ type, detail }: CodexdEvent, filter: Filter): boolean {
  const { sessionId, threadId, runId } = detail as Readonly<Record<string, unknown>>;
  if (filter.session !== undefined && sessionId !== filter.session) return false;
  if (filter.thread !== undefined && threadId !== filter.thread) return false;
  if (filter.run !== undefined && runId !== filter.run) return false;
  if (filter.type === undefined) return true;
  return filter.type.split(",").some((one) => {
    return one.endsWith("*") ? type.startsWith(one.slice(0, -1)) : type === one;
  });
}

/** The newest event that passes; 0 where none does. */
export function lastThatPasses(journal: Journal, filter: Filter): number {
  return journal.events.findLast((event) => passes(event, filter))?.seq ?? 0;
}
