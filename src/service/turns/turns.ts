// The use cases of turns: start, queue, steer, wait, interrupt, read, list.
//
// Deliberately not: how Codex is asked (turn-start.ts), and what it says while a turn runs (ingest.ts). Invariant: a
// session has one turn at a time, and none begins while others wait for it.

import { DecodeError } from "../../base/decode.ts";
import type { InputItem } from "../../codex/methods.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { NOTHING_STOPPED } from "../../core/processes.ts";
import { turnKey, type SessionRecord, type TurnRecord } from "../../core/records.ts";
import type { AcceptedTurn, StartTurnInput } from "../../core/requests.ts";
import { readApproval } from "../approvals/approval-parts.ts";
import { requireDirectory } from "../directories.ts";
import type { Keeping } from "../idempotency/idempotency.ts";
import { readPage } from "../pages.ts";
import type { TurnService } from "../services.ts";
import { readSession } from "../sessions/session-parts.ts";
import { refusalOf, requireSession, type Threads } from "../sessions/threads.ts";
import type { CodexdStore } from "../tables.ts";
import type { WorkGate } from "../work-gate.ts";
import type { InputItems } from "./input-items.ts";
import type { OpenTurn } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";
import { overridesChange, overridesOf } from "./turn-overrides.ts";
import type { TurnQueue } from "./turn-queue.ts";
import { acceptedTurn } from "./turn-records.ts";
import { closedError, type StartTurn } from "./turn-start.ts";
import type { StopTurn } from "./turn-stop.ts";
import type { WaitForTurn } from "./turn-wait.ts";

export interface TurnsOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly threads: Threads;
  readonly gate: WorkGate;
  readonly begin: StartTurn;
  readonly queue: TurnQueue;
  readonly items: InputItems;
  readonly stop: StopTurn;
  readonly wait: WaitForTurn;
  /** The app-server runs elsewhere: its directories are not here. */
  readonly remote?: boolean;
}

type Keep = Keeping<AcceptedTurn> | undefined;

