// The answers that the app-server takes, as a table: one row a method, a word or a caller's whole result in.
//
// Codex treats a malformed answer as a no, or as nothing granted, without a word about it. So whole results are checked
// here, where the caller still hears what is wrong. Invariant: what leaves has every member that Codex wants.

import { assert } from "../base/assert.ts";
import {
  anyObject, array, boolean, DecodeError, either, integer, isObject, nonEmptyString, object, oneOf, optional, record,
  required, shownName, string, type Decoder,
} from "../base/decode.ts";
import { APPROVAL_DECISIONS, type ApprovalDecision, type ApprovalRecord } from "../core/approvals.ts";
import { rememberedFor, requiredFields } from "./server-requests.ts";

/** What of an approval its answer depends on. */
export type Asked =
  Pick<ApprovalRecord, "kind" | "method" | "params" | "permissions" | "questions" | "allowedDecisions">;

type Result = Record<string, unknown>;

export interface Answer {
  readonly result: Result;
  /** The word that it amounts to; `answered` for what no word says. */
  readonly decision: NonNullable<ApprovalRecord["decision"]>;
}

interface Row {
  /** Says no, whatever was asked. A new object each time, as all answers are: nobody holds that of another. */
  readonly decline: () => Result;
  /** Of a word that the approval allows, and that is not `decline`. */
  readonly word: (asked: Asked, decision: Exclude<ApprovalDecision, "decline">) => Result;
  readonly decode: (asked: Asked, result: Result) => Answer;
  /** What a whole result looks like. */
  readonly example: (asked: Asked) => Result;
}

const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ["item/commandExecution/requestApproval", {
    decline: () => ({ decision: "decline" }),
    word: (_, decision) => ({ decision }),
    decode: (_, result) => decodeCommandAnswer(result),
    example: () => ({ decision: "accept" }),
  }],
  ["item/fileChange/requestApproval", {
    decline: () => ({ decision: "decline" }),
    word: (_, decision) => ({ decision }),
    decode: (_, result) => {
      const answer = fileChangeAnswer(result, "result");
      return { result: answer, decision: answer.decision };
    },
    example: () => ({ decision: "accept" }),
  }],
  ["item/permissions/requestApproval", {
    decline: () => ({ permissions: {}, scope: "turn" }),
    word: ({ permissions }, decision) =>
      ({ permissions: permissions ?? {}, scope: decision === "acceptForSession" ? "session" : "turn" }),
    decode: (_, result) => decodePermissionsAnswer(result),
    example: ({ permissions }) => ({ permissions: permissions ?? {}, scope: "turn" }),
  }],
  ["item/tool/requestUserInput", {
    decline: () => ({ answers: {} }),
    word: wordless,
    decode: decodeUserAnswer,
    example: ({ questions }) => {
      const ids = questionIds(questions);
      return { answers: Object.fromEntries(ids.map((id) => [id, { answers: ["…"] }])) };
    },
  }],
  ["mcpServer/elicitation/request", {
    decline: () => ({ action: "decline", content: null, _meta: null }),
    word: ({ params }, decision) => ({
      action: decision === "cancel" ? "cancel" : "accept",
      content: decision === "cancel" ? null : emptyContent(params),
      _meta: decision === "acceptForSession" ? { persist: "session" } : null,
    }),
    decode: decodeElicitationAnswer,
    example: ({ params }) => {
      const fields = requiredFields(params) ?? [];
      return { action: "accept", content: Object.fromEntries(fields.map((name) => [name, "…"])) };
    },
  }],
  ["item/tool/call", {
    decline: () => ({
      contentItems: [{ type: "inputText", text: "the call of this tool was declined" }], success: false,
    }),
    word: wordless,
    decode: (_, result) => ({ result: toolAnswer(result, "result"), decision: "answered" }),
    example: () => ({ contentItems: [{ type: "inputText", text: "…" }], success: true }),
  }],
]);

/** The answer that says no to a request of `method`, one that `readApprovalFacts` has read. */
export function declineOf(method: string): Result {
  return rowOf(method).decline();
}

