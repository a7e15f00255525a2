// What a daemon that was started behind a kill must say: the same as the files that the killed one has left.
//
// Asked before any load begins. Invariant: what was under way has its end when the first request is answered; what was
// done by a request with an Idempotency-Key is done once, however often it is sent.

import { isDeepStrictEqual } from "node:util";
import { KINDS, type Kind, type Registries, type Stored } from "./registry-reader.ts";
import { rankOf, statusOf, type TortureJudge } from "./torture-judge.ts";
import { ask, type Answered, type Keyed, type Served } from "./torture-load.ts";

const LISTS: Readonly<Record<Kind, string>> = {
  session: "sessions?limit=1000", turn: "turns?limit=1000", run: "runs?limit=1000", approval: "approvals?status=all",
};
/** What a daemon's death ends; `queued` goes on, and so does a session. */
const UNDER_WAY: Readonly<Record<Kind, readonly string[]>> = {
  session: [], turn: ["inProgress"], run: ["running"], approval: ["pending"],
};
/** What no list leaves out of a record that has ended, and nothing changes any more. */
const LASTING = ["sessionId", "threadId", "turnId", "lastSeq", "completedAt", "finishedAt", "decidedAt", "createdAt"];
const REPEATED_MAX = 6;

/** Holds the daemon's lists against the tables as the killed one left them. */
export async function compareAnswers(served: Served, judge: TortureJudge): Promise<void> {
  const { tables } = judge;
  if (tables === undefined) return;
  for (const kind of KINDS) {
    const answer = await ask(served, judge, { method: "GET", route: `/v1/codexd/${LISTS[kind]}` });
    const records = answer?.data[`${kind}s`];
    if (!Array.isArray(records)) {
      judge.problem(`GET ${LISTS[kind]} was answered with ${answer?.status}`);
      continue;
    }
    for (const record of records as Stored[]) {
      if (!isOfQueuedTurn(record, kind, tables)) compareRecord(kind, record, tables[kind], judge);
    }
  }
}

/** A turn that waited at the kill goes on, and asks, while the lists are read. */
function isOfQueuedTurn({ turnId }: Stored, kind: Kind, { turn }: Registries): boolean {
  return kind === "approval" && ![...turn.values()].some((record) => record["turnId"] === turnId);
}

function compareRecord(kind: Kind, record: Stored, table: ReadonlyMap<string, Stored>, judge: TortureJudge): void {
  const id = String(kind === "turn" ? (record["submissionId"] ?? record["turnId"]) : record[`${kind}Id`]);
  const kept = table.get(id);
  if (kept === undefined) return judge.problem(`${kind} ${id} is in no file of the killed daemon`);
  const status = statusOf(record);
  if (UNDER_WAY[kind].includes(statusOf(kept)) && rankOf(kind, record) < 2) {
    judge.problem(`${kind} ${id} was ${statusOf(kept)} at the kill, and is ${status} when the next daemon serves`);
  }
  if (rankOf(kind, kept) < 2) return;
  if (status !== statusOf(kept)) judge.problem(`${kind} ${id} was ${statusOf(kept)}, and is told to be ${status}`);
  for (const name of LASTING) {
    if (name in record && !isDeepStrictEqual(record[name], kept[name])) {
      judge.problem(`${kind} ${id}: ${name} was ${JSON.stringify(kept[name])}, and is ${JSON.stringify(record[name])}`);
    }
  }
}

/** Sends requests with a key once more: those that were answered, and those that the daemon died over. */
export async function repeatKeyed(served: Served, judge: TortureJudge, keyed: readonly Keyed[]): Promise<void> {
  const { tables } = judge;
  if (tables === undefined) return;
  // Those without an answer first: they are few, and the ones that a client cannot know about.
  const sorted = [...keyed].sort((a, b) => Number(a.answer !== null) - Number(b.answer !== null));
  for (const request of sorted.slice(0, REPEATED_MAX)) {
    const { key, route, body } = request;
    const answer = await ask(served, judge, { method: "POST", route, body, key });
    if (answer === null) return judge.problem(`${route} with the key ${key} was not answered`);
    compareRepeated(request, answer, tables, judge);
    await compareText(served, judge, request, answer);
  }
}

function compareRepeated(
  { key, route, body, answer: first }: Keyed, answer: Answered, tables: Registries, judge: TortureJudge,
): void {
  const { status, replayed, data } = answer;
  const what = `${route} with the key ${key}`;
  const isKept = [...tables.answer.values()].some((record) => record["key"] === key);
  const made = madeBy(body, key, tables);
  if (first !== null && !isKept) judge.problem(`${what} was answered, and the answer is in no file`);
  const now = `${status} ${JSON.stringify(data)}`;
  if (isKept && (!replayed || status >= 300)) judge.problem(`${what} is kept, and gives ${now}`);
  if (!isKept && replayed) judge.problem(`${what} is answered from nowhere`);
  const kept = isKept ? "kept" : "not kept";
  if (made !== null && made !== Number(isKept)) judge.problem(`${what} is ${kept}, and made ${made}`);
  // Of a call that had waited only the acceptance is kept.
  if (first === null || "waitMs" in body) return;
  if (first.status !== status || !isDeepStrictEqual(first.data, data)) {
    judge.problem(`${what} gave ${first.status} ${JSON.stringify(first.data)}, and now ${now}`);
  }
}

/** How many records say that this request has made them; null where none would. */
function madeBy(body: object, key: string, { session, run }: Registries): number | null {
  if (!("metadata" in body)) return null;
  const table = "prompt" in body ? run : session;
  return [...table.values()].filter(({ metadata }) => (metadata as Stored)["key"] === key).length;
}

/** However long it was, what was asked for is there to be read. */
async function compareText(
  served: Served, judge: TortureJudge, { body, route }: Keyed, { data }: Answered,
): Promise<void> {
  const { input, prompt } = body as { readonly input?: string; readonly prompt?: string };
  const turnId = data["submissionId"];
  if (input !== undefined && typeof turnId === "string" && !("whenBusy" in body && body.whenBusy === "steer")) {
    const answer = await ask(served, judge, { method: "GET", route: `/v1/codexd/turns/${turnId}` });
    const turn = answer?.data["turn"] as { readonly input?: ReadonlyArray<{ readonly text?: string }> } | undefined;
    if (turn?.input?.[0]?.text !== input) judge.problem(`the input of turn ${turnId} is not what was sent to ${route}`);
  }
  const runId = (data["run"] as Stored | undefined)?.["runId"];
  if (prompt === undefined || typeof runId !== "string") return;
  const answer = await ask(served, judge, { method: "GET", route: `/v1/codexd/runs/${runId}` });
  const run = answer?.data["run"] as { readonly prompt?: string } | undefined;
  if (run?.prompt !== prompt) judge.problem(`the prompt of run ${runId} is not what was sent`);
}
