// status: what the running daemon says of itself; where none runs, what its files say.
//
// With --json the document has the same paths in both cases (`service` is null where nothing runs), so that a script
// reads `.snapshot.daemon.child.status` either way; the exit code tells them apart.

import { sleep } from "../base/clock.ts";
import { targetName, type DaemonTarget } from "../client/target.ts";
import type { CodexdConfig } from "../core/config.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Readiness } from "../core/status.ts";
import { flagValue, hasFlag, type CliContext, type CommandSpec } from "./command.ts";
import { oneLine, visible } from "./event-text.ts";
import { CLIENT_FLAGS, findDaemon, namedUrl } from "./find-daemon.ts";
import { JSON_FLAG, jsonText } from "./print.ts";
import { readStateFile } from "./state-files.ts";
import { member, readReadiness, readStatus } from "./status-reply.ts";

const WAIT_SECONDS_MAX = 86_400;

export const statusCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "ask the running daemon how it is; where none runs, read its files (exit 3)",
  notes: "With --wait it exits 0 once the daemon is ready, else 1, or 3 where none came up.\n",
  flags: [
    { name: "wait", takes: "SECONDS", summary: "wait until the daemon runs and is ready" },
    JSON_FLAG,
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runStatus,
};

async function runStatus(context: CliContext): Promise<number> {
  const { request, io } = context;
  const look = await waitForDaemon(context, waitMs(context));
  if (context.signal.aborted) return EXIT.interrupted;
  if (look.target === null) {
    io.stderr(`codexd: ${look.problem.message}\n`);
    // A URL's daemon is not the one whose files lie here.
    if (look.problem.exitCode === EXIT.noDaemon && namedUrl(context) === null) await printFiles(context);
    return look.problem.exitCode;
  }
  const data = await readStatus(look.target, context);
  io.stdout(hasFlag(request, "json") ? jsonText(data) : statusText(data, look.readiness, look.target));
  if (flagValue(request, "wait") === undefined || look.readiness.ready) return EXIT.ok;
  const reasons = oneLine(look.readiness.reasons.join("; "));
  io.stderr(`codexd: not ready: ${reasons || "the daemon tells no reason"}\n`);
  return EXIT.failed;
}

type Look =
  | { readonly target: DaemonTarget; readonly readiness: Readiness }
  | { readonly target: null; readonly problem: ExitError };

/** Looks once, then again until the daemon is ready or `ms` are over. */
async function waitForDaemon(context: CliContext, ms: number): Promise<Look> {
  const { io, signal } = context;
  const deadline = io.clock.monotonic() + ms;
  for (;;) {
    const look = await lookOnce(context);
    const ready = look.target !== null && look.readiness.ready;
    if (ready || signal.aborted || io.clock.monotonic() >= deadline) return look;
    if (look.target === null && !mayPass(look.problem)) return look;
    await sleep(io.clock, LIMITS.clientPollMs, signal);
  }
}

async function lookOnce(context: CliContext): Promise<Look> {
  try {
    const target = await findDaemon(context);
    return { target, readiness: await readReadiness(target, context) };
  } catch (error) {
    if (error instanceof ExitError) return { target: null, problem: error };
    throw error;
  }
}

/** A daemon that starts or ends may cut a request short; configuration and damage stay what they are. */
function mayPass({ exitCode }: ExitError): boolean {
  return exitCode === EXIT.noDaemon || exitCode === EXIT.failed;
}

function waitMs({ request }: CliContext): number {
  const text = flagValue(request, "wait") ?? "0";
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= WAIT_SECONDS_MAX)) {
    throw new ExitError(EXIT.usage, `--wait takes seconds from 0 to ${WAIT_SECONDS_MAX}, got ${JSON.stringify(text)}`);
  }
  return seconds * 1000;
}

async function printFiles(context: CliContext): Promise<void> {
  const { request, io } = context;
  const { config } = context.resolveConfig();
  const snapshot = await readSnapshot(config);
  if (hasFlag(request, "json")) {
    io.stdout(jsonText({ service: null, snapshot }));
  } else if (snapshot === null) {
    io.stdout(`no daemon has run on ${config.paths.stateDir}\n`);
  } else {
    io.stdout(filesText(snapshot, config));
  }
}

