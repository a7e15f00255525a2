// State directories as years of use leave them: thousands of records, a journal of millions of events, an end by kill.
//
// Records go through the store itself; the journal's many events are encoded by the store's own code and written past
// it, because it is their number that is wanted. Invariant: what is made is what a killed daemon leaves, to the byte.

import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";

import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { resolveCodexdConfig } from "../../src/config.ts";
import type { EventDraft } from "../../src/core/event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import { queuedRecord } from "../../src/service/runs/run-records.ts";
import { tableSpecs, type CodexdTables } from "../../src/service/tables.ts";
import { emptyTurn } from "../../src/service/turns/turn-records.ts";
import { bytesOf, PendingLines } from "../../src/store/pending.ts";
import { closedName } from "../../src/store/segment.ts";
import { openStore } from "../../src/store/store.ts";
import type { Changes, Store } from "../../src/store/types.ts";

export interface RecordCounts {
  readonly sessions: number;
  readonly turns: number;
  readonly runs: number;
}

const BATCH = 500;
const NAMES = ["session", "turn", "run", "approval", "answer", "mark"];
const id = (kind: string, n: number): string => `${kind}_${String(n).padStart(26, "0")}`;
const AT = "2026-01-02T03:04:05.678Z";

/** A store as the daemon opens it on this directory. */
export async function openDaemonStore(stateDir: string): Promise<Store<CodexdTables>> {
  const config = resolveCodexdConfig({ stateDir, journalMaxBytes: 8 * 2 ** 30 }, {});
  const { store } = await openStore<CodexdTables>({
    stateDir,
    logsDir: config.paths.logsDir,
    identity: { nodeId: "bench", version: "0", newDaemonId: () => "daemon_bench" },
    tables: tableSpecs(config.paths),
    durability: "interval",
    journalMaxBytes: 8 * 2 ** 30,
    recentEventsMax: 50,
    describe: () => ({}),
    acceptLoss: false,
    clock: systemClock,
    log: silentLogger,
  });
  return store;
}

/** Puts ended records of each kind, as many as are wanted; each with texts of its own, as people's are. */
export async function putRecords(store: Store<CodexdTables>, { sessions, turns, runs }: RecordCounts): Promise<void> {
  const put = async (count: number, changes: (n: number) => Changes<CodexdTables>): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      store.append({ level: "info", type: "session.created", message: "bench", detail: { n } }, changes(n));
      if (n % BATCH === 0) await store.settled();
    }
    await store.settled();
  };
  await put(sessions, (n) => ({ put: { session: sessionRecord(n) } }));
  await put(turns, (n) => ({ put: { turn: turnRecord(n) } }));
  await put(runs, (n) => ({ put: { run: runRecord(n) } }));
}

export interface JournalShape {
  readonly events: number;
  /** So many bytes at the end are behind every checkpoint. */
  readonly tailBytes: number;
}

/**
 * Adds events to the journal of a store that was closed, and makes the state that of a daemon that was killed after
 * them. The checkpoints then stand for all but the tail.
 */
export function addJournal(stateDir: string, { events, tailBytes }: JournalShape): void {
  const stateFile = path.join(stateDir, "daemon-state.json");
  const state = JSON.parse(readFileSync(stateFile, "utf8")) as { seq: number };
  const writer = new LineWriter(path.join(stateDir, "logs"));
  const firstSeq = state.seq + 1;
  const lastSeq = state.seq + events;
  const starts: Array<{ readonly seq: number; readonly bytes: number }> = [];
  const pending = new PendingLines(systemClock);
  for (let n = 0; n < events; n += 1) {
    pending.append(firstSeq + n, delta(n), "", null);
    if (n % BATCH !== BATCH - 1 && n !== events - 1) continue;
    starts.push({ seq: firstSeq + n, bytes: writer.bytes });
    for (const chunk of pending.take(Number.POSITIVE_INFINITY)) writer.write(bytesOf(chunk));
  }
  writer.close();
  const safe = starts.findLast(({ bytes }) => bytes <= writer.bytes - tailBytes)?.seq ?? state.seq;
  for (const name of NAMES) setSeq(path.join(stateDir, `${name}-registry.json`), safe);
  const seqCeiling = lastSeq + LIMITS.seqCeilingStep;
  writeFileSync(stateFile, JSON.stringify({ ...state, clean: false, seq: safe, seqCeiling }));
}

/** Appends to `events.jsonl` and closes it at the store's own size. */
class LineWriter {
  readonly #directory: string;
  bytes = 0;
  #segmentBytes = 0;
  #firstSeq: number;
  #file: number;

