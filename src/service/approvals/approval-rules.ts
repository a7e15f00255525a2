// Rules that answer approvals in a person's place: the first that matches decides.
//
// Their file is read elsewhere (config-approval-rules.ts). Invariant: a rule matches only what is certain: a command
// that is one plain command, paths that are all known and that no link leads out of the rule's own. Every doubt is no
// match, and what no rule matches is left to a person (or to the default).

import { isObject } from "../../base/decode.ts";
import { commandWords } from "../../codex/command-words.ts";
import type { ApprovalRule, ApprovalRuleList } from "../../core/approval-rules.ts";
import type { ApprovalFacts, RuleDecision } from "../../core/approvals.ts";
import { LIMITS } from "../../core/limits.ts";
import type { SessionRecord } from "../../core/records.ts";
import { createPathScope, type PathScope } from "./path-scope.ts";

export interface RuleVerdict {
  readonly decision: RuleDecision;
  /** Its name, or its place such as `rules[0]`. */
  readonly rule: string;
}

/** What rules look at; `params` are the request's own. */
export type Judged = ApprovalFacts & { readonly params: Readonly<Record<string, unknown>> };

export interface ApprovalRules {
  /** Null where no rule matches. `session` is undefined where Codex asks on a thread that no session has. */
  judge(facts: Judged, session: SessionRecord | undefined): RuleVerdict | null;
}

/** Where links lead is found out here, once for each rule: what becomes a link later leads out of it. */
export function createApprovalRules(rules: ApprovalRuleList): ApprovalRules {
  const scoped = rules.map((rule) => ({ ...rule, scope: rule.path === null ? null : createPathScope(rule.path) }));
  return {
    judge(facts, session) {
      const asked = createAsked(facts);
      const rule = scoped.find((candidate) => matches(candidate, asked, session));
      if (rule === undefined) return null;
      const { decision, name } = rule;
      const isTaken = decision === "ask" || facts.allowedDecisions.includes(decision);
      return { decision: isTaken ? decision : "ask", rule: name };
    },
  };
}

/** What is found out about a request at most once, and only when a rule asks for it. */
interface Asked {
  readonly facts: Judged;
  /** Null where it is not one plain command on the app-server's own machine. */
  readonly words: () => readonly string[] | null;
  /** All that the request is about; null where some of it is no path, or is not known. */
  readonly paths: () => readonly string[] | null;
}

function createAsked(facts: Judged): Asked {
  return { facts, words: once(() => plainWords(facts)), paths: once(() => pathsOf(facts)) };
}

function matches(
  rule: ApprovalRule & { readonly scope: PathScope | null }, asked: Asked, session: SessionRecord | undefined,
): boolean {
  const { kinds, command, scope, purposes } = rule;
  const { kind } = asked.facts;
  if (kinds !== null && !kinds.includes(kind)) return false;
  if (purposes !== null && (session === undefined || !purposes.includes(session.purpose))) return false;
  if (command !== null && !startsWith(asked.words(), command)) return false;
  if (scope === null) return true;
  // Where a command runs says nothing of what it does.
  if (kind === "command" && command === null) return false;
  const paths = asked.paths();
  return paths !== null && paths.every((asking) => scope.holds(asking));
}

function startsWith(words: readonly string[] | null, prefix: readonly string[]): boolean {
  return words !== null && prefix.every((word, i) => words[i] === word);
}

/**
 * Of the request itself, not of the item: input for a terminal and access to a host are asked for by the same method,
 * and are about a command that runs already.
 */
function plainWords({ kind, params }: Judged): readonly string[] | null {
  const { command, kind: what = null, networkApprovalContext = null } = params;
  const isCommand = kind === "command" && (what === null || what === "command") && networkApprovalContext === null;
  return isCommand && isHere(params) && typeof command === "string" ? commandWords(command) : null;
}

/** Codex can work in environments on other machines, whose paths only look like those of this one. */
function isHere({ environmentId = null }: Judged["params"]): boolean {
  return environmentId === null || environmentId === "local";
}

function pathsOf(facts: Judged): readonly string[] | null {
  const paths = isHere(facts.params) ? PATHS[facts.kind]?.(facts) ?? null : null;
  return paths === null || paths.length === 0 || paths.length > LIMITS.approvalRulePathsMax ? null : paths;
}

const PATHS: Readonly<Partial<Record<ApprovalFacts["kind"], (facts: Judged) => readonly string[] | null>>> = {
  command({ cwd, params }) {
    const more = params["additionalPermissions"] ?? null;
    const granted = more === null ? [] : permissionPaths(more);
    return cwd === null || granted === null ? null : [cwd, ...granted];
  },

  file_change({ changes, params }) {
    const root = params["grantRoot"] ?? null;
    if (changes === null || changes.length === 0 || (root !== null && typeof root !== "string")) return null;
    const paths = changes.flatMap(({ path, movePath }) => (movePath === undefined ? [path] : [path, movePath]));
    return root === null ? paths : [...paths, root];
  },

  permissions: ({ permissions }) => permissionPaths(permissions),
};

/** Null where more is asked for than paths: the network, patterns, places without a name, what a later Codex adds. */
function permissionPaths(permissions: unknown): readonly string[] | null {
  if (!isObject(permissions)) return null;
  const { network = null, fileSystem = null, ...others } = permissions;
  if (network !== null && !(isObject(network) && (network["enabled"] ?? false) === false)) return null;
  if (!isObject(fileSystem)) return null;
  const { read, write, entries, globScanMaxDepth: _, ...unknown } = fileSystem;
  if (hasValues(others) || hasValues(unknown)) return null;
  const listed = [listOf(read), listOf(write), listOf(entries)?.map(pathOfEntry) ?? null];
  if (listed.includes(null)) return null;
  const paths = listed.flatMap((list) => list ?? []);
  return paths.every((asking) => typeof asking === "string") ? paths : null;
}

function hasValues(members: Record<string, unknown>): boolean {
  return Object.values(members).some((member) => member !== null);
}

function listOf(value: unknown): unknown[] | null {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : null;
}

/** Undefined for a pattern and for a special place. */
function pathOfEntry(entry: unknown): unknown {
  const place = isObject(entry) ? entry["path"] : undefined;
  return isObject(place) && place["type"] === "path" ? place["path"] : undefined;
}

function once<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => (found ??= { value: find() }).value;
}
