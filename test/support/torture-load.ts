// The load of a tortured daemon: sessions, turns, runs and approvals at once, until it dies, each answer noted.
//
// Not the judgement of what was noted (torture-judge.ts). Every second request that creates something bears an
// Idempotency-Key, and is sent again to the next daemon. Invariant: an answer counts when all of it has come, as it
// does for a client; a request without one may or may not have been done.

import { Agent, request } from "node:http";
import type { Seeded } from "../../scripts/seeded.ts";
import { rankOf, type TortureJudge } from "./torture-judge.ts";
import type { Kind, Registries, Stored } from "./registry-reader.ts";

export interface Served {
  readonly baseUrl: string;
  readonly token: string;
}

export interface Answered {
  readonly status: number;
  readonly data: Stored;
  readonly replayed: boolean;
}

/** A request with a key, and what it was answered; null where the daemon died before. */
export interface Keyed {
  readonly key: string;
  readonly route: string;
  readonly body: object;
  answer: Answered | null;
}

export interface Load {
  /** Those of this load that were answered with success, or not at all. */
  readonly keyed: readonly Keyed[];
  /** Resolves at the next answer of success. */
  nextAnswer(): Promise<void>;
  /** Resolves when no request is under way any more; the load ends with the daemon, or when it is told to. */
  stop(): Promise<void>;
}

const WORKERS = 4;
/** What sessions bear, so that segments fill in some turns. */
const FAT = 8000;
/** Over what stands on a line. */
const LONG_TEXT = 24_000;
const SESSIONS_MAX = 12;
const SESSIONS_MIN = 3;
const LONG = "LONG";
const TURNS = ["hello", "hello", "hello", "run", "long 20", "long 200", "ask", "ask", "edit", "fail", "stall", LONG];
const RUNS = ["hello", "hello", "stall", "fail", LONG];

