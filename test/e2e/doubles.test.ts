// Whether the fake app-server says what the real Codex says: one conversation with each, compared.
//
// Tests that run on the fake prove nothing about Codex unless this one holds. Only what codexd relies on is compared:
// the order of notifications, and the errors by which it decides.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import {
  initialize, openThread, spawnAppServer, startTurn, turnIdOf, type AppServerProbe, type Heard,
} from "../support/app-server-probe.ts";
import {
  CODEX_VERSION, CODEX_VERSIONS, codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome,
} from "../support/codex-install.ts";
import { fakeCodexCommand, fakeCodexEnv } from "../support/fake-codex.ts";
import { startMockModel, type MockModel } from "../support/mock-model.ts";

const UNKNOWN = "01a20386-1d83-73e1-b032-0eef13a44d37";
/** Told by the real one alone; codexd passes them on without a meaning. */
const IGNORED = [
  "warning", "account/rateLimits/updated", "deprecationNotice", "thread/goal/cleared", "remoteControl/status/changed",
  "thread/started", "thread/settings/updated",
];

/** The fake speaks as the newest version does; what an older one does otherwise stands in differences.test.ts. */
const skip = CODEX_VERSION === CODEX_VERSIONS[0] ? false : "the fake speaks as another version";

describe("the fake app-server beside the real one", { skip }, () => {
  let mock: MockModel;
  let dir: string;
  before(async () => {
    mock = await startMockModel();
    dir = makeWorkDir("doubles");
    writeCodexHome(path.join(dir, "home"), mock.port);
  });
  after(async () => {
    await mock.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  });

  const startReal = (): AppServerProbe =>
    spawnAppServer(codexBinary(), ["app-server"], codexHomeEnv(path.join(dir, "home")));
  const startFake = (): AppServerProbe => {
    const env = fakeCodexEnv({ statePath: path.join(dir, "fake-state.json") });
    return spawnAppServer(fakeCodexCommand.command, fakeCodexCommand.args, env);
  };

  for (const [name, talk] of Object.entries({ plainTurn, steeredTurn, refusals, restart })) {
    test(name, async () => {
      const [real, fake] = await Promise.all([talk(startReal), talk(startFake)]);
      assert.deepEqual(fake, real);
    });
  }
});

type Start = () => AppServerProbe;

async function plainTurn(start: Start): Promise<unknown> {
  const probe = start();
  const threadId = await openThread(probe);
  const skip = probe.heard.length;
  const { result } = await startTurn(probe, threadId, "DELTAS=3");
  await probe.waitFor(({ method }) => method === "turn/completed", skip);
  const code = await probe.end();
  return { code, turn: Object.keys(result?.["turn"] as object).sort(), order: orderOf(probe.heard.slice(skip)) };
}

async function steeredTurn(start: Start): Promise<unknown> {
  const probe = start();
  const threadId = await openThread(probe);
  const turnId = turnIdOf(await startTurn(probe, threadId, "DELTAS=2 RATE=1"));
  await probe.waitFor(({ method }) => method === "item/agentMessage/delta");
  const input = [{ type: "text", text: "x" }];
  const wrong = await probe.call("turn/steer", { threadId, input, expectedTurnId: UNKNOWN });
  const skip = probe.heard.length;
  const steered = await probe.call("turn/steer", {
    threadId, input: [{ type: "text", text: "TEXT=steered;" }], expectedTurnId: turnId,
  });
  const done = await probe.waitFor(({ method }) => method === "turn/completed", skip);
  await probe.end();
  return {
    wrong: errorOf(wrong).replace(turnId, "T"),
    same: steered.result?.["turnId"] === turnId && turnOf(done)["id"] === turnId,
    texts: textsOf(probe.heard.slice(skip)),
    order: orderOf(probe.heard.slice(skip)),
  };
}

async function refusals(start: Start): Promise<unknown> {
  const probe = start();
  const early = await probe.call("thread/list", {});
  await initialize(probe);
  const again = await initialize(probe);
  const threadId = await openThreadOnly(probe);
  const input = [{ type: "text", text: "RATE=1 DELTAS=9" }];
  const answers = [
    early,
    again,
    await probe.call("thread/resume", { threadId: UNKNOWN }),
    await probe.call("thread/resume", { threadId }),
    await probe.call("thread/read", { threadId, includeTurns: true }),
    await probe.call("turn/start", { threadId: UNKNOWN, input }),
    await probe.call("turn/steer", { threadId, input, expectedTurnId: UNKNOWN }),
    await probe.call("turn/interrupt", { threadId, turnId: UNKNOWN }),
    await probe.call("turn/interrupt", { threadId, turnId: "" }),
  ];
  const turnId = turnIdOf(await probe.call("turn/start", { threadId, input }));
  await probe.waitFor(({ method }) => method === "turn/started");
  answers.push(await probe.call("turn/interrupt", { threadId, turnId: UNKNOWN }));
  const second = await probe.call("turn/start", { threadId, input: [{ type: "text", text: "and RATE=1 DELTAS=9" }] });
  answers.push(await probe.call("turn/interrupt", { threadId, turnId }));
  const done = await probe.waitFor(({ method }) => method === "turn/completed");
  await probe.end();
  return {
    answers: answers.map((answer) => errorOf(answer).replaceAll(threadId, "THREAD").replaceAll(turnId, "TURN")),
    sameTurn: turnIdOf(second) === turnId,
    outcome: turnOf(done)["status"],
  };
}

async function restart(start: Start): Promise<unknown> {
  const first = start();
  const threadId = await openThread(first);
  await startTurn(first, threadId, "DELTAS=1");
  await first.waitFor(({ method }) => method === "turn/completed");
  await first.end();
  const second = start();
  await initialize(second);
  const cold = await startTurn(second, threadId, "DELTAS=1");
  const resumed = await second.call("thread/resume", { threadId, excludeTurns: true });
  const skip = second.heard.length;
  await startTurn(second, threadId, "TEXT=again;");
  const done = await second.waitFor(({ method }) => method === "turn/completed", skip);
  await second.end();
  return {
    cold: errorOf(cold).replace(threadId, "THREAD"),
    resumed: (resumed.result?.["thread"] as { id: string }).id === threadId,
    outcome: turnOf(done)["status"],
    texts: textsOf(second.heard.slice(skip)),
  };
}

async function openThreadOnly(probe: AppServerProbe): Promise<string> {
  const { result } = await probe.call("thread/start", { cwd: process.cwd(), approvalPolicy: "never" });
  return (result?.["thread"] as { id: string }).id;
}

/** `answer` stands where the response came; statuses and items are told apart. */
function orderOf(messages: readonly Heard[]): string[] {
  return messages
    .filter(({ method }) => method === undefined || !IGNORED.includes(method))
    .map(({ method, params }) => {
      const status = (params?.["status"] as { type: string } | undefined)?.type;
      const item = (params?.["item"] as { type: string } | undefined)?.type;
      return [method ?? "answer", status, item].filter((word) => word !== undefined).join(" ");
    });
}

function textsOf(messages: readonly Heard[]): unknown[] {
  const ends = messages.filter(({ method }) => method === "item/completed");
  const items = ends.map(({ params }) => params?.["item"] as Record<string, unknown>);
  return items.filter(({ type }) => type === "agentMessage").map(({ text }) => text);
}

function turnOf({ params }: Heard): Record<string, unknown> {
  return params?.["turn"] as Record<string, unknown>;
}

/** `ok`, or the code and the message. */
function errorOf({ error }: Heard): string {
  return error === undefined ? "ok" : `${error.code} ${error.message}`;
}
