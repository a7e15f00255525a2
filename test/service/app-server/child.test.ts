// The restart that a person asks for, as a use case: who may ask, and what the answer shows.
//
// How a restart goes is in test/child/supervisor-restart.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../../src/core/errors.ts";
import { createChildService } from "../../../src/service/app-server/child.ts";
import { createWorkGate } from "../../../src/service/work-gate.ts";
import { createFakeAppServer } from "../../support/fake-app-server.ts";

function setUp() {
  const codex = createFakeAppServer();
  const gate = createWorkGate("app-server");
  const seen: string[] = [];
  const service = createChildService({
    appServer: codex, gate,
    restart: async (why) => void seen.push(`restart ${why}`),
    settled: async () => void seen.push("settled"),
  });
  return { codex, gate, seen, service };
}

test("the answer is the child after the restart, when all of it is in the journal", async () => {
  const { service, seen, codex } = setUp();
  assert.deepEqual(await service.restart(), codex.state);
  assert.deepEqual(seen, ["restart asked for", "settled"]);
});

test("a child that fails again is an answer", async () => {
  const { service, codex } = setUp();
  codex.goDown(new CodexdError("child_failed", "no such command"));
  assert.equal((await service.restart()).lastError, "no such command");
});

test("who stops restarts nothing, before and meanwhile", async () => {
  const meanwhile = setUp();
  meanwhile.codex.goDown(new CodexdError("draining", "codexd is stopping"));
  await assert.rejects(meanwhile.service.restart(), { code: "draining" });
  const before = setUp();
  before.gate.drain();
  await assert.rejects(before.service.restart(), { code: "draining" });
  assert.deepEqual(before.seen, []);
});

test("a bug is no answer", async () => {
  const { service, codex } = setUp();
  codex.ready = () => Promise.reject(new TypeError("a bug"));
  await assert.rejects(service.restart(), TypeError);
});

test("exec mode has no app-server to restart", async () => {
  const appServer = createFakeAppServer();
  const service = createChildService({
    appServer, gate: createWorkGate("exec"), restart: undefined, settled: async () => undefined,
  });
  await assert.rejects(service.restart(), { code: "wrong_mode" });
});
