// What of an answer is kept with its Idempotency-Key, and how the whole answer is made of that again: pure.
//
// Deliberately not when it is kept (idempotency.ts). What can be long and is told again by the repetition, or never
// changes in the session's own record, is left out: ten thousand answers are in memory, and in each checkpoint.
// Invariant: what is unpacked is the first answer, also where the records behind it have changed since.

import type { EventDetail } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { SessionRecord, ThreadProfile } from "../../core/records.ts";
import type { AcceptedTurn, UploadRecord } from "../../core/requests.ts";
import type { RunRecord, StartRunInput } from "../../core/runs.ts";
import { queuedRecord } from "../runs/run-records.ts";
import { LONG_OF_PROFILE, readSession, toldSession } from "../sessions/session-parts.ts";
import type { CodexdStore } from "../tables.ts";

type KnownRecords = Pick<CodexdStore, "tables" | "readWhole">;

export interface KeptForm<R extends object> {
  pack(result: R): Readonly<Record<string, unknown>>;
  unpack(kept: Readonly<Record<string, unknown>>, store: KnownRecords): R | Promise<R>;
  /** What an event about the answer names. */
  idsOf(result: R): EventDetail;
}

export interface CreatedSession {
  readonly session: SessionRecord;
  readonly created: boolean;
}

export const CREATED_SESSION: KeptForm<CreatedSession> = {
  pack: ({ session, created }) => ({ session: withoutLong(session), created }),
  unpack: async ({ session, created }, store) =>
    ({ session: await withLong(session, store), created: created === true }),
  idsOf: ({ session: { sessionId, threadId } }) => ({ sessionId, threadId }),
};

/** Of the acceptance alone: neither how the turn ended nor what it waits for is part of it. */
export const ACCEPTED_TURN: KeptForm<AcceptedTurn> = {
  pack: ({ session, submissionId, turnId }) => ({ session: withoutLong(session), submissionId, turnId }),
  unpack: async ({ session, submissionId, turnId }, store) => ({
    session: await withLong(session, store),
    submissionId: submissionId as string | null, turnId: turnId as string | null, turn: null, approvals: [],
  }),
  idsOf: ({ session: { sessionId, threadId }, submissionId, turnId }) =>
    ({ sessionId, threadId, submissionId, turnId }),
};

/** A queued run is what was asked for and its id: the repetition asks for the same. */
export function queuedRun(input: StartRunInput): KeptForm<RunRecord> {
  return {
    pack: ({ runId, cwd, createdAt }) => ({ runId, cwd, createdAt }),
    unpack: ({ runId, cwd, createdAt }) => ({
      ...queuedRecord(String(runId), { ...input, cwd: String(cwd) }, String(createdAt)), prompt: input.prompt,
    }),
    idsOf: ({ runId, sessionId }) => ({ runId, sessionId }),
  };
}

export const UPLOAD: KeptForm<UploadRecord> = {
  pack: (upload) => ({ ...upload }),
  unpack: (kept) => kept as unknown as UploadRecord,
  idsOf: ({ uploadId, sessionId }) => ({ uploadId, sessionId }),
};

/** The turns of a thread, which 0.116 gives with it, can be megabytes: whoever wants them reads the thread. */
export const FORKED_THREAD: KeptForm<Record<string, unknown>> = {
  pack: (thread) => ("turns" in thread ? { ...thread, turns: [] } : thread),
  unpack: (kept) => ({ ...kept }),
  idsOf: ({ id }) => ({ threadId: typeof id === "string" ? id : null }),
};

/** A turn of Codex's own on a thread. */
export interface BegunWork {
  readonly turnId?: string | null;
  readonly threadId: string;
}

export const BEGUN_WORK: KeptForm<BegunWork> = {
  pack: (begun) => ({ ...begun }),
  unpack: (kept) => kept as unknown as BegunWork,
  idsOf: ({ turnId = null, threadId }) => ({ turnId, threadId }),
};

/** Null stands where something was left out, and where nothing is: the session's record knows which. */
type KeptSession = Omit<SessionRecord, "metadata"> & { readonly metadata: SessionRecord["metadata"] | null };

function withoutLong(session: SessionRecord): KeptSession {
  const profile: Record<string, unknown> = { ...session.profile };
  for (const name of LONG_OF_PROFILE) if (isLong(profile[name])) profile[name] = null;
  const metadata = isLong(session.metadata) ? null : session.metadata;
  return { ...toldSession(session), metadata, profile: profile as unknown as ThreadProfile };
}

/** Of a session whose record has gone since, what was left out is not known any more. */
async function withLong(kept: unknown, store: KnownRecords): Promise<SessionRecord> {
  const session = kept as KeptSession;
  const found = store.tables.session.get(session.sessionId);
  const now = found === undefined ? undefined : await readSession(store, found);
  const profile: Record<string, unknown> = { ...session.profile };
  for (const name of LONG_OF_PROFILE) profile[name] ??= now?.profile[name] ?? null;
  const metadata = session.metadata ?? now?.metadata ?? {};
  return { ...session, metadata, profile: profile as unknown as ThreadProfile };
}

function isLong(value: unknown): boolean {
  return (JSON.stringify(value) ?? "").length > LIMITS.keptMemberCharsMax;
}
