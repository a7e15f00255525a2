// How the versions of Codex differ where codexd relies on it, and what they all refuse, drop or die of: said by the
// app-server itself, without codexd.
//
// A row that fails means that Codex has changed, or that a new version is to be measured; the tests of codexd's own
// behaviour are the same for all versions.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import {
  initialize, openThread, spawnAppServer, startTurn, turnIdOf, type AppServerProbe, type Heard,
} from "../support/app-server-probe.ts";
import { CODEX_VERSION, codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome } from "../support/codex-install.ts";
import { startMockModel, type MockModel } from "../support/mock-model.ts";

interface Differences {
  /** initialize answers where Codex has its home. */
  readonly namesHome: boolean;
  /** Notifications carry the time of their making. */
  readonly stampsTime: boolean;
  /** turn/completed carries the last message. */
  readonly repeatsMessage: boolean;
  /** turn/start while a turn runs answers with that turn's id; else with one that never starts. */
  readonly startSteersByName: boolean;
  /** A steer cuts the message that is being written off; else it waits for its end. */
  readonly steerCutsMessage: boolean;
  /** turn/interrupt without a turn is refused; else it is never answered. */
  readonly refusesIdleInterrupt: boolean;
  /** turn/interrupt with the id of another turn is refused; else it ends the one that runs. */
  readonly refusesWrongInterrupt: boolean;
  /** The thread's tokens are told at the start of a turn too. */
  readonly repeatsTokens: boolean;
  /** Notifications of the older protocol, `codex/event/…`, beside the ones that codexd reads. */
  readonly legacyNotifications: number;
}

const KNOWN: Readonly<Record<string, Differences>> = {
  "0.169.0": {
    namesHome: true, stampsTime: true, repeatsMessage: true, startSteersByName: true, steerCutsMessage: true,
    refusesIdleInterrupt: true, refusesWrongInterrupt: true, repeatsTokens: false, legacyNotifications: 0,
  },
  "0.116.0": {
    namesHome: false, stampsTime: false, repeatsMessage: false, startSteersByName: false, steerCutsMessage: false,
    refusesIdleInterrupt: false, refusesWrongInterrupt: false, repeatsTokens: true, legacyNotifications: 0,
  },
};

const UNKNOWN_TURN = "01a20386-1d83-73e1-b032-0eef13a44d37";
const known = KNOWN[CODEX_VERSION];
const skip = known === undefined ? `${CODEX_VERSION} has not been measured` : false;

describe(`Codex ${CODEX_VERSION} itself`, { skip }, () => {
  let mock: MockModel;
  let dir: string;
  before(async () => {
    mock = await startMockModel();
    dir = makeWorkDir("differences");
    writeCodexHome(path.join(dir, "home"), mock.port);
  });
  after(async () => {
    await mock.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  });

  const start = (): AppServerProbe =>
    spawnAppServer(codexBinary(), ["app-server"], codexHomeEnv(path.join(dir, "home")));

  test("differs as codexd expects [trap 1.2, 8.2, 3.2.3, 3.2.5, 3.7.1, 3.7.2, 3.8.2, 3.8.4]", async () => {
    const differences = { ...(await handshake(start())), ...(await turns(start())), ...(await interrupts(start())) };
    assert.deepEqual(differences, known);
  });

  test("refuses, drops or dies of what codexd never sends [trap 1.4, 1.5, 1.8, 1.9, 1.13, 2.1]", () => {
    return oddMessages(start());
  });
});

const CALLS_MAX = 100;

