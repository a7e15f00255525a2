// The use cases of turns: start, steer, wait, read, list.
//
// Deliberately not: what Codex says while a turn runs (ingest.ts). Invariant: a turn is in the journal before Codex is
// asked, and Codex is asked once, so that no crash can run a turn twice or lose one that was accepted.

import { DecodeError } from "../base/decode.ts";
import { readTurnId, sandboxModeOf, turnStartParams, type InputItem, type TurnOverrides } from "../codex/methods.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { turnKey, type SessionRecord, type TurnRecord } from "../core/records.ts";
import type { RunningAppServer } from "./app-server.ts";
import { requireDirectory } from "./directories.ts";
import type { InputItems } from "./input-items.ts";
import type { StartTurnInput } from "./inputs.ts";
import type { Interrupts } from "./interrupts.ts";
import type { OpenTurn, OpenTurns, SessionChange, TurnOutcome } from "./open-turns.ts";
import { readPage } from "./pages.ts";
import { ownTurnError } from "./receipts.ts";
import type { TurnService } from "./services.ts";
import type { SessionIndex } from "./session-index.ts";
import type { CodexdStore } from "./tables.ts";
import { refusalOf, requireSession, type Threads } from "./threads.ts";
import type { WaitForTurn } from "./turn-wait.ts";
import type { WorkGate } from "./work-gate.ts";

export interface TurnsOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly threads: Threads;
  readonly index: SessionIndex;
  readonly interrupts: Interrupts;
  readonly gate: WorkGate;
  readonly items: InputItems;
  readonly wait: WaitForTurn;
  /** The app-server runs elsewhere: its directories are not here, and a turn that it has outlives the connection. */
  readonly remote?: boolean;
}

