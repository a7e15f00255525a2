// What Codex says is in force on a thread, where that is not what its session says: another client, or a method called
// by its name (rpc), has changed it.
//
// Deliberately not the service tier, which Codex tells in other words than it takes. Invariant: the session says what
// is in force, so that neither its next turn nor a resume gives the thread back what was taken from it.

import { isDeepStrictEqual } from "node:util";

import { isObject } from "../../base/decode.ts";
import { policyOf, sandboxModeOf } from "../../codex/methods.ts";
import type { SessionRecord } from "../../core/records.ts";
import type { TurnOverrides } from "../../core/requests.ts";
import { overridesChange } from "../turns/turn-overrides.ts";

/** The session with what `thread/settings/updated` tells; undefined where that is nothing new. */
export function settingsTaken(
  session: SessionRecord | undefined, { threadSettings }: Record<string, unknown>,
): SessionRecord | undefined {
  if (session?.status !== "active" || !isObject(threadSettings)) return undefined;
  const { approvalPolicy, cwd, model, effort, personality, sandboxPolicy } = threadSettings;
  const { profile } = session;
  const told = {
    approvalPolicy: differs(approvalPolicy, session.approvalPolicy),
    cwd: differs(cwd, session.cwd),
    model: differs(model, session.model),
    effort: differs(effort, session.reasoningEffort),
    personality: differs(personality, profile.personality),
    sandboxPolicy: isTold(sandboxPolicy, session) ? undefined : policyOf(sandboxPolicy) ?? undefined,
  };
  const isNew = Object.values(told).some((value) => value !== undefined);
  return isNew ? overridesChange(told as TurnOverrides)(session) : undefined;
}

function differs(told: unknown, known: unknown): unknown {
  const kept = policyOf(told);
  return kept !== null && !isDeepStrictEqual(kept, known) ? kept : undefined;
}

/** Codex tells the members that were left out too. */
function isTold(policy: unknown, { sandbox, profile }: SessionRecord): boolean {
  if (!isObject(policy)) return true;
  if (sandboxModeOf(policy) !== sandbox) return false;
  const asked = profile.sandboxPolicy;
  return asked === null || Object.entries(asked).every(([name, value]) => isDeepStrictEqual(policy[name], value));
}
