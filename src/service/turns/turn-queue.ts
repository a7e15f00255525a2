// The turns that wait until their session is free, first come, first served.
//
// What waits is a record of the status `queued` with all that it needs, so that it outlives child and daemon alike;
// here is only the order. Deliberately without a timetable: a turn is started when the one before it has ended, or
// when the app-server is there again. Invariants: a session's turns start in the order in which they came, and one
// after the other; a turn that could not be submitted because the child or the disk had gone keeps its place.

import type { Clock, Timer } from "../../base/clock.ts";
import type { InputItem } from "../../codex/methods.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { turnKey, type SessionRecord, type TurnRecord } from "../../core/records.ts";
import type { AcceptedTurn, TurnOverrides } from "../../core/requests.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import { requireDirectory } from "../directories.ts";
import type { Keeping } from "../idempotency/idempotency.ts";
import { ownTurnError } from "../receipts/receipts.ts";
import { requireSession } from "../sessions/threads.ts";
import type { CodexdStore } from "../tables.ts";
import type { WorkGate } from "../work-gate.ts";
import type { InputItems } from "./input-items.ts";
import type { OpenTurn, TurnOutcome } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";
import { overridesChange } from "./turn-overrides.ts";
import { acceptedTurn, idsOf } from "./turn-records.ts";
import { outcomeOf, type StartTurn } from "./turn-start.ts";

export interface TurnQueue {
  /** Turns that wait, in all sessions. */
  readonly size: number;
  /** The oldest that waits in the session. */
  first(sessionId: string): OpenTurn | undefined;
  /** One that waits, by its `submissionId`. */
  find(submissionId: string): OpenTurn | undefined;
  /**
   * Writes a turn down and starts it in its turn, or at once in a session that is free.
   *
   * @throws (rejects) {CodexdError} `too_many_turns`, `storage_full`.
   */
  add(
    session: SessionRecord, items: readonly InputItem[], overrides: TurnOverrides, keeping?: Keeping<AcceptedTurn>,
  ): Promise<OpenTurn>;
  /** Ends one turn that waits; null where it does not wait here, or was never written down. */
  withdraw(turn: OpenTurn): Promise<TurnRecord | null>;
  /** Ends all that wait in the session, in one moment: none of them starts any more. In order. */
  withdrawAll(sessionId: string): Promise<TurnRecord[]>;
  /** Starts nothing in the session until what it gives is called. */
  pause(sessionId: string): () => void;
  /** The app-server is there: starts what has waited for it. */
  resume(): void;
}

export interface TurnQueueOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly gate: WorkGate;
  readonly appServer: Pick<AppServerGate, "current">;
  readonly clock: Clock;
  readonly start: StartTurn;
  readonly items: InputItems;
  /** The app-server runs elsewhere: its directories are not here. */
  readonly remote?: boolean;
}

interface Entry {
  readonly turn: OpenTurn;
  /** Resolves to whether it is in the journal; rejects never. */
  written: Promise<boolean>;
  isWritten: boolean;
}