export function createTurns(options: TurnsOptions): TurnService {
  const { store, open, threads, index, interrupts, gate, items: readItems, wait, remote = false } = options;

  /** Asks Codex; a child that has lost the thread is given it back once, because it has refused before it began. */
  const ask = async (turn: OpenTurn, params: (threadId: string) => Record<string, unknown>): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      const { server, threadId } = await threads.ensureLoaded(turn.record.sessionId);
      // The wait may have been long: the child may have died, and ended the turn, or a client may not want it any more.
      if (turn.phase !== "submitted") return;
      if (turn.interruptRequested) return open.finish(turn, UNASKED);
      open.moveTo(turn, threadId);
      try {
        await send(server, turn, params(threadId));
        return;
      } catch (error) {
        if (tries > 1 || turn.phase !== "submitted" || refusalOf(error) !== "thread_not_loaded") throw error;
        index.markUnloaded(threadId);
      }
    }
  };

  const send = async (server: RunningAppServer, turn: OpenTurn, params: Record<string, unknown>): Promise<void> => {
    turn.asked = true;
    // It comes back in the thread's history, where a turn is found again whose answer was lost (take-up.ts).
    await server.client.turnStart({ ...params, clientUserMessageId: turn.record.submissionId }, {
      onResult(result) {
        const turnId = readTurnId(result);
        if (turnId !== null) open.accept(turn, turnId);
      },
    });
    if (turn.phase === "submitted") {
      throw new CodexdError("app_server_error", "Codex answered turn/start without a turn");
    }
  };

  const begin = async (session: SessionRecord, input: StartTurnInput, items: InputItem[]): Promise<OpenTurn> => {
    const overrides = overridesOf(input);
    const turn = open.reserve(session, overridesChange(overrides));
    try {
      const { session: current, threadId } = await threads.ensureLoaded(session.sessionId);
      if (current.status === "closed") throw closedError(current.sessionId);
      gate.assertOpen();
      await open.submit(turn, threadId, items, input.outputSchema);
      // A policy that no mode can say did not come back with the resumed thread: the turn brings it.
      const sandboxPolicy = overrides.sandboxPolicy ?? current.profile.sandboxPolicy ?? undefined;
      await ask(turn, (id) => turnStartParams(id, items, { ...overrides, sandboxPolicy }));
    } catch (error) {
      // Codex has begun it, whatever became of the answer: its end comes with its events.
      if (turn.phase !== "accepted") {
        open.release(turn);
        if (!(remote && turn.asked && isCut(error))) open.finish(turn, outcomeOf(error, gate.isDraining));
        throw error;
      }
    }
    // Who wanted it ended may have given up waiting for Codex to name it.
    if (turn.interruptRequested && turn.phase === "accepted") void interrupts.interrupt(turn).catch(() => undefined);
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

  const startOrSteer = async (input: StartTurnInput): Promise<OpenTurn> => {
    if (input.cwd !== undefined && !remote) await requireDirectory("cwd", input.cwd);
    const read = readItems(input, requireOpen(input.sessionId));
    const items = Array.isArray(read) ? read : await read;
    // To look at files takes its time. From here to the reservation nothing may come between.
    const session = requireOpen(input.sessionId);
    if (input.expectedTurnId !== undefined) return steer(input, input.expectedTurnId, items);
    const busy = open.ofSession(session.sessionId);
    if (busy === undefined) return begin(session, input, items);
    if (input.whenBusy === "steer" && busy.record.turnId !== null) return steer(input, busy.record.turnId, items);
    throw busyError(busy);
  };

  /** What is kept of a turn that runs is its beginning. */
  const current = (record: TurnRecord): TurnRecord => {
    const turn = record.status === "inProgress" ? open.ofSession(record.sessionId) : undefined;
    return turn !== undefined && turnKey(turn.record) === turnKey(record) ? open.current(turn) : record;
  };

  const find = (id: string): { record: TurnRecord; open: OpenTurn | undefined } => {
    for (const turn of open.all()) {
      const { submissionId, turnId } = turn.record;
      if (turn.phase === "reserved" || (submissionId !== id && turnId !== id)) continue;
      return { record: open.current(turn), open: turn };
    }
    const direct = store.tables.turn.get(id);
    if (direct !== undefined) return { record: direct, open: undefined };
    for (const record of store.tables.turn.newestFirst()) {
      if (record.turnId === id) return { record, open: undefined };
    }
    throw new CodexdError("not_found", `there is no turn ${JSON.stringify(id)}`);
  };

  return {
    async start(input, signal) {
      const turn = await startOrSteer(input);
      const { waitMs, waitFor = "approval" } = input;
      const approvals = waitMs === undefined ? [] : await wait(turn, waitMs, waitFor, signal);
      const ended = waitMs === undefined ? null : turn.ended.value;
      const session = requireSession(store, input.sessionId);
      const { submissionId, turnId } = turn.record;
      await store.settled();
      return { session, submissionId, turnId, turn: ended ?? null, approvals };
    },

    async get(id, waitMs, signal, waitFor = "end") {
      const found = find(id);
      if (found.open !== undefined && waitMs > 0) await wait(found.open, waitMs, waitFor, signal);
      const { record } = found.open === undefined ? found : find(id);
      await store.settled();
      return record;
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

function overridesOf(input: StartTurnInput): TurnOverrides {
  const { approvalPolicy, sandboxPolicy, cwd, model, effort, summary, serviceTier, personality } = input;
  const { collaborationMode, outputSchema } = input;
  return {
    approvalPolicy, sandboxPolicy, cwd, model, effort, summary, serviceTier, personality, collaborationMode,
    outputSchema,
  };
}

/** Overrides stay with Codex for later turns, so the session takes them over and resumes with them. */
export function overridesChange(overrides: TurnOverrides): SessionChange {
  return (session) => {
    const { approvalPolicy, sandboxPolicy, cwd, model, effort, serviceTier, personality } = overrides;
    const sandbox = sandboxPolicy === undefined ? session.sandbox : sandboxModeOf(sandboxPolicy);
    const inForce = {
      approvalPolicy: approvalPolicy ?? session.approvalPolicy,
      cwd: cwd ?? session.cwd,
      model: model ?? session.model,
      reasoningEffort: effort ?? session.reasoningEffort,
      serviceTier: serviceTier ?? session.serviceTier,
      sandbox,
    };
    const { profile } = session;
    return {
      ...session,
      ...inForce,
      profile: {
        ...profile,
        approvalPolicy: approvalPolicy ?? profile.approvalPolicy,
        cwd: cwd ?? profile.cwd,
        model: model ?? profile.model,
        reasoningEffort: effort ?? profile.reasoningEffort,
        serviceTier: serviceTier ?? profile.serviceTier,
        personality: personality ?? profile.personality,
        sandbox: sandboxPolicy === undefined ? profile.sandbox : sandbox,
        sandboxPolicy: sandboxPolicy ?? profile.sandboxPolicy,
      },
    };
  };
}

const UNASKED: TurnOutcome = {
  status: "interrupted",
  error: ownTurnError("interrupted", "interrupted before Codex was asked"),
};

/** How a turn that could not be started has ended: by the end of the child or of codexd, or as a failure of its own. */
function outcomeOf(error: unknown, isDraining: boolean): TurnOutcome {
  const code = error instanceof CodexdError ? error.code : "internal_error";
  const cut = isCut(error);
  const reason = cut ? (isDraining ? "daemon_stopped" : "child_exited") : code;
  return { status: cut ? "interrupted" : "failed", error: ownTurnError(reason, errorMessage(error)) };
}

/** The child, the connection or codexd has ended before there was an answer. */
function isCut(error: unknown): boolean {
  return error instanceof CodexdError && (error.code === "child_restarted" || error.code === "draining");
}

/** A turn that runs takes more input, and no other settings. @throws {DecodeError} */
function refuseOverrides(input: StartTurnInput): void {
  const name = Object.entries(overridesOf(input)).find(([, value]) => value !== undefined)?.[0];
  if (name !== undefined) throw new DecodeError(name, "cannot be changed while the turn runs; leave it out to steer");
}

export function closedError(sessionId: string): CodexdError {
  return new CodexdError("session_closed", `session ${sessionId} is closed and takes no turns`);
}

export function busyError({ phase, record }: OpenTurn): CodexdError {
  const { turnId } = record;
  // One that is not written down yet cannot be asked for.
  const submissionId = phase === "reserved" ? null : record.submissionId;
  const name = turnId ?? submissionId ?? "that is being started";
  return new CodexdError(
    "turn_in_progress",
    `turn ${name} still runs in this session; wait for it, interrupt it, or steer it with expectedTurnId`,
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
