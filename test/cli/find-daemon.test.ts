// Which daemon a client command talks to, and to whom it would send the token.
//
// The listeners are real; what counts most here is where no connection is made and no token goes.

import assert from "node:assert/strict";
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { CliContext } from "../../src/cli/command.ts";
import { findDaemon } from "../../src/cli/find-daemon.ts";
import { parseCodexdCliRequest } from "../../src/cli/parse.ts";
import { resolveConfigWithSources } from "../../src/config.ts";
import { EXIT } from "../../src/core/errors.ts";
import { holdLock, makeStateDir, startFakeDaemon } from "../support/cli-daemon.ts";
import { createFakeIo, createParts, type FakeIoOptions } from "../support/cli-io.ts";

function contextOf(flags: readonly string[], options: FakeIoOptions = {}): CliContext {
  const io = createFakeIo(options);
  const request = parseCodexdCliRequest(["status", ...flags]);
  return {
    request,
    io,
    parts: createParts(),
    signal: new AbortController().signal,
    resolveConfig: () => resolveConfigWithSources(request.config, io.env, io.platform),
    version: () => "1.2.3",
    usage: () => "",
  };
}

async function listenOn(t: TestContext, socketPath: string): Promise<void> {
  await startFakeDaemon(t, socketPath, () => assert.fail("finding a daemon asks it nothing"));
}

const SECRET = "s".repeat(43);
const TCP_STATE = { pid: 7, baseUrl: "http://127.0.0.1:9", socketPath: null };

describe("the socket of the state directory", () => {
  test("is taken when somebody listens on it", async (t) => {
    const stateDir = makeStateDir(t);
    await listenOn(t, path.join(stateDir, "codexd.sock"));
    assert.deepEqual(await findDaemon(contextOf(["--state-dir", stateDir])),
      { kind: "unix", socketPath: path.join(stateDir, "codexd.sock") });
  });

  test("is taken where daemon-state.json says, whatever this command would choose", async (t) => {
    const socketPath = path.join(makeStateDir(t), "elsewhere.sock");
    const stateDir = makeStateDir(t, { "daemon-state.json": { pid: 7, socketPath } });
    await listenOn(t, socketPath);
    assert.deepEqual(await findDaemon(contextOf(["--state-dir", stateDir])), { kind: "unix", socketPath });
  });

  const skip = process.getuid?.() !== 0;
  test("is not asked where somebody else has planted it, but by name", { skip }, async (t) => {
    const stateDir = makeStateDir(t);
    const socketPath = path.join(stateDir, "codexd.sock");
    await listenOn(t, socketPath);
    chownSync(socketPath, 65_534, 65_534);
    await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir])), {
      exitCode: EXIT.config, message: /belongs to the user with id 65534, so nothing was sent there/,
    });
    const byName = contextOf(["--state-dir", stateDir, "--socket", socketPath]);
    assert.deepEqual(await findDaemon(byName), { kind: "unix", socketPath });
  });

  test("is the one that a flag or variable names before the file's", async (t) => {
    const socketPath = path.join(makeStateDir(t), "named.sock");
    const stateDir = makeStateDir(t, { "daemon-state.json": { pid: 7, socketPath: "/nowhere" } });
    await listenOn(t, socketPath);
    const byFlag = contextOf(["--state-dir", stateDir, "--socket", socketPath]);
    assert.deepEqual(await findDaemon(byFlag), { kind: "unix", socketPath });
    const byVariable = contextOf(["--state-dir", stateDir], { env: { BAA_CODEXD_SOCKET: socketPath } });
    assert.deepEqual(await findDaemon(byVariable), { kind: "unix", socketPath });
  });

  test("that nobody listens on means that no daemon runs, also when a port is named", async (t) => {
    const state = { pid: process.pid, baseUrl: "http://127.0.0.1:9" };
    const stateDir = makeStateDir(t, { "daemon-state.json": state, token: "secret" });
    const wanted = { exitCode: EXIT.noDaemon, message: /^no daemon runs on .* \(nothing listens at .*codexd\.sock\)/ };
    await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir], { alive: () => true })), wanted);
    // What a dead daemon leaves behind: a socket's file without a listener.
    const socketPath = path.join(stateDir, "codexd.sock");
    writeFileSync(socketPath, "");
    await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir])), wanted);
  });

  test("the environment's state directory counts as well", async (t) => {
    const stateDir = makeStateDir(t);
    await listenOn(t, path.join(stateDir, "codexd.sock"));
    const target = await findDaemon(contextOf([], { env: { BAA_CODEXD_STATE_DIR: stateDir } }));
    assert.equal(target.kind, "unix");
  });
});

