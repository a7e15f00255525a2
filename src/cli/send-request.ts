// From the arguments of `send` to what the daemon is asked for.
//
// Invariant: whatever can be told to be wrong without the daemon is told before it is asked for anything.

import { readFile } from "node:fs/promises";
import path from "node:path";
import type { CodexdClient } from "../client/api.ts";
import type { CreateOptions } from "../client/calls.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { SANDBOX_MODES } from "../core/records.ts";
import type { CreateSessionInput, StartTurnInput, TurnOverrides } from "../core/requests.ts";
import { APPROVE_MODES, type ApproveMode } from "./approval-desk.ts";
import { flagValue, hasFlag, type CliContext, type CodexdCliRequest } from "./command.ts";
import { namedUrl } from "./find-daemon.ts";
import { imagePaths, readKey, readOutputSchema, readPrompt } from "./prompt-input.ts";
import { shellWord } from "./started-text.ts";

export interface SendRequest {
  readonly prompt: string;
  /** Absolute paths. */
  readonly images: readonly string[];
  /** The daemon may not see the files of this machine. */
  readonly uploads: boolean;
  /** Null for a new one. */
  readonly sessionId: string | null;
  /** Of a new one. */
  readonly session: CreateSessionInput;
  readonly turn: TurnOverrides & Pick<StartTurnInput, "whenBusy">;
  /** Null where the command is to be done anew each time. */
  readonly key: string | null;
  readonly approve: ApproveMode;
  readonly json: boolean;
  readonly close: boolean;
}

/** @throws (rejects) {ExitError} 64 for what makes no turn. */
export async function readSendRequest(context: CliContext): Promise<SendRequest> {
  const { request, io } = context;
  const sessionId = flagValue(request, "session") ?? null;
  const sandbox = wordOf(request, "sandbox", SANDBOX_MODES);
  const approve = wordOf(request, "approve", APPROVE_MODES) ?? "ask";
  if (sessionId !== null && sandbox !== undefined) {
    throw new ExitError(EXIT.usage, "--sandbox goes with a new session: --session has its own");
  }
  const given = flagValue(request, "cwd");
  const cwd = given === undefined && sessionId !== null ? undefined : path.resolve(io.platform.cwd, given ?? "");
  const [model, effort] = [flagValue(request, "model"), flagValue(request, "effort")];
  const approvalPolicy = flagValue(request, "approval-policy");
  const key = readKey(request) ?? null;
  const whenBusy = hasFlag(request, "queue") ? "queue" : undefined;
  const outputSchema = await readOutputSchema(context);
  const images = await imagePaths(context);
  // Last, because it may wait for a person who types.
  const prompt = await readPrompt(context);
  // Of a new session they are its own from the start; one that is there takes them over from its turn.
  const session = { cwd, model, reasoningEffort: effort, approvalPolicy, sandbox };
  return {
    prompt, images, sessionId, key, approve, session,
    turn: sessionId === null ? { outputSchema } : { cwd, model, effort, approvalPolicy, outputSchema, whenBusy },
    uploads: namedUrl(context) !== null,
    json: hasFlag(request, "json"), close: hasFlag(request, "close"),
  };
}

/** What the turn is given: the text, and the images as files that the daemon can read. */
export async function inputItems(
  { prompt, images, uploads, key }: SendRequest, sessionId: string, client: CodexdClient,
): Promise<Array<Record<string, unknown>>> {
  const items: Array<Record<string, unknown>> = [{ type: "text", text: prompt }];
  for (const [i, image] of images.entries()) {
    const once = keyFor(key, `image-${i + 1}`);
    const file = uploads ? (await client.upload(sessionId, await readFile(image), undefined, once)).path : image;
    items.push({ type: "localImage", path: file });
  }
  return items;
}

/** A key belongs to one request, and a command makes several: each has a key of its own, made of the given one. */
export function keyFor(key: string | null, part: string): CreateOptions {
  return key === null ? {} : { idempotencyKey: `${key}.${part}` };
}

/** The flags by which another command finds the same daemon, with a space before each; works as pasted. */
export function whereFlags({ options, config }: CodexdCliRequest): string {
  const flags = [
    ["--state-dir", config.stateDir],
    ["--socket", config.socketPath],
    ...["url", "token-file"].map((name) => [`--${name}`, options.findLast(([flag]) => flag === name)?.[1]]),
  ];
  return flags.map(([flag, value]) => (typeof value === "string" ? ` ${flag} ${shellWord(value)}` : "")).join("");
}

function wordOf<T extends string>(request: CodexdCliRequest, flag: string, words: readonly T[]): T | undefined {
  const given = flagValue(request, flag);
  const known = words.find((word) => word === given);
  if (given === undefined || known !== undefined) return known;
  throw new ExitError(EXIT.usage, `--${flag} takes one of ${words.join(", ")}, got ${JSON.stringify(given)}`);
}
