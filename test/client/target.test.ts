// Where a client looks for its daemon, and what it refuses to send a token to.
//
// No connection is made: what counts is where one would be.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { createLocate, targetName, type TargetOptions } from "../../src/client/target.ts";
import { readTokenFile } from "../../src/client/token-file.ts";
import { makeStateDir } from "../support/cli-daemon.ts";

const locate = (options: TargetOptions) => createLocate(options)();

describe("a target", () => {
  test("is what is named, and has a name for messages", async () => {
    const unix = await locate({ socketPath: "/s" });
    assert.deepEqual(unix, { kind: "unix", socketPath: "/s" });
    assert.equal(targetName(unix), "/s");
    const tcp = await locate({ baseUrl: "http://127.0.0.1:4319/", token: "abc" });
    assert.deepEqual(tcp, { kind: "tcp", baseUrl: "http://127.0.0.1:4319", token: "abc" });
    assert.equal(targetName(tcp), "http://127.0.0.1:4319");
    const six = "http://[::1]:1";
    assert.deepEqual(await locate({ baseUrl: six }), { kind: "tcp", baseUrl: six, token: null });
    assert.equal(await locate({ locate: async () => unix }), unix);
  });

  test("takes its token from the file at each look", async (t) => {
    const file = path.join(makeStateDir(t, { token: "one\n" }), "token");
    const look = createLocate({ baseUrl: "http://localhost:1", tokenFile: file });
    assert.deepEqual(await look(), { kind: "tcp", baseUrl: "http://localhost:1", token: "one" });
    writeFileSync(file, "two\n");
    assert.deepEqual(await look(), { kind: "tcp", baseUrl: "http://localhost:1", token: "two" });
  });

  test("elsewhere than on this machine, or with a token that is none, is refused", async (t) => {
    for (const baseUrl of ["http://example.test:1", "https://127.0.0.1:1", "http://127.0.0.1:1/x", "127.0.0.1:1"]) {
      assert.throws(() => createLocate({ baseUrl, token: "abc" }), { name: "DecodeError", message: /^baseUrl: / });
    }
    for (const token of ["", "a b", "a\r\nX: y"]) {
      assert.throws(() => createLocate({ baseUrl: "http://127.0.0.1:1", token }), { code: "bad_token" });
    }
    const tokenFile = path.join(makeStateDir(t), "none");
    await assert.rejects(locate({ baseUrl: "http://127.0.0.1:1", tokenFile }),
      { code: "bad_token", message: `tokenFile: there is no file ${tokenFile}` });
  });
});

describe("a state directory", () => {
  test("leads to the socket that its daemon names, else to the usual one", async (t) => {
    const empty = makeStateDir(t);
    assert.deepEqual(await locate({ stateDir: empty }), { kind: "unix", socketPath: `${empty}/codexd.sock` });
    for (const state of [{}, { socketPath: 3 }, []]) {
      const stateDir = makeStateDir(t, { "daemon-state.json": state });
      assert.deepEqual(await locate({ stateDir }), { kind: "unix", socketPath: `${stateDir}/codexd.sock` });
    }
    const stateDir = makeStateDir(t, { "daemon-state.json": { socketPath: "/elsewhere.sock" } });
    assert.deepEqual(await locate({ stateDir }), { kind: "unix", socketPath: "/elsewhere.sock" });
  });

  test("never leads to a port, whatever its files say", async (t) => {
    const state = { pid: process.pid, baseUrl: "http://127.0.0.1:9", socketPath: null };
    const stateDir = makeStateDir(t, { "daemon-state.json": state, token: "secret" });
    await assert.rejects(locate({ stateDir }), { code: "no_daemon", message: /has no socket: name its baseUrl/ });
  });

  test("with a damaged file is no daemon", async (t) => {
    const stateDir = makeStateDir(t, { "daemon-state.json": "{" });
    await assert.rejects(locate({ stateDir }), { code: "no_daemon", message: /daemon-state\.json cannot be read/ });
  });
});

describe("a token's file", () => {
  test("gives the token without its line end, null where there is none", async (t) => {
    const dir = makeStateDir(t, { token: " abc-_9\n" });
    assert.equal(await readTokenFile(path.join(dir, "token")), "abc-_9");
    assert.equal(await readTokenFile(path.join(dir, "none")), null);
  });

  test("that holds something else is refused without a word of it", async (t) => {
    const dir = makeStateDir(t, { empty: "", two: "secret-a\nsecret-b\n", odd: "secrét" });
    for (const name of ["empty", "two", "odd"]) {
      await assert.rejects(readTokenFile(path.join(dir, name)), (error) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, /does not hold a token/);
        assert.doesNotMatch(error.message, /secr/);
        return true;
      });
    }
  });

  test("that is no file, or far too large for one, is not read", async (t) => {
    const dir = makeStateDir(t, { large: "x" });
    execFileSync("mkfifo", [path.join(dir, "pipe")]);
    for (const name of ["pipe", "."]) {
      await assert.rejects(readTokenFile(path.join(dir, name)), { code: "bad_token", message: /not a regular file/ });
    }
    truncateSync(path.join(dir, "large"), 64 * 1024 + 1);
    await assert.rejects(readTokenFile(path.join(dir, "large")), { code: "bad_token", message: /larger than 65536/ });
  });
});
