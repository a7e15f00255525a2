// Connections that never come to be: what is said of each, whether trying again can help, and that no token is told.
// The servers are the test's own, on real sockets, TLS included.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { createCodexAppServerWebSocketTransport } from "../../src/child/transport-websocket.ts";
import { DialError } from "../../src/child/ws-dial.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { accepted, startFakeRemote, type AnswerUpgrade, type FakeRemote } from "../support/fake-remote.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { makeTempDir } from "../support/temp-dir.ts";

type Options = Parameters<typeof createCodexAppServerWebSocketTransport>[0];

/** How the attempt ends; it must not succeed. */
function failure(options: Options): Promise<DialError> {
  return new Promise((resolve, reject) => {
    const transport = createCodexAppServerWebSocketTransport(options);
    transport.connect({
      onMessage: () => undefined,
      onClose: (error) => (error instanceof DialError ? resolve(error) : reject(new Error(`closed with ${error}`))),
    });
  });
}

async function refusing(t: TestContext, answer: AnswerUpgrade): Promise<FakeRemote> {
  const remote = await startFakeRemote();
  remote.answer = answer;
  t.after(() => remote.close());
  return remote;
}

const http = (status: string, body: string, more = ""): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

for (const [name, answer, why, refused] of [
  ["401", () => http("401 Unauthorized", "missing websocket bearer token"),
    /^the upgrade was answered with 401 Unauthorized: missing websocket bearer token$/, true],
  ["403", () => http("403 Forbidden", ""), /^the upgrade was answered with 403 Forbidden$/, true],
  ["404", () => http("404 Not Found", "no\x1b[2Jpe\nmore"), /404 Not Found: no\?\[2Jpe$/, true],
  ["a redirect", () => http("302 Found", "", "Location: ws://evil.example\r\n"), /302 Found$/, true],
  ["429", () => http("429 Too Many Requests", "later"), /429/, false],
  ["503", () => http("503 Service Unavailable", "starting"), /503 Service Unavailable: starting$/, false],
  ["a page", () => http("200 OK", "<html>"), /200 OK: <html>$/, true],
  ["another protocol", () => "220 mail.example ESMTP\r\n\r\n", /not HTTP\/1\.1/, true],
  ["a wrong accept value", (head) => String(accepted(head)).replace(/Accept: \S+/, "Accept: x"), /wrong accept/, true],
  ["a subprotocol", (head) => String(accepted(head)).replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n"),
    /subprotocol was not asked for/, true],
  ["an endless head", () => `HTTP/1.1 101 x\r\n${"X: y\r\n".repeat(4000)}`, /head is longer than 16384 bytes/, true],
] as ReadonlyArray<[string, AnswerUpgrade, RegExp, boolean]>) {
  test(`${name} is told, and ${refused ? "needs a person" : "may pass"}`, async (t) => {
    const remote = await refusing(t, answer);
    const failed = failure({ url: remote.url });
    const peer = await remote.peer();
    peer.socket.end();
    const error = await failed;
    assert.match(error.message, why);
    assert.equal(error.refused, refused);
    await peer.closed;
  });
}

test("a server that sends the token back, or a body without an end, is not repeated at length", async (t) => {
  const body = `got s3cret-t0ken ${"x".repeat(1000)}`;
  const remote = await refusing(t, () => http("401 Unauthorized s3cret-t0ken", body));
  const { message } = await failure({ url: remote.url, token: "s3cret-t0ken" });
  assert.match(message, /401 Unauthorized \[redacted\]: got \[redacted\] xxx/);
  assert.ok(message.length < 500);
});

test("a token that stands where the told part of a body ends is not told in part", async (t) => {
  const token = "s3cret-t0ken-of-the-remote";
  const most = LIMITS.remoteRefusalCharsMax;
  const bodies = [`${"x".repeat(most - 10)}${token} rest`, `${token} ${"x".repeat(most - 1)}${token.slice(0, 20)}`];
  for (const body of bodies) {
    for (let cut = 0; cut <= body.length; cut += 20) {
      const remote = await refusing(t, () => `HTTP/1.1 401 Unauthorized\r\n\r\n${body.slice(0, cut)}`);
      const failed = failure({ url: remote.url, token });
      const peer = await remote.peer();
      peer.socket.end(body.slice(cut));
      const { message } = await failed;
      assert.ok(!message.includes(token.slice(0, 4)), message);
      assert.match(message, /: (?:x|\[redacted\])/);
    }
  }
});

test("the body of a refusal is waited for, until there is enough of it, and not for ever", async (t) => {
  const clock = createManualClock();
  const remote = await refusing(t, () => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 900\r\n\r\n");
  const isWaiting = async (): Promise<void> => {
    while (clock.pending < 2) await new Promise((resolve) => setImmediate(resolve));
  };
  const silent = failure({ url: remote.url, clock });
  await remote.peer();
  await isWaiting();
  clock.advance(LIMITS.remoteRefusalMs);
  assert.match((await silent).message, /401 Unauthorized$/);

  const talking = failure({ url: remote.url, clock });
  const peer = await remote.peer();
  await isWaiting();
  peer.socket.write(`because ${"x".repeat(LIMITS.remoteRefusalCharsMax)}`);
  assert.match((await talking).message, /401 Unauthorized: because x+$/);
});

test("a server that says nothing has its limit; one that hangs up is told at once", async (t) => {
  const clock = createManualClock();
  const remote = await refusing(t, () => null);
  const silent = failure({ url: remote.url, clock });
  await remote.peer();
  clock.advance(LIMITS.remoteConnectMs);
  const late = await silent;
  assert.deepEqual([late.message, late.refused], ["the answer to the upgrade took more than 10000 ms", false]);

  const gone = failure({ url: remote.url });
  (await remote.peer()).socket.end();
  assert.match((await gone).message, /before it had answered the upgrade/);
});

test("nobody listens: a port, a socket, a name; and a token file that cannot be used", async (t) => {
  const remote = await startFakeRemote();
  await remote.close();
  const nobody = await failure({ url: remote.url });
  assert.match(nobody.message, /ECONNREFUSED/);
  assert.equal(nobody.refused, false);
  const named = await failure({ url: `ws://localhost:${remote.port}` });
  assert.match(named.message, /ECONNREFUSED/);
  const dir = makeTempDir(t);
  const absent = await failure({ url: `unix://${dir}/none.sock` });
  assert.match(absent.message, /ENOENT/);
  assert.equal(absent.refused, false);

  const file = path.join(dir, "token");
  writeFileSync(file, "s3cret", { mode: 0o644 });
  const open = await failure({ url: remote.url, tokenFile: file });
  assert.match(open.message, /^the token file .* is open to others/);
  assert.equal(open.refused, true);
});

test("TLS: a certificate that is trusted, one that is not, and a server that speaks none", async (t) => {
  const dir = makeTempDir(t);
  const made = makeCertificate(dir);
  if (made === undefined) return t.skip("there is no openssl here to make a certificate with");
  const remote = await startFakeRemote({ tls: made });
  t.after(() => remote.close());
  const stranger = await failure({ url: remote.url });
  assert.match(stranger.message, /self.signed/i);
  assert.equal(stranger.refused, true);
  assert.equal(remote.peers.length, 0, "nothing has been asked of it");

  const plain = createServer((socket) => socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  const noTls = await failure({ url: `wss://127.0.0.1:${(plain.address() as AddressInfo).port}` });
  plain.close();
  assert.match(noTls.message, /wrong version number|EPROTO/i);
  assert.equal(noTls.refused, true);

  const file = path.join(dir, "token");
  writeFileSync(file, "s3cret\n", { mode: 0o600 });
  const messages: string[] = [];
  const url = `${remote.url}/x?y=1`;
  const transport = createCodexAppServerWebSocketTransport({ url, ca: made.cert, tokenFile: file });
  const heard = new Promise<void>((resolve) => {
    transport.connect({
      onMessage(text) {
        messages.push(text);
        resolve();
      },
      onClose: () => resolve(),
    });
  });
  transport.send("over TLS");
  const peer = await remote.peer();
  await peer.frame("text over TLS");
  assert.match(peer.head, /^GET \/x\?y=1 HTTP\/1\.1\r\n[^]*Authorization: Bearer s3cret\r\n/);
  peer.sendText("hello");
  await heard;
  assert.deepEqual(messages, ["hello"]);
  transport.abort();
});

function makeCertificate(dir: string): { key: string; cert: string } | undefined {
  const [key, cert] = [path.join(dir, "key.pem"), path.join(dir, "cert.pem")];
  try {
    execFileSync("openssl", [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
      "-subj", "/CN=codex", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
    ], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}
