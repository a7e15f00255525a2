// Requests over a socket or a port: what is sent, what comes back, and what a failure is called.
//
// The other end is a real HTTP server of Node's, or a bare one that a test writes by hand.

import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { createCalls, type Calls } from "../../src/client/calls.ts";
import { readText } from "../../src/client/replies.ts";
import type { DaemonTarget } from "../../src/client/target.ts";
import { createWire, type Wire } from "../../src/client/wire.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { answerJson, makeStateDir, startFakeDaemon, type Answer } from "../support/cli-daemon.ts";

const PATH = "/v1/codexd/status?a=b";
const GET = { method: "GET", path: PATH };

function wireTo(t: TestContext, target: DaemonTarget): Wire {
  const wire = createWire(async () => target);
  t.after(() => wire.close());
  return wire;
}

async function overSocket(t: TestContext, answer: Answer) {
  const socketPath = `${makeStateDir(t)}/codexd.sock`;
  const daemon = await startFakeDaemon(t, socketPath, answer);
  return { daemon, socketPath, wire: wireTo(t, { kind: "unix", socketPath }) };
}

async function ask(wire: Wire, request: { method: string; path: string; body?: string; signal?: AbortSignal } = GET) {
  return readText(await wire.open(request));
}

function callsOver(wire: Wire, clock: Clock = systemClock): Calls {
  return createCalls({ wire, clock, timeoutMs: undefined });
}

/** A server of bare sockets on a port, and how many connections it has had. */
async function bareServer(t: TestContext, onSocket: (socket: Socket, count: number) => void) {
  const state = { connections: 0 };
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    onSocket(socket, ++state.connections);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { state, target: { kind: "tcp", baseUrl, token: null } satisfies DaemonTarget };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

describe("what is sent", () => {
  test("on the socket the host is codexd and no token goes along", async (t) => {
    const { daemon, wire } = await overSocket(t, (_, response) => answerJson(response, 200, { ok: true }));
    await ask(wire);
    const [seen] = daemon.seen;
    assert.equal(seen?.url, PATH);
    assert.equal(seen?.headers.host, "codexd");
    assert.equal(seen?.headers.authorization, undefined);
    assert.equal(seen?.headers["content-type"], undefined);
  });

  test("on a port the token goes as a bearer, or not at all", async (t) => {
    const daemon = await startFakeDaemon(t, null, (_, response) => answerJson(response, 200, { ok: true }));
    for (const token of ["abc", null]) {
      await ask(wireTo(t, { kind: "tcp", baseUrl: daemon.baseUrl, token }));
      assert.equal(daemon.seen.at(-1)?.headers.authorization, token === null ? undefined : "Bearer abc");
      assert.equal(`http://${daemon.seen.at(-1)?.headers.host}`, daemon.baseUrl);
    }
  });

  test("localhost is 127.0.0.1, whoever listens on the same port of ::1", async (t) => {
    const daemon = await startFakeDaemon(t, null, (_, response) => answerJson(response, 200, {}));
    const { port } = new URL(daemon.baseUrl);
    const heard: string[] = [];
    const thief = createServer((socket) => socket.on("data", (bytes: Buffer) => heard.push(bytes.toString())));
    // A machine without IPv6 has no such thief.
    await new Promise<void>((resolve) => thief.listen(Number(port), "::1", resolve).on("error", () => resolve()));
    t.after(() => void thief.close());
    const wire = wireTo(t, { kind: "tcp", baseUrl: `http://localhost:${port}`, token: "abc" });
    assert.equal((await ask(wire)).status, 200);
    assert.equal(daemon.seen[0]?.headers.host, `127.0.0.1:${port}`);
    assert.deepEqual(heard, []);
  });

  test("a body goes as JSON with its length; a POST without one has length 0", async (t) => {
    const { daemon, wire } = await overSocket(t, (_, response) => answerJson(response, 200, {}));
    await ask(wire, { method: "POST", path: PATH, body: '{"a":"é"}' });
    assert.equal(daemon.seen[0]?.body, '{"a":"é"}');
    assert.equal(daemon.seen[0]?.headers["content-type"], "application/json");
    assert.equal(daemon.seen[0]?.headers["content-length"], "10");
    await ask(wire, { method: "POST", path: PATH });
    assert.equal(daemon.seen[1]?.headers["content-length"], "0");
  });

  test("IPv6 hosts are reached as such", async (t) => {
    const wire = wireTo(t, { kind: "tcp", baseUrl: "http://[::1]:1", token: null });
    // Refused, or without IPv6 unreachable: either way the host was understood.
    const outcome = await ask(wire).then(() => "answered", (error: Error) => error.message);
    assert.doesNotMatch(outcome, /ENOTFOUND/);
  });
});

describe("connections", () => {
  test("are used again, one after the other", async (t) => {
    const { daemon, wire } = await overSocket(t, (_, response) => answerJson(response, 200, {}));
    let connections = 0;
    daemon.onConnection(() => (connections += 1));
    for (let i = 0; i < 5; i++) await ask(wire);
    assert.equal(connections, 1);
  });

  test("that ended while idle cost a GET a second try, and a POST an error", async (t) => {
    for (const method of ["GET", "POST"]) {
      const { state, target } = await bareServer(t, (socket, count) => {
        let requests = 0;
        socket.on("data", () => {
          // The first one of the first connection is answered, the second one meets its end.
          if (count === 1 && ++requests === 2) socket.destroy();
          else socket.write(OK);
        });
      });
      const wire = wireTo(t, target);
      await ask(wire);
      const second = ask(wire, { method, path: "/x" });
      if (method === "GET") assert.equal((await second).status, 200);
      else await assert.rejects(second, { code: "request_failed" });
      assert.equal(state.connections, method === "GET" ? 2 : 1);
    }
  });

  test("are closed with the wire: what is under way rejects, what comes later too", async (t) => {
    const asked = createDeferred<void>();
    const { wire } = await overSocket(t, () => asked.resolve());
    const under = ask(wire);
    await asked.promise;
    wire.close();
    await assert.rejects(under, { code: "client_closed", status: null });
    await assert.rejects(ask(wire), { code: "client_closed" });
  });
});

describe("what comes back", () => {
  test("a stream can be read while it goes on, until it is given up", async (t) => {
    const { wire } = await overSocket(t, (_, response) => void response.write("one\n"));
    const reply = await wire.open(GET);
    const body = reply.body[Symbol.asyncIterator]();
    assert.equal(Buffer.from((await body.next()).value as Uint8Array).toString(), "one\n");
    const rest = body.next();
    reply.close(new Error("enough"));
    await assert.rejects(rest, { message: "enough" });
  });

  test("a stream that breaks off is an error, also for who reads later", async (t) => {
    const { wire } = await overSocket(t, (_, response) => {
      response.write("half", () => response.destroy());
    });
    const reply = await wire.open(GET);
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(readText(reply), { code: "request_failed" });
  });

  test("an answer beyond its limit", async (t) => {
    const chunk = Buffer.alloc(4 * 2 ** 20, 0x20);
    const { wire } = await overSocket(t, (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once("drain", more);
      };
      more();
    });
    await assert.rejects(ask(wire), { code: "reply_too_large", message: /larger than/ });
  });
});

