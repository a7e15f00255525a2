// The settings that a turn brings along, and what they change on its session.
//
// Pure: when they count is open-turns.ts's, which takes them over when Codex has accepted the turn. Invariant: what a
// turn does not name stays as it is.

import { sandboxModeOf } from "../../codex/methods.ts";
import type { StartTurnInput, TurnOverrides } from "../../core/requests.ts";
import type { SessionChange } from "./open-turn.ts";

/** The settings that a turn brings along; those that it does not are undefined. */
export function overridesOf(input: StartTurnInput): TurnOverrides {
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
