// The file in which the embedded agent keeps its threads, so that it can resume them after a restart.
//
// One line for each time that a turn has changed: appended, so that a turn costs the same however long the history is,
// and written anew when it has grown. Deliberately not Codex's rollout format. Invariant: a line that a crash has torn
// costs that line and nothing else, a turn that ran at the time is found interrupted, and a line of a later layout is
// refused by the version that it says.

import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import path from "node:path";
import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";

export interface Settings {
  readonly cwd: string;
  readonly approvalPolicy: unknown;
  readonly sandbox: Readonly<Record<string, unknown>>;
  readonly serviceTier: string | null;
}

export interface KeptTurn {
  readonly id: string;
  readonly status: "inProgress" | "completed" | "failed" | "interrupted";
  readonly items: ReadonlyArray<Record<string, unknown>>;
  readonly error: unknown;
  /** Seconds since the epoch, as Codex has them. */
  readonly startedAt: number;
  readonly completedAt: number | null;
  readonly durationMs: number | null;
}

export interface KeptThread {
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly settings: Settings;
  /** Oldest first. */
  readonly turns: readonly KeptTurn[];
}

export interface ThreadFile {
  /** What it held when it was opened, the least recently used first. */
  readonly kept: readonly KeptThread[];
  /** Puts `turn` of `thread` down; when the file has become too long, writes it anew with `all`. */
  put(thread: KeptThread, turn: KeptTurn, all: () => Iterable<KeptThread>): void;
}

/** Lines without one are of this one. */
const VERSION = 1;

/** @throws when the directory or the file can be neither read nor made, or a newer codexd has written it. */
export function openThreadFile(home: string): ThreadFile {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = path.join(home, "threads.jsonl");
  closeSync(openSync(file, "a", 0o600));
  let bytes = statSync(file).size;
  const kept = readThreads(file, readFileSync(file, "utf8"));

  const rewrite = (all: Iterable<KeptThread>): void => {
    const lines = [...all].flatMap((thread) => thread.turns.map((turn) => lineOf(thread, turn)));
    const text = lines.join("");
    const temporary = `${file}.tmp`;
    const handle = openSync(temporary, "w", 0o600);
    try {
      writeSync(handle, text);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, file);
    bytes = Buffer.byteLength(text);
  };

  return {
    kept,
    put(thread, turn, all) {
      if (bytes > LIMITS.agentFileBytesMax) return rewrite(all());
      const line = lineOf(thread, turn);
      appendFileSync(file, line, { mode: 0o600 });
      bytes += Buffer.byteLength(line);
    },
  };
}

function lineOf({ id, createdAt, updatedAt, settings }: KeptThread, turn: KeptTurn): string {
  return `${JSON.stringify({ version: VERSION, thread: { id, createdAt, updatedAt, settings }, turn })}\n`;
}

function readThreads(file: string, text: string): KeptThread[] {
  const threads = new Map<string, KeptThread>();
  for (const line of text.split("\n")) {
    const entry = readLine(file, line);
    if (entry === undefined) continue;
    const { thread, turn } = entry;
    const known = threads.get(thread.id);
    threads.delete(thread.id);
    threads.set(thread.id, { ...thread, turns: withTurn(known?.turns ?? [], ended(turn)) });
  }
  return [...threads.values()];
}

/** `turns` with `turn` in the place of the one that has its id, or behind the others; the newest ones. */
export function withTurn(turns: readonly KeptTurn[], turn: KeptTurn): KeptTurn[] {
  const others = turns.filter(({ id }) => id !== turn.id);
  return [...others, turn].slice(-LIMITS.agentTurnsKeptMax);
}

function ended(turn: KeptTurn): KeptTurn {
  return turn.status === "inProgress" ? { ...turn, status: "interrupted" } : turn;
}

/** Only this program writes the file: what has the members has them right. */
function readLine(file: string, line: string): { thread: Omit<KeptThread, "turns">; turn: KeptTurn } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Torn, or the empty text behind the last newline.
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { version = VERSION, thread, turn } = value;
  if (typeof version === "number" && version > VERSION) {
    throw new Error(`${file} was written by a newer codexd: it is left as it is`);
  }
  const complete = isObject(thread) && typeof thread["id"] === "string" && isObject(thread["settings"]) &&
    isObject(turn) && typeof turn["id"] === "string" && Array.isArray(turn["items"]);
  return complete ? (value as unknown as { thread: Omit<KeptThread, "turns">; turn: KeptTurn }) : undefined;
}
