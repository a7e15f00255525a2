// Ports and socket files: whose they are, and what is said when they cannot be had.
//
// Real sockets on loopback and in temporary directories; whoever is in the way is made here too.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { EXIT, ExitError, type ExitCode } from "../../src/core/errors.ts";
import { listenOnTcp, listenOnUnixSocket, tcpPlaceOf } from "../../src/http/listen.ts";
import { makeTempDir } from "../support/temp-dir.ts";

function makeServer(t: TestContext): Server {
  const server = createServer();
  t.after(() => server.close());
  return server;
}

async function refused(listening: Promise<unknown>, exitCode: ExitCode, message: RegExp): Promise<void> {
  await assert.rejects(listening, (error) => {
    return error instanceof ExitError && error.exitCode === exitCode && message.test(error.message);
  });
}

test("a base URL says where; without a port it is 80", () => {
  assert.deepEqual(tcpPlaceOf("http://127.0.0.1:4319"), { hostname: "127.0.0.1", port: 4319 });
  assert.deepEqual(tcpPlaceOf("http://[::1]:0"), { hostname: "[::1]", port: 0 });
  assert.deepEqual(tcpPlaceOf("http://LocalHost"), { hostname: "127.0.0.1", port: 80 });
});

test("port 0 picks one, and localhost is 127.0.0.1", async (t) => {
  const server = makeServer(t);
  const port = await listenOnTcp(server, tcpPlaceOf("http://localhost:0"));
  assert.ok(port > 0);
  const address = server.address();
  assert.ok(typeof address === "object" && address?.address === "127.0.0.1");
});

test("a port in use is held, and never exchanged for another", async (t) => {
  const port = await listenOnTcp(makeServer(t), { hostname: "127.0.0.1", port: 0 });
  const second = listenOnTcp(makeServer(t), { hostname: "127.0.0.1", port });
  const holder = `(?:process ${process.pid} .*|another program)`;
  const message = new RegExp(`port ${port} of 127.0.0.1 is in use: ${holder} listens there`);
  await refused(second, EXIT.held, message);
});

test("an address that cannot be listened on is a matter of configuration", async () => {
  // A double, since no port is refused to root.
  const server = new EventEmitter() as Server;
  server.listen = (() => {
    server.emit("error", Object.assign(new Error("x"), { code: "EACCES" }));
    return server;
  }) as Server["listen"];
  await refused(listenOnTcp(server, { hostname: "[::1]", port: 80 }), EXIT.config, /port 80 of ::1 \(EACCES\)/);
});

test("a socket is 0600 and replaces one that nobody answers on", async (t) => {
  const file = path.join(makeTempDir(t), "s.sock");
  const first = makeServer(t);
  await listenOnUnixSocket(first, file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await refused(listenOnUnixSocket(makeServer(t), file), EXIT.held, /another program listens/);
  const stale = path.join(path.dirname(file), "stale.sock");
  leaveSocket(stale);
  await listenOnUnixSocket(makeServer(t), stale);
  assert.equal(statSync(stale).mode & 0o777, 0o600);
});

test("a socket is closed to others from the moment it is bound, and the umask is as it was", async (t) => {
  const file = path.join(makeTempDir(t), "s.sock");
  const server = makeServer(t);
  const before = process.umask(0);
  t.after(() => process.umask(before));
  let modeAtBind = -1;
  const listen = server.listen.bind(server) as (options: { path: string }) => Server;
  server.listen = ((options: { path: string }) => {
    listen(options);
    modeAtBind = statSync(file).mode & 0o777;
    return server;
  }) as Server["listen"];
  await listenOnUnixSocket(server, file);
  assert.equal(modeAtBind, 0o600);
  assert.equal(process.umask(), 0);
});

test("a worker thread, which may not change the umask, listens all the same", async (t) => {
  const file = path.join(makeTempDir(t), "s.sock");
  const module = JSON.stringify(new URL("../../src/http/listen.ts", import.meta.url).href);
  // tsx has no part in worker threads unless it is asked.
  const program = `const { createServer } = require("node:http");
    import("tsx/esm/api").then(({ register }) => register()).then(() => import(${module}))
      .then(({ listenOnUnixSocket }) => listenOnUnixSocket(createServer(), ${JSON.stringify(file)}))
      .then(() => require("node:worker_threads").parentPort.postMessage("listens"));`;
  const worker = new Worker(program, { eval: true });
  t.after(() => worker.terminate());
  assert.deepEqual(await once(worker, "message"), ["listens"]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("what is no socket is left alone", async (t) => {
  const file = path.join(makeTempDir(t), "s.sock");
  writeFileSync(file, "mine");
  await refused(listenOnUnixSocket(makeServer(t), file), EXIT.config, /is not a socket/);
  assert.equal(statSync(file).size, 4);
});

test("a socket of somebody else's stays, whether it is known to be dead or not", {
  skip: process.geteuid?.() === 0 ? false : "needs root, to leave it as another user",
}, async (t) => {
  const dir = makeTempDir(t);
  // As the system's temporary directory is: everybody makes files, and nobody removes another's.
  chmodSync(dir, 0o1777);
  const file = path.join(dir, "s.sock");
  leaveSocket(file);
  const asNobody = async (exitCode: ExitCode, message: RegExp): Promise<void> => {
    process.seteuid?.(65_534);
    try {
      await refused(listenOnUnixSocket(makeServer(t), file), exitCode, message);
    } finally {
      process.seteuid?.(0);
    }
  };
  await asNobody(EXIT.held, /s\.sock cannot be told \(EACCES\)/);
  chmodSync(file, 0o777);
  await asNobody(EXIT.config, /s\.sock .* cannot be removed \(EPERM\)/);
  assert.ok(statSync(file).isSocket());
  chmodSync(dir, 0o700);
  await asNobody(EXIT.config, /cannot look at the place .*s\.sock \(EACCES\)/);
});

test("a socket that cannot be made says which", async (t) => {
  const file = path.join(makeTempDir(t), "none", "s.sock");
  await refused(listenOnUnixSocket(makeServer(t), file), EXIT.config, /cannot make the socket .*none/);
});

/** As a daemon that was killed leaves it. */
function leaveSocket(file: string): void {
  const listen = `listen(${JSON.stringify(file)}, () => process.kill(process.pid, 9))`;
  const program = `require("node:net").createServer().${listen}`;
  spawnSync(process.execPath, ["-e", program]);
  assert.ok(statSync(file).isSocket());
}
