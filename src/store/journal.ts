// The one queue of mutations: gives out seqs, writes what waits in batches, then publishes and acknowledges it.
//
// Knows nothing of tables but that a line may hold changes that can be undone; nothing of how segments are kept.
//
// Invariants: a line is published after its write has succeeded, in the order of seqs, without a gap; a write that
// failed for want of room is held and tried again, any other failure ends the journal for good.

import { assert } from "../base/assert.ts";
import { isoTime, type Clock, type Timer } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import type { Logger } from "../base/log.ts";
import type { Durability } from "../core/config.ts";
import { errorMessage, EXIT, ExitError } from "../core/errors.ts";
import type { EventBatch, EventDraft } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { BesideFiles } from "./beside-files.ts";
import { mayPass } from "./disk.ts";
import { FlushPace } from "./flush-pace.ts";
import {
  fullReason, heldToTheEnd, recoveredDraft, refusedDraft, storageFull, type Degraded,
} from "./full-disk.ts";
import { JournalSync } from "./journal-sync.ts";
import { Listeners } from "./listeners.ts";
import { batchOf, lastSeqOf, PendingLines, type Chunk, type Claim } from "./pending.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import { SeqWaiters } from "./seq-waiters.ts";
import type { StoreHealth } from "./types.ts";

export interface JournalOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly writer: SegmentWriter;
  readonly files: BesideFiles;
  readonly durability: Durability;
  readonly detailBytesMax: number;
  /** The newest seq in the segments, 0 for none. */
  readonly headSeq: number;
  /** The newest seq that may ever have been given out. */
  readonly lastSeq: number;
  /** Makes sure that no seq above the durable ceiling is published; null when `seq` is below it. */
  reserve(seq: number): Promise<void> | null;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #pending: PendingLines;
  readonly #pace: FlushPace;
  readonly #sync: JournalSync;
  readonly #listeners: Listeners<EventBatch>;
  readonly #drainListeners: Listeners<void>;
  readonly #broken = createDeferred<Error>();
  readonly #waiters = new SeqWaiters();
  #lastSeq: number;
  #headSeq: number;
  /** Somebody waits for a line that waits. */
  #isAwaited = false;
  #flushing: Promise<void> | undefined;
  #degraded: Degraded | undefined;
  /** Refused, and told so only behind the cut: a line that was written, in part or whole, could come back. */
  #untold: Claim[] = [];
  #failure: ExitError | undefined;
  #closed = false;
  #retryTimer: Timer | undefined;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#pending = new PendingLines(options.clock, options.detailBytesMax);
    this.#listeners = new Listeners(options.log);
    this.#drainListeners = new Listeners(options.log);
    this.#pace = new FlushPace(options.clock, () => this.#flushNow());
    this.#sync = new JournalSync({
      clock: options.clock,
      sync: () => options.writer.sync(),
      headSeq: () => this.#headSeq,
      onSynced: (seq) => options.files.durable(seq),
      onFailed: (error) => this.fail(error),
    });
    this.#lastSeq = options.lastSeq;
    this.#headSeq = options.headSeq;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get headSeq(): number {
    return this.#headSeq;
  }

  get pendingBytes(): number {
    return this.#pending.byteCount;
  }

  /** Resolves with the reason when the journal has ended for good. */
  get broken(): Promise<Error> {
    return this.#broken.promise;
  }

  health(): StoreHealth {
    const reason = this.#failure?.message ?? this.#degraded?.reason ?? null;
    return { writable: reason === null, reason };
  }

  /** Why a request for a change is refused at once; null when it is not. */
  refusal(): Error | null {
    if (this.#failure !== undefined) return this.#failure;
    return this.#degraded === undefined ? null : storageFull(this.#degraded.reason);
  }

  /** Gives the line's seq. @throws when the draft is not JSON, or after `close`; nothing has happened then. */
  append(draft: EventDraft, tables: string, claim: Claim | null): number {
    assert(!this.#closed, `nothing is appended after the journal is closed (${draft.type})`);
    const seq = this.#lastSeq + 1;
    if (this.#failure === undefined) this.#pending.append(seq, draft, tables, claim);
    this.#lastSeq = seq;
    const mayFlush = this.#flushing === undefined && this.#degraded === undefined;
    if (claim !== null && claim.request !== null) this.#isAwaited = true;
    if (mayFlush && this.#isDue()) this.#startFlush();
    return seq;
  }

  /** Called with each batch right after its write. */
  subscribe(listener: (batch: EventBatch) => void): () => void {
    return this.#listeners.add(listener);
  }

  onDrained(listener: () => void): () => void {
    return this.#drainListeners.add(listener);
  }

  /** Resolves when all that was appended is published, or undone; at once while the disk is full. */
  settled(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const isBehind = this.#degraded === undefined && this.#headSeq < this.#lastSeq && this.#pending.byteCount > 0;
    if (!isBehind) return Promise.resolve();
    this.#flushNow();
    return this.#waiters.wait(this.#lastSeq);
  }

  /** All lines up to `seq` are on the medium when this resolves. @throws when they cannot be written now. */
  async syncTo(seq: number): Promise<void> {
    await this.settled();
    if (this.#headSeq < seq && this.#pending.byteCount > 0) throw storageFull(this.#degraded?.reason ?? "it is behind");
    if (this.#sync.seq < seq) await this.#sync.now();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Writes and syncs what waits. @throws {ExitError} `diskFailed` when that cannot be done. */
  async close(): Promise<void> {
    const { writer, files } = this.#options;
    this.#closed = true;
    this.#sync.cancel();
    this.#retryTimer?.cancel();
    this.#isAwaited = true;
    this.#flushNow();
    await this.#flushing;
    if (this.#degraded !== undefined) await this.#flush();
    this.#retryTimer?.cancel();
    this.#sync.cancel();
    try {
      await writer.close();
      files.durable(this.#headSeq);
    } catch (error) {
      this.fail(error);
    }
    await files.settled();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#degraded !== undefined) {
      const failure = heldToTheEnd(this.#lastSeq - this.#headSeq, this.#degraded.reason);
      this.#tellRefused(failure);
      throw failure;
    }
  }

  #flushNow(): void {
    if (this.#flushing === undefined && this.#degraded === undefined && !this.#pending.isEmpty) this.#startFlush();
  }

  #isDue(): boolean {
    return this.#pace.isDue(this.#pending.byteCount, this.#isAwaited || this.#waiters.any);
  }

  #startFlush(): void {
    // In a microtask, so that all that one tick appends shares a write.
    this.#flushing = Promise.resolve().then(() => this.#flush());
  }

  /** Never rejects. */
  async #flush(): Promise<void> {
    while (!this.#pending.isEmpty && this.#failure === undefined) {
      this.#pace.begun();
      this.#isAwaited = false;
      const chunks = this.#pending.take(LIMITS.journalBatchBytesMax);
      try {
        await this.#write(chunks);
      } catch (error) {
        this.#pending.giveBack(chunks);
        if (mayPass(error) && this.#failure === undefined) await this.#hold(error);
        else this.fail(error);
        break;
      }
      if (this.#failure !== undefined) {
        // A sync failed meanwhile: what was written after it is not acknowledged either.
        this.#pending.giveBack(chunks);
        this.#rejectAll(this.#failure);
        break;
      }
      this.#publish(chunks);
      if (this.#degraded !== undefined && this.#pending.isEmpty) this.#recovered(this.#degraded);
      this.#pace.ended(!this.#pending.isEmpty);
      if (!this.#pending.isEmpty && !this.#isDue()) break;
    }
    this.#flushing = undefined;
  }

  async #write(chunks: readonly Chunk[]): Promise<void> {
    const { durability, reserve, writer, files } = this.#options;
    const reserved = reserve(lastSeqOf(chunks));
    if (reserved !== null) await reserved;
    if (this.#untold.length > 0) await this.#takeBack(this.#degraded?.reason ?? "");
    // A line is never there without the file that it names.
    for (const { claims, fileBytes } of chunks) if (fileBytes > 0) await files.write(claims);
    await writer.write(chunks);
    if (durability === "power") await writer.sync();
  }

  #publish(chunks: readonly Chunk[]): void {
    this.#options.writer.publish();
    this.#pending.release(chunks);
    this.#headSeq = lastSeqOf(chunks);
    for (const chunk of chunks) this.#listeners.tell(batchOf(chunk));
    for (const chunk of chunks) for (const { seq, claim } of chunk.claims) claim.request?.resolve(seq);
    for (const { claims } of chunks) this.#options.files.published(claims);
    if (this.#options.durability === "power") this.#sync.reached(this.#headSeq);
    this.#waiters.reached(this.#headSeq);
    this.#drainListeners.tell();
    if (this.#options.durability === "interval") this.#sync.soon();
  }

  /** The disk is full: refuses what can be refused, keeps the rest, and tries again after a while. */
  async #hold(error: unknown): Promise<void> {
    const { clock, log } = this.#options;
    const reason = fullReason(error);
    if (this.#degraded === undefined) {
      const headSeq = this.#headSeq;
      this.#untold = this.#pending.refuse((entry) => refusedDraft(entry, reason));
      this.#degraded = { since: isoTime(clock.now()), reason, headSeq, refused: this.#untold.length };
      log.error("events are held until there is room again", { reason });
    }
    try {
      await this.#takeBack(reason);
    } catch (backError) {
      if (!mayPass(backError)) this.fail(backError);
      else log.warn("the last write could not be taken back yet", { error: errorMessage(backError) });
    }
    if (this.#failure !== undefined) return;
    this.#waiters.reached(this.#lastSeq);
    if (this.#closed) return;
    this.#retryTimer = clock.after(LIMITS.storageRetryMs, () => {
      if (this.#flushing === undefined) this.#startFlush();
    });
  }

  /** Cuts what found no room, files of refused changes too, and tells those who asked for them. */
  async #takeBack(reason: string): Promise<void> {
    await this.#options.writer.rollBack();
    await this.#options.files.refused(this.#untold);
    this.#tellRefused(storageFull(reason));
  }

  #recovered({ since, headSeq, refused }: Degraded): void {
    this.#degraded = undefined;
    this.#options.log.info("there is room again: what was held is written");
    if (this.#closed) return;
    const heldEvents = this.#headSeq - headSeq - refused;
    this.append(recoveredDraft({ since, heldEvents, refused }), "", null);
  }

  /** Final: nothing more is written or acknowledged. */
  fail(error: unknown): void {
    // What was being written when the journal ended waits for an answer too.
    if (this.#failure !== undefined) return this.#rejectAll(this.#failure);
    this.#failure = new ExitError(EXIT.diskFailed, `the disk failed: ${errorMessage(error)}`, { cause: error });
    this.#options.log.error("the journal ends here", { reason: this.#failure.message });
    this.#rejectAll(this.#failure);
    this.#broken.resolve(this.#failure);
  }

  #tellRefused(error: Error): void {
    for (const claim of this.#untold.splice(0)) claim.request?.reject(error);
  }

  #rejectAll(failure: Error): void {
    const lost = this.#pending.takeAll();
    for (const chunk of lost) for (const { claim } of chunk.claims) claim.request?.reject(failure);
    this.#tellRefused(failure);
    this.#waiters.rejectAll(failure);
  }
}
