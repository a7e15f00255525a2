// What a receipt costs: a turn of 100,000 events through the ingest, beside the same with a fold that does nothing.
//
// In one process, on one real store. The two take turns after each chunk of lines, and in going first, until the chunk
// is in the journal; what is counted is processor time, which other work on the machine touches least. Lines are parsed
// as they come, as the app-server's client does. What the end of the turn costs, with the whole record, is counted too.

import path from "node:path";

import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { CodexdPaths } from "../../src/core/config.ts";
import type { AppServerGate } from "../../src/service/app-server/app-server.ts";
import type { Approvals } from "../../src/service/approvals/approvals.ts";
import { createIngest, type Ingest, type IngestOptions } from "../../src/service/events/ingest.ts";
import { createSessionIndex } from "../../src/service/sessions/session-index.ts";
import { tableSpecs, type CodexdStore, type CodexdTables } from "../../src/service/tables.ts";
import { createOpenTurns } from "../../src/service/turns/open-turns.ts";
import { openStore } from "../../src/store/store.ts";
import { makeSession } from "../../test/support/fake-services.ts";
import { ratioFigure, type Figure } from "./figure.ts";
import { withTempDir } from "./programs.ts";

const EVENTS = 100_000;
const ROUNDS = 8;
/** What comes in one chunk of a pipe. */
const LINES_A_CHUNK = 200;
/** Within 5 %. */
const RATIO_MIN = 0.952;

interface Side {
  readonly ingest: Ingest;
  readonly lines: readonly string[];
  spentMicroseconds: number;
}

export async function benchReceipts(): Promise<Figure[]> {
  const rounds: Array<{ value: number; floor: number }> = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const figures = await withTempDir((dir) => playRound(dir, round % 2 === 0));
    // The first one warms the code of both.
    if (round > 0) rounds.push(figures);
  }
  const name = "events of a turn with its receipt (floor: a fold that does nothing)";
  return [ratioFigure(name, "events/s of processor time", rounds, RATIO_MIN)];
}

/** Which side is made first changes from round to round too: that alone is worth some percent. */
async function playRound(dir: string, bareFirst: boolean): Promise<{ value: number; floor: number }> {
  const store = await openBenchStore(dir);
  const early = bareFirst ? createSide(store, "bare", () => undefined) : undefined;
  const folded = createSide(store, "folded");
  const bare = early ?? createSide(store, "bare", () => undefined);
  for (let at = 0; at < EVENTS; at += LINES_A_CHUNK) {
    const sides = ((at / LINES_A_CHUNK) % 2 === 0) === bareFirst ? [bare, folded] : [folded, bare];
    for (const side of sides) await playChunk(store, side, at);
  }
  await store.close();
  const perSecond = ({ spentMicroseconds }: Side): number => (EVENTS / spentMicroseconds) * 1e6;
  return { value: perSecond(folded), floor: perSecond(bare) };
}

async function playChunk(store: CodexdStore, side: Side, at: number): Promise<void> {
  const before = process.cpuUsage();
  for (const line of side.lines.slice(at, at + LINES_A_CHUNK)) take(side.ingest, line);
  await store.settled();
  const { user, system } = process.cpuUsage(before);
  side.spentMicroseconds += user + system;
}

/** A session of its own on `store`, with a turn that is about to begin. */
function createSide(store: CodexdStore, name: string, fold?: IngestOptions["fold"]): Side {
  const threadId = `thread-${name}`;
  const session = makeSession({ sessionId: `ses_${name}`, threadId });
  store.append({ level: "info", type: "session.created", message: "bench", detail: {} }, { put: { session } });
  const turns = createOpenTurns(store, systemClock, () => name);
  const ingest = createIngest({
    store, turns, index: createSessionIndex(store), clock: systemClock,
    approvals: { told: () => undefined } as unknown as Approvals,
    appServer: () => ({ current: undefined }) as unknown as AppServerGate,
    explain: (outcome) => outcome,
    ...(fold === undefined ? {} : { fold }),
  });
  return { ingest, lines: turnLines({ threadId, turnId: `turn-${name}` }), spentMicroseconds: 0 };
}