  constructor(directory: string) {
    this.#directory = directory;
    const active = path.join(directory, "events.jsonl");
    const head = readFileSync(active, "utf8").slice(0, 32);
    this.#firstSeq = Number(/"seq":(\d+)/.exec(head)?.[1]);
    this.#file = openSync(active, "a", 0o600);
    this.#segmentBytes = readFileSync(active).length;
  }

  write(lines: Buffer): void {
    if (this.#segmentBytes + lines.length > LIMITS.journalSegmentBytes) {
      closeSync(this.#file);
      const active = path.join(this.#directory, "events.jsonl");
      renameSync(active, path.join(this.#directory, closedName(this.#firstSeq)));
      this.#file = openSync(active, "a", 0o600);
      this.#firstSeq = Number(/"seq":(\d+)/.exec(lines.toString("latin1", 0, 32))?.[1]);
      this.#segmentBytes = 0;
    }
    writeSync(this.#file, lines);
    this.#segmentBytes += lines.length;
    this.bytes += lines.length;
  }

  close(): void {
    closeSync(this.#file);
  }
}

function setSeq(file: string, seq: number): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/"seq":\d+/, `"seq":${seq}`));
}

const DELTA_IDS = { sessionId: id("session", 1), threadId: id("thread", 1), turnId: id("turn", 1) };
const DELTA = JSON.stringify({ ...DELTA_IDS, itemId: "msg_1", notificationMethod: "item/agentMessage/delta" });

function delta(n: number): EventDraft {
  return {
    level: "info", type: "app-server.turn.message.delta", message: "item/agentMessage/delta", detail: DELTA_IDS,
    detailJson: `${DELTA.slice(0, -1)},"delta":"tok${n} "}`,
  };
}

const SETTINGS = {
  cwd: "/home/somebody/projects/something", model: "gpt-5-codex", modelProvider: "openai", serviceTier: null,
  reasoningEffort: "medium", approvalPolicy: "on-request", sandbox: "workspace-write",
} as const;

function sessionRecord(n: number): SessionRecord {
  return {
    ...SETTINGS, sessionId: id("session", n), purpose: "duplex", threadId: id("thread", n), status: "active",
    endpoint: "stdio://", childPid: 4711, createdAt: AT, updatedAt: AT, currentTurnId: null,
    lastTurnId: id("turn", n), lastTurnStatus: "completed", metadata: { task: `a task of number ${n}` },
    profile: {
      ...SETTINGS, sandboxPolicy: null, personality: null, ephemeral: null, baseInstructions: null,
      developerInstructions: null, config: null,
    },
    threadDurable: true,
  };
}

const TOKENS = {
  totalTokens: 12_345, inputTokens: 11_111, cachedInputTokens: 9_999, outputTokens: 1_234, reasoningOutputTokens: 321,
};
const answer = (n: number): string =>
  `${n}: ${"I have looked at the failing test and changed the parser; all tests pass now. ".repeat(4)}`;
const request = (n: number): string =>
  `Please make the failing test ${n} of the parser pass, and say what was wrong.`;

function turnRecord(n: number): TurnRecord {
  return {
    ...emptyTurn({ sessionId: id("session", n), threadId: id("thread", n) }),
    submissionId: id("submission", n), turnId: id("turn", n), status: "completed", startedAt: AT,
    completedAt: new Date().toISOString(), durationMs: 4321,
    input: [{ type: "text", text: request(n) }],
    finalMessage: answer(n), tokenUsage: TOKENS, firstSeq: 1, lastSeq: 2,
    commands: [{ command: "npm test", cwd: SETTINGS.cwd, exitCode: 0, durationMs: 4321 }],
    fileChanges: [{ path: `${SETTINGS.cwd}/src/parser.ts`, kind: "update" }],
  };
}

function runRecord(n: number): RunRecord {
  const prompt = request(n);
  const finalMessage = answer(n);
  const now = new Date().toISOString();
  const invocation = {
    command: "codex", args: ["exec", "--json", "--skip-git-repo-check", "-"], cwd: SETTINGS.cwd, prompt,
    purpose: "worker", timeoutMs: null,
  } as const;
  const result = {
    exitCode: 0, signal: null, timedOut: false, durationMs: 4321, startedAt: AT, finishedAt: AT,
    lastMessage: finalMessage, threadId: id("thread", n), tokenUsage: TOKENS, jsonEvents: [], jsonParseErrors: [],
    stdout: "", stderr: "",
  };
  return {
    ...queuedRecord(id("run", n), { prompt, cwd: SETTINGS.cwd, purpose: "worker" }, now),
    status: "completed", startedAt: AT, finishedAt: now, summary: finalMessage, finalMessage, exitCode: 0,
    tokenUsage: TOKENS, result: { invocation, result }, firstSeq: 1,
  };
}
