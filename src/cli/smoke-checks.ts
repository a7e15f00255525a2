// What the files of a daemon must hold when it has registered a session, closed it, and stopped in order.
//
// A table, one row a file. Deliberately no part of the store is used: the files are read as any other program would
// read them. Invariant: a check says what it found, and never throws.

import { readFile, stat } from "node:fs/promises";
import { isObject } from "../base/decode.ts";
import type { CodexdConfig } from "../core/config.ts";
import { errorMessage } from "../core/errors.ts";
import type { Identity } from "../core/records.ts";

export interface CodexdSmokeCheck {
  /** Of a file its name. */
  readonly name: string;
  readonly status: "ok" | "failed";
  /** What was found, or what was wrong. */
  readonly detail: string;
}

/** What the daemon was and did, for the files to be compared with. */
export interface SmokeFacts {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  /** The smoke session; null with `--mode exec`, which has none. */
  readonly sessionId: string | null;
}

/** Every state file, in the order in which they are made. */
export async function checkStateFiles(facts: SmokeFacts): Promise<CodexdSmokeCheck[]> {
  const { auth, socketPath } = facts.config.service;
  const files = FILES.filter(({ secret }) => secret === undefined || auth === "token");
  const checks: CodexdSmokeCheck[] = [];
  for (const { name, path, judge } of files) {
    checks.push(await attempt(name, async () => {
      const file = path(facts);
      const text = await readFile(file, "utf8");
      await requirePrivate(file);
      return judge(text, facts);
    }));
  }
  if (socketPath !== null) checks.push(await attempt("socket", () => requireGone(socketPath)));
  return checks;
}

/** `detail` of what `look` gives or throws. */
export async function attempt(name: string, look: () => Promise<string> | string): Promise<CodexdSmokeCheck> {
  try {
    return { name, status: "ok", detail: await look() };
  } catch (error) {
    return { name, status: "failed", detail: errorMessage(error) };
  }
}

interface StateFile {
  readonly name: string;
  readonly path: (facts: SmokeFacts) => string;
  /** There only where a token is needed. */
  readonly secret?: true;
  /** Gives what was found. @throws {Error} with what was wrong. */
  readonly judge: (text: string, facts: SmokeFacts) => string;
}

const FILES: readonly StateFile[] = [
  { name: "identity.json", path: ({ config }) => config.paths.identityPath, judge: judgeIdentity },
  { name: "daemon-state.json", path: ({ config }) => config.paths.daemonStatePath, judge: judgeDaemonState },
  { name: "session-registry.json", path: ({ config }) => config.paths.sessionRegistryPath, judge: judgeSessions },
  { name: "turn-registry.json", path: ({ config }) => config.paths.turnRegistryPath, judge: counted("turns") },
  {
    name: "approval-registry.json",
    path: ({ config }) => config.paths.approvalRegistryPath,
    judge: counted("approvals"),
  },
  { name: "answer-registry.json", path: ({ config }) => config.paths.answerRegistryPath, judge: counted("answers") },
  { name: "mark-registry.json", path: ({ config }) => config.paths.markRegistryPath, judge: counted("marks") },
  { name: "run-registry.json", path: ({ config }) => config.paths.runRegistryPath, judge: counted("runs") },
  { name: "recent-events.json", path: ({ config }) => config.paths.recentEventsPath, judge: counted("events") },
  { name: "events.jsonl", path: ({ config }) => config.paths.structuredEventLogPath, judge: judgeJournal },
  { name: "token", path: ({ config }) => config.paths.tokenPath, secret: true, judge: judgeToken },
  { name: "curl-header", path: ({ config }) => config.paths.curlHeaderPath, secret: true, judge: judgeHeader },
];

function judgeIdentity(text: string, { identity }: SmokeFacts): string {
  const found = objectOf(text);
  for (const field of ["daemonId", "nodeId", "version", "createdAt"] as const) {
    if (found[field] !== identity[field]) {
      const [is, was] = [found[field], identity[field]].map((value) => JSON.stringify(value));
      throw new Error(`${field} is ${is}, the daemon's was ${was}`);
    }
  }
  return `${identity.daemonId} on ${identity.nodeId}`;
}

function judgeDaemonState(text: string): string {
  const { started, pid, clean, seq } = objectOf(text);
  if (started !== false || pid !== null) throw new Error("it names a daemon that still runs");
  if (clean !== true) throw new Error("it does not say that the daemon ended in order");
  return `stopped in order at event ${JSON.stringify(seq)}`;
}

function judgeSessions(text: string, { sessionId }: SmokeFacts): string {
  if (sessionId === null) return `sessions: ${listOf(text, "sessions").length}`;
  const session = listOf(text, "sessions").find((one) => isObject(one) && one["sessionId"] === sessionId);
  if (!isObject(session)) throw new Error(`${sessionId} is missing`);
  const { purpose, status } = session;
  if (purpose !== "smoke" || status !== "closed") throw new Error(`${sessionId} is ${purpose} and ${status}`);
  return `${sessionId} is closed`;
}

function counted(field: string): StateFile["judge"] {
  return (text) => `${field}: ${listOf(text, field).length}`;
}

/** What this daemon has written stands in the active segment, or the file has just been closed and is young. */
function judgeJournal(text: string, { sessionId }: SmokeFacts): string {
  if (!text.endsWith("\n")) throw new Error("its last line is not whole");
  const events = text.slice(0, -1).split("\n").map(objectOf);
  const last = events.at(-1)?.["seq"];
  const first = events[0]?.["seq"];
  if (typeof first !== "number" || typeof last !== "number" || last - first !== events.length - 1) {
    throw new Error(`its seqs go from ${JSON.stringify(first)} to ${JSON.stringify(last)} in ${events.length} lines`);
  }
  if (sessionId !== null) {
    const told = new Set(events.filter((event) => isAbout(event, sessionId)).map(({ type }) => type));
    const missing = ["session.registered", "session.closed"].find((type) => !told.has(type));
    if (missing !== undefined) throw new Error(`${missing} of ${sessionId} is missing`);
  }
  if (events.at(-1)?.["type"] !== "daemon.stopped") throw new Error("its last event is not daemon.stopped");
  return `${events.length} events, the last is ${last}`;
}

function isAbout({ detail }: Record<string, unknown>, sessionId: string): boolean {
  return isObject(detail) && detail["sessionId"] === sessionId;
}

function judgeToken(text: string): string {
  // 32 bytes in base64url.
  if (!/^[A-Za-z0-9_-]{43}\n?$/.test(text)) throw new Error("it does not hold a token");
  return "a token";
}

function judgeHeader(text: string): string {
  if (!/^Authorization: Bearer [A-Za-z0-9_-]{43}\n?$/.test(text)) throw new Error("it does not hold the header");
  return "the header with it";
}

/** @throws when others may read it. */
async function requirePrivate(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) throw new Error(`others may read it: its mode is ${(mode & 0o777).toString(8)}`);
}

async function requireGone(file: string): Promise<string> {
  const found = await stat(file).catch(() => null);
  if (found !== null) throw new Error(`${file} is still there`);
  return "gone";
}

function listOf(text: string, field: string): unknown[] {
  const list = objectOf(text)[field];
  if (!Array.isArray(list)) throw new Error(`it has no list of ${field}`);
  return list;
}

/** @throws when it is no JSON object. */
function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error("it does not hold a JSON object");
  return value;
}