/** What the files hold, in the shape of the daemon's snapshot; null when none has run here. */
async function readSnapshot({ paths }: CodexdConfig): Promise<Record<string, unknown> | null> {
  const identity = await readStateFile(paths.identityPath);
  const daemon = await readStateFile(paths.daemonStatePath);
  if (identity === null && daemon === null) return null;
  return {
    identity,
    daemon,
    sessionRegistry: registry(await readStateFile(paths.sessionRegistryPath), "sessions"),
    runRegistry: registry(await readStateFile(paths.runRegistryPath), "runs"),
  };
}

/** Checkpoints have the oldest record first, snapshots the newest. */
function registry(file: Record<string, unknown> | null, field: string): Record<string, unknown> {
  const records = file?.[field];
  const list: unknown[] = Array.isArray(records) ? records : [];
  const newest = list.slice(-LIMITS.snapshotRecords).reverse();
  return { updatedAt: file?.["updatedAt"] ?? null, [field]: newest, total: list.length };
}

function statusText(data: Record<string, unknown>, readiness: Readiness, target: DaemonTarget): string {
  const snapshot = member(data, "snapshot");
  const reasons = readiness.reasons.length === 0 ? "" : `: ${readiness.reasons.join("; ")}`;
  return lines([
    [`codexd ${text(snapshot, "identity", "version")}`,
      `process ${text(snapshot, "daemon", "pid")}, ${readiness.ready ? "ready" : `not ready${reasons}`}`],
    ["url", text(data, "service", "resolvedBaseUrl")],
    ["asked", targetName(target)],
    ["state", text(snapshot, "config", "paths", "stateDir")],
    ["started", text(snapshot, "daemon", "startedAt")],
    ...recordLines(snapshot),
    ...compatLines(member(data, "compat")),
    ...homeLines(member(data, "limits", "codexHomeBytes")),
  ]);
}

/** Only where it is not what codexd was tried with. */
function compatLines(compat: unknown): Array<[string, string]> {
  const status = member(compat, "status");
  if (status !== "degraded" && status !== "refused") return [];
  const missing = member(compat, "missing");
  const known = member(compat, "known");
  const version = text(compat, "version");
  const tried = Array.isArray(known) && known.includes(version) ? "" : "; codexd was not tried with it";
  const lacks = Array.isArray(missing) && missing.length > 0 ? `; it lacks ${missing.join(", ")}` : "";
  return [["codex", visible(`${version}, ${status}${tried}${lacks}`)]];
}

/** Only where it has grown so far that somebody should know. */
function homeLines(size: unknown): Array<[string, string]> {
  const value = member(size, "value");
  const limit = member(size, "limit");
  if (typeof value !== "number" || typeof limit !== "number" || value <= limit) return [];
  const gib = (value / 2 ** 30).toFixed(1);
  return [["warning", `Codex's home takes ${gib} GiB: sessions and logs, of which Codex deletes nothing by itself`]];
}

function filesText(snapshot: Record<string, unknown>, { paths }: CodexdConfig): string {
  return lines([
    [`codexd ${text(snapshot, "identity", "version")}`, "does not run; this is what its files say"],
    ["state", paths.stateDir],
    ["started", text(snapshot, "daemon", "startedAt")],
    ["stopped", text(snapshot, "daemon", "stoppedAt")],
    ...recordLines(snapshot),
  ]);
}

function recordLines(snapshot: unknown): Array<[string, string]> {
  const child = member(snapshot, "daemon", "child");
  const lastError = member(child, "lastError");
  const pid = member(child, "pid");
  return [
    ["child", text(child, "status") + (typeof pid === "number" ? `, process ${pid}` : "") +
      (typeof lastError === "string" ? `: ${lastError}` : "")],
    ["sessions", text(snapshot, "sessionRegistry", "total")],
    ["runs", text(snapshot, "runRegistry", "total")],
  ];
}

function text(value: unknown, ...keys: string[]): string {
  const found = member(value, ...keys);
  return typeof found === "string" || typeof found === "number" ? String(found) : "unknown";
}

function lines(rows: ReadonlyArray<readonly [string, string]>): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${oneLine(right)}\n`).join("");
}