/** The answer that `decision` is. @throws {DecodeError} `decision`, with the words that are taken, or the result. */
export function answerOf(asked: Asked, decision: ApprovalDecision): Result {
  const row = rowOf(asked.method);
  if (!asked.allowedDecisions.includes(decision)) {
    const words = asked.allowedDecisions.join(", ");
    const example = JSON.stringify({ result: row.example(asked) });
    throw new DecodeError("decision",
      `must be one of ${words}, got ${decision}; or give the whole answer, such as ${example}`);
  }
  return decision === "decline" ? row.decline() : row.word(asked, decision);
}

/** Checks a whole answer and completes it. @throws {DecodeError} with the path below `result`. */
export function decodeAnswer(asked: Asked, result: Readonly<Record<string, unknown>>): Answer {
  return rowOf(asked.method).decode(asked, result);
}

/**
 * The answer as it may be written down and shown: without what a person has said to questions that are secret. The
 * same object where there is none.
 */
export function shownAnswer({ questions }: Pick<Asked, "questions">, result: Result): Result {
  const { answers } = result;
  if (!isObject(answers)) return result;
  const secrets = questionIds(questions, true).filter((id) => Object.hasOwn(answers, id));
  if (secrets.length === 0) return result;
  const withheld = Object.fromEntries(secrets.map((id) => [id, { answers: [WITHHELD] }]));
  return { ...result, answers: { ...answers, ...withheld } };
}

/** Whether it is one that was written down without its secrets: Codex is not to be given it. */
export function isWithheld({ answers }: Result): boolean {
  return isObject(answers) && Object.values(answers).some((answer) =>
    isObject(answer) && Array.isArray(answer["answers"]) && answer["answers"].includes(WITHHELD));
}

/** As `redact` has it. */
const WITHHELD = "[redacted]";

/** The shortest answer that is withheld. */
export const WITHHELD_ANSWER: Readonly<Result> = { answers: { secret: { answers: [WITHHELD] } } };

function rowOf(method: string): Row {
  const row = ROWS.get(method);
  assert(row !== undefined, `nobody is asked ${method}`);
  return row;
}

function wordless(asked: Asked, decision: ApprovalDecision): never {
  throw new Error(`invariant broken: ${asked.kind} allows ${decision}`);
}

const decisionWord = oneOf(...APPROVAL_DECISIONS);

/** Answers that change Codex's own policy, so that it does not ask again; the schema of 0.169 has them so. */
const amendment = object({
  acceptWithExecpolicyAmendment: optional(object({ execpolicy_amendment: required(array(nonEmptyString, 1)) })),
  applyNetworkPolicyAmendment: optional(object({
    network_policy_amendment: required(object({
      host: required(nonEmptyString), action: required(oneOf("allow", "deny")),
    })),
  })),
});

const commandAnswer = object({
  decision: required(either(decisionWord, amendment, `one of ${APPROVAL_DECISIONS.join(", ")}, or an amendment`)),
});

function decodeCommandAnswer(result: Result): Answer {
  const { decision } = commandAnswer(result, "result");
  if (typeof decision === "string") return { result: { decision }, decision };
  if (Object.keys(decision).length !== 1) {
    throw new DecodeError("result.decision", "must be exactly one amendment");
  }
  const network = decision.applyNetworkPolicyAmendment?.network_policy_amendment;
  return { result: { decision }, decision: network?.action === "deny" ? "decline" : "accept" };
}

const fileChangeAnswer = object({ decision: required(decisionWord) });

const path: Decoder<Result> = (value, at) => {
  const { type } = anyObject(value, at);
  const kind = oneOf("path", "glob_pattern", "special")(type, `${at}.type`);
  return PATHS[kind](value, at);
};

const typed = required(string);
const PATHS: Readonly<Record<"path" | "glob_pattern" | "special", Decoder<Result>>> = {
  path: object({ type: typed, path: required(nonEmptyString) }),
  glob_pattern: object({ type: typed, pattern: required(nonEmptyString) }),
  special: object({ type: typed, value: required(anyObject) }),
};

