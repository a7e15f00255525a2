// What tests of a whole daemon ask it again and again: sessions, turns, runs, events, and who is alive.
//
// Calls of the HTTP API alone, each checked; the daemon itself is daemon.ts's. Nothing here waits for time.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import type { Daemon } from "./daemon.ts";

/** How long until one looks again at what is not there yet. */
const LOOK_MS = 10;

export async function createSession(daemon: Daemon): Promise<SessionRecord> {
  const { status, data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
  assert.equal(status, 201, JSON.stringify(data));
  return data.session;
}

/** Resolves with its receipt when it has ended. */
export async function runTurn(daemon: Daemon, { sessionId }: SessionRecord, input: string): Promise<TurnRecord> {
  const body = { sessionId, input, waitMs: 30_000 };
  const { status, data } = await daemon.post<{ turn: TurnRecord }>("/v1/codexd/turn", body);
  assert.equal(status, 200, JSON.stringify(data));
  return data.turn;
}

/** Resolves with its id when Codex has accepted it. */
export async function startTurn(daemon: Daemon, { sessionId }: SessionRecord, input: string): Promise<string> {
  const { status, data } = await daemon.post<{ turnId: string }>("/v1/codexd/turn", { sessionId, input });
  assert.equal(status, 202, JSON.stringify(data));
  return data.turnId;
}

export async function startRun(daemon: Daemon, prompt: string): Promise<RunRecord> {
  const { status, data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", { prompt });
  assert.equal(status, 202, JSON.stringify(data));
  return data.run;
}

/** All events of these types (a comma list), asked for again until `enough`. */
export async function eventsOf(
  daemon: Daemon, types: string, enough: (events: readonly CodexdEvent[]) => boolean = () => true,
): Promise<readonly CodexdEvent[]> {
  for (;;) {
    const route = `/v1/codexd/events?after=0&limit=1000&type=${types}`;
    const { data } = await daemon.get<{ events: CodexdEvent[] }>(route);
    if (enough(data.events)) return data.events;
    await setTimeout(LOOK_MS);
  }
}

export async function childPid(daemon: Daemon): Promise<number> {
  const { data } = await daemon.get<{ snapshot: { daemon: { child: { pid: number } } } }>("/v1/codexd/status");
  return data.snapshot.daemon.child.pid;
}

/** The command that a run of the fake Codex has started, once it has said so. */
export async function commandOf(daemon: Daemon, { runId }: RunRecord): Promise<number> {
  const isItem = ({ detail }: CodexdEvent): boolean => detail["runId"] === runId;
  const events = await eventsOf(daemon, "run.item", (seen) => seen.some(isItem));
  return (events.find(isItem)?.detail["item"] as { pid: number }).pid;
}

/** Of /proc, where a zombie counts as dead. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Its parent and the name of its command have no say: the children of `pid`, by /proc. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
