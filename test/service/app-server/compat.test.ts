// What an app-server has said that it lacks: kept for its life, judged with its version, bounded by the table.
// The words are Codex's; that it does say so is for test/e2e/compatibility.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CODEX_FEATURES } from "../../../src/codex/compatibility.ts";
import { createCompat } from "../../../src/service/app-server/compat.ts";
import { createFakeAppServer } from "../../support/fake-app-server.ts";

function setUp(version: string | null = "0.169.0") {
  const codex = createFakeAppServer();
  const appServer = { version, get current() {
    return codex.current;
  } };
  const compat = createCompat({ ownVersion: "1.2.3", appServer: () => appServer });
  const lacks = (method: string): void =>
    compat.refused(method, `Invalid request: unknown variant \`${method}\`, expected one of \`initialize\``);
  return { codex, compat, lacks, told: () => [compat.report().status, ...compat.report().missing] };
}

test("a method that Codex does not have is missing from then on, once, and by the feature's name", () => {
  const { lacks, told } = setUp();
  assert.deepEqual(told(), ["ok"]);
  for (let time = 0; time < 3; time += 1) lacks("thread/turns/list");
  assert.deepEqual(told(), ["degraded", "paged-history"]);
  lacks("thread/unarchive");
  assert.deepEqual(told(), ["degraded", "thread-archive", "paged-history"]);
  lacks("turn/start");
  assert.deepEqual(told(), ["refused", "turns", "thread-archive", "paged-history"]);
});

test("what codexd does not use, and any other refusal, says nothing", () => {
  const { compat, lacks, told } = setUp();
  lacks("a/typing/error");
  compat.refused("turn/start", "Invalid request: unknown variant `on-failure`, expected one of `never`");
  compat.refused("turn/start", "thread not found: 01a2");
  assert.deepEqual(told(), ["ok"]);
});

test("it is of one life of the app-server: kept while it restarts, forgotten by the next one", async () => {
  const { codex, lacks, told } = setUp();
  lacks("turn/steer");
  codex.goDown();
  assert.deepEqual(told(), ["degraded", "steer"]);
  codex.restart();
  assert.deepEqual(told(), ["ok"]);
  lacks("model/list");
  assert.deepEqual(told(), ["degraded", "models"]);
});

test("whatever Codex refuses, no more is kept than the table has", () => {
  const { lacks, told } = setUp();
  for (const { methods } of CODEX_FEATURES) methods.forEach(lacks);
  for (let i = 0; i < 1000; i += 1) lacks(`other/${i}`);
  assert.equal(told().length, 1 + CODEX_FEATURES.filter(({ methods }) => methods.length > 0).length);
});
