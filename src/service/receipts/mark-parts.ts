// The state of a receipt that is too long for a line: it lies in a file of its own, named by the event that it is of.
//
// Pure: the store writes the file and reads it back. Invariant: a file is never written anew, so that a mark whose line
// was lost leaves the one before it with the state that it names.

import { isObject } from "../../base/decode.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ReceiptMark } from "../../core/receipt-mark.ts";
import type { BesideSpec } from "../../store/types.ts";

export const MARK_PARTS: BesideSpec<ReceiptMark> = {
  cut(mark) {
    const { state, seq } = mark;
    if (state === null || Buffer.byteLength(JSON.stringify(state)) <= LIMITS.inlineMarkBytesMax) {
      return { record: mark, parts: {} };
    }
    return { record: { ...mark, state: null }, parts: { [String(seq)]: state } };
  },

  partsOf: ({ state, seq }) => (state === null ? [String(seq)] : []),

  join(mark, parts) {
    const found = parts[String(mark.seq)];
    return { ...mark, state: mark.state ?? (isObject(found) ? found : null) };
  },
};
