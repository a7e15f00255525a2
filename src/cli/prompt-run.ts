// run: queues a run, prints its items as they come, and exits with what it came to.
//
// Ctrl-C cancels the run: it is the foreground's. Invariants: nothing of the run is missed, its events are followed
// from before it was queued; standard output has what the agent says and nothing else.

import path from "node:path";
import { isObject } from "../base/decode.ts";
import type { CodexdClient } from "../client/api.ts";
import type { FollowNotice } from "../client/event-follow.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { CodexdEvent } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { SANDBOX_MODES } from "../core/records.ts";
import type { RunRecord, StartRunInput } from "../core/runs.ts";
import {
  flagValue, hasFlag, type CliContext, type CliIo, type CodexdCliRequest, type CommandSpec,
} from "./command.ts";
import { clientOf, followingClient, toExitError } from "./daemon-client.ts";
import { itemText, oneLine, plain, printable } from "./event-text.ts";
import { createTeller } from "./events.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";
import { JSON_FLAG, jsonText } from "./print.ts";
import {
  imagePaths, IMAGE_FLAG, KEY_FLAG, readKey, readOutputSchema, readPrompt, SCHEMA_FLAG,
} from "./prompt-input.ts";

export const runCommand: CommandSpec = {
  positionals: "[PROMPT] [-]",
  positionalsMin: 0,
  positionalsMax: 2,
  summary: "queue a run, print its items, and exit with what it came to",
  notes: [
    "A PROMPT of -, or none, is read from standard input; a - behind it adds that to it. Ctrl-C cancels the run.\n",
    "What the agent says goes to standard output, all else to standard error. With --json the run's record is\n",
    "printed once it has ended, and nothing before. Exits 0 when it has completed, else 1.\n",
  ].join(""),
  flags: [
    { name: "cwd", takes: "DIR", summary: "where it works; the current directory by default" },
    { name: "model", takes: "NAME", summary: "the model" },
    { name: "profile", takes: "NAME", summary: "a profile of Codex's configuration" },
    { name: "sandbox", takes: "MODE", summary: `one of ${SANDBOX_MODES.join(", ")}` },
    SCHEMA_FLAG,
    IMAGE_FLAG,
    { name: "timeout", takes: "SECONDS", summary: "end it after this time; never by default" },
    { name: "skip-git-repo-check", takes: null, summary: "work outside a Git repository too" },
    KEY_FLAG,
    JSON_FLAG,
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runPrompt,
};

async function runPrompt(context: CliContext): Promise<number> {
  const { io, request, signal } = context;
  const idempotencyKey = readKey(request);
  const input = await runInput(context);
  const client = followingClient(context);
  let run: RunRecord | undefined;
  try {
    const { headSeq } = await client.listEvents({ limit: 1 });
    run = await client.startRun(input, { idempotencyKey });
    // To a key that was used before the answer is what the run was then.
    if (idempotencyKey !== undefined) run = await client.getRun(run.runId);
    const quiet = hasFlag(request, "json");
    if (!quiet) io.stderr(`codexd: ${run.runId} is ${run.status}\n`);
    const after = run.firstSeq === null || idempotencyKey === undefined ? headSeq : run.firstSeq - 1;
    await printItems(client, { run, after }, quiet, context);
    const ended = await client.getRun(run.runId);
    if (quiet) io.stdout(jsonText(ended));
    if (ended.status === "completed") return EXIT.ok;
    io.stderr(`codexd: the run has ${ended.status === "cancelled" ? "been cancelled" : "failed"}${reasonOf(ended)}\n`);
    return EXIT.failed;
  } catch (error) {
    if (!signal.aborted) throw toExitError(error, "the daemon");
    if (run !== undefined) await cancel(run.runId, context);
    return EXIT.interrupted;
  } finally {
    client.close();
  }
}

async function runInput(context: CliContext): Promise<StartRunInput> {
  const { request, io } = context;
  const word = flagValue(request, "sandbox");
  const sandbox = SANDBOX_MODES.find((mode) => mode === word);
  if (word !== undefined && sandbox === undefined) {
    throw new ExitError(EXIT.usage, `--sandbox takes one of ${SANDBOX_MODES.join(", ")}, got ${JSON.stringify(word)}`);
  }
  const timeoutMs = readTimeout(request);
  const [outputSchema, images] = [await readOutputSchema(context), await imagePaths(context)];
  return {
    prompt: await readPrompt(context),
    cwd: path.resolve(io.platform.cwd, flagValue(request, "cwd") ?? ""),
    model: flagValue(request, "model"),
    profile: flagValue(request, "profile"),
    sandbox,
    skipGitRepoCheck: hasFlag(request, "skip-git-repo-check") ? true : undefined,
    outputSchema,
    images: images.length === 0 ? undefined : images,
    timeoutMs,
  };
}

/** In milliseconds. @throws {ExitError} 64 for what is no time, or more than a timer takes. */
function readTimeout(request: CodexdCliRequest): number | undefined {
  const text = flagValue(request, "timeout");
  if (text === undefined) return undefined;
  const ms = Math.round(Number(text) * 1000);
  if (/^\d+(\.\d+)?$/.test(text) && ms >= 1 && ms <= LIMITS.timerMsMax) return ms;
  const most = Math.floor(LIMITS.timerMsMax / 1000);
  throw new ExitError(EXIT.usage, `--timeout takes seconds, ${most} at most, got ${JSON.stringify(text)}`);
}

const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.cancelled"]);

/** Returns with its end, also where the journal no longer holds that. */
async function printItems(
  client: CodexdClient, { run, after }: { run: RunRecord; after: number }, quiet: boolean, { io }: CliContext,
): Promise<void> {
  const tell = createTeller((text) => io.stderr(`codexd: ${text}\n`));
  const missed = new AbortController();
  const lookForEnd = async (): Promise<void> => {
    try {
      if (hasEnded(await client.getRun(run.runId))) missed.abort(END_MISSED);
    } catch (error) {
      missed.abort(error);
    }
  };
  const onNotice = (notice: FollowNotice): void => {
    tell(notice);
    if (notice.type === "gap") void lookForEnd();
  };
  // One that ended before it started has no event to be found by.
  if (hasEnded(run) && run.firstSeq === null) return;
  const begun = new Set<unknown>();
  try {
    for await (const event of client.events({
      after, run: run.runId, types: ["run.*"], signal: missed.signal, onNotice,
    })) {
      if (!quiet) printItem(event, begun, io);
      if (ENDS.has(event.type)) return;
    }
  } catch (error) {
    if (error !== END_MISSED) throw error;
  }
}

const END_MISSED = new Error("the end of the run was missed");

function hasEnded({ status }: RunRecord): boolean {
  return status !== "queued" && status !== "running";
}

/**
 * What the agent says whole, when it is said; all else in a line, when it begins, and what a command ended with.
 * `begun` holds what is not done.
 */
function printItem({ type, detail }: CodexdEvent, begun: Set<unknown>, io: CliIo): void {
  const { item, itemEvent } = detail;
  if (type !== "run.item" || !isObject(item)) return;
  const done = itemEvent === "item.completed";
  const known = begun.has(item["id"]);
  if (done) begun.delete(item["id"]);
  else begun.add(item["id"]);
  if (item["type"] !== "agent_message") {
    if (!known) io.stderr(`${plain(itemText(item))}\n`);
    if (done && typeof item["exit_code"] === "number") io.stderr(`  exited with ${item["exit_code"]}\n`);
  } else if (done) io.stdout(`${printable(String(item["text"] ?? ""))}\n`);
}

/** By a client of its own, since the interruption has ended all calls of the first. */
async function cancel(runId: string, context: CliContext): Promise<void> {
  const { io } = context;
  const uninterrupted = { ...context, signal: new AbortController().signal };
  const client = clientOf(await findDaemon(uninterrupted), uninterrupted);
  try {
    const { run } = await client.cancelRun(runId);
    io.stderr(`codexd: ${runId} is ${run.status}\n`);
  } finally {
    client.close();
  }
}

function reasonOf({ error }: RunRecord): string {
  // Whole: what to do about it stands at the end.
  return error === null ? "" : `: ${oneLine(error.message)}`;
}
