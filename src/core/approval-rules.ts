// Rules that answer approvals in a person's place, as their file has them: text -> rules, or what is wrong and where.
//
// What a rule matches stands in service/approvals/approval-rules.ts. Invariant: what could make a rule match more than
// its author meant is refused: unknown members, null, empty lists, conditions that the rule's kinds do not have.

import {
  array, DecodeError, either, isObject, nonEmptyString, object, oneOf, optional, required, type Decoder,
} from "../base/decode.ts";
import { APPROVAL_KINDS, KIND_DECISIONS, RULE_DECISIONS, type ApprovalKind, type RuleDecision } from "./approvals.ts";
import { absolutePath } from "./input-fields.ts";
import { LIMITS } from "./limits.ts";
import { SESSION_PURPOSES, type SessionPurpose } from "./records.ts";

/** Matches what meets all of its conditions; null is no condition. */
export interface ApprovalRule {
  /** Its name, or its place such as `rules[0]`. */
  readonly name: string;
  readonly kinds: readonly ApprovalKind[] | null;
  /** The first words of a command. */
  readonly command: readonly string[] | null;
  /** Absolute: a directory with all that lies below it, or a file. */
  readonly path: string | null;
  readonly purposes: readonly SessionPurpose[] | null;
  readonly decision: RuleDecision;
}

/** In the order in which they are asked. */
export type ApprovalRuleList = readonly ApprovalRule[];

/** @throws {DecodeError} with the place, such as `rules[2].decision`. */
export function parseApprovalRules(text: string): ApprovalRuleList {
  const value = parseJson(text);
  const listed = Array.isArray(value) ? value : rulesFile(value, "").rules;
  if (listed.length > LIMITS.approvalRulesMax) {
    throw new DecodeError("rules", `has ${listed.length} rules and takes ${LIMITS.approvalRulesMax} at most`);
  }
  return listed.map((rule, i) => decodeRule(rule, `rules[${i}]`));
}

const anything: Decoder<unknown> = (value) => value;
const rulesFile = object({ rules: required(array(anything)) });

function oneOrList<const T extends string>(words: readonly T[]): Decoder<T | T[]> {
  return either(oneOf(...words), array(oneOf(...words), 1), `one of ${words.join(", ")}, or a list of them`);
}

const RULE_KINDS = APPROVAL_KINDS.filter((kind) => kind !== "other");

const ruleFields = object({
  name: optional(nonEmptyString),
  kind: optional(oneOrList(RULE_KINDS)),
  command: optional(array(nonEmptyString, 1)),
  path: optional(absolutePath),
  purpose: optional(oneOrList(SESSION_PURPOSES)),
  decision: required(oneOf(...RULE_DECISIONS)),
});

/** Where a path is a condition at all; of a command it is the directory, which says little without the command. */
const KINDS_WITH_PATHS: readonly ApprovalKind[] = ["command", "file_change", "permissions"];

function decodeRule(value: unknown, place: string): ApprovalRule {
  refuseNull(value, place);
  const { name = place, kind, command = null, path = null, purpose, decision } = ruleFields(value, place);
  const kinds = kind === undefined ? null : [kind].flat();
  const purposes = purpose === undefined ? null : [purpose].flat();
  const rule = { name, kinds, command, path, purposes, decision };
  checkConditions(rule, place);
  return rule;
}

/** Elsewhere null means that a field was left out; here that would be a rule without its condition. */
function refuseNull(value: unknown, place: string): void {
  if (!isObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    if (member === null) throw new DecodeError(`${place}.${name}`, "must not be null; leave it out");
  }
}

/** A rule that can never match, or never say what it says, is a mistake that is better heard of at the start. */
function checkConditions({ kinds, command, path, decision }: ApprovalRule, place: string): void {
  if (command !== null && kinds?.includes("command") === false) {
    throw new DecodeError(`${place}.command`, `needs the kind command, got ${kinds.join(", ")}`);
  }
  if (path !== null && command === null && kinds?.every((kind) => kind === "command") === true) {
    throw new DecodeError(`${place}.path`, "needs command beside it: where a command runs does not say what it does");
  }
  if (path !== null && kinds?.some((kind) => KINDS_WITH_PATHS.includes(kind)) === false) {
    const takes = KINDS_WITH_PATHS.join(", ");
    throw new DecodeError(`${place}.path`, `needs one of the kinds ${takes}, got ${kinds.join(", ")}`);
  }
  for (const kind of kinds ?? []) {
    const takes: readonly RuleDecision[] = [...KIND_DECISIONS[kind], "ask"];
    if (!takes.includes(decision)) {
      throw new DecodeError(`${place}.decision`, `must be one of ${takes.join(", ")} for ${kind}, got ${decision}`);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DecodeError("", `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
