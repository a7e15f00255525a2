// Reading the state directory beside a daemon: what is taken from its files, and what damage is called.
//
// The files are written here as the store writes them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { readDaemonFile, readStateFile, readTokenFile } from "../../src/cli/state-files.ts";
import { resolveCodexdConfig } from "../../src/config.ts";
import { EXIT } from "../../src/core/errors.ts";
import { makeStateDir } from "../support/cli-daemon.ts";

function pathsWith(t: TestContext, files: Record<string, unknown>) {
  const stateDir = makeStateDir(t, files);
  return resolveCodexdConfig({ stateDir, socketPath: "off" }, {}).paths;
}

describe("daemon-state.json", () => {
  test("gives pid, base URL and socket", async (t) => {
    for (const state of [
      { pid: 7, baseUrl: "http://127.0.0.1:1", socketPath: "/s" }, { pid: 7, baseUrl: null, socketPath: null },
    ]) {
      assert.deepEqual(await readDaemonFile(pathsWith(t, { "daemon-state.json": { ...state, version: 1 } })), state);
    }
  });

  test("of another make is read as far as it goes; a pid that would hit a group is none", async (t) => {
    for (const state of [{}, { pid: 0 }, { pid: -5 }, { pid: 1.5 }, { pid: "7" }, { baseUrl: 1 }, { socketPath: 1 }]) {
      assert.deepEqual(await readDaemonFile(pathsWith(t, { "daemon-state.json": state })),
        { pid: null, baseUrl: null, socketPath: undefined }, JSON.stringify(state));
    }
  });

  test("that is not there is null", async (t) => {
    assert.equal(await readDaemonFile(pathsWith(t, {})), null);
  });
});

describe("damage", () => {
  test("is 65 and names the file", async (t) => {
    for (const text of ["", "{", "[]", "null"]) {
      const { identityPath } = pathsWith(t, { "identity.json": text });
      await assert.rejects(readStateFile(identityPath), (error: Error & { exitCode?: number }) => {
        assert.equal(error.exitCode, EXIT.damagedState);
        assert.ok(error.message.startsWith(identityPath), error.message);
        return true;
      });
    }
  });

  test("a directory in a file's place is told too", async (t) => {
    const { identityPath, tokenPath } = pathsWith(t, {});
    mkdirSync(identityPath);
    mkdirSync(tokenPath);
    await assert.rejects(readStateFile(identityPath), { exitCode: EXIT.damagedState, message: /cannot be read/ });
    await assert.rejects(readTokenFile(tokenPath), { exitCode: EXIT.config, message: /cannot be read/ });
  });

  test("a pipe in a file's place is told, not waited for", async (t) => {
    const { tokenPath } = pathsWith(t, {});
    execFileSync("mkfifo", [tokenPath]);
    await assert.rejects(readTokenFile(tokenPath), { exitCode: EXIT.config, message: /not a regular file/ });
  });
});

describe("the token's file", () => {
  test("is one line", async (t) => {
    const dir = makeStateDir(t, { token: "abc-_123\n", empty: "\n", two: "a\nb\n", words: "a b", control: "a\u0007" });
    assert.equal(await readTokenFile(path.join(dir, "token")), "abc-_123");
    assert.equal(await readTokenFile(path.join(dir, "none")), null);
    const refused = { exitCode: EXIT.config, message: /does not hold a token/ };
    for (const name of ["empty", "two", "words", "control"]) {
      await assert.rejects(readTokenFile(path.join(dir, name)), refused);
    }
  });
});
