// What a person can do about a failed turn, where Codex's own words do not say it.
// Deliberately only the login: a hint that is wrong half the time is worse than none.

import { isObject } from "../base/decode.ts";
import type { OpenTurn, TurnOutcome } from "./turns/open-turn.ts";

export interface LoginPlace {
  readonly user: string;
  readonly codexHome: string;
}

/** Adds to a turn that the provider has refused with 401 who must log in, and where. */
export function explainOutcome(outcome: TurnOutcome, turn: OpenTurn, place: LoginPlace): TurnOutcome {
  const error = outcome.error ?? turn.receipt.error;
  if (outcome.status !== "failed" || error === null || !isUnauthorized(error.codexErrorInfo)) return outcome;
  const hint = `if nobody is logged in: run "codex login" as ${place.user} with CODEX_HOME=${place.codexHome}`;
  return { ...outcome, error: { ...error, message: `${error.message}; ${hint}` } };
}

function isUnauthorized(codexErrorInfo: unknown): boolean {
  if (codexErrorInfo === "unauthorized") return true;
  if (!isObject(codexErrorInfo)) return false;
  return Object.values(codexErrorInfo).some((info) => isObject(info) && info["httpStatusCode"] === 401);
}
