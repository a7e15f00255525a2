// What the table of routes does not say of its rows about approvals, uploads, Codex's methods and its threads.
//
// Apart from openapi-operations.ts only for its length. Invariant: nothing here changes what a route does.

import { CHILD_ERRORS, data, enveloped, page, type Operation } from "./openapi-answers.ts";
import { ANYTHING, ANY_OBJECT, ref, TEXT, TEXT_OR_NULL } from "./openapi-schema.ts";

const THREAD = "/v1/codexd/threads/:id";
const THREAD_OBJECT = { ...ANY_OBJECT, description: "As Codex tells it." };
const THREAD_ID = { threadId: TEXT };
const GIVES_THREAD = { thread: THREAD_OBJECT };

/** What takes a thread away, or changes it under a session's hands, is refused for the thread of an active one. */
const THREAD_ERRORS = ["not_found", "session_exists", "thread_locked", ...CHILD_ERRORS] as const;
const TURN_ERRORS = ["not_found", "turn_in_progress", "thread_locked", ...CHILD_ERRORS] as const;

const APPROVALS: Readonly<Record<string, Operation>> = {
  "GET /v1/codexd/approvals": {
    operationId: "listApprovals", tag: "approvals", answers: { 200: page("approvals", "Approval") },
  },
  "GET /v1/codexd/approvals/:id": {
    operationId: "getApproval", tag: "approvals", refuses: ["not_found"],
    answers: { 200: data("The approval.", { approval: ref("Approval") }) },
  },
  "POST /v1/codexd/approvals/:id": {
    operationId: "decideApproval", tag: "approvals",
    refuses: ["not_found", "approval_resolved", "approval_orphaned", "storage_full", "not_ready"],
    answers: { 200: data("Decided, once; Codex is told.", { approval: ref("Approval") }) },
  },
};

const THREADS: Readonly<Record<string, Operation>> = {
  "GET /v1/codexd/threads": {
    operationId: "listThreads", tag: "codex", refuses: CHILD_ERRORS,
    answers: {
      200: data("A page; each with the `sessionId` that has it, or null.", {
        threads: { type: "array", items: THREAD_OBJECT }, nextCursor: TEXT_OR_NULL,
      }),
    },
  },
  [`GET ${THREAD}`]: {
    operationId: "readThread", tag: "codex", refuses: ["not_found", ...CHILD_ERRORS],
    answers: { 200: enveloped("The text is Codex's own.", { ...ANY_OBJECT, required: ["thread"] }) },
  },
  [`POST ${THREAD}/fork`]: {
    operationId: "forkThread", tag: "codex", refuses: THREAD_ERRORS,
    answers: { 201: data("The new thread.", GIVES_THREAD) },
  },
  [`POST ${THREAD}/archive`]: {
    operationId: "archiveThread", tag: "codex", refuses: THREAD_ERRORS,
    answers: { 200: data("Archived.", THREAD_ID) },
  },
  [`POST ${THREAD}/unarchive`]: {
    operationId: "unarchiveThread", tag: "codex", refuses: THREAD_ERRORS,
    answers: { 200: data("The thread, back in the list.", GIVES_THREAD) },
  },
  [`POST ${THREAD}/name`]: {
    operationId: "nameThread", tag: "codex", refuses: THREAD_ERRORS, answers: { 200: data("Named.", THREAD_ID) },
  },
  [`POST ${THREAD}/compact`]: {
    operationId: "compactThread", tag: "codex", refuses: TURN_ERRORS,
    answers: { 202: data("Begun; it is a turn, whose items arrive as events.", THREAD_ID) },
  },
  [`POST ${THREAD}/review`]: {
    operationId: "reviewThread", tag: "codex", refuses: TURN_ERRORS,
    answers: { 202: data("Begun, in this turn of this thread.", { turnId: TEXT_OR_NULL, ...THREAD_ID }) },
  },
};

export const CODEX_OPERATIONS: Readonly<Record<string, Operation>> = {
  ...APPROVALS,
  ...THREADS,
  "GET /v1/codexd/codex": {
    operationId: "getCodex", tag: "codex", refuses: CHILD_ERRORS,
    answers: {
      200: enveloped("What it is; what it cannot say is null, with the reason in `errors`.", ANY_OBJECT),
    },
  },
  "POST /v1/codexd/rpc": {
    operationId: "callCodex", tag: "codex", refuses: ["session_exists", ...CHILD_ERRORS],
    answers: { 200: data("Codex's result, its text as it came, on one line.", { result: ANYTHING }) },
  },
  "POST /v1/codexd/child/restart": {
    operationId: "restartChild", tag: "codex", refuses: ["wrong_mode"],
    answers: { 200: data("The app-server as it is after the restart, working or not.", { child: ref("ChildState") }) },
  },
  "POST /v1/codexd/uploads": {
    operationId: "upload", tag: "turns",
    refuses: ["not_found", "session_closed", "wrong_mode", "storage_full"],
    answers: { 201: data("Kept until the session is closed.", { upload: ref("Upload") }) },
  },
};
