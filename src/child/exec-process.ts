// Runs one `codex exec` to its end: what is asked in, what it came to out.
//
// Deliberately no queue and no record (service/runs/runs.ts). Invariants: it never rejects, whatever the machine is
// short of becomes an outcome; no shell, and nothing of the request reaches the command line unchecked; when it
// resolves, nothing that the run has started is known to live unless `stop.survived` names it.

import { randomBytes } from "node:crypto";
import { access, constants, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isoTime, systemClock, type Clock } from "../base/clock.ts";
import { DecodeError } from "../base/decode.ts";
import { errorCode } from "../base/error-code.ts";
import { execArguments } from "../codex/exec-arguments.ts";
import { describeExecFailure } from "../codex/exec-failure.ts";
import { checkExecValues, type ExecValues } from "../codex/exec-inputs.ts";
import { errorMessage } from "../core/errors.ts";
import { createId, systemUuid, type UuidSource } from "../core/ids.ts";
import { word } from "../core/input-fields.ts";
import type { CodexExecRequest, RunError, RunInvocation, RunOutcome, RunResult } from "../core/runs.ts";
import { startExecLife, type ExecEnd } from "./exec-life.ts";
import { createExecOutput, type ExecOutput } from "./exec-output.ts";
import { resolveNativeCodex } from "./native-codex.ts";
import { systemProcesses, type ProcessTree } from "./process-tree.ts";
import { resolveCommand } from "./resolve-command.ts";
import { processSpawner, runEnvironment, type Spawner } from "./spawner.ts";

export interface CodexExecOptions {
  readonly spawner?: Spawner | undefined;
  readonly clock?: Clock | undefined;
  /** What the process inherits, less codexd's own settings. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly uuid?: UuidSource | undefined;
  /**
   * A private directory for files that live as long as the run; the system's temporary one by default. They are named
   * as the store names its temporary files, so that a daemon removes what a run of its dead predecessor has left.
   */
  readonly scratchDir?: string | undefined;
  /**
   * Where leftovers are looked for; null for nowhere. By default the machine's own, and null with another `spawner`,
   * whose process numbers may mean nothing.
   */
  readonly processes?: ProcessTree | null | undefined;
}

/** What every process of a run has in its environment. */
export function runMark(runId: string): string {
  return `BAA_CODEXD_RUN_ID=${runId}`;
}

/**
 * `error.reason` is `timeout`, `cancelled`, `command_not_found`, `cwd_not_found`, `bad_request`, `spawn_failed`,
 * `scratch_failed`, `callback_failed` or `internal_error` (a bug); null where Codex itself failed. A `result` is there
 * once a process was.
 */
export async function runCodexExec(request: CodexExecRequest, options: CodexExecOptions = {}): Promise<RunOutcome> {
  let schemaPath: string | null = null;
  try {
    const values = checkExecValues(request);
    const runId = word(request.runId ?? createId("run", options.uuid ?? systemUuid), "runId");
    const cwd = values.cwd ?? process.cwd();
    const command = await findCommand(request.command ?? "codex", options);
    await checkDirectory(cwd);
    schemaPath = await writeSchema(values, options.scratchDir ?? tmpdir());
    const args = execArguments(values, { commandArgs: request.commandArgs ?? [], outputSchemaPath: schemaPath });
    const invocation: RunInvocation = {
      command, args, cwd, prompt: values.prompt, purpose: request.purpose ?? "fallback-worker",
      timeoutMs: values.timeoutMs ?? null,
    };
    return await runInvocation(request, values, invocation, runId, options);
  } catch (error) {
    return { ok: false, error: { message: errorMessage(error), reason: reasonOf(error) } };
  } finally {
    if (schemaPath !== null) await removeSchema(schemaPath);
  }
}

/** Why a run could not begin. */
class Refusal extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.name = "Refusal";
    this.reason = reason;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.reason;
  return error instanceof DecodeError ? "bad_request" : "internal_error";
}

async function findCommand(name: string, options: CodexExecOptions): Promise<string> {
  const { env = process.env, spawner = processSpawner } = options;
  const found = await resolveCommand(name, env["PATH"], process.cwd());
  if (found !== null) return resolveNativeCodex(found);
  // To a spawner of somebody else's a name may mean what it does not mean here.
  if (spawner !== processSpawner) return name;
  throw new Refusal("command_not_found", `${name} was not found; install Codex, or name it with --exec-command`);
}

