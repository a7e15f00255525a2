// A child that has grown is restarted when nobody needs it: each thing that needs it, and both sides of size and time.
//
// What it costs is the test's to say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import type { ChildSize } from "../../../src/core/processes.ts";
import { createChildWatch } from "../../../src/service/app-server/child-watch.ts";
import { createWorkGate } from "../../../src/service/work-gate.ts";
import { createFakeAppServer } from "../../support/fake-app-server.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const MAX = 1_000_000;

function setUp(maxRssBytes: number | null = MAX) {
  const clock = createFakeClock();
  const gate = createWorkGate("app-server");
  const codex = createFakeAppServer();
  const restarts: string[] = [];
  const logged: string[] = [];
  const world = {
    size: { rssBytes: MAX + 1, descendants: 2, commands: 0 } as ChildSize | null,
    turns: [] as unknown[], pending: 0, underWay: 0, failure: null as Error | null,
  };
  const appServer = {
    get state() {
      return codex.state;
    },
    version: null,
    get current() {
      const { current } = codex;
      if (current === undefined) return undefined;
      return { ...current, client: { ...current.client, underWay: world.underWay } };
    },
    ready: () => codex.ready(),
  };
  let server = appServer.current;
  const watch = createChildWatch({
    maxRssBytes, gate, clock,
    appServer: {
      ...appServer,
      get current() {
        // The same object while it is the same child.
        if (server?.client.underWay !== world.underWay) server = appServer.current;
        return codex.current === undefined ? undefined : server;
      },
    },
    open: { all: () => world.turns },
    approvals: {
      get pending() {
        return world.pending;
      },
    },
    size: async () => {
      if (world.failure !== null) throw world.failure;
      return world.size;
    },
    restart: async (why) => void restarts.push(why),
    log: { error: (message: string) => void logged.push(message) } as never,
  });
  const nextMinute = (): Promise<void> => clock.advance(LIMITS.childSizeCheckMs);
  return { clock, gate, codex, restarts, logged, world, watch, nextMinute };
}

test("an idle child above the size is restarted after a minute, and the reason has the figures", async () => {
  const { watch, clock, restarts } = setUp();
  watch.begin();
  await clock.advance(LIMITS.childSizeCheckMs - 1);
  assert.deepEqual(restarts, []);
  await clock.advance(1);
  assert.deepEqual(restarts, ["its resident size of 1000001 bytes is above the 1000000 of --child-max-rss"]);
  assert.deepEqual(clock.dueInMs, [], "the next child begins it anew");
});

for (const [what, busy] of [
  ["is as large as it may be", { size: { rssBytes: MAX, descendants: 0, commands: 0 } }],
  ["cannot be looked at", { size: null }],
  ["has a turn", { turns: [{}] }],
  ["has asked something", { pending: 1 }],
  ["answers a call", { underWay: 1 }],
  ["has a command that runs", { size: { rssBytes: MAX + 1, descendants: 1, commands: 1 } }],
] as const) {
  test(`one that ${what} is left alone, and looked at again`, async () => {
    const { watch, world, restarts, nextMinute } = setUp();
    const { size, turns, pending, underWay } = world;
    Object.assign(world, busy);
    watch.begin();
    await nextMinute();
    assert.deepEqual(restarts, []);
    Object.assign(world, { size, turns, pending, underWay });
    await nextMinute();
    assert.equal(restarts.length, 1);
  });
}

test("off is off", async () => {
  const { watch, clock } = setUp(null);
  watch.begin();
  assert.deepEqual(clock.dueInMs, []);
});

test("nothing is looked at while there is no child, and none once codexd stops", async () => {
  const down = setUp();
  down.watch.begin();
  down.codex.goDown();
  await down.nextMinute();
  assert.deepEqual([down.restarts, down.clock.dueInMs], [[], []]);
  const stopping = setUp();
  stopping.watch.begin();
  stopping.gate.drain();
  assert.deepEqual(stopping.clock.dueInMs, []);
  stopping.watch.begin();
  assert.deepEqual(stopping.clock.dueInMs, []);
});

test("each child begins its own minute", async () => {
  const { watch, clock } = setUp();
  watch.begin();
  await clock.advance(1000);
  watch.begin();
  assert.deepEqual(clock.dueInMs, [LIMITS.childSizeCheckMs]);
});

test("a look that fails is logged", async () => {
  const { watch, world, logged, nextMinute } = setUp();
  world.failure = new Error("no");
  watch.begin();
  await nextMinute();
  assert.equal(logged.length, 1);
});
