// events: what is printed, what is asked for, and what is said when the daemon goes and comes back.
//
// The daemon is a script on a port; waits between tries cost nothing.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { eventText, plain } from "../../src/cli/event-text.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import { makeStateDir, startFakeDaemon } from "../support/cli-daemon.ts";
import { createFakeIo, createParts, type FakeIo, type FakeIoOptions } from "../support/cli-io.ts";
import { makeEvent } from "../support/fake-events.ts";
import { linesOf, startScriptedStream, type ScriptedStream, type StreamCall } from "../support/scripted-stream.ts";

/** Tries cost nothing; the limits of answers are left to pass by themselves. */
const hurried: Clock = {
  ...systemClock,
  after: (ms, fn) => systemClock.after(ms < 10_000 ? 1 : ms, fn),
};

/** Follows until `lines` lines have been printed, then interrupts. */
async function events(argv: readonly string[], lines: number, options: FakeIoOptions = {}) {
  let printed = 0;
  const onStdout = (): void => {
    if (++printed === lines) io.raise("SIGINT");
  };
  const io: FakeIo = createFakeIo({ clock: hurried, onStdout, ...options });
  const code = await runCodexdCli(["events", ...argv], io, createParts());
  return { code, out: io.out(), err: io.err(), listeners: io.listeners() };
}

async function serve(t: TestContext, count: number, script?: (call: StreamCall, n: number) => void) {
  const server: ScriptedStream = await startScriptedStream(t, count, script ?? ((call) => {
    call.begin();
    call.send(linesOf(server.journal.slice(call.after)));
  }));
  return server;
}

describe("what is printed", () => {
  test("one line an event, or one document with --json", async (t) => {
    const server = await serve(t, 3);
    const plainly = await events(["--url", server.baseUrl, "--after", "1"], 2);
    assert.equal(plainly.code, 130);
    const [first = "", second = "", ...rest] = plainly.out.split("\n");
    assert.match(first, /^\d\d:\d\d:\d\d +2 {2}child\.stdout +é x$/);
    assert.match(second, /^\d\d:\d\d:\d\d +3 {2}child\.stdout +é xx$/);
    assert.deepEqual(rest, [""]);
    const json = await events(["--url", server.baseUrl, "--after", "0", "--json"], 3);
    assert.deepEqual(json.out.trim().split("\n").map((line) => JSON.parse(line)), server.journal);
    assert.deepEqual([json.err, json.listeners], ["", 0]);
  });

  test("with --no-follow what there was at the begin, page by page, and no more", async (t) => {
    const all = [1, 2, 3, 4, 5, 6].map((seq) => makeEvent(seq));
    // An event comes with each page.
    const { seen, baseUrl } = await startFakeDaemon(t, null, ({ url }, response) => {
      const after = Number(new URL(url, "http://d").searchParams.get("after"));
      const headSeq = 3 + seen.length;
      const events = all.filter(({ seq }) => seq > after && seq <= Math.min(headSeq, after + 2) && seq !== 2);
      const gaps = after === 0 ? [{ fromSeq: 2, toSeq: 2 }] : undefined;
      response.end(JSON.stringify({ ok: true, data: { events, gaps, nextAfter: after + 2, oldestSeq: 1, headSeq } }));
    });
    const { code, out, err } = await events(["--url", baseUrl, "--no-follow", "--json", "--type", "x"], -1);
    assert.equal(code, 0);
    assert.deepEqual(out.trim().split("\n").map((line) => (JSON.parse(line) as { seq: number }).seq), [1, 3, 4]);
    assert.equal(err, "codexd: events 2 to 2 cannot be read; codexd doctor says why\n");
    assert.deepEqual(seen.map(({ url }) => url), [0, 2].map((after) =>
      `/v1/codexd/events?format=json&after=${after}&limit=1000&type=x`));
  });

  test("what is asked for reaches the daemon", async (t) => {
    const server = await serve(t, 1);
    const flags = ["--after", "0", "--session", "s", "--run", "r", "--type", "turn.*,run.item", "--type", "x"];
    await events(["--url", server.baseUrl, ...flags], 1);
    assert.equal(server.calls[0]?.url,
      "/v1/codexd/events?format=ndjson&after=0&session=s&run=r&type=turn.*%2Crun.item%2Cx");
  });
});

