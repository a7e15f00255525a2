// The table of what codexd uses of Codex, held against what the app-server itself says that it has.
//
// The rows without methods are measured here or in differences.test.ts, one turn each; those about approvals, locks and
// listeners in the tests of their own.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { CODEX_FEATURES, judgeCompat, lacksMethod } from "../../src/codex/compatibility.ts";
import { initializeParams } from "../../src/codex/methods.ts";
import { spawnAppServer, turnIdOf, type AppServerProbe } from "../support/app-server-probe.ts";
import { CODEX_VERSION, codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome } from "../support/codex-install.ts";
import { startMockModel, type MockModel } from "../support/mock-model.ts";

const { missing } = judgeCompat({ version: CODEX_VERSION, connected: true, lacking: new Set(), ownVersion: "0" });
const has = (name: string): boolean => !missing.includes(name);

describe(`what Codex ${CODEX_VERSION} has`, () => {
  let mock: MockModel;
  let dir: string;
  let probe: AppServerProbe;
  before(async () => {
    mock = await startMockModel();
    dir = makeWorkDir("compatibility");
    const home = path.join(dir, "home");
    writeCodexHome(home, mock.port);
    probe = spawnAppServer(codexBinary(), ["app-server"], codexHomeEnv(home));
  });
  after(async () => {
    await probe.end();
    await mock.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  });

  test("the home that its handshake tells", async () => {
    const { result } = await probe.call("initialize", initializeParams("0"));
    assert.equal(typeof result?.["codexHome"] === "string", has("codex-home"));
  });

  test("the methods that the table has of it, and no others", async () => {
    const { error } = await probe.call("codexd/nothing", {});
    const known = new Set([...(error?.message ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    assert.ok(known.size > 50, error?.message);
    for (const { name, methods } of CODEX_FEATURES) {
      if (methods.length > 0) assert.equal(methods.every((method) => known.has(method)), has(name), name);
    }
  });

  test("a method that it does not have is refused in the words by which codexd knows it", async () => {
    const methods = CODEX_FEATURES.filter(({ name }) => !has(name)).flatMap((feature) => feature.methods);
    for (const method of methods) {
      const { error } = await probe.call(method, {});
      assert.ok(lacksMethod(method, error?.message ?? ""), error?.message);
    }
    // A value that it does not know is refused in nearly the same.
    const { error } = await probe.call("thread/start", { approvalPolicy: "nonsense" });
    assert.match(error?.message ?? "", /^Invalid request: unknown variant `nonsense`/);
    assert.ok(!lacksMethod("thread/start", error?.message ?? ""));
  });

  test("marks of turns, ids of items, times, settings, and threads without their history", async () => {
    const { result } = await probe.call("thread/start", { cwd: dir, approvalPolicy: "never" });
    const { id: threadId } = result?.["thread"] as { id: string };
    const input = [{ type: "text", text: "DELTAS=1" }];
    const marked = { threadId, input, clientUserMessageId: "mark-1", effort: "low" };
    const turnId = turnIdOf(await probe.call("turn/start", marked));
    await probe.waitFor(({ method }) => method === "turn/completed");
    const told = probe.heard.filter(({ params }) => params?.["turnId"] === turnId);
    assert.equal(JSON.stringify(told).includes('"clientId":"mark-1"'), has("turn-marks"));
    assert.equal(told.every((message) => "emittedAtMs" in message), has("event-times"));
    const updated = probe.heard.some(({ method }) => method === "thread/settings/updated");
    assert.equal(updated, has("settings-updates"));

    const bare = await probe.call("thread/resume", { threadId, excludeTurns: true });
    assert.equal(turnsIn(bare.result).length === 0, has("exclude-turns"));
    const whole = await probe.call("thread/resume", { threadId });
    const inHistory = turnsIn(whole.result).flatMap(({ items }) => items.map(({ id }) => id));
    const live = told.flatMap(({ method, params }) => method === "item/completed" ? [itemId(params)] : []);
    assert.equal(live.length, 2);
    assert.equal(live.every((id) => inHistory.includes(id)), has("live-item-ids"));
  });
});

interface Turn {
  readonly items: ReadonlyArray<{ readonly id: string }>;
}

function turnsIn(result: Record<string, unknown> | undefined): readonly Turn[] {
  return (result?.["thread"] as { turns: readonly Turn[] }).turns;
}

function itemId(params: Record<string, unknown> | undefined): string {
  return (params?.["item"] as { id: string }).id;
}