function take(ingest: Ingest, line: string): void {
  if (ingest.line(line)) return;
  const { method, params, emittedAtMs } = JSON.parse(line) as {
    method: string;
    params: Record<string, unknown>;
    emittedAtMs: number;
  };
  ingest.notification(method, params, emittedAtMs);
}

/**
 * Of each hundred: 2 commands begun and ended, 6 counts of tokens, 2 diffs, 20 deltas of output, 68 of text. In the
 * transcripts of the real Codex commands are 3 of a hundred notifications, counts 5.4, diffs 0.5.
 */
function turnLines(ids: Ids): string[] {
  const { threadId, turnId } = ids;
  const turn = { id: turnId, status: "inProgress", items: [], error: null };
  const lines = [lineOf("turn/started", { threadId, turn })];
  for (let n = 0; lines.length < EVENTS - 1; n += 1) lines.push(nthLine(n, ids));
  lines.push(lineOf("turn/completed", { threadId, turn: { ...turn, status: "completed", durationMs: 1 } }));
  return lines;
}

interface Ids {
  readonly threadId: string;
  readonly turnId: string;
}

const DIFF = `diff --git a/a b/a\n${"+ a line of a patch that is not very long\n".repeat(50)}`;

function nthLine(n: number, ids: Ids): string {
  const place = n % 50;
  const itemId = `call_${Math.floor(n / 50)}`;
  if (place === 10) return lineOf("item/started", { item: commandItem(itemId, null), ...ids, startedAtMs: n });
  if (place === 40) return lineOf("item/completed", { item: commandItem(itemId, 0), ...ids, completedAtMs: n });
  if (place === 5 || place === 25 || place === 45) return usageLine(n, ids);
  if (place === 35) return lineOf("turn/diff/updated", { ...ids, diff: DIFF });
  if (place > 10 && place < 40 && place % 3 === 0) {
    return lineOf("item/commandExecution/outputDelta", { ...ids, itemId, delta: "a line of output\n" });
  }
  return lineOf("item/agentMessage/delta", { ...ids, itemId: "msg_1", delta: `tok${n} ` });
}

function commandItem(id: string, exitCode: number | null): Record<string, unknown> {
  const done = exitCode !== null;
  return {
    type: "commandExecution", id, command: `/bin/bash -lc 'echo ${id}'`, cwd: "/home/dev/project", processId: "23855",
    source: "unifiedExecStartup", status: done ? "completed" : "inProgress",
    commandActions: [{ type: "unknown", command: `echo ${id}` }],
    aggregatedOutput: done ? "a line of output\n" : null, exitCode, durationMs: done ? 21 : null,
  };
}

function usageLine(n: number, ids: Ids): string {
  const last = {
    totalTokens: 110, inputTokens: 100, cachedInputTokens: 0, outputTokens: 10, reasoningOutputTokens: 0,
  };
  return lineOf("thread/tokenUsage/updated", {
    ...ids, tokenUsage: { total: { ...last, totalTokens: 110 * n, inputTokens: 100 * n }, last },
  });
}

function lineOf(method: string, params: Record<string, unknown>): string {
  return JSON.stringify({ method, params, emittedAtMs: 1795355010919 });
}

async function openBenchStore(dir: string): Promise<CodexdStore> {
  const stateDir = path.join(dir, "state");
  const file = (name: string): string => path.join(stateDir, `${name}.json`);
  const { store } = await openStore<CodexdTables>({
    stateDir,
    logsDir: path.join(stateDir, "logs"),
    identity: { nodeId: "bench", version: "0", newDaemonId: () => "bench" },
    tables: tableSpecs({
      sessionRegistryPath: file("sessions"), turnRegistryPath: file("turns"), runRegistryPath: file("runs"),
      approvalRegistryPath: file("approvals"), answerRegistryPath: file("answers"),
      markRegistryPath: file("marks"),
    } as CodexdPaths),
    durability: "interval",
    journalMaxBytes: 2 ** 28,
    recentEventsMax: 50,
    describe: () => ({}),
    acceptLoss: false,
    clock: systemClock,
    log: silentLogger,
  });
  return store;
}