describe("the connection", () => {
  test("that is lost is told once, and once when it is back", async (t) => {
    const server = await serve(t, 4, (call, n) => {
      if (n === 2) return call.refuse(503, "draining");
      call.begin();
      call.send(linesOf(server.journal.slice(call.after, n === 1 ? 2 : 4)));
      if (n === 1) call.cut();
    });
    const { err, out } = await events(["--url", server.baseUrl, "--after", "0"], 4);
    assert.equal(out.split("\n").length, 5);
    assert.match(err, /^codexd: .*trying again\ncodexd: connected again, behind event 2\n$/);
  });

  test("that nobody answers any more has lost its daemon, and a gap is told", async (t) => {
    const server = await serve(t, 9, (call, n) => {
      if (n === 2) return call.refuse(410, "cursor_expired", { oldestSeq: 6 });
      call.begin();
      call.send(linesOf(server.journal.slice(call.after, n === 1 ? 2 : 9)));
    });
    let printed = 0;
    const onStdout = (): void => {
      printed += 1;
      if (printed === 2) void server.shut().then(() => server.reopen());
      if (printed === 6) io.raise("SIGINT");
    };
    const io: FakeIo = createFakeIo({ clock: hurried, onStdout });
    await runCodexdCli(["events", "--url", server.baseUrl, "--after", "0"], io, createParts());
    assert.match(io.err(), /trying again\ncodexd: events 3 to 5 are not kept any more\ncodexd: connected again/);
  });

  test("needs a daemon to begin with, and the right token", async (t) => {
    assert.equal((await events(["--state-dir", makeStateDir(t)], 1)).code, 3);
    const server = await serve(t, 0, (call) => call.refuse(401, "unauthorized"));
    const { code, err } = await events(["--url", server.baseUrl, "--after", "0"], 1);
    assert.equal(code, 1);
    assert.match(err, /answered: No\. \(unauthorized\); --token-file names/);
    const usage = await events(["--url", server.baseUrl, "--after=-1"], 1);
    assert.deepEqual([usage.code, usage.err], [64, 'codexd: --after takes the seq of an event, 0 or more, got "-1"\n']);
  });
});

describe("a line", () => {
  test("says what deltas, items and ends of turns hold, and whose they are", () => {
    const text = (detail: Record<string, unknown>) => eventText(makeEvent(7, { message: "m", detail }), false);
    assert.match(text({ delta: "tok\nen" }), /m: tok en\n$/);
    const item = { type: "agent_message", text: "hi" };
    assert.match(text({ item, runId: "run_1" }), /m: agent_message hi {2}run_1\n$/);
    assert.match(text({ item: { type: "commandExecution", command: "ls" } }), /m: commandExecution ls\n$/);
    assert.match(text({ item: {} }), /m\n$/);
    assert.match(text({ finalMessage: "done", sessionId: "ses_1" }), /m: done {2}ses_1\n$/);
    assert.match(text({ runId: {}, sessionId: "ses_1" }), /m {2}ses_1\n$/);
  });

  test("has colours on a terminal only, by level", () => {
    assert.doesNotMatch(eventText(makeEvent(1), false), /\u001b/);
    for (const [level, colour] of [["info", 36], ["warn", 33], ["error", 31]] as const) {
      assert.ok(eventText(makeEvent(1, { level }), true).includes(`\u001b[${colour}mchild.stdout`));
    }
  });

  test("cannot move the cursor, ring or break in two, and is not endless", () => {
    assert.equal(plain("a\u001b[2Jb\u0007\r\nc\u009b1md\u2028e"), "a [2Jb c 1md e");
    assert.equal(plain("x".repeat(240)), "x".repeat(240));
    assert.equal(plain("x".repeat(241)), `${"x".repeat(240)}…`);
  });
});
