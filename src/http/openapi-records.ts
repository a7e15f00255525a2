// The schemas of sessions, turns, runs and events, as answers give them.
//
// Written by hand, and held to the types by the compiler and to real records by a test.

import { nullable, withOptional, type JsonSchema } from "../base/json-schema.ts";
import {
  APPROVAL_DECIDERS, APPROVAL_DECISIONS, APPROVAL_KINDS, type ApprovalReceipt,
} from "../core/approvals.ts";
import { APP_SERVER_EVENT_TYPES, OWN_EVENT_TYPES, type CodexdEvent } from "../core/event.ts";
import type { StoppedProcess } from "../core/processes.ts";
import {
  SANDBOX_MODES, SESSION_PURPOSES, TURN_LIVENESS, TURN_STATUSES, type CommandReceipt, type PlanStep,
  type SessionRecord, type ThreadProfile, type ThreadSettings, type TokenUsage, type TurnError, type TurnLiveness,
  type TurnRecord, type TurnSummary, type WorkReceipt,
} from "../core/records.ts";
import {
  CODEX_EXEC_PURPOSES, RUN_LIVENESS, RUN_STATUSES, type RunInvocation, type RunLiveness, type RunRecord,
  type RunResult, type RunSummary,
} from "../core/runs.ts";
import {
  ANYTHING, ANY_OBJECT, ANY_OBJECT_OR_NULL, FLAG, INTEGER, INTEGER_OR_NULL, listOf, orNull, record, ref, TEXT, TEXTS,
  TEXT_MAP, TEXT_OR_NULL, TIME, TIME_OR_NULL, words,
} from "./openapi-schema.ts";

type Fields<T> = { readonly [K in keyof T]: JsonSchema };

const THREAD_SETTINGS: Fields<ThreadSettings> = {
  cwd: TEXT_OR_NULL,
  model: TEXT_OR_NULL,
  modelProvider: TEXT_OR_NULL,
  serviceTier: TEXT_OR_NULL,
  reasoningEffort: TEXT_OR_NULL,
  approvalPolicy: { anyOf: [TEXT, ANY_OBJECT, { type: "null" }] },
  sandbox: nullable(words(SANDBOX_MODES)),
};

const APPROVAL_RECEIPT: Fields<ApprovalReceipt> = {
  approvalId: TEXT,
  kind: words(APPROVAL_KINDS),
  decision: nullable(words([...APPROVAL_DECISIONS, "answered"])),
  decidedBy: nullable(words(APPROVAL_DECIDERS)),
};

const WORK_SUMMARY: Fields<Omit<WorkReceipt, "commands" | "fileChanges">> = {
  structuredOutput: ANYTHING,
  structuredOutputError: TEXT_OR_NULL,
  plan: orNull(listOf(record<PlanStep>("A step of the plan.", { step: TEXT, status: TEXT }))),
};

const WORK: Fields<WorkReceipt> = {
  ...WORK_SUMMARY,
  commands: listOf(record<CommandReceipt>("A command that was run.", {
    command: TEXT, cwd: TEXT_OR_NULL, exitCode: INTEGER_OR_NULL, durationMs: nullable({ type: "number" }),
  })),
  fileChanges: listOf({
    type: "object", properties: { path: TEXT, kind: TEXT, movePath: TEXT }, required: ["path", "kind"],
  }),
};

const TURN_SUMMARY: Fields<TurnSummary> = {
  ...WORK_SUMMARY,
  approvals: listOf(record<ApprovalReceipt>("What Codex asked.", APPROVAL_RECEIPT)),
  liveness: orNull(record<TurnLiveness>("What it does now.", {
    state: words(TURN_LIVENESS), quietMs: { type: "number" },
  })),
  submissionId: TEXT_OR_NULL,
  turnId: TEXT_OR_NULL,
  sessionId: TEXT,
  threadId: TEXT_OR_NULL,
  status: words(TURN_STATUSES),
  startedAt: TIME_OR_NULL,
  completedAt: TIME_OR_NULL,
  durationMs: nullable({ type: "number" }),
  finalMessage: TEXT_OR_NULL,
  error: orNull(ref("TurnError")),
  tokenUsage: orNull(ref("TokenUsage")),
  firstSeq: INTEGER,
  lastSeq: INTEGER_OR_NULL,
};

const RUN_SUMMARY_FIELDS: Fields<Omit<RunSummary, "result">> = {
  ...WORK_SUMMARY,
  runId: TEXT,
  sessionId: TEXT_OR_NULL,
  status: words(RUN_STATUSES),
  adapter: words(["codex-exec"]),
  prompt: TEXT,
  purpose: words(CODEX_EXEC_PURPOSES),
  cwd: TEXT,
  createdAt: TIME,
  updatedAt: TIME,
  startedAt: TIME_OR_NULL,
  finishedAt: TIME_OR_NULL,
  error: orNull(record<NonNullable<RunRecord["error"]>>("Why it failed.", { message: TEXT, reason: TEXT_OR_NULL })),
  summary: TEXT_OR_NULL,
  finalMessage: TEXT_OR_NULL,
  exitCode: INTEGER_OR_NULL,
  tokenUsage: orNull(ref("TokenUsage")),
  metadata: TEXT_MAP,
  firstSeq: INTEGER_OR_NULL,
  liveness: orNull(record<RunLiveness>("What it does now.", {
    state: words(RUN_LIVENESS), quietMs: { type: "number" },
  })),
};

