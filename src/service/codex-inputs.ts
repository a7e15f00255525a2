// What callers may send about approvals, Codex's own calls, its threads and uploads: one decoder a request.
//
// Only the form is decided here; what a kind of approval or a method takes is told by who knows it. Invariant: every
// field of a request is here, in the order in which it is documented; an unknown one is refused by name.

import {
  anyObject, boolean, DecodeError, described, integer, mismatch, nonEmptyString, object, oneOf, optional, required,
  type Decoder,
} from "../base/decode.ts";
import { APPROVAL_DECISIONS, type DecideApprovalInput } from "../core/approvals.ts";
import { absolutePath, checkBase64, word } from "../core/input-fields.ts";
import { LIMITS } from "../core/limits.ts";
import { SANDBOX_MODES } from "../core/records.ts";
import {
  UPLOAD_MEDIA_TYPES, type ForkThreadInput, type ReviewThreadInput, type RpcInput, type UploadMediaType,
} from "../core/requests.ts";
import { approvalPolicy } from "./inputs.ts";

const decision = object<DecideApprovalInput>({
  decision: optional(oneOf(...APPROVAL_DECISIONS)),
  result: optional(anyObject),
});

/** Exactly one of the two fields. */
export const decodeDecideApproval: Decoder<DecideApprovalInput> = described((value: unknown, path: string) => {
  const input = decision(value, path);
  if (input.decision === undefined && input.result === undefined) {
    throw new DecodeError("decision", `is required (one of ${APPROVAL_DECISIONS.join(", ")}), or result`);
  }
  if (input.decision !== undefined && input.result !== undefined) {
    throw new DecodeError("result", "stands beside decision; give one of the two");
  }
  return input;
}, decision.schema ?? {});

export const decodeRpc: Decoder<RpcInput> = object<RpcInput>({
  method: required(nonEmptyString),
  params: optional(anyObject),
  timeoutMs: optional(integer(1, LIMITS.rpcMsMax)),
});

export const decodeForkThread: Decoder<ForkThreadInput> = object<ForkThreadInput>({
  lastTurnId: optional(nonEmptyString),
  ephemeral: optional(boolean),
  cwd: optional(absolutePath),
  model: optional(word),
  modelProvider: optional(word),
  approvalPolicy: optional(approvalPolicy),
  sandbox: optional(oneOf(...SANDBOX_MODES)),
});

export const decodeReviewThread: Decoder<ReviewThreadInput> = object<ReviewThreadInput>({
  target: optional(anyObject),
  delivery: optional(word),
});

export const decodeNameThread: Decoder<{ readonly name: string }> = object<{ readonly name: string }>({
  name: required(nonEmptyString),
});

/** An upload as JSON: `data` is the file as base64. */
export interface UploadInput {
  readonly sessionId: string;
  readonly data: Buffer;
  /** What the file is said to be; what it is, its bytes say. */
  readonly mediaType?: UploadMediaType | undefined;
}

const base64: Decoder<Buffer> = described((value: unknown, path: string) => {
  if (typeof value !== "string") throw mismatch(path, value, "a file as base64");
  // Node passes over what is no base64.
  checkBase64(value, path);
  return Buffer.from(value, "base64");
}, { type: "string", contentEncoding: "base64" });

export const decodeUpload: Decoder<UploadInput> = object<UploadInput>({
  sessionId: required(nonEmptyString),
  data: required(base64),
  mediaType: optional(oneOf(...UPLOAD_MEDIA_TYPES)),
});