/** What stands in no message of codexd's: traps-start.test.ts looks at all that it sends. */
async function oddMessages(probe: AppServerProbe): Promise<void> {
  const threadId = await openThread(probe);
  const refused = async (method: string, params?: Record<string, unknown>): Promise<string> =>
    (await probe.call(method, params as never)).error?.message ?? "";
  assert.match(await refused("thread/loaded/list"), /missing field `params`/);
  assert.match(await refused("thread/backgroundTerminals/clean", { threadId }), /requires experimentalApi capability/);
  assert.match(await refused("thread/start", { sandbox: "workspaceWrite" }), /unknown variant/);
  const sandboxPolicy = { type: "workspace-write" };
  assert.match(await refused("turn/start", { threadId, input: [], sandboxPolicy }), /unknown variant/);
  const skip = probe.heard.length;
  const call = '"method":"thread/loaded/list","params":{}';
  for (const id of ["null", "1.5", "7"]) probe.send(`{"id":${id},${call},"note":"whole"}`);
  probe.send(`{"id":8,${call},"note":"half of one: \\ud83d"}`);
  const answered = (): unknown[] => probe.heard.slice(skip).filter(({ method }) => method === undefined)
    .map(({ id }) => id);
  // Answers overtake each other: with two more behind that of 7 the others would be there.
  const own = new Set<unknown>();
  for (let behind = 0; behind < 3 && own.size < CALLS_MAX; behind += answered().includes(7) ? 1 : 0) {
    own.add((await probe.call("thread/loaded/list", {})).id);
  }
  assert.deepEqual(answered().filter((id) => !own.has(id)), [7]);
  probe.send(Buffer.from([0xff, 0xfe]));
  assert.equal(await probe.exited, 0);
}

async function handshake(probe: AppServerProbe): Promise<Pick<Differences, "namesHome">> {
  const { result } = await initialize(probe);
  await probe.end();
  return { namesHome: typeof result?.["codexHome"] === "string" };
}

type OfTurns = Omit<Differences, "namesHome" | "refusesIdleInterrupt" | "refusesWrongInterrupt">;

async function turns(probe: AppServerProbe): Promise<OfTurns> {
  const threadId = await openThread(probe);
  const first = turnIdOf(await startTurn(probe, threadId, "DELTAS=10 RATE=20"));
  await probe.waitFor(({ method }) => method === "item/agentMessage/delta");
  const second = turnIdOf(await startTurn(probe, threadId, "TEXT=steered;"));
  const completed = await probe.waitFor(({ method }) => method === "turn/completed");
  const skipped = probe.heard.length;
  await startTurn(probe, threadId, "DELTAS=1");
  await probe.waitFor(({ method }) => method === "turn/completed", skipped);
  const plain = probe.heard.slice(skipped);
  await probe.end();
  return {
    stampsTime: plain.some((message) => "emittedAtMs" in message),
    repeatsMessage: (completed.params?.["turn"] as { items: unknown[] }).items.length > 0,
    startSteersByName: first === second,
    steerCutsMessage: count(probe.heard.slice(0, skipped), "agentMessage") === 1,
    repeatsTokens: plain.filter(({ method }) => method === "thread/tokenUsage/updated").length > 1,
    legacyNotifications: probe.heard.filter(({ method }) => method?.startsWith("codex/event")).length,
  };
}

type OfInterrupts = Pick<Differences, "refusesIdleInterrupt" | "refusesWrongInterrupt">;

async function interrupts(probe: AppServerProbe): Promise<OfInterrupts> {
  const threadId = await openThread(probe);
  const idle = probe.call("turn/interrupt", { threadId, turnId: UNKNOWN_TURN });
  let answer: Heard | undefined;
  void idle.then((message) => (answer = message));
  await startTurn(probe, threadId, "DELTAS=1");
  await probe.waitFor(({ method }) => method === "turn/completed");
  // A whole turn has passed since: an answer that is not there will not come.
  const refusesIdleInterrupt = (answer as Heard | undefined)?.error !== undefined;
  const skipped = probe.heard.length;
  const turnId = turnIdOf(await startTurn(probe, threadId, "DELTAS=100 RATE=5"));
  await probe.waitFor(({ method }) => method === "turn/started", skipped);
  const wrong = await probe.call("turn/interrupt", { threadId, turnId: UNKNOWN_TURN });
  const refusesWrongInterrupt = wrong.error !== undefined;
  if (refusesWrongInterrupt) await probe.call("turn/interrupt", { threadId, turnId });
  await probe.waitFor(({ method }) => method === "turn/completed", skipped);
  await probe.end();
  return { refusesIdleInterrupt, refusesWrongInterrupt };
}

/** How many items of a type have ended. */
function count(messages: readonly Heard[], type: string): number {
  const ends = messages.filter(({ method }) => method === "item/completed");
  return ends.filter(({ params }) => (params?.["item"] as { type: string }).type === type).length;
}