const RUN_RESULT_SUMMARY: Fields<Omit<RunResult, "stdout" | "stderr" | "jsonEvents">> = {
  exitCode: INTEGER_OR_NULL,
  signal: TEXT_OR_NULL,
  timedOut: FLAG,
  durationMs: { type: "number" },
  startedAt: TIME,
  finishedAt: TIME,
  lastMessage: TEXT_OR_NULL,
  threadId: TEXT_OR_NULL,
  tokenUsage: orNull(ref("TokenUsage")),
  jsonParseErrors: TEXTS,
};

function resultOf(name: string): JsonSchema {
  return orNull(record<NonNullable<RunRecord["result"]>>("What was started, and what came of it.", {
    invocation: ref("RunInvocation"), result: orNull(ref(name)),
  }));
}

const PROFILE = "What the thread was asked for; null where it was left to Codex. In snapshots instructions and " +
  "config are null too where they are long: the session itself has them.";

/** By the names under which `ref` finds them. */
export const RECORD_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Session: record<Omit<SessionRecord, "beside">>("codexd's durable handle on one Codex thread.", {
    sessionId: TEXT,
    purpose: words(SESSION_PURPOSES),
    threadId: TEXT_OR_NULL,
    status: words(["active", "closed"]),
    endpoint: TEXT,
    childPid: INTEGER_OR_NULL,
    createdAt: TIME,
    updatedAt: TIME,
    ...THREAD_SETTINGS,
    currentTurnId: TEXT_OR_NULL,
    lastTurnId: TEXT_OR_NULL,
    lastTurnStatus: nullable(words(TURN_STATUSES)),
    metadata: TEXT_MAP,
    profile: ref("ThreadProfile"),
    threadDurable: FLAG,
  }),
  ThreadProfile: record<ThreadProfile>(PROFILE, {
    ...THREAD_SETTINGS,
    sandboxPolicy: ANY_OBJECT_OR_NULL,
    personality: TEXT_OR_NULL,
    ephemeral: nullable(FLAG),
    baseInstructions: TEXT_OR_NULL,
    developerInstructions: TEXT_OR_NULL,
    config: ANY_OBJECT_OR_NULL,
  }),
  Turn: withOptional(withOptional(record<Omit<TurnRecord, "beside">>("A turn's receipt: what it was, how it ended.", {
    ...TURN_SUMMARY,
    ...WORK,
    input: nullable(listOf(ANYTHING)),
    outputSchema: ANY_OBJECT_OR_NULL,
    diff: TEXT_OR_NULL,
    queuedWith: { ...ANY_OBJECT, description: "The settings that it brings along; only there while it waits." },
    unreadable: {
      ...TEXTS,
      description: "Parts, `input` or `result`, whose files are gone or damaged: only what is left of them is here.",
    },
  }), "queuedWith"), "unreadable"),
  TurnSummary: record<TurnSummary>("A turn's receipt without what can be large.", TURN_SUMMARY),
  TurnError: record<TurnError>("Why a turn did not complete.", {
    message: TEXT, reason: TEXT_OR_NULL, codexErrorInfo: ANYTHING, additionalDetails: TEXT_OR_NULL,
  }),
  TokenUsage: record<TokenUsage>("Codex's own counts.", {
    totalTokens: INTEGER,
    inputTokens: INTEGER,
    cachedInputTokens: INTEGER,
    outputTokens: INTEGER,
    reasoningOutputTokens: INTEGER,
  }),
  Run: record<RunRecord>("One `codex exec` process.", {
    ...RUN_SUMMARY_FIELDS, ...WORK, result: resultOf("RunResult"),
  }),
  RunSummary: record<RunSummary>("A run without what it has printed, its commands and its file changes.", {
    ...RUN_SUMMARY_FIELDS, result: resultOf("RunResultSummary"),
  }),
  RunInvocation: record<RunInvocation>("What was started.", {
    command: TEXT,
    args: TEXTS,
    cwd: TEXT,
    prompt: TEXT,
    purpose: words(CODEX_EXEC_PURPOSES),
    timeoutMs: INTEGER_OR_NULL,
  }),
  RunResult: record<RunResult>("How the process ended, and what it printed.", {
    ...RUN_RESULT_SUMMARY, jsonEvents: listOf(ANYTHING), stdout: TEXT, stderr: TEXT,
  }),
  RunResultSummary: record<Omit<RunResult, "stdout" | "stderr" | "jsonEvents">>(
    "How the process ended.", RUN_RESULT_SUMMARY,
  ),
  StoppedProcess: record<StoppedProcess>("A process that a stop has ended, or failed to end.", {
    pid: INTEGER, command: TEXT, signal: TEXT,
  }),
  Event: record<Omit<CodexdEvent, "detailJson">>("One past-tense fact; `detail` holds every id that it is about.", {
    seq: { ...INTEGER, minimum: 1 },
    createdAt: TIME,
    level: words(["info", "warn", "error"]),
    type: words([...OWN_EVENT_TYPES, ...APP_SERVER_EVENT_TYPES]),
    message: TEXT,
    detail: ANY_OBJECT,
  }),
};
