// Lines that wait for the disk, already encoded: what one flush takes is what one write puts and one batch publishes.
//
// Bytes go straight into a slab that many chunks share, so that an event costs no Buffer, promise or closure of its
// own. A slab is never used again: subscribers may hold on to the bytes of what was published.
//
// Invariant: the chunks hold consecutive lines in the order of their seqs, each chunk in one piece.

import { assert } from "../base/assert.ts";
import { isoTime, type Clock } from "../base/clock.ts";
import type { EventBatch, EventDetail, EventDraft, EventEntry } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { besideBytes, type BesideFile } from "./beside-files.ts";
import { cutLargeDetail, detailFileOf, isTooLarge } from "./event-details.ts";
import { endLine, LINE_TAIL_BYTES, utf8BytesMax } from "./line.ts";

/** Large enough that a busy journal writes in big pieces, small enough that a slow reader does not pin much. */
const SLAB_BYTES = 512 * 1024;

/** What hangs on a line beside its bytes: record changes, and who waits for it. Most lines have none. */
export interface Claim {
  /** The change that a caller asked for; a fact has none and cannot be refused. */
  readonly request: { resolve(seq: number): void; reject(error: Error): void } | null;
  /** Applied to the tables already. */
  readonly changes: ReadonlyArray<{ apply(): void; undo(): void }>;
  /** What must be on the medium before the line is, and what goes after it. */
  readonly files?: readonly BesideFile[];
}

export interface Chunk {
  readonly bytes: Buffer;
  /** `bytes.subarray(start, end)` are the chunk's lines. */
  readonly start: number;
  end: number;
  /** Offsets are relative to `start`. */
  readonly entries: EventEntry[];
  readonly claims: Array<{ readonly seq: number; readonly claim: Claim }>;
  /** Of the files that wait with the lines; of those that hold details, which count as the journal's. */
  fileBytes: number;
  detailBytes: number;
}

export class PendingLines {
  readonly #clock: Clock;
  readonly #detailBytesMax: number;
  #chunks: Chunk[] = [];
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;
  #open: Chunk | undefined;
  #byteCount = 0;

  #middle = { ms: Number.NaN, level: "", type: "", message: "", text: "" };