export function createTurns(options: TurnsOptions): TurnService {
  const { store, open, threads, gate, queue, items: readItems, stop, wait, remote = false } = options;

  const begin = async (
    session: SessionRecord, input: StartTurnInput, items: InputItem[], keeping: Keep,
  ): Promise<OpenTurn> => {
    const overrides = overridesOf(input);
    const turn = open.reserve(session, overridesChange(overrides), keeping);
    await options.begin(turn, items, overrides);
    return turn;
  };

  const steer = async (input: StartTurnInput, turnId: string, items: InputItem[]): Promise<OpenTurn> => {
    const session = requireSession(store, input.sessionId);
    const turn = open.ofSession(session.sessionId);
    if (turn === undefined || turn.record.turnId !== turnId) throw mismatchError(turnId, turn);
    refuseOverrides(input);
    const { server, threadId } = await threads.ensureLoaded(session.sessionId);
    try {
      await server.client.turnSteer({ threadId, input: items, expectedTurnId: turnId });
    } catch (error) {
      const meaning = refusalOf(error);
      if (meaning === "no_active_turn" || meaning === "turn_mismatch") throw mismatchError(turnId, turn);
      throw error;
    }
    return turn;
  };

  const requireOpen = (sessionId: string): SessionRecord => {
    gate.assertOpen();
    const session = requireSession(store, sessionId);
    if (session.status === "closed") throw closedError(sessionId);
    return session;
  };

  const startOrSteer = async (input: StartTurnInput, keeping: Keep): Promise<OpenTurn> => {
    if (input.cwd !== undefined && !remote) await requireDirectory("cwd", input.cwd);
    const read = readItems(input, requireOpen(input.sessionId));
    const items = Array.isArray(read) ? read : await read;
    // To look at files takes its time. From here to the reservation nothing may come between.
    const session = requireOpen(input.sessionId);
    if (input.expectedTurnId !== undefined) return steer(input, input.expectedTurnId, items);
    // In the moment between two turns the next one has the session, also before it is its turn.
    const busy = open.ofSession(session.sessionId) ?? queue.first(session.sessionId);
    if (busy === undefined) return begin(session, input, items, keeping);
    if (input.whenBusy === "queue") return queue.add(session, items, overridesOf(input), keeping);
    if (input.whenBusy === "steer" && busy.record.turnId !== null) return steerBusy(input, busy, items, keeping);
    throw busyError(busy);
  };

  /** The caller has named no turn: behind the end of the one that runs the session is free for another. */
  const steerBusy = async (
    input: StartTurnInput, busy: OpenTurn, items: InputItem[], keeping: Keep,
  ): Promise<OpenTurn> => {
    try {
      return await steer(input, busy.record.turnId ?? "", items);
    } catch (error) {
      if (!(error instanceof CodexdError) || error.code !== "turn_mismatch") throw error;
      // Codex steers it no more some moments before it says that it has ended.
      await wait(busy, LIMITS.steeredEndMs, "end");
      if (!busy.ended.isSet) throw busyError(busy);
      return startOrSteer(input, keeping);
    }
  };

  /** What is kept of a turn that runs is its beginning. */
  const current = (record: TurnRecord): TurnRecord => {
    const turn = record.status === "inProgress" ? open.ofSession(record.sessionId) : undefined;
    return turn !== undefined && turnKey(turn.record) === turnKey(record) ? open.current(turn) : record;
  };

  const find = (id: string): { record: TurnRecord; open: OpenTurn | undefined } => {
    for (const turn of open.all()) {
      const { submissionId, turnId } = turn.record;
      // Nobody knows of one that is not written down yet; one that has waited is, and is about to be submitted.
      const isSecret = turn.phase === "reserved" && !turn.waited;
      if (isSecret || (submissionId !== id && turnId !== id)) continue;
      return { record: open.current(turn), open: turn };
    }
    const waiting = queue.find(id);
    if (waiting !== undefined) return { record: waiting.record, open: waiting };
    const record = store.tables.turn.get(id) ?? store.tables.turn.getByOther(id);
    if (record !== undefined) return { record, open: undefined };
    throw new CodexdError("not_found", `there is no turn ${JSON.stringify(id)}`);
  };

  return {
    async start(input, signal, keeping) {
      const turn = await startOrSteer(input, keeping);
      const { waitMs, waitFor = "approval" } = input;
      // What steers has made no line of its own.
      if (keeping?.kept === null) {
        await keeping.write(acceptedTurn(requireSession(store, input.sessionId), turn.record));
      }
      if (waitMs === undefined && keeping?.kept != null) {
        const { kept } = keeping;
        await store.settled();
        return { ...kept, session: await readSession(store, kept.session) };
      }
      const approvals = waitMs === undefined ? [] : await wait(turn, waitMs, waitFor, signal);
      const ended = waitMs === undefined ? null : turn.ended.value;
      const session = requireSession(store, input.sessionId);
      const { submissionId, turnId } = turn.record;
      await store.settled();
      const whole = ended == null ? null : await store.readWhole("turn", ended);
      return {
        session: await readSession(store, session), submissionId, turnId, turn: whole,
        approvals: await Promise.all(approvals.map((approval) => readApproval(store, approval))),
      };
    },

    async get(id, waitMs, signal, waitFor = "end") {
      const found = find(id);
      if (found.open !== undefined && waitMs > 0) await wait(found.open, waitMs, waitFor, signal);
      const { record } = found.open === undefined ? found : find(id);
      await store.settled();
      return store.readWhole("turn", record);
    },

    async interrupt(id) {
      const { open: turn, record } = find(id);
      const report = turn === undefined || await queue.withdraw(turn) !== null ? undefined : await stop(turn);
      // One that was refused in this moment was never there.
      const ended = turn?.ended.value ?? (turn === undefined ? record : find(id).record);
      await store.settled();
      return { turn: await store.readWhole("turn", ended), ...(report ?? NOTHING_STOPPED) };
    },

    async list({ limit, cursor, sessionId, status }) {
      if (sessionId !== null) requireSession(store, sessionId);
      const page = readPage(store.tables.turn.newestFirst(), {
        limit,
        cursor,
        idOf: turnKey,
        keep: (turn) =>
          (sessionId === null || turn.sessionId === sessionId) && (status === null || turn.status === status),
      });
      const records = page.records.map(current);
      await store.settled();
      return { ...page, records };
    },
  };
}

/** A turn that runs takes more input, and no other settings. @throws {DecodeError} */
function refuseOverrides(input: StartTurnInput): void {
  const name = Object.entries(overridesOf(input)).find(([, value]) => value !== undefined)?.[0];
  if (name !== undefined) throw new DecodeError(name, "cannot be changed while the turn runs; leave it out to steer");
}

export function busyError({ phase, record, waited }: OpenTurn): CodexdError {
  const { turnId } = record;
  // One that is not written down yet cannot be asked for.
  const submissionId = phase === "reserved" && !waited ? null : record.submissionId;
  const name = turnId ?? submissionId ?? "that is being started";
  return new CodexdError(
    "turn_in_progress",
    `turn ${name} still runs in this session; wait for it, interrupt it, steer it, or let this wait: whenBusy "queue"`,
    { submissionId, turnId },
  );
}

function mismatchError(expectedTurnId: string, running: OpenTurn | undefined): CodexdError {
  const turnId = running?.record.turnId ?? null;
  const what = turnId === null || turnId === expectedTurnId ? "no turn of that id runs" : `turn ${turnId} runs`;
  return new CodexdError("turn_mismatch", `expectedTurnId: expected ${expectedTurnId}, but ${what}`, {
    expectedTurnId,
    turnId,
  });
}
