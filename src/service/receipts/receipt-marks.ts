// Marks how far the receipts of open turns and runs have come, in lines that are written anyway.
//
// A start reads a receipt back from its newest mark on, and the journal keeps nothing of it from before that: so
// neither grows with how long a turn runs, or waits. Deliberately without events and timers of its own: where nothing
// is written there is nothing new to read back.
//
// Invariants: a state is taken in the very moment in which its line gets its seq, so that what came before is in it
// and the line's own event is not; an event that needs no mark pays for one comparison.

import { LIMITS } from "../../core/limits.ts";
import type { ReceiptMark } from "../../core/receipt-mark.ts";
import type { Changes } from "../../store/types.ts";
import type { CodexdStore, CodexdTables } from "../tables.ts";

/** Something under way, with a receipt that grows. */
export interface Marked {
  /** @see ReceiptMark.markId */
  readonly markId: string;
  /** Its first event. */
  readonly firstSeq: number;
  /** Null where it is over, and where an event is in the journal that is not in its receipt yet. */
  state(): ReceiptMark["state"];
}

export interface ReceiptMarks {
  /** What is under way, asked for now and then. */
  watch(source: () => Iterable<Marked>): void;
  /**
   * What to write with a line that changes nothing else; undefined where nothing is due. For the moment before the
   * line's own event is folded into any receipt.
   */
  next(): ((seq: number) => Changes<CodexdTables>) | undefined;
  /**
   * The oldest event that a receipt may still be read back from; infinite where nothing is under way.
   *
   * @param safeSeq a mark behind it may be lost with the power.
   */
  keepFromSeq(safeSeq: number): number;
}

/** For who does without: nothing is ever due. */
export const NO_MARKS: Pick<ReceiptMarks, "next"> = { next: () => undefined };

/** What the line that ends it changes on its mark, if it has one. */
export function markGone(store: Pick<CodexdStore, "tables">, markId: string): Pick<Changes<CodexdTables>, "del"> {
  return store.tables.mark.get(markId) === undefined ? {} : { del: { mark: [markId] } };
}

/** @param everyBytes of the journal, between two looks at what is under way. */
export function createReceiptMarks(
  store: Pick<CodexdStore, "tables" | "subscribe" | "headSeq" | "health">, everyBytes: number = LIMITS.receiptMarkBytes,
): ReceiptMarks {
  const sources: Array<() => Iterable<Marked>> = [];
  /** The marks of each that may be needed, the oldest first. */
  const seqsOf = new Map<string, number[]>();
  let due: Marked[] = [];
  // What an earlier daemon has left under way is due at once, so that no row of short lives adds up.
  let bytes = everyBytes;
  let lookedAtSeq = store.headSeq;

  const all = (): Marked[] => sources.flatMap((source) => [...source()]);

  const newestOf = ({ markId, firstSeq }: Marked): number => store.tables.mark.get(markId)?.seq ?? firstSeq;

  const look = (): void => {
    const open = all();
    if (open.length === 0) return;
    bytes = 0;
    // What has begun since the last look, or was marked since, is soon read back.
    due = open.filter((one) => newestOf(one) <= lookedAtSeq);
    lookedAtSeq = store.headSeq;
  };

  store.subscribe((batch) => {
    bytes += batch.bytes.length;
    if (bytes >= everyBytes) look();
  });

  const seqsKept = ({ markId, firstSeq }: Marked): number[] => {
    const { seq } = store.tables.mark.get(markId) ?? {};
    return seqsOf.get(markId) ?? (seq === undefined ? [firstSeq] : [firstSeq, seq]);
  };

  return {
    watch: (source) => void sources.push(source),

    next() {
      if (due.length === 0) return undefined;
      // On a full disk every byte is the journal's.
      if (!store.health().writable) return undefined;
      for (let one = due.pop(); one !== undefined; one = due.pop()) {
        const { markId } = one;
        const state = one.state();
        if (state === null) continue;
        const seqs = seqsKept(one);
        return (seq) => {
          seqsOf.set(markId, [...seqs, seq]);
          return { put: { mark: { markId, seq, state } } };
        };
      }
      return undefined;
    },

    keepFromSeq(safeSeq) {
      const open = all();
      const wanted = new Set(open.map(({ markId }) => markId));
      for (const markId of seqsOf.keys()) if (!wanted.has(markId)) seqsOf.delete(markId);
      return Math.min(...open.map((one) => {
        const seqs = seqsKept(one);
        const from = Math.max(0, seqs.findLastIndex((seq) => seq <= safeSeq));
        if (seqsOf.has(one.markId)) seqsOf.set(one.markId, seqs.slice(from));
        return seqs[from] ?? one.firstSeq;
      }));
    },
  };
}