export function startLoad(served: Served, judge: TortureJudge, chance: Seeded, serial: number): Load {
  const agent = new Agent({ keepAlive: true });
  const keyed: Keyed[] = [];
  let isOver = false;
  let count = 0;
  let tellAnswer: () => void = () => undefined;

  const post = async (route: string, fields: object, bearsKey = false): Promise<Answered | null> => {
    const key = bearsKey && chance.next() < 0.5 ? `k-${serial}-${++count}` : undefined;
    // The record of what was made says by which request.
    const body = key !== undefined && "metadata" in fields ? withKey(fields, key) : fields;
    const entry: Keyed | undefined = key === undefined ? undefined : { key, route, body, answer: null };
    if (entry !== undefined) keyed.push(entry);
    const answer = await ask(served, judge, { method: "POST", route, body, key, agent });
    if (answer === null) isOver = true;
    else if (entry !== undefined && answer.status >= 300) keyed.splice(keyed.indexOf(entry), 1);
    else if (entry !== undefined) entry.answer = answer;
    if (answer !== null && answer.status < 300) tellAnswer();
    return answer;
  };
  const get = (route: string): Promise<Answered | null> => ask(served, judge, { method: "GET", route, agent });
  const acts = actsOf({ judge, chance, post, get, newMark: () => `${serial}.${++count}` });
  const weight = acts.reduce((sum, { share }) => sum + share, 0);

  const worker = async (): Promise<void> => {
    while (!isOver) {
      let at = chance.next() * weight;
      await acts.find(({ share }) => (at -= share) < 0)?.act();
      // An act that found nothing to do must not keep the others from their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const done = Promise.all(Array.from({ length: WORKERS }, worker));
  return {
    keyed,
    nextAnswer: () => new Promise((resolve) => (tellAnswer = resolve)),
    async stop() {
      isOver = true;
      agent.destroy();
      await done;
    },
  };
}

interface Acting {
  readonly judge: TortureJudge;
  readonly chance: Seeded;
  post(route: string, fields: object, bearsKey?: boolean): Promise<Answered | null>;
  get(route: string): Promise<Answered | null>;
  /** A word that no other request bears. */
  newMark(): string;
}

interface Act {
  /** Of all acts together. */
  readonly share: number;
  act(): Promise<unknown>;
}

/** What the clients of a daemon do. An act finds nothing to do where nothing is there for it. */
function actsOf({ judge, chance, post, get, newMark }: Acting): Act[] {
  const sessions = known(judge.tables, "session", 0);
  const runs = known(judge.tables, "run", 1);
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(chance.next() * list.length)];
  const take = (list: string[]): string | undefined => list.splice(Math.floor(chance.next() * list.length), 1)[0];
  const textOf = (prompt = ""): string => (prompt === LONG ? `${newMark()} ${"é".repeat(LONG_TEXT)}` : prompt);
  const note = (list: string[], record: unknown, name: string): void => {
    if (record !== undefined) list.push(String((record as Stored)[name]));
  };
  return [
    { share: 12, async act() {
      if (sessions.length >= SESSIONS_MAX) return;
      const pad = chance.next() < 0.5 ? "x".repeat(FAT) : "";
      const answer = await post("/v1/codexd/sessions", { metadata: { pad } }, true);
      note(sessions, answer?.data["session"], "sessionId");
    } },
    { share: 40, async act() {
      const sessionId = pick(sessions);
      if (sessionId === undefined) return;
      const waits = chance.next() < 0.3 ? { waitMs: 100 } : {};
      const whenBusy = pick(["queue", "queue", "reject", "steer"]);
      await post("/v1/codexd/turn", { sessionId, input: textOf(pick(TURNS)), whenBusy, ...waits }, true);
    } },
    { share: 8, async act() {
      const answer = await post("/v1/codexd/runs", { prompt: textOf(pick(RUNS)), metadata: {} }, true);
      note(runs, answer?.data["run"], "runId");
    } },
    { share: 10, async act() {
      const pending = (await get("/v1/codexd/approvals"))?.data["approvals"] as Stored[] | undefined;
      const id = pick(pending ?? [])?.["approvalId"];
      const decision = pick(["accept", "decline", "cancel"]);
      if (id !== undefined) await post(`/v1/codexd/approvals/${String(id)}`, { decision });
    } },
    { share: 10, async act() {
      const sessionId = pick(sessions);
      if (sessionId !== undefined) await post(`/v1/codexd/sessions/${sessionId}/interrupt`, {});
    } },
    { share: 5, async act() {
      const sessionId = sessions.length > SESSIONS_MIN ? take(sessions) : undefined;
      if (sessionId !== undefined) await post(`/v1/codexd/sessions/${sessionId}/close`, {});
    } },
    { share: 5, async act() {
      const runId = take(runs);
      if (runId !== undefined) await post(`/v1/codexd/runs/${runId}/cancel`, {});
    } },
    { share: 10, act: async () => readPage(await get(`/v1/codexd/events?limit=50&after=${judge.headSeq}`), judge) },
  ];
}

function withKey(fields: object & { readonly metadata?: unknown }, key: string): object {
  return { ...fields, metadata: { ...(fields.metadata as object), key } };
}

function known(tables: Registries | undefined, kind: Kind, rankMax: number): string[] {
  const table = tables?.[kind] ?? new Map<string, Stored>();
  return [...table].filter(([, record]) => rankOf(kind, record) <= rankMax).map(([id]) => id);
}

interface Asked {
  readonly method: "GET" | "POST";
  readonly route: string;
  readonly body?: object;
  readonly key?: string | undefined;
  readonly agent?: Agent;
}

/** Null when the daemon died before it had answered. What the answer holds is noted. */
export function ask(served: Served, judge: TortureJudge, asked: Asked): Promise<Answered | null> {
  const { method, route, body, key, agent } = asked;
  const headers: Record<string, string> = {
    authorization: `Bearer ${served.token}`,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(key === undefined ? {} : { "idempotency-key": key }),
  };
  return new Promise((resolve) => {
    const sent = request(new URL(route, served.baseUrl), { method, headers, agent: agent ?? false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => resolve(null));
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        const whole = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Stored;
        const data = (whole["ok"] === true ? (whole["data"] ?? whole) : whole) as Stored;
        if (status >= 500 && status !== 503) judge.problem(`${method} ${route}: ${status} ${JSON.stringify(whole)}`);
        const replayed = response.headers["idempotency-replayed"] === "true";
        // What was answered once may be long past.
        if (status < 300 && !replayed) noteRecords(judge, data);
        resolve({ status, data, replayed });
      });
    });
    sent.on("error", () => resolve(null));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Each record that an answer holds, alone or in a list. */
function noteRecords(judge: TortureJudge, data: Stored): void {
  const ofKind: ReadonlyArray<readonly [Kind, string, (record: Stored) => unknown]> = [
    ["session", "session", ({ sessionId }) => sessionId],
    ["turn", "turn", ({ submissionId, turnId }) => submissionId ?? turnId],
    ["run", "run", ({ runId }) => runId],
    ["approval", "approval", ({ approvalId }) => approvalId],
  ];
  for (const [kind, name, idOf] of ofKind) {
    const records = [data[name], ...(Array.isArray(data[`${name}s`]) ? (data[`${name}s`] as unknown[]) : [])];
    for (const record of records as Array<Stored | null | undefined>) {
      if (record !== null && record !== undefined) judge.answered(kind, idOf(record), record["status"]);
    }
  }
  // An accepted turn is told without its record: it is there at least.
  if (data["accepted"] === true) judge.answered("turn", data["submissionId"], "queued");
}

/** The events of a page as their text: its JSON is laid out for people, and each of them says the same on one line. */
function readPage(answer: Answered | null, judge: TortureJudge): void {
  const events = answer?.data["events"];
  for (const event of Array.isArray(events) ? events : []) judge.told(JSON.stringify(event));
}
