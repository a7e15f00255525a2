// What of a turn's record is too long for a line of the journal: a long input with the settings that wait with it, and
// a long answer with its work.
//
// Pure: the store writes the parts beside the line and reads them back. Thousands of turns are in memory and in each
// checkpoint, so what is kept of a long one is what lists show.
//
// Invariants: a record says itself which of its parts lie elsewhere; one that is cut, and is changed in what it still
// holds, keeps them.

import { LIMITS } from "../../core/limits.ts";
import type { TurnError, TurnPart, TurnRecord } from "../../core/records.ts";
import type { BesideSpec } from "../../store/types.ts";
import { cutText, isLonger } from "../long-values.ts";

/** Of each thing that lists show of a long turn: as much of an answer as the event of its end has. */
const EXCERPT_BYTES_MAX = LIMITS.finalMessageEventCharsMax;

type PartFields = { readonly [P in TurnPart]: ReadonlyArray<keyof TurnRecord> };

const FIELDS = {
  input: ["input", "outputSchema", "queuedWith"],
  result: ["finalMessage", "structuredOutput", "diff", "plan", "commands", "fileChanges", "error"],
} as const satisfies PartFields;

const BYTES_MAX: Readonly<Record<TurnPart, number>> = {
  input: LIMITS.inlineInputBytesMax,
  result: LIMITS.inlineTurnResultBytesMax,
};

/** True where the record holds the part itself, and not what is left of it. */
const HOLDS: Readonly<Record<TurnPart, (turn: TurnRecord) => boolean>> = {
  input: ({ input, beside = [] }) => input !== null || !beside.includes("input"),
  result: ({ beside = [] }) => !beside.includes("result"),
};

/** What stays of a part in the record. */
const EXCERPTS: Readonly<Record<TurnPart, (turn: TurnRecord) => Partial<TurnRecord>>> = {
  input: ({ queuedWith }) => ({ input: null, outputSchema: null, ...shortSettings(queuedWith) }),
  result: ({ finalMessage, structuredOutput, plan, error }) => ({
    finalMessage: finalMessage === null ? null : cutText(finalMessage, EXCERPT_BYTES_MAX),
    structuredOutput: isLonger(structuredOutput, EXCERPT_BYTES_MAX) ? null : structuredOutput,
    plan: isLonger(plan, EXCERPT_BYTES_MAX) ? null : plan,
    diff: null,
    commands: [],
    fileChanges: [],
    error: error === null ? null : shortError(error),
  }),
};

const PARTS = Object.keys(FIELDS) as readonly TurnPart[];

export const TURN_PARTS: BesideSpec<TurnRecord> = {
  cut(told, before) {
    const { unreadable = [], ...rest } = told;
    const turn: TurnRecord = unreadable.length === 0 ? told : rest;
    let record = turn;
    const parts: Record<string, object> = {};
    const beside: TurnPart[] = [];
    for (const part of PARTS) {
      if (!HOLDS[part](turn)) {
        beside.push(part);
        continue;
      }
      const fields = Object.fromEntries(FIELDS[part].map((name) => [name, turn[name]]));
      if (!isLonger(fields, BYTES_MAX[part])) {
        // One that could not be read stays where it is: somebody may put its file back.
        if (unreadable.includes(part)) beside.push(part);
        continue;
      }
      // What a turn was asked never changes.
      const isThere = part === "input" && before?.beside?.includes("input") === true;
      if (!isThere) parts[part] = fields;
      record = { ...record, ...EXCERPTS[part](turn) };
      beside.push(part);
    }
    return { record: beside.length === 0 ? turn : { ...record, beside }, parts };
  },

  partsOf: ({ beside = [] }) => beside,

  join({ beside = [], ...turn }, parts) {
    const found = beside.flatMap((part) => FIELDS[part].flatMap((name) => {
      // It went when the turn began.
      if (name === "queuedWith" && turn.queuedWith === undefined) return [];
      const fields = (parts[part] ?? {}) as Partial<TurnRecord>;
      return [[name, fields[name] ?? turn[name]] as const];
    }));
    const unreadable = beside.filter((part) => parts[part] === undefined);
    const whole = { ...turn, ...Object.fromEntries(found) };
    return unreadable.length === 0 ? whole : { ...whole, unreadable };
  },
};

/** What takes effect on the session has bounds, and is needed when a daemon takes the queue over; a mode has none. */
function shortSettings(queuedWith: TurnRecord["queuedWith"]): Partial<TurnRecord> {
  if (queuedWith === undefined) return {};
  const { collaborationMode: _, ...short } = queuedWith;
  return { queuedWith: short };
}

function shortError({ message, reason, codexErrorInfo, additionalDetails }: TurnError): TurnError {
  return {
    message: cutText(message, EXCERPT_BYTES_MAX),
    reason,
    codexErrorInfo: isLonger(codexErrorInfo, EXCERPT_BYTES_MAX) ? null : codexErrorInfo,
    additionalDetails: additionalDetails === null ? null : cutText(additionalDetails, EXCERPT_BYTES_MAX),
  };
}
