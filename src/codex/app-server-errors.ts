// What a refusal of the app-server means. Nearly all have the code -32600, so the message is the only discriminator.
//
// Measured on 0.169.0 and 0.116.0; a message that no row knows is `other` and reaches the caller as it is.

export type RefusalMeaning =
  | "thread_not_loaded"
  | "thread_without_turns"
  | "thread_locked"
  | "no_active_turn"
  | "turn_mismatch"
  | "unknown_method"
  | "other";

const MEANINGS: ReadonlyArray<readonly [RegExp, RefusalMeaning]> = [
  [/^thread not found/i, "thread_not_loaded"],
  [/^no rollout found/i, "thread_without_turns"],
  [/not materialized yet/i, "thread_without_turns"],
  [/^list_turns is not supported yet/i, "thread_without_turns"],
  [/already has an active writer/i, "thread_locked"],
  [/^no active turn/i, "no_active_turn"],
  [/^expected active turn id/i, "turn_mismatch"],
  [/^invalid request: unknown variant/i, "unknown_method"],
];

export function meaningOf(message: string): RefusalMeaning {
  return MEANINGS.find(([pattern]) => pattern.test(message))?.[1] ?? "other";
}
