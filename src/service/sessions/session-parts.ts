// What of a session's record is too long for a line of the journal: what its thread was told at its beginning.
//
// The store writes it beside the line and reads it back; ten thousand sessions are in memory and in each checkpoint.
// Deliberately only what a caller alone says and no turn changes: the rest has bounds. Invariant: a thread is started
// or resumed with all that its session was created with, or not at all.

import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { SessionRecord, ThreadProfile } from "../../core/records.ts";
import type { BesideSpec } from "../../store/types.ts";
import { isLonger } from "../long-values.ts";
import type { CodexdStore } from "../tables.ts";

/** What a caller may have made long, and no later turn changes. */
export const LONG_OF_PROFILE = ["baseInstructions", "developerInstructions", "config"] as const;

type LongProfile = Pick<ThreadProfile, (typeof LONG_OF_PROFILE)[number]>;

const NOTHING: LongProfile = { baseInstructions: null, developerInstructions: null, config: null };

export const SESSION_PARTS: BesideSpec<SessionRecord> = {
  cut(session) {
    if (session.beside !== undefined) return { record: session, parts: {} };
    const { baseInstructions, developerInstructions, config } = session.profile;
    const profile: LongProfile = { baseInstructions, developerInstructions, config };
    if (!isLonger(profile, LIMITS.inlineProfileBytesMax)) return { record: session, parts: {} };
    return {
      record: { ...session, profile: { ...session.profile, ...NOTHING }, beside: ["profile"] },
      parts: { profile },
    };
  },

  partsOf: ({ beside = [] }) => beside,

  /** Still says that a part lies beside it where that could not be read. */
  join(session, { profile }) {
    if (profile === undefined) return session;
    return { ...toldSession(session), profile: { ...session.profile, ...profile } };
  },
};

/** The record as snapshots have it: what is long in its profile is null. */
export function toldSession({ beside: _, ...session }: SessionRecord): SessionRecord {
  return session;
}

/** All of it, as far as it can be read. */
export async function readSession(
  store: Pick<CodexdStore, "readWhole">, session: SessionRecord,
): Promise<SessionRecord> {
  return session.beside === undefined ? session : toldSession(await store.readWhole("session", session));
}

/** @throws (rejects) {CodexdError} `internal_error` where not all of it can be read any more. */
export async function requireWholeSession(
  store: Pick<CodexdStore, "readWhole">, session: SessionRecord,
): Promise<SessionRecord> {
  const whole = await store.readWhole("session", session);
  if (whole.beside === undefined) return whole;
  const { sessionId, threadId } = session;
  throw new CodexdError(
    "internal_error",
    `the instructions and the configuration of session ${sessionId} cannot be read: their file in the logs ` +
      "directory is missing or damaged; restore it, or create another session",
    { sessionId, threadId },
  );
}
