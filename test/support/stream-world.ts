// Clients of each form of the event stream, cut at random moments, while their daemon is killed and stopped again and
// again; in the end all of them catch up, and what each was told is held against the journal's files.
//
// The moments are seeded, what the machine does to them is not. Invariant: nothing lives on when `runStreams` resolves.

import { setMaxListeners } from "node:events";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createSeeded, type Seeded } from "../../scripts/seeded.ts";
import { startCommand, startLibrary, type Follower } from "./stream-followers.ts";
import { lastThatPasses, StreamRecord, type Filter } from "./stream-judge.ts";
import { startLives, type StreamLives, type Subjects } from "./stream-lives.ts";
import { FORMS, type Form, type Told } from "./stream-parsers.ts";
import { visit, type Cut, type VisitEnd } from "./stream-visit.ts";

export const ENDS = ["handshake", "between", "within", "whole", "daemon"] as const satisfies readonly VisitEnd[];

export interface StreamsOptions {
  /** Must not be there yet; stays for whoever wants to look at it. */
  readonly root: string;
  readonly seed: number;
  readonly cuts: number;
  /** With a journal of some segments only, so that cursors expire. */
  readonly small: boolean;
}

export interface StreamsResult {
  readonly cuts: number;
  readonly kills: number;
  /** Events that all clients have had together, and gaps that they were told of. */
  readonly told: number;
  readonly gaps: number;
  readonly hits: Readonly<Record<VisitEnd, number>>;
  readonly problems: readonly string[];
}

interface Client {
  readonly form: Form;
  readonly overUnix: boolean;
  readonly record: StreamRecord;
}

const LIFE_MS = 400;
/** So many daemons are left to live until there is something to tell. */
const TALKING = 0.7;
const LIVE_MS = 120;
/** Some stay away for so long at most that their cursor may expire. */
const AWAY = { share: 0.2, ms: 1000 } as const;
const CATCH_UP_MS = 15_000;

export async function runStreams({ root, seed, cuts, small }: StreamsOptions): Promise<StreamsResult> {
  const chance = createSeeded(seed);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const lives = await startLives({ root, chance, small });
  const stateDir = path.join(root, "state");
  const clients = FORMS.flatMap((form) => planClients(form, lives.subjects, chance));
  const followers = [startLibrary(stateDir), startCommand(stateDir)];
  const all = [...clients, ...followers].map(({ record }) => record);
  if (small) for (const record of all) record.allowLateBegin();
  const hits: Record<VisitEnd, number> = { handshake: 0, between: 0, within: 0, whole: 0, daemon: 0 };
  const enough = new AbortController();
  setMaxListeners(0, enough.signal);
  let done = 0;
  let kills = 0;
  let headSeq = 0;
  const problems: string[] = [];
  try {
    const lane = async (client: Client): Promise<void> => {
      while (done < cuts) {
        const end = await visitOnce(client, lives, chance, pickCut(chance, all), enough.signal);
        hits[end] += 1;
        if (end !== "whole") done += 1;
        // Nobody ends the last daemon under those who would wait for that.
        if (done >= cuts) enough.abort();
        else if (small && chance.next() < AWAY.share) await pause(chance.next() * AWAY.ms);
      }
    };
    await Promise.all(followers.map(({ begun }) => begun));
    const lanes = Promise.all(clients.map(lane));
    // The last one serves the end.
    while (done < cuts) {
      if (chance.next() < TALKING) await lives.talked();
      await pause(chance.next() * LIFE_MS);
      await lives.next(chance.next() < 0.6 ? "SIGKILL" : "SIGTERM");
      kills += 1;
    }
    await lanes;
    headSeq = await lives.quiet();
    problems.push(...await catchUp({ lives, clients, followers, chance, headSeq }));
  } finally {
    for (const follower of followers) await follower.end(kills);
    await lives.end();
  }
  const journal = lives.journal();
  problems.push(...journal.problems, ...all.flatMap((record) => record.compare(journal, headSeq)));
  const sum = (of: (record: StreamRecord) => number): number => all.reduce((total, record) => total + of(record), 0);
  return {
    cuts: done, kills, told: sum(({ count }) => count), gaps: sum(({ gaps }) => gaps.length), hits, problems,
  };
}

