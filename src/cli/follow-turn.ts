// One turn, from the events of its session: what is its own, what is asked about it, and its end.
//
// Nothing is printed here. Invariants: the end is told by the daemon, in an event or, where the journal no longer
// holds that, in the turn's record; what other turns and threads of the session say is never taken for this one's.

import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import type { CodexdClient } from "../client/api.ts";
import type { FollowNotice } from "../client/event-follow.ts";
import { createReconnect } from "../client/reconnect.ts";
import type { CodexdEvent, EventDetail } from "../core/event.ts";
import { TURN_STATUSES, type TurnRecord, type TurnStatus } from "../core/records.ts";

export interface TurnIds {
  readonly sessionId: string;
  readonly submissionId: string | null;
  /** Null until Codex has given one. */
  readonly turnId: string | null;
}

export interface TurnEnd {
  /** Under which its record is asked for. */
  readonly id: string;
  readonly status: TurnStatus;
  readonly error: { readonly message: string } | null;
}

export interface FollowTurnOptions {
  /** A seq from before the turn was asked for. */
  readonly after: number;
  /** Event types that are wanted of the turn. */
  readonly types: readonly string[];
  readonly onNotice: (notice: FollowNotice) => void;
  /** An event of the turn, of `types`. */
  readonly onEvent: (event: CodexdEvent) => void;
  /** An `approval.*` of the session, so that those of sub-agents are among them. */
  readonly onApproval: (event: CodexdEvent) => void;
}

/** Resolves with the turn's end. @throws (rejects) {CodexdClientError} as `events` does. */
export async function followTurn(
  client: CodexdClient, ids: TurnIds, { after, types, onNotice, onEvent, onApproval }: FollowTurnOptions,
): Promise<TurnEnd> {
  const missed = new AbortController();
  const id = ids.submissionId ?? ids.turnId ?? "";
  const events = client.events({
    after, session: ids.sessionId, types: ["turn.accepted", "turn.finished", "approval.*", ...types],
    signal: missed.signal,
    onNotice(notice) {
      onNotice(notice);
      // Its end may be among what is not kept any more; then no event of it will come.
      if (notice.type === "gap") void lookForEnd(client, id, missed);
    },
  });
  const isOwn = ownership(ids);
  try {
    for await (const event of events) {
      const { type, detail } = event;
      if (type.startsWith("approval.")) onApproval(event);
      else if (!isOwn(event)) continue;
      else if (type === "turn.finished") return endOf(id, detail);
      else if (type !== "turn.accepted") onEvent(event);
    }
  } catch (error) {
    if (missed.signal.reason instanceof EndMissed) return missed.signal.reason.end;
    throw error;
  }
  throw new Error("events never end by themselves");
}

/** The turn's record. Asked for as long as the daemon may come back. @throws (rejects) {CodexdClientError}. */
export async function receiptOf(
  client: CodexdClient, id: string, onNotice: (notice: FollowNotice) => void, clock: Clock, signal: AbortSignal,
): Promise<TurnRecord> {
  const reconnect = createReconnect({
    clock, random: Math.random, signal, onLost: (error, retryMs) => onNotice({ type: "lost", error, retryMs }),
  });
  // It has answered before, or there would be no turn.
  reconnect.connected();
  for (;;) {
    try {
      return await client.getTurn(id);
    } catch (error) {
      await reconnect.wait(error);
    }
  }
}

/** Ends the following for a reason that is no failure. */
class EndMissed extends Error {
  readonly end: TurnEnd;

  constructor(end: TurnEnd) {
    super("the end of the turn was missed");
    this.end = end;
  }
}

async function lookForEnd(client: CodexdClient, id: string, missed: AbortController): Promise<void> {
  try {
    const { status, error, lastSeq } = await client.getTurn(id);
    if (lastSeq !== null) missed.abort(new EndMissed({ id, status, error }));
  } catch (error) {
    missed.abort(error);
  }
}

/** Codex's id is not known before it has answered, and what Codex says bears no other. */
function ownership({ submissionId, turnId: known }: TurnIds): (event: CodexdEvent) => boolean {
  let turnId = known;
  return ({ type, detail }) => {
    const submitted = submissionId !== null && detail["submissionId"] === submissionId;
    if (submitted && type === "turn.accepted") turnId = detail.turnId ?? turnId;
    return submitted || (turnId !== null && detail.turnId === turnId);
  };
}

function endOf(id: string, { status, error }: EventDetail): TurnEnd {
  const known = TURN_STATUSES.find((word) => word === status);
  const message = isObject(error) && typeof error["message"] === "string" ? error["message"] : null;
  return { id, status: known ?? "failed", error: message === null ? null : { message } };
}
