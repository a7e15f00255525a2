// The client's end of a WebSocket to an app-server: what goes over it, and each way in which it can end.
//
// The server is the test's own, on real sockets; time is moved by hand where a limit is met.

import assert from "node:assert/strict";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import {
  createCodexAppServerWebSocketTransport, type WebSocketTransportOptions,
} from "../../src/child/transport-websocket.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { encodeFrame, encodeTextFrame, OPCODE } from "../../src/protocol/ws-frame.ts";
import { accepted, startFakeRemote, type FakeRemote, type FakeRemoteOptions } from "../support/fake-remote.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { makeTempDir } from "../support/temp-dir.ts";

type Options = Partial<WebSocketTransportOptions>;

function connect(t: TestContext, remote: FakeRemote, options: Options = {}) {
  const transport = createCodexAppServerWebSocketTransport({ url: remote.url, ...options });
  const closed = createDeferred<Error | null>();
  const messages: string[] = [];
  let closes = 0;
  let wake = createDeferred<void>();
  t.after(() => transport.abort());
  transport.connect({
    onMessage(text) {
      messages.push(text);
      wake.resolve();
    },
    onClose(reason = null) {
      closes += 1;
      closed.resolve(reason);
    },
  });
  return {
    transport, messages, closed: closed.promise,
    get closes() {
      return closes;
    },
    async count(wanted: number) {
      while (messages.length < wanted) {
        await wake.promise;
        wake = createDeferred();
      }
      return messages;
    },
  };
}

async function listen(t: TestContext, options?: FakeRemoteOptions): Promise<FakeRemote> {
  const remote = await startFakeRemote(options);
  t.after(() => remote.close());
  return remote;
}

test("messages go both ways, one a text frame, from before it is open", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote, { token: "t0ken" });
  end.transport.send('{"id":1}\n');
  const peer = await remote.peer();
  end.transport.send("two");
  await peer.frame("text two");
  assert.deepEqual(peer.frames, ['text {"id":1}', "text two"]);
  assert.match(peer.head, /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
  assert.match(peer.head, /\r\nAuthorization: Bearer t0ken\r\n/);
  assert.doesNotMatch(peer.head, /origin|extensions|protocol:/i);
  peer.sendText("a");
  peer.sendText("ü");
  assert.deepEqual(await end.count(2), ["a", "ü"]);
});

test("the answer, and the frames behind it, may come in any pieces", async (t) => {
  const remote = await listen(t);
  let cut = 0;
  const ping = encodeFrame(OPCODE.ping, Buffer.from("p"));
  const frames = Buffer.concat([encodeTextFrame("one"), ping, encodeTextFrame("two")]);
  const rests: Buffer[] = [];
  remote.answer = (head) => {
    const whole = Buffer.concat([accepted(head) as Buffer, frames]);
    rests.push(whole.subarray(cut));
    return whole.subarray(0, cut);
  };
  for (cut = 1; cut < 129 + frames.length; cut += 1) {
    const end = connect(t, remote);
    const peer = await remote.peer();
    peer.socket.setNoDelay(true);
    setImmediate(() => peer.socket.write(rests.pop() ?? ""));
    assert.deepEqual(await end.count(2), ["one", "two"], `cut at ${cut}`);
    await peer.frame("pong p");
    end.transport.abort();
  }
});

test("close is a handshake, and abort is not", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote);
  const peer = await remote.peer();
  end.transport.send("x");
  await peer.frame("text x");
  end.transport.close();
  end.transport.close();
  end.transport.send("too late");
  await peer.frame("close 1000");
  peer.sendText("last words");
  peer.closeFrame(1000);
  assert.equal(await end.closed, null);
  assert.deepEqual(end.messages, ["last words"]);
  await peer.closed;
  assert.deepEqual(peer.frames, ["text x", "close 1000 "]);
  assert.equal(end.closes, 1);

  const second = connect(t, remote);
  await remote.peer();
  second.transport.abort();
  assert.equal(second.closes, 1);
  second.transport.close();
  assert.equal(second.closes, 1);
});

test("a peer that breaks the protocol behind codexd's close gets no second one", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote);
  end.transport.send("x");
  const peer = await remote.peer();
  await peer.frame("text x");
  const behind: Buffer[] = [];
  peer.socket.on("data", (bytes: Buffer) => behind.push(bytes));
  end.transport.close();
  await peer.frame("close 1000");
  peer.socket.write(encodeFrame(OPCODE.binary, Buffer.from("x")));
  assert.equal(await end.closed, null);
  await peer.closed;
  const closeFrameBytes = 8;
  assert.equal(Buffer.concat(behind).length, closeFrameBytes);
});

test("a close that nobody answers has its limit, and one before it is open ends the attempt", async (t) => {
  const remote = await listen(t);
  const clock = createManualClock();
  const end = connect(t, remote, { clock });
  const peer = await remote.peer();
  end.transport.send("x");
  await peer.frame("text x");
  end.transport.close();
  await peer.frame("close 1000");
  clock.advance(LIMITS.wsCloseMs - 1);
  assert.equal(end.closes, 0);
  clock.advance(1);
  assert.equal(end.closes, 1);

  remote.answer = () => null;
  const early = connect(t, remote);
  const waiting = await remote.peer();
  early.transport.close();
  assert.equal(await early.closed, null);
  await waiting.closed;
});

