// The schemas of approvals and uploads, as answers give them.
//
// Written by hand, and held to the types by the compiler and to real records by a test.

import { nullable, type JsonSchema } from "../base/json-schema.ts";
import {
  APPROVAL_DECIDERS, APPROVAL_DECISIONS, APPROVAL_KINDS, APPROVAL_STATUSES, type ApprovalRecord,
} from "../core/approvals.ts";
import { UPLOAD_MEDIA_TYPES, type UploadRecord } from "../core/requests.ts";
import {
  ANYTHING, ANY_OBJECT, ANY_OBJECT_OR_NULL, INTEGER, listOf, orNull, record, ref, TEXT, TEXT_OR_NULL, TIME,
  TIME_OR_NULL, words,
} from "./openapi-schema.ts";

/** By the names under which `ref` finds them. */
export const APPROVAL_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Approval: record<Omit<ApprovalRecord, "beside">>("A question that Codex has asked, and what became of it.", {
    approvalId: TEXT,
    kind: words(APPROVAL_KINDS),
    sessionId: TEXT_OR_NULL,
    threadId: TEXT_OR_NULL,
    turnId: TEXT_OR_NULL,
    itemId: TEXT_OR_NULL,
    method: TEXT,
    params: ANY_OBJECT,
    requestId: { anyOf: [INTEGER, TEXT] },
    summary: { ...TEXT, description: "One line for a person." },
    command: TEXT_OR_NULL,
    cwd: TEXT_OR_NULL,
    changes: orNull(listOf(ref("ApprovalChange"))),
    permissions: ANY_OBJECT_OR_NULL,
    questions: nullable(listOf(ANYTHING)),
    allowedDecisions: {
      ...listOf(words(APPROVAL_DECISIONS)),
      description: "The words that can decide; where none fits, the answer is a whole `result`.",
    },
    createdAt: TIME,
    expiresAt: TIME_OR_NULL,
    status: words(APPROVAL_STATUSES),
    decision: nullable(words([...APPROVAL_DECISIONS, "answered"])),
    decidedBy: nullable(words(APPROVAL_DECIDERS)),
    rule: TEXT_OR_NULL,
    decidedAt: TIME_OR_NULL,
    result: ANY_OBJECT_OR_NULL,
    orphanedBy: TEXT_OR_NULL,
  }),
  // By hand, as in receipts: `movePath` is there only where a file is moved.
  ApprovalChange: {
    type: "object",
    description: "A file that Codex wants to change.",
    properties: { path: TEXT, kind: TEXT, movePath: TEXT, diff: TEXT },
    required: ["path", "kind", "diff"],
  },
  Upload: record<UploadRecord>("An image that turns of its session may name.", {
    uploadId: TEXT,
    sessionId: TEXT,
    path: TEXT,
    mediaType: words(UPLOAD_MEDIA_TYPES),
    bytes: INTEGER,
    createdAt: TIME,
  }),
};
