// Parameters of the app-server methods that codexd calls itself, and what it reads of their answers.
//
// Two spellings meet here: `sandbox: "workspace-write"` of thread/start and `sandboxPolicy: {type: "workspaceWrite"}`
// of turn/start, each of which refuses the other. Answers are read leniently: versions add members, and leave some out.

import { isObject } from "../base/decode.ts";
import { EMBEDDED_AGENT } from "../core/embedded-agent.ts";
import { LIMITS } from "../core/limits.ts";
import type { SandboxMode, SessionRecord, ThreadProfile, ThreadSettings } from "../core/records.ts";
import type { TurnOverrides } from "../core/requests.ts";
import { idOf } from "./notifications.ts";

/** What is in force on a thread, as thread/start or thread/resume answered it. */
export interface ThreadFacts extends ThreadSettings {
  readonly threadId: string;
}

export type InputItem = Record<string, unknown>;

/** A plain text as an input item. */
export function createCodexAppServerTextInput(text: string): InputItem {
  return { type: "text", text };
}

export function initializeParams(
  version: string, name = "baa-conductor-codexd", title = "codexd",
): Record<string, unknown> {
  return {
    clientInfo: { name, title, version },
    // Granular approval policies and the cleaning of background terminals are refused without it.
    capabilities: { experimentalApi: true },
  };
}

/**
 * Codex's version out of `userAgent`, which is `NAME/VERSION (…`; null where it has none. The embedded agent's comes
 * with its name, so that nobody takes it for a version of Codex.
 */
export function versionFromUserAgent(initializeResult: unknown): string | null {
  const userAgent = isObject(initializeResult) ? initializeResult["userAgent"] : undefined;
  if (typeof userAgent !== "string") return null;
  if (userAgent.startsWith(`${EMBEDDED_AGENT}/`)) return /^\S+/.exec(userAgent)?.[0] ?? null;
  return /^[^/]*\/(\d[^\s(]*)/.exec(userAgent)?.[1] ?? null;
}

export function threadStartParams(profile: ThreadProfile, defaultCwd: string): Record<string, unknown> {
  return compact({
    cwd: profile.cwd ?? defaultCwd,
    ...profileParams(profile),
    ephemeral: profile.ephemeral,
  });
}

/**
 * Resuming sends what was in force explicitly: 0.116 takes config.toml's settings otherwise, and a thread that was
 * read-only would come back with full access.
 */
export function threadResumeParams(threadId: string, session: SessionRecord): Record<string, unknown> {
  const { profile } = session;
  return compact({
    threadId,
    cwd: session.cwd ?? profile.cwd,
    ...profileParams(profile),
    model: session.model ?? profile.model,
    modelProvider: session.modelProvider ?? profile.modelProvider,
    serviceTier: session.serviceTier ?? profile.serviceTier,
    approvalPolicy: session.approvalPolicy ?? profile.approvalPolicy,
    sandbox: session.sandbox ?? profile.sandbox,
    // Without it the whole history comes back, which codexd has no use for.
    excludeTurns: true,
  });
}

export function turnStartParams(
  threadId: string,
  input: readonly InputItem[],
  overrides: TurnOverrides,
): Record<string, unknown> {
  const { collaborationMode, ...rest } = overrides;
  const mode = typeof collaborationMode === "string" ? { mode: collaborationMode } : collaborationMode;
  return compact({ threadId, input, ...rest, collaborationMode: mode });
}

/** @returns undefined when the answer names no thread. */
export function readThreadFacts(result: unknown): ThreadFacts | undefined {
  if (!isObject(result) || !isObject(result["thread"])) return undefined;
  const threadId = idOf(result["thread"]["id"]);
  if (threadId === null) return undefined;
  return {
    threadId,
    cwd: textOf(result["cwd"]),
    model: textOf(result["model"]),
    modelProvider: textOf(result["modelProvider"]),
    serviceTier: textOf(result["serviceTier"]),
    reasoningEffort: textOf(result["reasoningEffort"]),
    approvalPolicy: policyOf(result["approvalPolicy"]),
    sandbox: sandboxModeOf(result["sandbox"]),
  };
}

/** The id in the answer of turn/start, or in a `turn` member of a notification. */
export function readTurnId(result: unknown): string | null {
  return isObject(result) && isObject(result["turn"]) ? idOf(result["turn"]["id"]) : null;
}

const MODE_OF_POLICY: ReadonlyMap<unknown, SandboxMode> = new Map<unknown, SandboxMode>([
  ["readOnly", "read-only"],
  ["workspaceWrite", "workspace-write"],
  ["dangerFullAccess", "danger-full-access"],
]);

/** The nearest mode of a sandbox policy; null for one that has no mode, such as an external sandbox. */
export function sandboxModeOf(policy: unknown): SandboxMode | null {
  return isObject(policy) ? (MODE_OF_POLICY.get(policy["type"]) ?? null) : null;
}

function profileParams(profile: ThreadProfile): Record<string, unknown> {
  const { model, modelProvider, serviceTier, approvalPolicy, sandbox, personality } = profile;
  const { baseInstructions, developerInstructions, reasoningEffort, config } = profile;
  // thread/start has no parameter for the effort; its configuration has.
  const withEffort = reasoningEffort === null ? config : { ...config, model_reasoning_effort: reasoningEffort };
  return {
    model, modelProvider, serviceTier, approvalPolicy, sandbox, personality, baseInstructions, developerInstructions,
    config: withEffort,
  };
}

/** Codex takes a member that is absent better than one that is null. */
function compact(params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null && value !== undefined));
}

/** A setting that no record has room for is not known. */
function textOf(value: unknown): string | null {
  return typeof value === "string" && value.length <= LIMITS.pathBytesMax ? value : null;
}

/** A policy as records keep it: a word or an object, no longer than a caller's may be. Null for what is neither. */
export function policyOf(value: unknown): string | Record<string, unknown> | null {
  if (!isObject(value)) return textOf(value);
  return JSON.stringify(value).length <= LIMITS.policyBytesMax ? value : null;
}