async function checkDirectory(cwd: string): Promise<void> {
  const isDirectory = await stat(cwd).then((found) => found.isDirectory(), () => false);
  if (!isDirectory) throw new Refusal("cwd_not_found", `cwd: ${cwd} is not a directory`);
  // Else the system's error would name the program.
  const canEnter = await access(cwd, constants.X_OK).then(() => true, () => false);
  if (!canEnter) throw new Refusal("cwd_not_found", `cwd: ${cwd} cannot be entered`);
}

/** The path of a new file with the schema, 0600 whatever the umask; null where there is none. */
async function writeSchema({ outputSchema }: ExecValues, directory: string): Promise<string | null> {
  if (outputSchema === undefined) return null;
  const file = path.join(directory, `codexd-schema.${randomBytes(8).toString("hex")}.tmp`);
  let isOurs = false;
  try {
    // By its handle: in a directory that others can write to, the name may soon be theirs.
    const handle = await open(file, "wx", 0o600);
    isOurs = true;
    try {
      await handle.chmod(0o600);
      await handle.writeFile(JSON.stringify(outputSchema));
    } finally {
      await handle.close();
    }
    return file;
  } catch (error) {
    if (isOurs) await removeSchema(file);
    throw new Refusal("scratch_failed", `outputSchema could not be written: ${errorMessage(error)}`);
  }
}

/** What cannot be removed is in a directory for such files, and holds no secret. */
async function removeSchema(file: string): Promise<void> {
  await rm(file, { force: true }).catch(() => undefined);
}

async function runInvocation(
  request: CodexExecRequest,
  values: ExecValues,
  invocation: RunInvocation,
  runId: string,
  options: CodexExecOptions,
): Promise<RunOutcome> {
  const { clock = systemClock, spawner = processSpawner } = options;
  if (request.signal?.aborted === true) {
    return { ok: false, invocation, error: { message: "the run was cancelled before it began", reason: "cancelled" } };
  }
  const output = createExecOutput(request);
  const env = runEnvironment(options.env ?? process.env, { runId, asked: values.env ?? {} });
  const startedAt = isoTime(clock.now());
  const began = clock.monotonic();
  let end: ExecEnd;
  try {
    end = await startExecLife({
      spawner, clock,
      command: invocation.command,
      args: invocation.args,
      spawnOptions: { cwd: invocation.cwd, env },
      prompt: values.prompt,
      processes: options.processes === undefined ? treeFor(spawner) : options.processes,
      mark: runMark(runId),
      timeoutMs: values.timeoutMs,
      signal: request.signal,
      onStarted: request.onStarted,
      holdBack: request.holdBack,
      output,
    });
  } catch (error) {
    return { ok: false, invocation, error: spawnError(invocation.command, error) };
  }
  if (end.spawnError !== null) return { ok: false, invocation, error: spawnError(invocation.command, end.spawnError) };
  const isOk = end.exitCode === 0 && output.progress.completed && end.callbackError === null;
  const { threadId, lastMessage, tokenUsage } = output.progress;
  const result: RunResult = {
    exitCode: end.exitCode, signal: end.signal, timedOut: !isOk && end.stopReason === "timeout",
    durationMs: Math.round(clock.monotonic() - began), startedAt, finishedAt: isoTime(clock.now()),
    lastMessage, threadId, tokenUsage, ...output.text(),
  };
  const hasStopped = end.stopReason !== null || end.stop.stopped.length + end.stop.survived.length > 0;
  const stop = hasStopped ? { stop: end.stop } : {};
  if (isOk) return { ok: true, invocation, result, ...stop };
  return { ok: false, invocation, result, error: errorOf(end, output, result.stderr, values.timeoutMs), ...stop };
}

function treeFor(spawner: Spawner): ProcessTree | null {
  return spawner === processSpawner ? systemProcesses : null;
}

function spawnError(command: string, error: unknown): RunError {
  const isMissing = errorCode(error) === "ENOENT";
  const message = `${command} could not be started: ${errorMessage(error)}`;
  return { message, reason: isMissing ? "command_not_found" : "spawn_failed" };
}

function errorOf(end: ExecEnd, { progress }: ExecOutput, stderr: string, timeoutMs: number | undefined): RunError {
  const { stopReason, callbackError } = end;
  if (callbackError !== null) {
    return { message: `a callback of the run failed: ${errorMessage(callbackError.error)}`, reason: "callback_failed" };
  }
  if (stopReason === "timeout") {
    return { message: `the run was ended after ${timeoutMs} ms, its timeoutMs`, reason: stopReason };
  }
  if (stopReason === "cancelled") return { message: "the run was cancelled", reason: stopReason };
  return { message: describeExecFailure(progress, end, stderr), reason: null };
}
