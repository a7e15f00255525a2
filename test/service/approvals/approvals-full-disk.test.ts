// Approvals on the real store, on a disk that fills up while one is decided.
// What a full disk does to the store itself stands in test/store; here it is what Codex hears, and when.

import assert from "node:assert/strict";
import { test } from "node:test";

import { silentLogger } from "../../../src/base/log.ts";
import type { CodexdPaths } from "../../../src/core/config.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createApprovals } from "../../../src/service/approvals/approvals.ts";
import { tableSpecs } from "../../../src/service/tables.ts";
import { createOpenTurns } from "../../../src/service/turns/open-turns.ts";
import { createWorkGate } from "../../../src/service/work-gate.ts";
import { openStore } from "../../../src/store/store.ts";
import { COMMAND } from "../../support/asking.ts";
import { SimulatedDisk } from "../../support/disk-simulator.ts";
import { DIR, storeOptions } from "../../support/disk-store.ts";
import { createFakeAppServer } from "../../support/fake-app-server.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

async function setUp() {
  const clock = createFakeClock();
  const disk = new SimulatedDisk();
  const paths = {
    sessionRegistryPath: `${DIR}/s.json`, turnRegistryPath: `${DIR}/t.json`, runRegistryPath: `${DIR}/r.json`,
    approvalRegistryPath: `${DIR}/a.json`, answerRegistryPath: `${DIR}/k.json`, markRegistryPath: `${DIR}/m.json`,
  } as CodexdPaths;
  const { store } = await openStore(
    { ...storeOptions({ clock }), tables: tableSpecs(paths), log: silentLogger }, disk.mount(),
    { lock: async () => ({ release: async () => {} }) },
  );
  const codex = createFakeAppServer();
  let ids = 0;
  const uuid = (): string => String(++ids);
  const approvals = createApprovals({
    store, clock, uuid, appServer: () => codex, index: { sessionIdOn: () => null }, gate: createWorkGate("app-server"),
    open: createOpenTurns(store, clock, uuid), policy: { default: "ask", timeoutMs: 60_000 }, rules: null,
  });
  const ask = (requestId: number): string => {
    approvals.ask(requestId, COMMAND, { threadId: "t", turnId: "u", itemId: `i${requestId}`, command: "ls" });
    const [newest] = store.tables.approval.newestFirst();
    return newest?.approvalId ?? "";
  };
  const statusOf = (id: string) => store.tables.approval.get(id)?.status;
  return { clock, disk, store, codex, approvals, ask, statusOf };
}

test("a decision that finds no room is undone; the same one is made when there is room", async () => {
  const { clock, disk, store, codex, approvals, ask, statusOf } = await setUp();
  const approvalId = ask(0);
  await store.settled();
  disk.capacity = 0;
  const full = (error: CodexdError): boolean => error.code === "storage_full";
  const meets = approvals.decide(approvalId, { decision: "accept" });
  assert.equal(statusOf(approvalId), "resolved");
  await assert.rejects(meets, full);
  assert.equal(statusOf(approvalId), "pending");
  await assert.rejects(approvals.decide(approvalId, { decision: "accept" }), full);
  assert.deepEqual(codex.answered, []);
  disk.capacity = Number.POSITIVE_INFINITY;
  await clock.advance(LIMITS.storageRetryMs);
  await approvals.decide(approvalId, { decision: "accept" });
  assert.deepEqual(codex.answered, [{ id: 0, result: { decision: "accept" } }]);
  await store.close();
});

test("what codexd decides by itself is said to Codex when there is room again", async () => {
  const { clock, disk, store, codex, ask, statusOf } = await setUp();
  const approvalId = ask(0);
  await store.settled();
  disk.capacity = 0;
  await clock.advance(60_000);
  assert.equal(statusOf(approvalId), "resolved");
  assert.deepEqual(codex.answered, []);
  disk.capacity = Number.POSITIVE_INFINITY;
  await clock.advance(LIMITS.storageRetryMs);
  assert.deepEqual(codex.answered, [{ id: 0, result: { decision: "decline" } }]);
  await store.close();
});

test("a turn that ends while its decision is undone has orphaned it for good", async () => {
  const { clock, disk, store, codex, approvals, ask, statusOf } = await setUp();
  const approvalId = ask(0);
  await store.settled();
  disk.capacity = 0;
  const deciding = approvals.decide(approvalId, { decision: "accept" });
  approvals.told("turn/completed", { threadId: "t", turn: { id: "u", status: "interrupted" } });
  await assert.rejects(deciding, (error: CodexdError) => error.code === "approval_orphaned");
  assert.equal(statusOf(approvalId), "orphaned");
  disk.capacity = Number.POSITIVE_INFINITY;
  await clock.advance(LIMITS.storageRetryMs);
  assert.deepEqual([statusOf(approvalId), codex.answered], ["orphaned", []]);
  await store.close();
});
