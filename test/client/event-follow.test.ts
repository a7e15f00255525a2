// Following events over everything that can happen to a connection: each one once, in order, and no loss in silence.
//
// The daemon is a script on a port, since a real one cannot be cut at every byte; waits between tries cost nothing.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { createCodexdClient } from "../../src/client/client.ts";
import type { FollowNotice, FollowOptions } from "../../src/client/event-follow.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import { linesOf, startScriptedStream, type ScriptedStream, type StreamCall } from "../support/scripted-stream.ts";

/** Waits for a next try cost nothing; longer times are left to the test. */
function hurried(long: Array<() => void> = []): Clock {
  return {
    ...systemClock,
    after(ms, fn) {
      if (ms >= 10_000) return { cancel: (long.push(fn), () => undefined) };
      const handle = setImmediate(fn);
      return { cancel: () => clearImmediate(handle) };
    },
  };
}

function follow(t: TestContext, server: ScriptedStream, options: FollowOptions = {}, clock = hurried()) {
  const client = createCodexdClient({ baseUrl: server.baseUrl, clock, random: () => 0.5 });
  t.after(() => client.close());
  return client.events(options);
}

async function take(events: AsyncIterable<CodexdEvent>, count: number): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of events) if (seqs.push(seq) === count) break;
  return seqs;
}