/** One that takes everything from the oldest, one with a filter, and one that began live. */
function planClients(form: Form, { sessionId, threadId, runId }: Subjects, chance: Seeded): Client[] {
  const filters: Filter[] = chance.shuffle([
    { type: "app-server.turn.message.delta" }, { type: "app-server.*,turn.finished" },
    { type: "child.*,daemon.started" }, { session: sessionId }, { thread: threadId, type: "app-server.turn.*" },
    { run: runId }, { session: sessionId, run: runId },
  ]);
  const create = (filter: Filter, after: number | null): Client => {
    const overUnix = chance.next() < 0.5;
    const name = `${form} ${overUnix ? "unix" : "tcp"} ${JSON.stringify(filter)} after ${after}`;
    return { form, overUnix, record: new StreamRecord(name, filter, after) };
  };
  // A page without a cursor is one from the oldest.
  const live = form === "page" ? 0 : null;
  return [create({}, 0), create(filters[0] ?? {}, 0), create(chance.next() < 0.5 ? {} : (filters[1] ?? {}), live)];
}

function pickCut(chance: Seeded, all: readonly StreamRecord[]): Cut {
  const lot = chance.next();
  // From the middle of the head to the middle of a long replay.
  const size = Math.floor(2 ** (7 + chance.next() * 13));
  const seq = Math.max(0, ...all.map(({ cursor }) => cursor ?? 0));
  if (lot < 0.4) return { by: "bytes", bytes: size };
  if (lot < 0.65) return { by: "joining", seq: seq - 3 + Math.floor(chance.next() * 6), bytes: size % 500 };
  if (lot < 0.8) return { by: "time", ms: chance.next() * LIVE_MS };
  return lot < 0.9 ? { by: "stall", bytes: size, ms: chance.next() * LIVE_MS } : { by: "daemon" };
}

/** Comes with the cursor it holds, and goes where it is cut; pages are asked for one after another. */
async function visitOnce(
  client: Client, lives: StreamLives, chance: Seeded, cut: Cut, signal?: AbortSignal,
): Promise<VisitEnd> {
  const { form, overUnix, record } = client;
  const door = await lives.door();
  let pageHead = 0;
  const told = (one: Told): void => {
    record.told(one);
    if (one.kind === "page") pageHead = one.headSeq;
  };
  const end = await visit({ form, door, overUnix, ...asked(client, chance), cut, told, signal });
  // Who is at the head would only ask for nothing.
  if (form === "page" && end === "whole" && (record.cursor ?? 0) >= pageHead) await pause(5);
  return end;
}

/** A cursor goes into the query, or where only Server-Sent Events have it; a form is asked for by word or `Accept`. */
function asked({ form, record }: Client, chance: Seeded): { target: string; headers: string[] } {
  const { cursor, filter } = record;
  const byHeader = form === "sse" && cursor !== null && chance.next() < 0.5;
  const query = new URLSearchParams(Object.entries(filter));
  if (cursor !== null) query.set("after", byHeader ? "0" : String(cursor));
  if (form === "page") query.set("limit", String(Math.floor(2 ** (chance.next() * 9.9))));
  else if (form === "websocket") query.set("snapshot", chance.next() < 0.5 ? "0" : "1");
  else if (chance.next() < 0.5) query.set("format", form);
  return { target: `/v1/codexd/events?${query}`, headers: byHeader ? [`Last-Event-ID: ${cursor}`] : [] };
}

interface Last {
  readonly lives: StreamLives;
  readonly clients: readonly Client[];
  readonly followers: readonly Follower[];
  readonly chance: Seeded;
  readonly headSeq: number;
}

/** Until each of them has the last event that is for it. */
async function catchUp({ lives, clients, followers, chance, headSeq }: Last): Promise<string[]> {
  const until = performance.now() + CATCH_UP_MS;
  const journal = lives.journal();
  const lastFor = ({ filter }: StreamRecord): number => Math.min(headSeq, lastThatPasses(journal, filter));
  const isBehind = (record: StreamRecord): boolean => record.hasBegun && (record.cursor ?? 0) < lastFor(record);
  const one = async (client: Client): Promise<void> => {
    while (isBehind(client.record) && performance.now() < until) {
      const stop = new AbortController();
      const look = setInterval(() => {
        if (!isBehind(client.record) || performance.now() > until) stop.abort();
      }, 5);
      await visitOnce(client, lives, chance, { by: "daemon" }, stop.signal);
      clearInterval(look);
    }
  };
  await Promise.all(clients.map(one));
  const all = [...clients, ...followers].map(({ record }) => record);
  while (all.some(isBehind) && performance.now() < until) await pause(10);
  return all.filter(isBehind).map(({ name, cursor }) => `${name} stays behind at ${cursor}, of ${headSeq}`);
}
