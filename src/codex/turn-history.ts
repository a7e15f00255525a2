// What a thread's history says of its turns: how it is asked for, and what is read of the answer.
//
// Pure. 0.169 gives pages of turns (`thread/turns/list`), 0.116 only the whole history of a resumed thread; both become
// the same list here, newest turn first.

import { isObject } from "../base/decode.ts";

export interface ToldTurn {
  readonly turnId: string;
  /** `inProgress`, or how it ended. */
  readonly status: string;
  /** As Codex told it, items and error included. */
  readonly turn: Readonly<Record<string, unknown>>;
  readonly items: ReadonlyArray<Record<string, unknown>>;
  /** What its user messages were marked with (`clientUserMessageId`); before 0.169 nothing. */
  readonly clientIds: readonly string[];
  /** Epoch milliseconds; null while it runs, and where Codex does not say. */
  readonly completedAtMs: number | null;
  readonly durationMs: number | null;
}

export interface TurnsPage {
  /** Newest first. */
  readonly turns: readonly ToldTurn[];
  readonly nextCursor: string | null;
}

const PAGE_TURNS = 10;

export function turnsListParams(threadId: string, cursor: string | null): Record<string, unknown> {
  const from = cursor === null ? {} : { cursor };
  return { threadId, limit: PAGE_TURNS, sortDirection: "desc", itemsView: "full", ...from };
}

/** The answer of `thread/turns/list`. */
export function readTurnsPage(result: unknown): TurnsPage {
  const { data, nextCursor } = isObject(result) ? result : {};
  return { turns: readTurns(data), nextCursor: typeof nextCursor === "string" ? nextCursor : null };
}

/** The answer of a `thread/resume` that was not asked to leave the turns out. */
export function readResumedTurns(result: unknown): readonly ToldTurn[] {
  const thread = isObject(result) ? result["thread"] : undefined;
  return readTurns(isObject(thread) ? thread["turns"] : undefined).toReversed();
}

function readTurns(turns: unknown): readonly ToldTurn[] {
  return Array.isArray(turns) ? turns.map(readTurn).filter((turn) => turn !== undefined) : [];
}

function readTurn(turn: unknown): ToldTurn | undefined {
  if (!isObject(turn) || typeof turn["id"] !== "string") return undefined;
  const { id, status, items, completedAt, durationMs } = turn;
  const known = Array.isArray(items) ? items.filter(isObject) : [];
  return {
    turnId: id,
    status: typeof status === "string" ? status : "unknown",
    turn,
    items: known,
    clientIds: known.map((item) => item["clientId"]).filter((mark) => typeof mark === "string"),
    // Seconds, as measured; a version that says milliseconds is taken at its word.
    completedAtMs: typeof completedAt !== "number" ? null : completedAt < 1e11 ? completedAt * 1000 : completedAt,
    durationMs: typeof durationMs === "number" ? durationMs : null,
  };
}
