// What callers may send: one decoder a request, shared by HTTP and the library.
//
// Invariant: every field of a request is here and nowhere else; an unknown one is refused by name.

import {
  anyObject, array, boolean, described, either, integer, isObject, nonEmptyString, object, oneOf, optional, required,
  string, type Decoder,
} from "../base/decode.ts";
import { absolutePath, metadata, policy, word } from "../core/input-fields.ts";
import { LIMITS } from "../core/limits.ts";
import { SANDBOX_MODES, SESSION_PURPOSES, type ApprovalPolicy } from "../core/records.ts";
import type { CreateSessionInput, StartTurnInput } from "../core/requests.ts";
import { INPUT_ITEM_SCHEMA } from "./turns/input-items.ts";

const namedPolicy = either(word, anyObject, "a policy's name or an object");

export const approvalPolicy: Decoder<ApprovalPolicy> = described(
  (value: unknown, path: string) => (isObject(value) ? policy : namedPolicy)(value, path), namedPolicy.schema ?? {},
);

const turnInput: Decoder<string | Array<Record<string, unknown>>> = either(
  nonEmptyString,
  array(described((value: unknown, path: string) => anyObject(value, path), INPUT_ITEM_SCHEMA), 1),
  "a non-empty string or a non-empty array of Codex input items",
);

export const decodeCreateSession: Decoder<CreateSessionInput> = object<CreateSessionInput>({
  purpose: optional(oneOf(...SESSION_PURPOSES)),
  threadId: optional(word),
  cwd: optional(absolutePath),
  model: optional(word),
  modelProvider: optional(word),
  serviceTier: optional(word),
  reasoningEffort: optional(word),
  approvalPolicy: optional(approvalPolicy),
  sandbox: optional(oneOf(...SANDBOX_MODES)),
  personality: optional(word),
  ephemeral: optional(boolean),
  baseInstructions: optional(string),
  developerInstructions: optional(string),
  config: optional(anyObject),
  metadata: optional(metadata),
});

export const decodeStartTurn: Decoder<StartTurnInput> = object<StartTurnInput>({
  sessionId: required(nonEmptyString),
  input: optional(turnInput),
  prompt: optional(nonEmptyString),
  expectedTurnId: optional(nonEmptyString),
  whenBusy: optional(oneOf("reject", "queue", "steer")),
  approvalPolicy: optional(approvalPolicy),
  sandboxPolicy: optional(policy),
  cwd: optional(absolutePath),
  model: optional(word),
  effort: optional(word),
  summary: optional(word),
  serviceTier: optional(word),
  personality: optional(word),
  collaborationMode: optional(either(word, anyObject, "a mode's name or an object")),
  outputSchema: optional(anyObject),
  waitMs: optional(integer(0, LIMITS.waitMsMax)),
  waitFor: optional(oneOf("approval", "end")),
});

/** `POST …/close`, `…/interrupt`: no fields. */
export const decodeNothing: Decoder<Record<string, never>> = object<Record<string, never>>({});
