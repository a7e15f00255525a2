// One request over a socket or a port: what is sent, what comes back, and what a failure is called.
//
// The other end is a real HTTP server of Node's.

import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { openReply, replyProblem, requestJson, targetName, type DaemonTarget } from "../../src/cli/http-client.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { EXIT } from "../../src/core/errors.ts";
import { answerJson, makeStateDir, startFakeDaemon, type Answer } from "../support/cli-daemon.ts";

const signal = new AbortController().signal;
const ask = { method: "GET", path: "/v1/codexd/status?a=b", signal };

async function overSocket(t: TestContext, answer: Answer) {
  const socketPath = `${makeStateDir(t)}/codexd.sock`;
  const daemon = await startFakeDaemon(t, socketPath, answer);
  return { daemon, target: { kind: "unix", socketPath } satisfies DaemonTarget };
}

describe("what is sent", () => {
  test("on the socket the host is codexd and no token goes along", async (t) => {
    const { daemon, target } = await overSocket(t, (_, response) => answerJson(response, 200, { ok: true }));
    await requestJson(target, ask, systemClock);
    const [seen] = daemon.seen;
    assert.equal(seen?.url, "/v1/codexd/status?a=b");
    assert.equal(seen?.headers.host, "codexd");
    assert.equal(seen?.headers.authorization, undefined);
    assert.equal(seen?.headers["content-type"], undefined);
  });

  test("on a port the token goes as a bearer, or not at all", async (t) => {
    const daemon = await startFakeDaemon(t, null, (_, response) => answerJson(response, 200, { ok: true }));
    for (const token of ["abc", null]) {
      await requestJson({ kind: "tcp", baseUrl: daemon.baseUrl, token }, ask, systemClock);
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
    const target: DaemonTarget = { kind: "tcp", baseUrl: `http://localhost:${port}`, token: "abc" };
    assert.equal((await requestJson(target, ask, systemClock)).status, 200);
    assert.equal(daemon.seen[0]?.headers.host, `127.0.0.1:${port}`);
    assert.deepEqual(heard, []);
  });

  test("a body goes as JSON with its length; a POST without one has length 0", async (t) => {
    const { daemon, target } = await overSocket(t, (_, response) => answerJson(response, 200, {}));
    await requestJson(target, { ...ask, method: "POST", body: '{"a":"é"}' }, systemClock);
    assert.equal(daemon.seen[0]?.body, '{"a":"é"}');
    assert.equal(daemon.seen[0]?.headers["content-type"], "application/json");
    assert.equal(daemon.seen[0]?.headers["content-length"], "10");
    await requestJson(target, { ...ask, method: "POST" }, systemClock);
    assert.equal(daemon.seen[1]?.headers["content-length"], "0");
  });
});

describe("what comes back", () => {
  test("status, text, and the body as JSON where it is that", async (t) => {
    const { target } = await overSocket(t, ({ url }, response) => {
      if (url === "/text") response.end("plain é");
      else answerJson(response, 409, { ok: false, error: "session_closed", message: "The session is closed." });
    });
    const reply = await requestJson(target, ask, systemClock);
    assert.equal(reply.status, 409);
    assert.equal(replyProblem(reply), "The session is closed. (session_closed)");
    const plain = await requestJson(target, { ...ask, path: "/text" }, systemClock);
    assert.deepEqual(plain, { status: 200, text: "plain é", body: undefined });
  });

  test("a problem is told by what the reply has", () => {
    const problem = (body: unknown) => replyProblem({ status: 500, text: "", body });
    assert.equal(problem({ message: "Oh." }), "Oh.");
    for (const body of [undefined, null, "x", {}, { message: 1 }]) assert.equal(problem(body), "HTTP status 500");
  });

  test("a stream can be read while it goes on", async (t) => {
    const { target } = await overSocket(t, (_, response) => void response.write("one\n"));
    const interruption = new AbortController();
    const reply = await openReply(target, { ...ask, signal: interruption.signal });
    const [first] = (await reply.iterator({ destroyOnReturn: false }).next()).value.toString().split("\n") as string[];
    assert.equal(first, "one");
    const broken = new Promise((resolve) => reply.once("error", resolve));
    interruption.abort();
    assert.ok((await broken) instanceof Error);
  });
});

describe("failures", () => {
  test("nobody listens: 3, with the place", async (t) => {
    const socketPath = `${makeStateDir(t)}/codexd.sock`;
    await assert.rejects(requestJson({ kind: "unix", socketPath }, ask, systemClock),
      { exitCode: EXIT.noDaemon, message: `no daemon runs: nothing listens at ${socketPath}` });
    const daemon = await startFakeDaemon(t, null, () => undefined);
    await daemon.close();
    await assert.rejects(requestJson({ kind: "tcp", baseUrl: daemon.baseUrl, token: null }, ask, systemClock),
      { exitCode: EXIT.noDaemon });
  });

  test("a connection that ends without an answer: 1", async (t) => {
    const { target } = await overSocket(t, (_, response) => response.destroy());
    await assert.rejects(requestJson(target, ask, systemClock), { exitCode: EXIT.failed, message: /failed: / });
  });

  test("no answer in time: 1, and the connection is closed", async (t) => {
    const socketPath = `${makeStateDir(t)}/codexd.sock`;
    const closed = new Promise<void>((resolve) => {
      const server = createServer((socket: Socket) => {
        socket.on("error", () => undefined);
        socket.resume().on("close", () => resolve());
        expire();
      }).listen(socketPath);
      t.after(() => server.close());
    });
    let expire = (): void => undefined;
    const clock: Clock = {
      ...systemClock,
      after(ms, fn) {
        assert.equal(ms, 10_000);
        expire = fn;
        return { cancel: () => undefined };
      },
    };
    await assert.rejects(requestJson({ kind: "unix", socketPath }, ask, clock),
      { exitCode: EXIT.failed, message: `${socketPath} did not answer within 10 s` });
    await closed;
  });

  test("an answer beyond its limit: 1", async (t) => {
    const chunk = Buffer.alloc(4 * 2 ** 20, 0x20);
    const { target } = await overSocket(t, (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once("drain", more);
      };
      more();
    });
    await assert.rejects(requestJson(target, ask, systemClock), { exitCode: EXIT.failed, message: /larger than/ });
  });

  test("an abort ends the wait", async (t) => {
    const interruption = new AbortController();
    const { target } = await overSocket(t, () => interruption.abort());
    await assert.rejects(requestJson(target, { ...ask, signal: interruption.signal }, systemClock));
  });
});

test("targets have names for messages, and IPv6 hosts are reached", async () => {
  assert.equal(targetName({ kind: "unix", socketPath: "/s" }), "/s");
  const target: DaemonTarget = { kind: "tcp", baseUrl: "http://[::1]:1", token: null };
  assert.equal(targetName(target), "http://[::1]:1");
  // Refused, or without IPv6 unreachable: either way the host was understood.
  const outcome = await requestJson(target, ask, systemClock).then(() => "answered", (error: Error) => error.message);
  assert.doesNotMatch(outcome, /ENOTFOUND/);
});
