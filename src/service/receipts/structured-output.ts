// The answer of a turn or a run whose form was asked for, as the value that it is.
//
// Parsed and not judged: whether it fits the schema is between Codex and the model. Invariant: what is given is a
// value that every later JSON writer can write, whatever the model has said.

import { errorMessage } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { WorkReceipt } from "../../core/records.ts";
import { isDeeper } from "../../protocol/json-depth.ts";

export type StructuredOutput = Pick<WorkReceipt, "structuredOutput" | "structuredOutputError">;

/**
 * @param schema the one that was given; nothing is read where there was none.
 * @param ended how what gave no answer has ended, such as `the turn was interrupted`.
 */
export function readStructuredOutput(schema: unknown, message: string | null, ended: string): StructuredOutput {
  if (schema === null || schema === undefined) return { structuredOutput: null, structuredOutputError: null };
  if (message === null) return refused(`there is no answer: ${ended} before it gave one`);
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch (error) {
    return refused(`the answer is not JSON: ${errorMessage(error)}`);
  }
  if (isDeeper(message, LIMITS.jsonDepthMax)) return refused(`the answer is nested deeper than ${LIMITS.jsonDepthMax}`);
  return { structuredOutput: value, structuredOutputError: null };
}

function refused(why: string): StructuredOutput {
  return { structuredOutput: null, structuredOutputError: why };
}