const sendAll = (server: () => ScriptedStream) => (call: StreamCall): void => {
  call.begin();
  call.send(linesOf(server().journal.slice(call.after)));
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("a stream", () => {
  test("begins behind its cursor, and asks with the filters it was given", async (t) => {
    const server: ScriptedStream = await startScriptedStream(t, 9, (call) => sendAll(() => server)(call));
    const filter = { session: "s", thread: "t", run: null, types: ["turn.*", "run.item"] };
    assert.deepEqual(await take(follow(t, server, { after: 4, ...filter }), 5), [5, 6, 7, 8, 9]);
    assert.equal(server.calls[0]?.url,
      "/v1/codexd/events?format=ndjson&after=4&session=s&thread=t&type=turn.*%2Crun.item");
    assert.deepEqual(await take(follow(t, server, { after: 0 }), 9), range(1, 9));
  });

  test("without a cursor has what comes from now on, also when it is cut before anything came", async (t) => {
    const server = await startScriptedStream(t, 3, (call, count) => {
      call.begin();
      if (count === 1) return call.cut();
      // What happened in between is not lost.
      server.journal.push({ ...server.journal[0]!, seq: 4 });
      call.send(linesOf(server.journal.slice(call.after)));
    });
    assert.deepEqual(await take(follow(t, server), 1), [4]);
    assert.deepEqual(server.calls.map(({ after }) => after), [3, 3]);
  });

  test("has every event once and in order over cuts at any byte", async (t) => {
    let random = 7;
    const next = (below: number): number => (random = (random * 48_271) % 2_147_483_647) % below;
    const server: ScriptedStream = await startScriptedStream(t, 300, (call) => {
      call.begin();
      const bytes = Buffer.from(linesOf(server.journal.slice(call.after)));
      // In the middle of a line, of a character, or of nothing; now and then it begins too early.
      const early = next(4) === 0 ? linesOf(server.journal.slice(Math.max(0, call.after - 2), call.after)) : "";
      call.response.write(early);
      call.response.write(bytes.subarray(0, next(4000)));
      call.cut();
    });
    const lost: FollowNotice[] = [];
    const onNotice = (notice: FollowNotice): void => void (notice.type === "lost" && lost.push(notice));
    assert.deepEqual(await take(follow(t, server, { after: 0, onNotice }), 300), range(1, 300));
    assert.ok(lost.length >= 10);
  });

  test("survives a daemon that goes and comes back on the same port", async (t) => {
    const server: ScriptedStream = await startScriptedStream(t, 6, (call, count) => {
      call.begin();
      call.send(linesOf(server.journal.slice(call.after, count === 1 ? 3 : 6)));
    });
    const notices: FollowNotice[] = [];
    const seqs: number[] = [];
    const onNotice = (notice: FollowNotice): void => {
      notices.push(notice);
      const lost = notices.filter(({ type }) => type === "lost").length;
      if (notice.type === "lost" && lost === 4) void server.reopen();
    };
    for await (const { seq } of follow(t, server, { after: 0, onNotice })) {
      seqs.push(seq);
      if (seq === 3) void server.shut();
      if (seq === 6) break;
    }
    assert.deepEqual(seqs, range(1, 6));
    assert.deepEqual(notices[0], { type: "connected", after: 0 });
    assert.deepEqual(notices.at(-1), { type: "connected", after: 3 });
    const waits = notices.flatMap((notice) => (notice.type === "lost" ? [notice.retryMs] : []));
    assert.deepEqual(waits.slice(0, 4), [75, 150, 300, 600]);
  });
});

describe("the cursor", () => {
  test("moves with heartbeats, which are no events", async (t) => {
    const server = await startScriptedStream(t, 0, (call, count) => {
      call.begin();
      if (count === 1) call.send('{"type":"heartbeat","seq":41}\n');
      if (count === 1) return call.cut();
      call.send(linesOf([{ seq: 42, createdAt: "", level: "info", type: "run.item", message: "", detail: {} }]));
    });
    assert.deepEqual(await take(follow(t, server, { after: 1, types: ["run.item"] }), 1), [42]);
    assert.deepEqual(server.calls.map(({ after }) => after), [1, 41]);
  });

  test("older than the journal is told, and the stream goes on behind the gap", async (t) => {
    const server: ScriptedStream = await startScriptedStream(t, 9, (call) => {
      if (call.after < 5) call.refuse(410, "cursor_expired", { oldestSeq: 6 });
      else sendAll(() => server)(call);
    });
    const notices: FollowNotice[] = [];
    const onNotice = (notice: FollowNotice): void => void notices.push(notice);
    assert.deepEqual(await take(follow(t, server, { after: 2, onNotice }), 4), [6, 7, 8, 9]);
    assert.deepEqual(notices, [
      { type: "gap", after: 2, oldestSeq: 6, damaged: false }, { type: "connected", after: 5 },
    ]);
    // Nobody would hear of it: then it is an error.
    await assert.rejects(follow(t, server, { after: 2 }).next(), { code: "cursor_expired", status: 410 });
  });

  test("moves over what cannot be read, which is told, or ends the iteration", async (t) => {
    const server: ScriptedStream = await startScriptedStream(t, 9, (call) => {
      call.begin();
      call.send(linesOf(server.journal.slice(call.after, 2)));
      call.send('{"type":"gap","seq":6,"fromSeq":4,"toSeq":6}\n');
      call.send(linesOf(server.journal.slice(6)));
    });
    const notices: FollowNotice[] = [];
    const onNotice = (notice: FollowNotice): void => void notices.push(notice);
    assert.deepEqual(await take(follow(t, server, { after: 1, onNotice }), 3), [2, 7, 8]);
    assert.deepEqual(notices.slice(1), [{ type: "gap", after: 3, oldestSeq: 7, damaged: true }]);
    const deaf = follow(t, server, { after: 1 });
    assert.equal((await deaf.next()).value?.seq, 2);
    await assert.rejects(deaf.next(), { code: "cursor_expired", detail: { oldestSeq: 7 } });
  });

  test("ahead of the journal, and a 410 that leads nowhere, end it", async (t) => {
    const server = await startScriptedStream(t, 1, (call, count) => {
      if (count === 1) call.refuse(409, "cursor_ahead");
      else call.refuse(410, "cursor_expired", count === 2 ? { oldestSeq: 3 } : undefined);
    });
    const onNotice = (): void => assert.fail("there is nothing to tell");
    for (const code of ["cursor_ahead", "cursor_expired", "cursor_expired"]) {
      await assert.rejects(follow(t, server, { after: 5, onNotice }).next(), { code });
    }
  });
});

describe("what another try cannot cure", () => {
  test("is an error at once: nobody there at first, later a refusal or what is no stream", async (t) => {
    const gone = await startScriptedStream(t, 0, () => undefined);
    await gone.shut();
    await assert.rejects(follow(t, gone).next(), { code: "no_daemon" });
    const answers: Array<[(call: StreamCall) => void, object]> = [
      [(call) => call.refuse(401, "unauthorized"), { code: "unauthorized", status: 401 }],
      [(call) => (call.begin(), call.send("<html>\n")), { code: "bad_reply", message: /no event: <html>/ }],
      [(call) => (call.begin(), call.send('{"seq":"1"}\n')), { code: "bad_reply" }],
    ];
    for (const [answer, wanted] of answers) {
      const server = await startScriptedStream(t, 1, (call, count) => {
        if (count > 1) return answer(call);
        sendAll(() => server)(call);
        call.cut();
      });
      const events = follow(t, server, { after: 0 });
      assert.equal((await events.next()).value?.seq, 1);
      await assert.rejects(events.next(), wanted);
      assert.equal((await events.next()).done, true);
    }
  });

  test("503 and its like are tried again, once it has worked", async (t) => {
    const server: ScriptedStream = await startScriptedStream(t, 3, (call, count) => {
      if (count === 1) return (call.begin(), call.cut());
      if (count < 5) return call.refuse([503, 429, 408][count - 2]!, "draining");
      sendAll(() => server)(call);
    });
    assert.deepEqual(await take(follow(t, server, { after: 0 }), 3), [1, 2, 3]);
    const draining = await startScriptedStream(t, 0, (call) => call.refuse(503, "draining"));
    await assert.rejects(follow(t, draining).next(), { code: "draining" });
  });

  test("a line beyond the limit of an answer", async (t) => {
    const mebibytes = Buffer.alloc(2 ** 20, 0x20);
    const server = await startScriptedStream(t, 0, (call) => {
      call.begin();
      const more = (): void => {
        while (!call.response.destroyed && call.response.write(mebibytes));
        call.response.once("drain", more);
      };
      more();
    });
    await assert.rejects(follow(t, server, { after: 0 }).next(), { code: "reply_too_large" });
  });
});

describe("silence", () => {
  test("of two and a half heartbeats means that the peer is gone", async (t) => {
    const long: Array<() => void> = [];
    const server = await startScriptedStream(t, 2, (call, count) => {
      call.begin();
      if (count === 2) call.send(linesOf(server.journal));
    });
    const lost: string[] = [];
    const onNotice = (notice: FollowNotice): void => {
      if (notice.type === "lost") lost.push(notice.error.message);
      // What is watched now is the silence, the limit of the answer's head is over.
      if (notice.type === "connected" && lost.length === 0) setImmediate(() => long.at(-1)?.());
    };
    assert.deepEqual(await take(follow(t, server, { after: 0, onNotice }, hurried(long)), 2), [1, 2]);
    assert.deepEqual(lost, [`${server.baseUrl} was silent for 50 s`]);
  });
});

describe("leaving", () => {
  test("at any moment closes the connection", async (t) => {
    const server = await startScriptedStream(t, 2, (call) => sendAll(() => server)(call));
    const events = follow(t, server, { after: 0 });
    for await (const { seq } of events) if (seq === 1) break;
    assert.equal((await events.next()).done, true);
    // While it waits for what does not come.
    const waiting = follow(t, server, { after: 2 });
    const pending = waiting.next();
    const call = await server.call(2);
    const closed = new Promise((resolve) => call.response.once("close", resolve));
    assert.equal((await waiting.return?.())?.done, true);
    assert.deepEqual(await pending, { done: true, value: undefined });
    await closed;
    assert.equal(server.closedCount(), 2);
  });

  test("by a signal throws its reason, while waiting, between tries and with events at hand", async (t) => {
    const reason = new Error("enough");
    const server = await startScriptedStream(t, 2, (call, count) => {
      if (count === 2) return (call.begin(), call.cut());
      sendAll(() => server)(call);
    });
    const first = new AbortController();
    const events = follow(t, server, { after: 0, signal: first.signal });
    assert.equal((await events.next()).value?.seq, 1);
    first.abort(reason);
    await assert.rejects(events.next(), reason);
    const second = new AbortController();
    const onNotice = ({ type }: FollowNotice): void => void (type === "lost" && second.abort(reason));
    await assert.rejects(follow(t, server, { after: 2, signal: second.signal, onNotice }).next(), reason);
    const third = new AbortController();
    const waiting = follow(t, server, { after: 2, signal: third.signal }).next();
    await server.call(3);
    third.abort(reason);
    await assert.rejects(waiting, reason);
  });
});
