// What callers may send: one decoder a request, shared by HTTP and the library.
//
// Invariant: every field of SPEC's requests is here and nowhere else; an unknown one is refused by name.

import {
  anyObject, array, boolean, DecodeError, either, integer, mismatch, nonEmptyString, object, oneOf, optional, record,
  required, string,
  type Decoder,
} from "../base/decode.ts";
import { createCodexAppServerTextInput, type TurnOverrides } from "../codex/methods.ts";
import { LIMITS } from "../core/limits.ts";
import {
  SANDBOX_MODES, SESSION_PURPOSES, type ApprovalPolicy, type SandboxMode, type SessionPurpose,
} from "../core/records.ts";

export interface CreateSessionInput {
  readonly purpose?: SessionPurpose | undefined;
  readonly threadId?: string | undefined;
  readonly cwd?: string | undefined;
  readonly model?: string | undefined;
  readonly modelProvider?: string | undefined;
  readonly serviceTier?: string | undefined;
  readonly reasoningEffort?: string | undefined;
  readonly approvalPolicy?: ApprovalPolicy | undefined;
  readonly sandbox?: SandboxMode | undefined;
  readonly personality?: string | undefined;
  readonly ephemeral?: boolean | undefined;
  readonly baseInstructions?: string | undefined;
  readonly developerInstructions?: string | undefined;
  readonly config?: Record<string, unknown> | undefined;
  readonly metadata?: Record<string, string> | undefined;
}

export interface StartTurnInput extends TurnOverrides {
  readonly sessionId: string;
  readonly input?: string | Array<Record<string, unknown>> | undefined;
  readonly prompt?: string | undefined;
  readonly expectedTurnId?: string | undefined;
  readonly whenBusy?: "reject" | "steer" | undefined;
  readonly waitMs?: number | undefined;
  readonly waitFor?: "approval" | "end" | undefined;
}

/** Model, profile and their like reach command lines and files elsewhere, so their alphabet is closed. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$/;

const word: Decoder<string> = (value, path) => {
  if (typeof value !== "string" || !WORD.test(value) || value.length > 200) {
    throw mismatch(path, value, "letters, digits and _.:/@- (first a letter or digit, 200 at most)");
  }
  return value;
};

const absolutePath: Decoder<string> = (value, path) => {
  if (typeof value !== "string" || !value.startsWith("/") || value.includes("\0")) {
    throw mismatch(path, value, "an absolute path");
  }
  return value;
};

const approvalPolicy: Decoder<ApprovalPolicy> = either(word, anyObject, "a policy's name or an object");

const metadata: Decoder<Record<string, string>> = (value, path) => {
  const map = record(string)(value, path);
  if (Buffer.byteLength(JSON.stringify(map)) > LIMITS.metadataBytesMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.metadataBytesMax} bytes of JSON`);
  }
  return map;
};

const turnInput: Decoder<string | Array<Record<string, unknown>>> = either(
  nonEmptyString,
  array(anyObject, 1),
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
  whenBusy: optional(oneOf("reject", "steer")),
  approvalPolicy: optional(approvalPolicy),
  sandboxPolicy: optional(anyObject),
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

/**
 * The input items of a turn, whichever way they were given.
 *
 * @throws {DecodeError} unless exactly one of `input` and `prompt` is there, and each text within Codex's limit.
 */
export function inputItems({ input, prompt }: StartTurnInput): Array<Record<string, unknown>> {
  if (input !== undefined && prompt !== undefined) {
    throw new DecodeError("prompt", "stands beside input; give one of the two");
  }
  const given = input ?? prompt;
  if (given === undefined) throw new DecodeError("input", "is required (or prompt)");
  if (typeof given === "string") {
    checkText(given, input === undefined ? "prompt" : "input");
    return [createCodexAppServerTextInput(given)];
  }
  given.forEach(checkItem);
  return given;
}

function checkItem(item: Record<string, unknown>, at: number): void {
  const { type, text } = item;
  if (typeof type !== "string") throw mismatch(`input[${at}].type`, type, "the type of a Codex input item");
  if (type === "text" && typeof text !== "string") throw mismatch(`input[${at}].text`, text, "a string");
  if (typeof text === "string") checkText(text, `input[${at}].text`);
}

/** Codex counts characters, of which JavaScript's string may have two for one. */
function checkText(text: string, path: string): void {
  if (text.length <= LIMITS.inputTextCharsMax) return;
  let chars = 0;
  for (const _ of text) chars += 1;
  if (chars > LIMITS.inputTextCharsMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.inputTextCharsMax} characters, got ${chars}`);
  }
}