const permissionsAnswer = object({
  permissions: required(object({
    network: optional(object({ enabled: optional(boolean) })),
    fileSystem: optional(object({
      read: optional(array(nonEmptyString)),
      write: optional(array(nonEmptyString)),
      entries: optional(array(object({ path: required(path), access: required(oneOf("read", "write", "deny")) }))),
      globScanMaxDepth: optional(integer(0, Number.MAX_SAFE_INTEGER)),
    })),
  })),
  scope: optional(oneOf("turn", "session")),
  strictAutoReview: optional(boolean),
});

/** Its two members that may be null are not to be missing. */
const NO_PATHS: Result = { read: null, write: null };

/** Codex grants no more than it has asked for, whatever stands here. */
function decodePermissionsAnswer(result: Result): Answer {
  const { permissions: { network, fileSystem }, scope = "turn", ...rest } = permissionsAnswer(result, "result");
  const permissions = {
    ...(network === undefined ? {} : { network: { enabled: network.enabled ?? null } }),
    ...(fileSystem === undefined ? {} : { fileSystem: { ...NO_PATHS, ...fileSystem } }),
  };
  const { read = [], write = [], entries = [] } = fileSystem ?? {};
  const isEmpty = read.length + write.length + entries.length === 0 && network?.enabled !== true;
  const granted = scope === "session" ? "acceptForSession" : "accept";
  return { result: { permissions, scope, ...rest }, decision: isEmpty ? "decline" : granted };
}

const userAnswer = object({ answers: required(record(object({ answers: required(array(string)) }))) });

function decodeUserAnswer({ questions }: Asked, result: Result): Answer {
  const answer = userAnswer(result, "result");
  const ids = questionIds(questions);
  const stranger = Object.keys(answer.answers).find((id) => !ids.includes(id));
  if (stranger !== undefined) {
    const takes = ids.length === 0 ? "none can be answered" : `the questions are ${ids.map(shownName).join(", ")}`;
    throw new DecodeError(`result.answers.${shownName(stranger)}`, `no such question; ${takes}`);
  }
  return { result: answer, decision: "answered" };
}

function questionIds(questions: readonly unknown[] | null, secretOnly = false): string[] {
  return (questions ?? []).flatMap((question) => {
    if (!isObject(question) || typeof question["id"] !== "string") return [];
    return secretOnly && question["isSecret"] !== true ? [] : [question["id"]];
  });
}

const elicitationAnswer = object({
  action: required(oneOf("accept", "decline", "cancel")),
  content: optional(anyObject),
  _meta: optional(anyObject),
});

function decodeElicitationAnswer({ params }: Asked, result: Result): Answer {
  const { action, content: given, _meta = null } = elicitationAnswer(result, "result");
  if (action !== "accept") return { result: { action, content: null, _meta }, decision: action };
  const content = given ?? emptyContent(params);
  for (const name of requiredFields(params) ?? []) {
    if (content === null || !Object.hasOwn(content, name)) {
      throw new DecodeError(`result.content.${shownName(name)}`, "is required");
    }
  }
  // An MCP tool approval that is to be remembered: `always` holds for this session too.
  const remembered = rememberedFor(params).some((word) => word === _meta?.["persist"]);
  return { result: { action, content, _meta }, decision: remembered ? "acceptForSession" : "accept" };
}

/** A page elsewhere has no form to fill in here. */
function emptyContent({ mode }: Asked["params"]): Result | null {
  return mode === "url" ? null : {};
}

const contentItem: Decoder<Result> = (value, at) => {
  const type = oneOf("inputText", "inputImage", "inputAudio")(anyObject(value, at)["type"], `${at}.type`);
  return CONTENT_ITEMS[type](value, at);
};

const CONTENT_ITEMS: Readonly<Record<"inputText" | "inputImage" | "inputAudio", Decoder<Result>>> = {
  inputText: object({ type: typed, text: required(string) }),
  inputImage: object({ type: typed, imageUrl: required(nonEmptyString) }),
  inputAudio: object({ type: typed, audioUrl: required(nonEmptyString) }),
};

const toolAnswer = object({ contentItems: required(array(contentItem)), success: required(boolean) });
