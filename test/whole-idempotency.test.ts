// Idempotency-Key in whole daemons that are killed: in each moment between the request and its end, the same key gives
// the same answer from the next one, and nothing is done twice.
//
// Runs with the fake `codex exec`, turns with the fake app-server; the moment of a kill is read from the journal. Many
// daemons are started: as they are built, which is quicker.

import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import type { RunRecord } from "../src/core/runs.ts";
import type { SessionRecord, TurnRecord } from "../src/core/records.ts";
import type { Daemon, DaemonOptions, Refusal } from "./support/daemon.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const RUNS = "/v1/codexd/runs";
const TURN = "/v1/codexd/turn";
const SESSIONS = "/v1/codexd/sessions";

interface Answer<T> {
  readonly status: number;
  readonly replayed: boolean;
  /** As it came. */
  readonly text: string;
  readonly data: T;
}

type Accepted = { readonly session: SessionRecord; readonly submissionId: string; readonly turnId: string | null };

const daemons = createWholeDaemons({ after });

async function post<T>(daemon: Daemon, route: string, key: string, body: object = {}): Promise<Answer<T>> {
  const { service } = await daemon.started;
  const reply = await fetch(new URL(route, service.resolvedBaseUrl), {
    method: "POST",
    headers: {
      authorization: `Bearer ${await daemon.token()}`, "content-type": "application/json", "idempotency-key": key,
    },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  const whole = JSON.parse(text);
  const replayed = reply.headers.get("idempotency-replayed") === "true";
  return { status: reply.status, replayed, text, data: whole.data ?? whole };
}

const journalOf = ({ stateDir }: DaemonOptions): string =>
  readFileSync(path.join(stateDir, "logs", "events.jsonl"), "utf8");

const countOf = (options: DaemonOptions, type: string): number =>
  journalOf(options).split(`"type":"${type}"`).length - 1;

/** Kills the daemon as soon as the journal tells of it. */
async function killAt(daemon: Daemon, options: DaemonOptions, type: string, count = 1): Promise<void> {
  while (countOf(options, type) < count) await new Promise((resolve) => setImmediate(resolve));
  await daemon.kill("SIGKILL");
}

const next = async (daemon: Daemon, options: DaemonOptions): Promise<Daemon> => {
  await daemon.kill("SIGKILL");
  return daemons.start(options);
};

function withRuns(): DaemonOptions {
  const stateDir = daemons.makeStateDir();
  const command = path.join(stateDir, "codex");
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${FAKE_CODEX_PATH}' "$@"\n`);
  chmodSync(command, 0o700);
  const flags = ["--mode", "exec", "--exec-command", command, "--max-runs", "1", "--repo-root", stateDir];
  return { stateDir, flags };
}

async function ended(daemon: Daemon, runId: string): Promise<RunRecord> {
  for (;;) {
    const { data: { run } } = await daemon.get<{ run: RunRecord }>(`${RUNS}/${runId}`);
    if (run.finishedAt !== null) return run;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("a run", () => {
  test("is one run, whenever its daemon is killed: before the answer, before its process, and behind it", async () => {
    const options = withRuns();
    let daemon = await daemons.start(options);
    const blocker = await post<{ run: RunRecord }>(daemon, RUNS, "blocker", { prompt: "HANG" });
    assert.deepEqual([blocker.status, blocker.replayed], [202, false]);
    // It is written and waits; the daemon dies before anyone has read an answer.
    const lost = post(daemon, RUNS, "waits", { prompt: "TEXT=once;" }).catch(() => undefined);
    await killAt(daemon, options, "run.queued", 2);
    await lost;
    daemon = await daemons.start(options);
    const first = await post<{ run: RunRecord }>(daemon, RUNS, "waits", { prompt: "TEXT=once;" });
    assert.deepEqual([first.status, first.replayed, first.data.run.status], [202, true, "queued"]);
    assert.equal((await ended(daemon, first.data.run.runId)).finalMessage, "once");
    daemon = await next(daemon, options);
    const again = await post(daemon, RUNS, "waits", { prompt: "TEXT=once;" });
    assert.deepEqual([again.status, again.replayed, again.text], [202, true, first.text]);
    assert.equal((await post(daemon, RUNS, "blocker", { prompt: "HANG" })).text, blocker.text);
    assert.equal(countOf(options, "run.queued"), 2);
    assert.equal(countOf(options, "run.started"), 2);
    const { data } = await daemon.get<{ runs: RunRecord[] }>(RUNS);
    assert.deepEqual(data.runs.map(({ status }) => status).sort(), ["completed", "failed"]);

    const other = await post<Refusal>(daemon, RUNS, "waits", { prompt: "TEXT=twice;" });
    assert.deepEqual([other.status, other.data.error], [422, "idempotency_mismatch"]);
    const events = countOf(options, "request.answered");
    assert.equal(events, 0, "no line but the run's own");
  });

  test("of many that race there is one, and all who are answered hear of it", async () => {
    const options = withRuns();
    const daemon = await daemons.start(options);
    const replies = await Promise.all(Array.from({ length: 20 }, () =>
      post<{ run: RunRecord } & Refusal>(daemon, RUNS, "k", { prompt: "TEXT=x;", waitMs: 0 })));
    const told = replies.filter(({ status }) => status === 202);
    const waiting = replies.filter(({ status }) => status === 409);
    assert.equal(told.length + waiting.length, replies.length);
    assert.ok(waiting.every(({ data }) => data.error === "in_progress"));
    assert.equal(told.filter(({ replayed }) => !replayed).length, 1);
    assert.equal(new Set(told.map(({ data }) => data.run.runId)).size, 1);
    assert.equal(countOf(options, "run.queued"), 1);
    const status = await daemon.get<{ limits: Record<string, unknown> }>("/v1/codexd/status");
    assert.deepEqual(status.data.limits["keptAnswers"], { value: 1, limit: 10_000 });
  });
});

describe("a session and its turns", () => {
  test("are made once, whenever the daemon is killed", async () => {
    const options: DaemonOptions = { ...daemons.withFakeCodex() };
    let daemon = await daemons.start(options);
    const lost = post(daemon, SESSIONS, "ses", { metadata: { a: "b" } }).catch(() => undefined);
    await killAt(daemon, options, "session.created");
    await lost;
    daemon = await daemons.start(options);
    const created = await post<{ session: SessionRecord }>(daemon, SESSIONS, "ses", { metadata: { a: "b" } });
    assert.deepEqual([created.status, created.replayed], [201, true]);
    const { sessionId } = created.data.session;

    // Codex is asked, and never answers.
    const unanswered = { sessionId, prompt: "NEVER" };
    const cut = post(daemon, TURN, "cut", unanswered).catch(() => undefined);
    await killAt(daemon, options, "turn.submitted");
    await cut;
    daemon = await daemons.start(options);
    const known = await post<Accepted>(daemon, TURN, "cut", unanswered);
    assert.deepEqual([known.status, known.replayed, known.data.turnId], [202, true, null]);
    const { data: { turn } } = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${known.data.submissionId}`);
    assert.deepEqual([turn.status, turn.error?.reason], ["interrupted", "not_answered"]);

    // Codex has taken it, and the turn runs.
    const body = { sessionId, prompt: "HANG", waitMs: 60_000 };
    const dead = post(daemon, TURN, "runs", body).catch(() => undefined);
    while (countOf(options, "turn.accepted") < 1) await new Promise((resolve) => setImmediate(resolve));
    const accepted = await post<Accepted>(daemon, TURN, "runs", body);
    assert.deepEqual([accepted.status, accepted.replayed], [202, true], "the first one still waits");
    assert.ok(accepted.data.turnId !== null);
    daemon = await next(daemon, options);
    await dead;
    assert.equal((await post(daemon, TURN, "runs", body)).text, accepted.text);
    assert.equal((await post(daemon, SESSIONS, "ses", { metadata: { a: "b" } })).text, created.text);
    assert.equal(countOf(options, "session.created"), 1);
    assert.equal(countOf(options, "turn.submitted"), 2);
    assert.equal(countOf(options, "turn.finished"), 2);
  });

  test("an upload with a key is there once, and the same again", async () => {
    const options: DaemonOptions = { ...daemons.withFakeCodex() };
    const daemon = await daemons.start(options);
    const { data: { session } } = await post<{ session: SessionRecord }>(daemon, SESSIONS, "ses");
    const data = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").toString("base64");
    const upload = { sessionId: session.sessionId, data };
    const first = await post<{ upload: { path: string } }>(daemon, "/v1/codexd/uploads", "up", upload);
    assert.deepEqual([first.status, first.replayed], [201, false], first.text);
    const again = await post(await next(daemon, options), "/v1/codexd/uploads", "up", upload);
    assert.deepEqual([again.status, again.replayed, again.text], [201, true, first.text]);
    assert.ok(readFileSync(first.data.upload.path).length > 0);
  });
});
