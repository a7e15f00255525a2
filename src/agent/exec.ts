// The embedded agent's `exec`: one prompt from standard input, its items as lines of JSON, and an exit code.
//
// The same prompts as the app-server's, but nobody can be asked and text is not streamed, as with Codex. Invariant:
// what is wrong before the turn begins is said on standard error alone, with 1, and no line of JSON.

import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { assertNever } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import { errorMessage } from "../core/errors.ts";
import type { UuidSource } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { ExecCommand } from "./arguments.ts";
import { startCommand, type CommandLine } from "./command.ts";
import { ANSWERS, longDeltas, readRequest, type AgentRequest } from "./prompts.ts";
import { sampleOf } from "./sample.ts";
import { planScratchEdit } from "./scratch.ts";

export interface ExecOptions {
  readonly command: ExecCommand;
  readonly home: string;
  readonly line: CommandLine;
  readonly clock: Clock;
  readonly uuid: UuidSource;
  readonly readStdin: () => Promise<Uint8Array>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Aborts when the process is to end: what it has started is ended. */
  readonly signal: AbortSignal;
}

const OK = 0;
const FAILED = 1;

/** Gives the exit code; 1 at once when it is interrupted, with no word about the turn. */
export async function runExec(options: ExecOptions): Promise<number> {
  const { signal, stderr } = options;
  const interrupted = new Promise<number>((resolve) => {
    signal.addEventListener("abort", () => resolve(FAILED), { once: true });
  });
  try {
    return await Promise.race([interrupted, runPrompt(options)]);
  } catch (error) {
    stderr(`Error: ${errorMessage(error)}\n`);
    return FAILED;
  }
}

async function runPrompt(options: ExecOptions): Promise<number> {
  const { command, uuid, stdout, signal } = options;
  const schema = command.outputSchema === null ? null : readSchema(command.outputSchema);
  const cwd = path.resolve(command.cwd ?? "");
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${cwd} is not a directory`);
  const prompt = readPrompt(await options.readStdin());

  const say = (event: Record<string, unknown>): void => {
    if (command.json && !signal.aborted) stdout(`${JSON.stringify(event)}\n`);
  };
  say({ type: "thread.started", thread_id: uuid() });
  say({ type: "turn.started" });
  const request = readRequest(prompt);
  if (request.kind === "stall") await untilAborted(signal);
  if (request.kind === "fail") {
    say({ type: "error", message: ANSWERS.fail });
    say({ type: "turn.failed", error: { message: ANSWERS.fail } });
    return FAILED;
  }
  const items = createItems(say);
  const answer = await answerTo(request, { ...options, cwd, items });
  const message = schema === null ? answer : JSON.stringify(sampleOf(schema));
  items.whole({ type: "agent_message", text: message });
  if (!command.json) stdout(`${message}\n`);
  if (command.lastMessage !== null) writeFileSync(command.lastMessage, message, { mode: 0o600 });
  say({ type: "turn.completed", usage: NO_USAGE });
  return OK;
}

/** No tokens: nothing was asked of a model. */
const NO_USAGE = {
  input_tokens: 0, cached_input_tokens: 0, cache_write_input_tokens: 0, output_tokens: 0, reasoning_output_tokens: 0,
} as const;

interface Items {
  /** Starts an item; the result ends it. */
  begin(item: Record<string, unknown>): (end: Record<string, unknown>) => void;
  /** An item that is there at once. */
  whole(item: Record<string, unknown>): void;
}

function createItems(say: (event: Record<string, unknown>) => void): Items {
  let next = 0;
  return {
    begin(item) {
      const id = `item_${next++}`;
      say({ type: "item.started", item: { id, ...item } });
      return (end) => say({ type: "item.completed", item: { id, ...item, ...end } });
    },
    whole: (item) => say({ type: "item.completed", item: { id: `item_${next++}`, ...item } }),
  };
}

type Place = ExecOptions & { readonly cwd: string; readonly items: Items };

/** Does what was asked, and gives the words that go with it. */
async function answerTo(request: AgentRequest, place: Place): Promise<string> {
  switch (request.kind) {
    case "long": return longDeltas(request.words).join("");
    case "run": return runCommand(place);
    case "edit": return editFile(place);
    case "ask": return ANSWERS.unasked(place.line.join(" "));
    // Both have ended before.
    case "fail": case "stall": return "";
    case "hello": case "other": return ANSWERS[request.kind];
    default: return assertNever(request);
  }
}

async function runCommand({ line, cwd, clock, signal, items }: Place): Promise<string> {
  const command = line.join(" ");
  const end = items.begin({
    type: "command_execution", command, aggregated_output: "", exit_code: null, status: "in_progress",
  });
  const running = startCommand({ line, cwd, env: process.env, clock, onOutput: () => undefined });
  signal.addEventListener("abort", () => running.kill(), { once: true });
  const { exitCode, output } = await running.ended;
  const status = exitCode === 0 ? "completed" : "failed";
  end({ aggregated_output: output, exit_code: exitCode, status });
  return ANSWERS.ran(command, exitCode, output);
}

function editFile({ home, items }: Place): string {
  const edit = planScratchEdit(home);
  const changes = [{ path: edit.file, kind: edit.kind }];
  const end = items.begin({ type: "file_change", changes, status: "in_progress" });
  edit.apply();
  end({ status: "completed" });
  return ANSWERS.edited(edit.file);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Nothing else keeps the process alive.
    const hold = setInterval(() => undefined, LIMITS.timerMsMax);
    signal.addEventListener("abort", () => {
      clearInterval(hold);
      resolve();
    }, { once: true });
  });
}

/** @throws when it is no text, empty, or longer than Codex takes. */
function readPrompt(bytes: Uint8Array): string {
  const prompt = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  if (prompt.trim() === "") throw new Error("No prompt provided via stdin.");
  if (prompt.length > LIMITS.inputTextCharsMax) {
    throw new Error(`Input exceeds the maximum length of ${LIMITS.inputTextCharsMax} characters.`);
  }
  return prompt;
}

/** @throws when the file cannot be read, or holds no schema. */
function readSchema(file: string): Record<string, unknown> {
  const schema: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!isObject(schema)) throw new Error(`${file} holds no JSON object`);
  return schema;
}