/** Takes over what the store says is queued. */
export function createTurnQueue(options: TurnQueueOptions): TurnQueue {
  const { store, open, gate, appServer, clock, start, items: readItems, remote = false } = options;
  const waiting = new Map<string, Entry[]>();
  /** How many there are who want nothing to be started in a session. */
  const pauses = new Map<string, number>();
  let retry: Timer | undefined;

  const place = (entry: Entry): void => {
    const { sessionId } = entry.turn.record;
    const list = waiting.get(sessionId);
    if (list === undefined) waiting.set(sessionId, [entry]);
    else list.push(entry);
  };

  const remove = (turn: OpenTurn): Entry | undefined => {
    const { sessionId } = turn.record;
    const list = waiting.get(sessionId) ?? [];
    const at = list.findIndex((entry) => entry.turn === turn);
    const [entry] = at < 0 ? [] : list.splice(at, 1);
    if (list.length === 0) waiting.delete(sessionId);
    return entry;
  };

  const startNext = (sessionId: string): void => {
    const [entry] = waiting.get(sessionId) ?? [];
    // One that is not in the journal yet comes back when it is, and what runs when it ends.
    if (entry === undefined || !entry.isWritten || open.ofSession(sessionId) !== undefined) return;
    // The first one that was begun keeps its place until it is submitted, so that nothing can overtake it.
    if (entry.turn.phase !== "queued" || pauses.has(sessionId)) return;
    if (gate.isDraining || appServer.current === undefined) return;
    open.promote(entry.turn);
    void run(entry.turn);
  };

  const run = async (turn: OpenTurn): Promise<void> => {
    const { sessionId } = turn.record;
    try {
      // Long inputs wait in their files, not in memory.
      const { input, outputSchema, queuedWith = {} } = await store.readWhole("turn", turn.record);
      if (input === null) throw inputLost();
      const items = input as readonly InputItem[] as InputItem[];
      // What it names may have gone while it waited, and Codex would tell the model alone.
      if (queuedWith.cwd !== undefined && !remote) await requireDirectory("cwd", queuedWith.cwd);
      await readItems({ sessionId, input: items }, requireSession(store, sessionId));
      await start(turn, items, { ...queuedWith, ...(outputSchema === null ? {} : { outputSchema }) });
    } catch (error) {
      open.release(turn);
      if (turn.phase === "queued") giveBack(turn, error);
    }
    if (turn.phase === "queued") return;
    remove(turn);
    startNext(sessionId);
  };

  /** It could not be submitted: it waits on, or has failed, or nobody wants it any more. */
  const giveBack = (turn: OpenTurn, error: unknown): void => {
    if (turn.interruptRequested) return open.finish(turn, WITHDRAWN);
    const code = error instanceof CodexdError ? error.code : "internal_error";
    if (!PASSING.has(code)) return open.finish(turn, outcomeOf(error, gate.isDraining));
    // Not at once: nobody says when a disk has room again, and a child that goes may still look as if it were there.
    if (!gate.isDraining) retry ??= clock.after(LIMITS.queuedTurnRetryMs, retryNow);
  };

  const retryNow = (): void => {
    retry = undefined;
    resume();
  };

  const resume = (): void => {
    for (const sessionId of [...waiting.keys()]) startNext(sessionId);
  };

  const write = async (turn: OpenTurn, keeping: Keeping<AcceptedTurn> | undefined): Promise<void> => {
    const message = "turn queued: it starts when the session is free";
    await store.commit({ level: "info", type: "turn.queued", message, detail: idsOf(turn.record) }, (seq) => {
      turn.record = { ...turn.record, firstSeq: seq };
      const changes = { put: { turn: turn.record } };
      if (keeping === undefined) return changes;
      return keeping.line(changes, acceptedTurn(requireSession(store, turn.record.sessionId), turn.record));
    });
  };

  const end = async ({ turn, written }: Entry): Promise<TurnRecord | null> => {
    // What is refused leaves nothing behind, and so does its end.
    if (await written) open.finish(turn, WITHDRAWN);
    return turn.ended.value ?? null;
  };

  open.onEnded(startNext);
  const found = [...store.tables.turn.newestFirst()].filter(({ status }) => status === "queued");
  for (const record of found.sort((a, b) => a.firstSeq - b.firstSeq)) {
    const turn = open.enqueue(record, overridesChange(record.queuedWith ?? {}));
    place({ turn, written: Promise.resolve(true), isWritten: true });
  }

  return {
    get size() {
      let size = 0;
      for (const list of waiting.values()) size += list.length;
      return size;
    },

    first: (sessionId) => waiting.get(sessionId)?.[0]?.turn,

    find(submissionId) {
      for (const list of waiting.values()) {
        const entry = list.find(({ turn }) => turn.record.submissionId === submissionId);
        if (entry?.isWritten === true) return entry.turn;
      }
      return undefined;
    },

    async add({ sessionId, threadId }, items, { outputSchema = null, ...queuedWith }, keeping) {
      if ((waiting.get(sessionId)?.length ?? 0) >= LIMITS.queuedTurnsMax) throw tooManyError(sessionId);
      const given = { sessionId, threadId, input: items, outputSchema, queuedWith };
      const turn = open.enqueue(given, overridesChange(queuedWith));
      const writing = write(turn, keeping);
      const entry: Entry = { turn, written: writing.then(() => true, () => false), isWritten: false };
      place(entry);
      try {
        await writing;
      } catch (error) {
        remove(turn);
        startNext(sessionId);
        throw error;
      }
      entry.isWritten = true;
      // A hundred long inputs are not held in memory: what is too long comes back from its file.
      turn.record = store.tables.turn.get(turnKey(turn.record)) ?? turn.record;
      startNext(sessionId);
      return turn;
    },

    async withdraw(turn) {
      const entry = turn.phase === "queued" ? remove(turn) : undefined;
      return entry === undefined ? null : end(entry);
    },

    async withdrawAll(sessionId) {
      const entries = (waiting.get(sessionId) ?? []).filter(({ turn }) => turn.phase === "queued");
      for (const { turn } of entries) remove(turn);
      const ended = await Promise.all(entries.map(end));
      return ended.filter((record) => record !== null);
    },

    pause(sessionId) {
      pauses.set(sessionId, (pauses.get(sessionId) ?? 0) + 1);
      return () => {
        const left = (pauses.get(sessionId) ?? 0) - 1;
        if (left > 0) return void pauses.set(sessionId, left);
        pauses.delete(sessionId);
        startNext(sessionId);
      };
    },

    resume,
  };
}

const WITHDRAWN: TurnOutcome = {
  status: "interrupted",
  error: ownTurnError("interrupted", "interrupted while it waited for the session to be free"),
};

/** What keeps a turn from being submitted and may be over later. */
const PASSING: ReadonlySet<string> = new Set([
  "child_restarted", "not_ready", "child_failed", "draining", "storage_full",
]);

function inputLost(): CodexdError {
  const message = "what the turn was asked cannot be read: its file in the logs directory is missing or damaged";
  return new CodexdError("internal_error", message);
}

function tooManyError(sessionId: string): CodexdError {
  const max = LIMITS.queuedTurnsMax;
  const message = `${max} turns wait in session ${sessionId}, which is the most; try again later`;
  return new CodexdError("too_many_turns", message, { max });
}
