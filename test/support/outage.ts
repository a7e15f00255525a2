// A connection to an app-server that runs elsewhere, which goes and comes back where a test lets it; and turns that
// are under way meanwhile.

import assert from "node:assert/strict";
import { CodexdError } from "../../src/core/errors.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { ServiceRig } from "./service-rig.ts";

/** What a call under way ends with. */
export const CUT = new CodexdError("child_restarted", "the app-server ended before it answered");

/** The connection goes; it comes again where the test lets it. */
export function cut(rig: ServiceRig): void {
  rig.codex.goDown(CUT);
  rig.ingest.disconnected();
}

/** On the next connection Codex tells these turns of any thread, or what the function makes of a cursor. */
export async function comeBack(rig: ServiceRig, turns: unknown[] | ((cursor: unknown) => unknown)): Promise<void> {
  rig.codex.restart();
  rig.codex.on("call", ({ cursor }) => (typeof turns === "function" ? turns(cursor) : { data: turns }));
  await rig.takeUp.run(rig.codex.current!);
  await rig.store.settled();
}

export type TurnUnderWay = SessionRecord & {
  readonly threadId: string;
  readonly submissionId: string;
  /** As it is written down now. */
  readonly record: () => TurnRecord;
};

/** A turn that Codex has named and begun. */
export async function running(rig: ServiceRig): Promise<TurnUnderWay> {
  const session = await rig.session();
  const { submissionId } = await rig.start(session.sessionId);
  rig.say("turn/started", { threadId: session.threadId, turn: { id: "turn-1" } });
  const record = (): TurnRecord => rig.store.tables.turn.get(submissionId ?? "")!;
  return { ...session, submissionId: submissionId ?? "", record };
}

/** An item of a turn. */
export const message = (text: string) => ({ type: "agentMessage", id: "m", text });

/** A turn that Codex was sent, and whose answer the cut has taken. */
export async function unanswered(rig: ServiceRig): Promise<TurnUnderWay> {
  const session = await rig.session();
  const started = rig.start(session.sessionId);
  rig.codex.on("turnStart", () => {
    cut(rig);
    throw CUT;
  });
  await assert.rejects(started, (error: CodexdError) => error.code === "child_restarted");
  const turn = rig.open.ofSession(session.sessionId);
  assert.equal(turn?.phase, "submitted", "it may have begun: nobody can say yet");
  const submissionId = turn.record.submissionId ?? "";
  assert.equal(rig.codex.asked.at(-1)?.params["clientUserMessageId"], submissionId);
  return { ...session, submissionId, record: () => rig.store.tables.turn.get(submissionId)! };
}