  /** @param detailBytesMax above it a detail lies in a file. */
  constructor(clock: Clock, detailBytesMax: number = LIMITS.eventDetailBytesMax) {
    this.#clock = clock;
    this.#detailBytesMax = detailBytesMax;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** `tables` is `,"put":{…},"del":{…}` or empty. @throws when the draft is not JSON; then nothing is added. */
  append(seq: number, draft: EventDraft, tables: string, claim: Claim | null): void {
    const detailJson = draft.detailJson ?? JSON.stringify(draft.detail);
    assert(detailJson !== undefined, "an event's detail is an object");
    if (isTooLarge(detailJson, this.#detailBytesMax)) return this.#appendCut(seq, draft, detailJson, tables, claim);
    const event = `{"seq":${seq}${this.#middleOf(draft)}${detailJson}`;
    let bytesMax = utf8BytesMax(event.length + tables.length) + LINE_TAIL_BYTES;
    if (bytesMax > SLAB_BYTES) bytesMax = Buffer.byteLength(event) + Buffer.byteLength(tables) + LINE_TAIL_BYTES;
    if (bytesMax > this.#slab.length - this.#used) this.#takeSlab(bytesMax);
    const chunk = (this.#open ??= this.#openChunk());
    const lineStart = this.#used;
    const eventEnd = lineStart + this.#slab.write(event, lineStart);
    const tablesEnd = tables === "" ? eventEnd : eventEnd + this.#slab.write(tables, eventEnd);
    this.#used = endLine(this.#slab, lineStart, tablesEnd);
    this.#byteCount += this.#used - lineStart;
    chunk.end = this.#used;
    const { detail } = draft;
    chunk.entries.push({
      seq,
      type: draft.type,
      sessionId: detail.sessionId ?? null,
      threadId: detail.threadId ?? null,
      runId: detail.runId ?? null,
      start: lineStart - chunk.start,
      end: eventEnd - chunk.start,
    });
    if (claim !== null) this.#claim(chunk, seq, claim);
  }

  /** Takes whole chunks of at most `bytesMax` together, but at least one; what comes later goes into a new chunk. */
  take(bytesMax: number): Chunk[] {
    let count = 0;
    let bytes = 0;
    for (const chunk of this.#chunks) {
      bytes += chunk.end - chunk.start;
      if (count > 0 && bytes > bytesMax) break;
      count++;
    }
    const taken = count === this.#chunks.length ? this.#chunks : this.#chunks.slice(0, count);
    this.#chunks = this.#chunks.slice(count);
    if (this.#chunks.length === 0) this.#open = undefined;
    return taken;
  }

  /** Nothing waits any more. */
  takeAll(): Chunk[] {
    const taken = this.take(Number.POSITIVE_INFINITY);
    this.release(taken);
    return taken;
  }

  /** Puts chunks that were taken back in front. Their bytes still count. */
  giveBack(chunks: readonly Chunk[]): void {
    this.#chunks = [...chunks, ...this.#chunks];
  }

  /** The chunks' lines are in the journal: they no longer wait. */
  release(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) this.#byteCount -= chunk.end - chunk.start + chunk.fileBytes;
  }

  /**
   * Undoes every change that can be refused and puts what `replace` gives in the place of its line, with the same
   * seq; facts keep their lines. Gives the claims that were refused.
   *
   * Afterwards the tables are what the lines that are left make of them: so all changes are undone in the reverse
   * order, and then those of the facts are applied again.
   */
  refuse(replace: (entry: EventEntry) => EventDraft): Claim[] {
    const claims = this.#chunks.flatMap((chunk) => chunk.claims);
    for (const { claim } of claims.toReversed()) {
      for (const change of claim.changes.toReversed()) change.undo();
    }
    const kept = claims.filter(({ claim }) => claim.request === null);
    for (const { claim } of kept) for (const change of claim.changes) change.apply();
    this.#rebuild(replace);
    return claims.filter(({ claim }) => claim.request !== null).map(({ claim }) => claim);
  }

  #rebuild(replace: (entry: EventEntry) => EventDraft): void {
    const old = this.#chunks;
    this.#chunks = [];
    this.#open = undefined;
    this.#byteCount = 0;
    for (const chunk of old) {
      const claims = new Map(chunk.claims.map(({ seq, claim }) => [seq, claim]));
      chunk.entries.forEach((entry, i) => {
        const claim = claims.get(entry.seq) ?? null;
        if (claim !== null && claim.request !== null) {
          this.append(entry.seq, replace(entry), "", null);
          return;
        }
        const nextStart = chunk.entries[i + 1]?.start;
        const lineEnd = nextStart === undefined ? chunk.end : chunk.start + nextStart;
        this.#copy(entry, chunk.bytes.subarray(chunk.start + entry.start, lineEnd), claim);
      });
    }
  }

  #copy(entry: EventEntry, line: Buffer, claim: Claim | null): void {
    if (line.length > this.#slab.length - this.#used) this.#takeSlab(line.length);
    const chunk = (this.#open ??= this.#openChunk());
    const start = this.#used - chunk.start;
    this.#slab.set(line, this.#used);
    this.#used += line.length;
    this.#byteCount += line.length;
    chunk.end = this.#used;
    chunk.entries.push({ ...entry, start, end: start + entry.end - entry.start });
    if (claim !== null) this.#claim(chunk, entry.seq, claim);
  }

  #claim(chunk: Chunk, seq: number, claim: Claim): void {
    chunk.claims.push({ seq, claim });
    if (claim.files === undefined) return;
    const bytes = besideBytes(claim.files);
    this.#byteCount += bytes;
    chunk.fileBytes += bytes;
    chunk.detailBytes += besideBytes(claim.files.filter(({ name }) => name === detailFileOf(seq)));
  }

  /** The whole detail waits beside the line, which names it. */
  #appendCut(seq: number, draft: EventDraft, json: string, tables: string, claim: Claim | null): void {
    const bytes = Buffer.from(json);
    const whole = draft.detailJson === undefined ? draft.detail : (JSON.parse(json) as EventDetail);
    const { level, type, message } = draft;
    const file: BesideFile = { name: detailFileOf(seq), bytes, state: "waits" };
    const { request, changes, files = [] } = claim ?? { request: null, changes: [] };
    const detail = cutLargeDetail(seq, whole, bytes.length);
    this.append(seq, { level, type, message, detail }, tables, { request, changes, files: [file, ...files] });
  }

  /** What stands between seq and detail: for the many events of a busy moment the same, so the last one is kept. */
  #middleOf({ level, type, message: given }: EventDraft): string {
    const now = this.#clock.now();
    const max = LIMITS.eventMessageCharsMax;
    const message = given.length > max ? given.slice(0, max).replace(/[\uD800-\uDBFF]$/, "") : given;
    const last = this.#middle;
    if (now === last.ms && type === last.type && message === last.message && level === last.level) return last.text;
    const text =
      `,"createdAt":"${isoTime(now)}","level":"${level}","type":"${type}"` +
      `,"message":${JSON.stringify(message)},"detail":`;
    this.#middle = { ms: now, level, type, message, text };
    return text;
  }

  #takeSlab(bytesMin: number): void {
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytesMin));
    this.#used = 0;
    this.#open = undefined;
  }

  #openChunk(): Chunk {
    const at = this.#used;
    const chunk = {
      bytes: this.#slab, start: at, end: at, entries: [], claims: [], fileBytes: 0, detailBytes: 0,
    };
    this.#chunks.push(chunk);
    return chunk;
  }
}

/** What subscribers get of a chunk once it is in the journal. */
export function batchOf(chunk: Chunk): EventBatch {
  const { entries } = chunk;
  const first = entries[0];
  const last = entries.at(-1);
  assert(first !== undefined && last !== undefined, "a chunk holds a line at least");
  return { firstSeq: first.seq, lastSeq: last.seq, bytes: bytesOf(chunk), entries };
}

/** The newest line of a batch of one chunk at least. */
export function lastSeqOf(chunks: readonly Chunk[]): number {
  const seq = chunks.at(-1)?.entries.at(-1)?.seq;
  assert(seq !== undefined, "a batch holds a line at least");
  return seq;
}

export function bytesOf(chunk: Chunk): Buffer {
  return chunk.bytes.subarray(chunk.start, chunk.end);
}
