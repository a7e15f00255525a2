// What of a kept answer is too long for a line of the journal: all of it, then.
//
// The store writes it beside the line and reads it back; ten thousand answers are in memory and in each checkpoint.
// Deliberately not what a form leaves out before (kept-forms.ts). Invariant: a key whose answer cannot be read any more
// is never taken for a new one.

import { CodexdError } from "../../core/errors.ts";
import type { KeptAnswer } from "../../core/kept-answer.ts";
import { LIMITS } from "../../core/limits.ts";
import type { BesideSpec } from "../../store/types.ts";
import { isLonger } from "../long-values.ts";
import type { CodexdStore } from "../tables.ts";

export const ANSWER_PARTS: BesideSpec<KeptAnswer> = {
  cut(answer) {
    const { result, beside } = answer;
    if (beside !== undefined || !isLonger(result, LIMITS.keptAnswerBytesMax)) return { record: answer, parts: {} };
    return { record: { ...answer, result: {}, beside: ["result"] }, parts: { result } };
  },

  partsOf: ({ beside = [] }) => beside,

  /** Still says that it lies beside it where it could not be read. */
  join({ beside, ...answer }, { result }) {
    if (result !== undefined) return { ...answer, result: { ...result } };
    return beside === undefined ? answer : { ...answer, beside };
  },
};

/** What the use case gave. @throws (rejects) {CodexdError} `internal_error` where it cannot be read any more. */
export async function readKeptResult(
  store: Pick<CodexdStore, "readWhole">, answer: KeptAnswer,
): Promise<KeptAnswer["result"]> {
  const whole = await store.readWhole("answer", answer);
  if (whole.beside === undefined) return whole.result;
  throw new CodexdError(
    "internal_error",
    `${answer.request} was done at ${answer.createdAt}, but the answer that was kept for its Idempotency-Key cannot ` +
      "be read: its file in the logs directory is missing or damaged",
  );
}