describe("failures", () => {
  test("nobody listens: with the place", async (t) => {
    const socketPath = `${makeStateDir(t)}/codexd.sock`;
    await assert.rejects(ask(wireTo(t, { kind: "unix", socketPath })),
      { code: "no_daemon", message: `no daemon runs: nothing listens at ${socketPath}` });
    const daemon = await startFakeDaemon(t, null, () => undefined);
    await daemon.close();
    await assert.rejects(ask(wireTo(t, { kind: "tcp", baseUrl: daemon.baseUrl, token: null })), { code: "no_daemon" });
  });

  test("a connection that ends without an answer", async (t) => {
    const { wire } = await overSocket(t, (_, response) => response.destroy());
    await assert.rejects(ask(wire), { code: "request_failed", message: /failed: / });
  });

  test("an answer with another protocol, which nobody has asked for", async (t) => {
    const { target } = await bareServer(t, (socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"));
    });
    await assert.rejects(ask(wireTo(t, target)), { code: "request_failed", message: /with another protocol$/ });
  });

  test("no answer in time, and the connection is closed", async (t) => {
    const closed = createDeferred<void>();
    let expire = (): void => undefined;
    const { target } = await bareServer(t, (socket) => {
      socket.resume().on("close", () => closed.resolve());
      expire();
    });
    const clock: Clock = {
      ...systemClock,
      after(ms, fn) {
        assert.equal(ms, 10_000);
        expire = fn;
        return { cancel: () => undefined };
      },
    };
    await assert.rejects(callsOver(wireTo(t, target), clock).text("/x"),
      { code: "reply_timeout", message: `${target.baseUrl} did not answer within 10 s` });
    await closed.promise;
  });

  test("no answer to a stream in time", async (t) => {
    let expire = (): void => undefined;
    const { target } = await bareServer(t, () => expire());
    const clock: Clock = { ...systemClock, after: (_, fn) => ({ cancel: ((expire = fn), () => undefined) }) };
    await assert.rejects(callsOver(wireTo(t, target), clock).stream("/x", new AbortController().signal),
      { code: "reply_timeout" });
  });

  test("an abort ends the wait with its reason, before, during and behind the answer's head", async (t) => {
    const interruption = new AbortController();
    const reason = new Error("no more");
    const { wire } = await overSocket(t, () => interruption.abort(reason));
    await assert.rejects(ask(wire, { ...GET, signal: interruption.signal }), reason);
    await assert.rejects(ask(wire, { ...GET, signal: interruption.signal }), reason);
    const { wire: slow } = await overSocket(t, (_, response) => void response.write("x"));
    const later = new AbortController();
    const reply = await slow.open({ ...GET, signal: later.signal });
    later.abort(reason);
    await assert.rejects(readText(reply), reason);
  });

  test("what would break out of the request's line is refused", async (t) => {
    const { wire, daemon } = await overSocket(t, () => undefined);
    await assert.rejects(ask(wire, { method: "GET", path: "/a b\r\nX: y" }), TypeError);
    assert.deepEqual(daemon.seen, []);
  });
});