test("the ways in which the server can end it", async (t) => {
  const remote = await listen(t);
  for (const [end, why] of [
    [(peer) => peer.closeFrame(1001, "going\naway"), /^the app-server closed it with 1001: going\?away$/],
    [(peer) => peer.closeFrame(null), /^the app-server closed it with no code$/],
    [(peer) => peer.socket.end(), /ended it without a word/],
    [(peer) => peer.socket.resetAndDestroy(), /ECONNRESET/],
    [(peer) => peer.socket.write(encodeFrame(OPCODE.binary, Buffer.from("x"))), /broke the protocol: binary/],
    [(peer) => peer.socket.write(encodeTextFrame("x", { maskKey: 1 })), /broke the protocol: a server must not mask/],
    [(peer) => peer.socket.write(encodeFrame(OPCODE.text, Buffer.from([0xff]))), /broke the protocol: .*UTF-8/],
    [(peer) => {
      const head = Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(BigInt(LIMITS.childLineBytesMax + 1), 2);
      peer.socket.write(head);
    }, /broke the protocol: a message has at most/],
  ] as ReadonlyArray<[(peer: Awaited<ReturnType<FakeRemote["peer"]>>) => void, RegExp]>) {
    const client = connect(t, remote);
    client.transport.send("x");
    const peer = await remote.peer();
    await peer.frame("text x");
    end(peer);
    assert.match((await client.closed)?.message ?? "", why);
    await peer.closed;
    assert.equal(client.closes, 1);
  }
});

test("of a flood of pings no more are answered than answers may wait", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote);
  const peer = await remote.peer();
  const pongs = (): number => peer.frames.filter((frame) => frame.startsWith("pong")).length;
  const sent = 20 * LIMITS.wsPongsWaitingMax;
  const flood = Buffer.alloc(2 * sent, encodeFrame(OPCODE.ping, Buffer.alloc(0)));
  peer.socket.write(Buffer.concat([flood, encodeTextFrame("behind them")]));
  assert.deepEqual(await end.count(1), ["behind them"]);
  while (pongs() < LIMITS.wsPongsWaitingMax) await new Promise((resolve) => setImmediate(resolve));
  peer.ping("last");
  await peer.frame("pong last");
  assert.ok(pongs() < sent / 2, `${pongs()} of ${sent}`);
});

test("a silent server is asked for a sign of life, and given up without one", async (t) => {
  const remote = await listen(t);
  const clock = createManualClock();
  const end = connect(t, remote, { clock });
  const peer = await remote.peer();
  peer.sendText("hello");
  await end.count(1);
  clock.advance(LIMITS.wsPingMs);
  assert.deepEqual(peer.frames, []);
  clock.advance(LIMITS.wsPingMs);
  await peer.frame("ping ");
  peer.sendText("alive");
  await end.count(2);
  clock.advance(2 * LIMITS.wsPingMs);
  assert.equal(end.closes, 0);
  // Of a socket that nobody reads nothing can be heard.
  end.transport.pause();
  clock.advance(4 * LIMITS.wsPingMs);
  assert.equal(end.closes, 0);
  end.transport.resume();
  clock.advance(2 * LIMITS.wsPingMs);
  assert.match((await end.closed)?.message ?? "", /^no sign of life for 40000 ms$/);
});

test("pause stops the reading, from before it is open too", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote);
  end.transport.pause();
  end.transport.send("x");
  const peer = await remote.peer();
  await peer.frame("text x");
  peer.sendText("held");
  // It has been sent before the answer to a ping of the server's could have been.
  await new Promise<void>((resolve) => peer.socket.write("", () => resolve()));
  assert.deepEqual(end.messages, []);
  end.transport.resume();
  assert.deepEqual(await end.count(1), ["held"]);
});

test("what Codex would reset the connection for, or what nobody reads, is an error of the call", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote);
  const largest = "x".repeat(LIMITS.remoteFrameBytesMax);
  const refusal = (code: string) => (error: unknown): boolean => error instanceof CodexdError && error.code === code;
  assert.throws(() => end.transport.send(`${largest}x`), refusal("body_too_large"));
  // The headers of the frames count too, so that one less fits than the bytes alone would let.
  for (let i = 2; i * LIMITS.remoteFrameBytesMax <= LIMITS.remoteSendBytesMax; i += 1) end.transport.send(largest);
  assert.throws(() => end.transport.send(largest), refusal("not_ready"));
  const peer = await remote.peer();
  await peer.frame("text x");
  end.transport.send("still open");
  await peer.frame("text still open");
});

test("a Unix socket carries it too", async (t) => {
  const remote = await listen(t, { socketPath: path.join(makeTempDir(t), "codex.sock") });
  const end = connect(t, remote, { token: "t0ken" });
  end.transport.send("x");
  const peer = await remote.peer();
  await peer.frame("text x");
  assert.match(peer.head, /^GET \/ HTTP\/1\.1\r\nHost: localhost\r\n/);
  peer.socket.destroy();
  await end.closed;
});

test("a URL that cannot be used throws, also one that would show the token to others", () => {
  const create = (url: string, more: Options = {}) => () => createCodexAppServerWebSocketTransport({ url, ...more });
  assert.throws(create("ftp://h"), /takes a ws:/);
  assert.doesNotThrow(create("ws://codex.example"));
  assert.throws(create("ws://codex.example", { token: "x" }), /in the clear/);
  assert.throws(create("http://codex.example", { tokenFile: "/x" }), /in the clear/);
  assert.doesNotThrow(create("wss://codex.example", { token: "x" }));
  for (const token of ["", "a\r\nX: y", "a\u010d\u010aX: y"]) {
    assert.throws(create("wss://codex.example", { token }), /^DecodeError: token: takes one line/);
  }
});

test("an abort in the tick in which it opens leaves nothing behind", async (t) => {
  const remote = await listen(t);
  const end = connect(t, remote);
  remote.answer = (head) => {
    setImmediate(() => end.transport.abort());
    return accepted(head);
  };
  const peer = await remote.peer();
  await peer.closed;
  assert.equal(await end.closed, null);
});
