// The messages of refusals, as the real Codex words them.
//
// A new wording is a new row here first.

import assert from "node:assert/strict";
import { test } from "node:test";
import { meaningOf, type RefusalMeaning } from "../../src/codex/app-server-errors.ts";

const ID = "01a2037d-f948-7fc3-beb3-c93d35de861a";

const MESSAGES: ReadonlyArray<readonly [string, RefusalMeaning]> = [
  [`thread not found: ${ID}`, "thread_not_loaded"],
  [`no rollout found for thread id ${ID}`, "thread_without_turns"],
  [`thread ${ID} is not materialized yet; includeTurns is unavailable`, "thread_without_turns"],
  ["list_turns is not supported yet", "thread_without_turns"],
  [`thread ${ID} already has an active writer`, "thread_locked"],
  ["no active turn to interrupt", "no_active_turn"],
  ["no active turn to steer", "no_active_turn"],
  ["expected active turn id `A` but found `B`", "turn_mismatch"],
  ["expected active turn id A but found B", "turn_mismatch"],
  ["input must not be empty", "other"],
  ["Invalid request: unknown variant `nope`, expected one of `initialize`", "unknown_method"],
  ["Server overloaded; retry later.", "other"],
  ["failed to load configuration: no active turn", "other"],
  ["", "other"],
];

for (const [message, meaning] of MESSAGES) {
  test(`${JSON.stringify(message)} means ${meaning}`, () => assert.equal(meaningOf(message), meaning));
}