describe("TCP, when the socket is off", () => {
  const alive = { alive: () => true };

  test("is taken while the process of daemon-state.json holds the lock, with the directory's token", async (t) => {
    const stateDir = makeStateDir(t, { "daemon-state.json": TCP_STATE });
    await holdLock(t, stateDir, 7);
    const file = path.join(stateDir, "token");
    writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
    assert.deepEqual(await findDaemon(contextOf(["--state-dir", stateDir])),
      { kind: "tcp", baseUrl: "http://127.0.0.1:9", token: SECRET });
    chmodSync(file, 0o644);
    await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir])),
      { exitCode: EXIT.config, message: /token cannot be used: it is open to others/ });
  });

  test("is taken when this command says off, or auth none says that there is no token", async (t) => {
    const { pid, baseUrl } = TCP_STATE;
    const stateDir = makeStateDir(t, { "daemon-state.json": { pid, baseUrl } });
    await holdLock(t, stateDir, 7);
    const off = ["--state-dir", stateDir, "--socket", "off"];
    const without = { kind: "tcp", baseUrl: "http://127.0.0.1:9", token: null };
    assert.deepEqual(await findDaemon(contextOf(off)), without, "its daemon was started with --auth none");
    writeFileSync(path.join(stateDir, "token"), SECRET, { mode: 0o600 });
    assert.deepEqual(await findDaemon(contextOf(off)), { ...without, token: SECRET });
    assert.deepEqual(await findDaemon(contextOf(off, { env: { BAA_CODEXD_AUTH: "none" } })), without);
  });

  test("is not when nobody or another holds the lock, though a process of that number lives", async (t) => {
    for (const owner of [null, 8]) {
      const stateDir = makeStateDir(t, { "daemon-state.json": TCP_STATE, token: SECRET });
      if (owner !== null) await holdLock(t, stateDir, owner);
      await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir], alive)),
        { exitCode: EXIT.noDaemon, message: /process 7, does not hold the lock/ });
    }
  });

  test("is not when the files name none", async (t) => {
    for (const files of [{}, { "daemon-state.json": { pid: 7, socketPath: null } },
      { "daemon-state.json": { ...TCP_STATE, pid: null } }]) {
      const stateDir = makeStateDir(t, files);
      await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir, "--socket", "off"], alive)),
        { exitCode: EXIT.noDaemon, message: /its files name none/ });
    }
  });

  test("a URL in the file that leads elsewhere gets no token", async (t) => {
    const state = { ...TCP_STATE, baseUrl: "http://example.test:9" };
    const stateDir = makeStateDir(t, { "daemon-state.json": state });
    await holdLock(t, stateDir, 7);
    await assert.rejects(findDaemon(contextOf(["--state-dir", stateDir], alive)),
      { exitCode: EXIT.config, message: /daemon-state\.json: must be on a loopback host/ });
  });
});

describe("a URL that is named", () => {
  const url = "http://127.0.0.1:9";

  test("is taken as it is, without a token unless a file is named", async (t) => {
    const dir = makeStateDir(t, { token: "secret" });
    const bare = await findDaemon(contextOf(["--url", url], { cwd: dir }));
    assert.deepEqual(bare, { kind: "tcp", baseUrl: url, token: null });
    const env = { CODEXD_URL: `${url}/`, CODEXD_TOKEN_FILE: path.join(dir, "token") };
    assert.deepEqual(await findDaemon(contextOf([], { env })), { kind: "tcp", baseUrl: url, token: "secret" });
    const relative = contextOf(["--url", url, "--token-file", "token"], { cwd: dir });
    assert.deepEqual(await findDaemon(relative), { kind: "tcp", baseUrl: url, token: "secret" });
  });

  test("by flag beats the environment's", async () => {
    const target = await findDaemon(contextOf(["--url", url], { env: { CODEXD_URL: "http://127.0.0.1:8" } }));
    assert.deepEqual(target, { kind: "tcp", baseUrl: url, token: null });
  });

  test("by the environment gives way to a flag that names a state directory, and empty counts as absent", async (t) => {
    const stateDir = makeStateDir(t);
    await listenOn(t, path.join(stateDir, "codexd.sock"));
    const env = { CODEXD_URL: url };
    assert.equal((await findDaemon(contextOf(["--state-dir", stateDir], { env }))).kind, "unix");
    const socket = path.join(stateDir, "codexd.sock");
    assert.equal((await findDaemon(contextOf(["--socket", socket], { env, homeDir: stateDir }))).kind, "unix");
    const empty = { CODEXD_URL: "", BAA_CODEXD_STATE_DIR: stateDir };
    assert.equal((await findDaemon(contextOf([], { env: empty }))).kind, "unix");
  });

  test("that is no loopback base, and a token's file that is not there, are 78", async (t) => {
    await assert.rejects(findDaemon(contextOf(["--url", "http://example.test"])),
      { exitCode: EXIT.config, message: /^--url: / });
    await assert.rejects(findDaemon(contextOf([], { env: { CODEXD_URL: "x" } })),
      { exitCode: EXIT.config, message: /^CODEXD_URL: / });
    const missing = path.join(makeStateDir(t), "token");
    await assert.rejects(findDaemon(contextOf(["--url", url, "--token-file", missing])),
      { exitCode: EXIT.config, message: `--token-file: there is no file ${missing}` });
  });
});

test("nothing is sent while a daemon is looked for", async (t) => {
  const stateDir = makeStateDir(t, { token: "secret" });
  let bytes = 0;
  const closed = new Promise<void>((resolve) => {
    const server = createServer((socket) => socket.on("data", (part) => (bytes += part.length)).on("close", resolve));
    server.listen(path.join(stateDir, "codexd.sock"));
    t.after(() => server.close());
  });
  await findDaemon(contextOf(["--state-dir", stateDir]));
  await closed;
  assert.equal(bytes, 0);
});
