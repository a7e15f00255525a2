// The rows about runs: what each passes on, and what it answers; the output as it is sent.
//
// The services are doubles. What a run is, is tested in test/service.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { runSummary } from "../../src/core/runs.ts";
import type { RunOutput } from "../../src/service/services.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { makeRun } from "../support/fake-services.ts";
import type { RawReply } from "../support/raw-http.ts";

const RUNS = "/v1/codexd/runs";
const OUTPUT = `${RUNS}/run_1/output`;

function post(edge: EdgeUnderTest, path: string, body?: unknown): Promise<RawReply> {
  const headers = [["Content-Type", "application/json"]] as const;
  return edge.ask({ method: "POST", path, headers, body: body === undefined ? "" : JSON.stringify(body) });
}

const dataOf = (reply: RawReply): Record<string, unknown> => JSON.parse(reply.body).data;

/** A piece as the service gives it; `more` waits until it is resolved. */
function piece(text: string, after: number, size: number, ended: boolean): RunOutput & { more: RunOutput["more"] } {
  const bytes = Buffer.from(text);
  return { bytes, nextOffset: after + bytes.length, size, ended, more: async () => undefined };
}

test("runs are listed, read, queued and cancelled", async (t) => {
  const edge = await startEdge(t);
  const { services } = edge;
  services.nextCursor = "run_1";
  assert.deepEqual(dataOf(await edge.ask({ path: `${RUNS}?limit=5&status=queued` })), {
    runs: [runSummary(services.run)], nextCursor: "run_1",
  });
  assert.deepEqual(services.callsOf("runs.list"), [[{ limit: 5, cursor: null, status: "queued" }]]);
  assert.deepEqual(dataOf(await edge.ask({ path: `${RUNS}/run_1` })), { run: services.run });

  const queued = await post(edge, RUNS, { prompt: "x", model: "m" });
  assert.deepEqual([queued.status, dataOf(queued)], [202, { run: services.run }]);
  assert.deepEqual(services.callsOf("runs.start"), [[{ prompt: "x", model: "m" }]]);

  const cancelled = await post(edge, `${RUNS}/run_1/cancel`);
  assert.deepEqual([cancelled.status, dataOf(cancelled)], [200, {
    run: services.run, stopped: [{ pid: 7, command: "sleep", signal: "SIGINT" }], survived: [],
  }]);
});

test("who waits gets 200 with the end, and 202 when it has not come", async (t) => {
  const edge = await startEdge(t);
  assert.equal((await post(edge, RUNS, { prompt: "x", waitMs: 0 })).status, 202);
  edge.services.run = makeRun({ status: "failed", finishedAt: "2025-01-02T03:04:05.678Z" });
  assert.equal((await post(edge, RUNS, { prompt: "x", waitMs: 10 })).status, 200);
  assert.equal((await post(edge, RUNS, { prompt: "x" })).status, 202, "who does not wait is told that it was taken");
});

test("a client that goes ends its waiting", async (t) => {
  const edge = await startEdge(t);
  edge.services.hold = createDeferred();
  const body = JSON.stringify({ prompt: "x", waitMs: 60_000 });
  const waiting = edge.open({ method: "POST", path: RUNS, headers: [["Content-Type", "application/json"]], body });
  while (edge.services.callsOf("runs.start").length === 0) await new Promise((resolve) => setImmediate(resolve));
  waiting.socket.destroy();
  await edge.services.aborted.promise;
});

test("bad fields and parameters are refused by name", async (t) => {
  const edge = await startEdge(t);
  for (const [reply, field] of [
    [await post(edge, RUNS, {}), "prompt"],
    [await post(edge, RUNS, { prompt: "x", shell: "sh" }), "shell"],
    [await post(edge, RUNS, { prompt: "x", env: { PATH: "/" } }), "env.PATH"],
    [await edge.ask({ path: `${RUNS}?status=done` }), "status"],
    [await edge.ask({ path: `${OUTPUT}?stream=stdin` }), "stream"],
    [await edge.ask({ path: `${OUTPUT}?after=-1` }), "after"],
    [await edge.ask({ path: `${OUTPUT}?follow=yes` }), "follow"],
  ] as const) {
    const { error, detail } = JSON.parse(reply.body);
    assert.deepEqual([reply.status, error, detail.field], [400, "bad_request", field]);
  }
  assert.deepEqual(edge.services.calls, []);
});

