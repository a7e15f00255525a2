// What a URL of a WebSocket says, and which ones lead nowhere.
// Nothing is looked up or connected to here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { isSheltered, parseWsEndpoint } from "../../src/protocol/ws-endpoint.ts";

test("the four schemes, their ports and their targets", () => {
  const tcp = { kind: "tcp", tls: false, host: "127.0.0.1", port: 80, hostHeader: "127.0.0.1", path: "/" };
  assert.deepEqual(parseWsEndpoint("ws://127.0.0.1"), tcp);
  assert.deepEqual(parseWsEndpoint("HTTP://127.0.0.1:80/"), tcp);
  assert.deepEqual(parseWsEndpoint("ws://127.0.0.1:4500/a/b?c=d#e"), {
    ...tcp, port: 4500, hostHeader: "127.0.0.1:4500", path: "/a/b?c=d",
  });
  for (const scheme of ["wss", "https"]) {
    assert.deepEqual(parseWsEndpoint(`${scheme}://codex.example`), {
      kind: "tcp", tls: true, host: "codex.example", port: 443, hostHeader: "codex.example", path: "/",
    });
  }
  assert.deepEqual(parseWsEndpoint("ws://[::1]:1"), { ...tcp, host: "::1", port: 1, hostHeader: "[::1]:1" });
});

test("the path of a Unix socket is taken as it stands", () => {
  assert.deepEqual(parseWsEndpoint("unix:///run/a b?%20.sock"), { kind: "unix", socketPath: "/run/a b?%20.sock" });
  const longest = `/${"x".repeat(LIMITS.socketPathBytesMax - 1)}`;
  assert.deepEqual(parseWsEndpoint(`UNIX://${longest}`), { kind: "unix", socketPath: longest });
  assert.throws(() => parseWsEndpoint(`unix://${longest}x`), /url: has a path of 104 bytes; a socket's takes 103/);
  for (const path of ["", "/", "run/x", "/a\0b"]) {
    assert.throws(() => parseWsEndpoint(`unix://${path}`), DecodeError, JSON.stringify(path));
  }
});

test("anything else is refused, and a password is not told", () => {
  for (const url of ["", "stdio://", "ftp://h", "ws://", "127.0.0.1:80", "ws:/x y z//"]) {
    assert.throws(() => parseWsEndpoint(url, "--server-endpoint"), /^DecodeError: --server-endpoint: takes a ws:/, url);
  }
  for (const url of ["ws://me@h", "ws://:hunter2@h"]) {
    assert.throws(() => parseWsEndpoint(url), /^DecodeError: url: must be without a user name or password$/);
  }
});

test("a token goes where only the two ends can read it", () => {
  const sheltered = (url: string): boolean => isSheltered(parseWsEndpoint(url));
  for (const url of ["wss://codex.example", "https://1.2.3.4", "ws://127.0.0.1", "ws://127.1.2.3:1", "ws://localhost",
    "ws://[::1]", "unix:///x"]) assert.equal(sheltered(url), true, url);
  for (const host of ["codex.example", "10.0.0.1", "127.0.0.1.nip.io", "[::2]", "localhost.x"]) {
    assert.equal(sheltered(`ws://${host}`), false, host);
  }
});