test("output is plain text from a byte on, with where it goes on", async (t) => {
  const edge = await startEdge(t);
  edge.services.outputs = [piece("tail", 3, 7, false)];
  const reply = await edge.ask({ path: `${OUTPUT}?stream=stderr&after=3` });
  assert.deepEqual([reply.status, reply.body], [200, "tail"]);
  const names = ["content-type", "content-length", "codexd-next-offset", "x-content-type-options"];
  assert.deepEqual(names.map((name) => reply.headers[name]), ["text/plain; charset=utf-8", "4", "7", "nosniff"]);
  assert.deepEqual(edge.services.callsOf("runs.output"), [["run_1", "stderr", 3]]);
});

test("no output yet is an empty answer", async (t) => {
  const edge = await startEdge(t);
  edge.services.outputs = [piece("", 0, 0, false)];
  const { status, body, headers } = await edge.ask({ path: OUTPUT });
  assert.deepEqual([status, body, headers["codexd-next-offset"]], [200, "", "0"]);
  assert.deepEqual(edge.services.callsOf("runs.output"), [["run_1", "message", 0]]);
});

test("a long output is read in pieces, and ends where its head has said, whatever came meanwhile", async (t) => {
  const edge = await startEdge(t);
  edge.services.outputs = [piece("abc", 0, 5, false), piece("defgh", 3, 8, false)];
  const reply = await edge.ask({ path: OUTPUT });
  assert.deepEqual([reply.body, reply.headers["codexd-next-offset"]], ["abcde", "5"]);
});

test("an output that is not as long as its head has said breaks off", async (t) => {
  const edge = await startEdge(t);
  edge.services.outputs = [piece("abc", 0, 5, false), piece("", 3, 3, false)];
  const connection = edge.open({ path: OUTPUT });
  await connection.closed;
  assert.match(edge.log.join("\n"), /the output of a run broke off.*before 5/);
});

test("what is refused is refused before anything is sent", async (t) => {
  const edge = await startEdge(t);
  edge.services.failures.set("runs.output", new CodexdError("cursor_ahead", "after: 9 is behind the end", { size: 5 }));
  const reply = await edge.ask({ path: `${OUTPUT}?follow=1&after=9` });
  assert.deepEqual([reply.status, JSON.parse(reply.body).error], [409, "cursor_ahead"]);
});

test("who follows gets what comes until the run has ended, and then where that is", async (t) => {
  const edge = await startEdge(t);
  const more = createDeferred<void>();
  edge.services.outputs = [
    { ...piece("one ", 0, 4, false), more: () => more.promise }, piece("two ", 4, 8, false), piece("", 8, 8, true),
  ];
  const connection = edge.open({ path: `${OUTPUT}?follow=1` });
  await connection.until((text) => text.includes("one "));
  assert.doesNotMatch(connection.text(), /two/);
  assert.match(connection.text(), /Trailer: Codexd-Next-Offset\r\n/i);
  more.resolve();
  await connection.closed;
  assert.match(connection.text(), /two [\s\S]*\r\n0\r\nCodexd-Next-Offset: 8\r\n\r\n$/);
  assert.deepEqual(edge.services.callsOf("runs.output").map(([, , after]) => after), [0, 4, 8]);
});

test("a client that goes ends its following, and the stop of the edge breaks it off", async (t) => {
  const edge = await startEdge(t);
  const left = createDeferred<void>();
  const waiting = (signal?: AbortSignal): Promise<void> => new Promise((resolve) => {
    signal?.addEventListener("abort", () => {
      left.resolve();
      resolve();
    });
  });
  edge.services.outputs = [{ ...piece("text", 0, 4, false), more: waiting }];
  const gone = edge.open({ path: `${OUTPUT}?follow=1` });
  await gone.until((text) => text.includes("text"));
  gone.socket.destroy();
  await left.promise;

  const cut = edge.open({ path: `${OUTPUT}?follow=1` });
  await cut.until((text) => text.includes("text"));
  await edge.edge.stop();
  await cut.closed;
  assert.doesNotMatch(cut.text(), /\r\n0\r\n/, "nobody can take it for the end");
});

test("a slow client costs a piece: no more is read until it has taken the last", async (t) => {
  const edge = await startEdge(t);
  const big = "x".repeat(1024 * 1024);
  const total = 64;
  let reads = 0;
  edge.services.runs.output = async (_id, _stream, after) => {
    reads += 1;
    return piece(big, after, total * big.length, after + big.length === total * big.length);
  };
  const connection = edge.open({ path: `${OUTPUT}?follow=1` });
  connection.socket.pause();
  for (let quiet = 0, seen = 0; reads === 0 || quiet < 500; quiet = reads === seen ? quiet + 1 : 0) {
    seen = reads;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(reads < total / 2, `${reads} pieces were read for a client that takes none`);
  connection.socket.resume();
  await connection.closed;
  assert.equal(reads, total);
});
