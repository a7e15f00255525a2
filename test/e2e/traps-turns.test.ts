// Turns on the real Codex where its wire surprises: settings that stay, an order that misleads, output that is missing
// or cut, ids that come again, a second turn that is none.
//
// Each name has the numbers of its traps. Which of them differ between the versions stands in differences.test.ts;
// those that a transcript shows whole are in service/turns/turns-on-the-wire.test.ts.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { askedBy, askingSession, decide } from "../support/approval-talk.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import type { Daemon } from "../support/daemon.ts";
import { openEventStream, type EventStream } from "../support/event-stream.ts";
import { startMockModel, type MockModel } from "../support/mock-model.ts";
import {
  createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

const OLD = CODEX_VERSION === "0.116.0";
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/** Codex keeps so much of a command's output; how it says that there was more differs. */
const KEPT = 1024 * 1024;

interface Item {
  readonly id: string;
  readonly type: string;
  readonly aggregatedOutput?: string;
  readonly exitCode?: number;
}

describe("the traps of turns", () => {
  let real: RealCodex;
  let daemon: Daemon;
  let session: SessionRecord;
  let stream: EventStream;
  let mock: MockModel;

  before(async () => {
    real = await prepareRealCodex("traps-turns");
    mock = real.mock;
    daemon = await real.start();
    session = await createSession(daemon);
    stream = await openEventStream(daemon);
  });
  after(async () => {
    stream.close();
    await mock.close();
    await real.remove();
  });

  const turnWith = async (body: Record<string, unknown>): Promise<TurnRecord> => {
    const { status, data } = await daemon.post<{ turn: TurnRecord }>("/v1/codexd/turn", { ...body, waitMs: 60_000 });
    assert.equal(status, 200, JSON.stringify(data));
    return data.turn;
  };

  /** All that was told of a turn until its end. */
  const told = async ({ turnId }: Pick<TurnRecord, "turnId">): Promise<CodexdEvent[]> => {
    await stream.waitFor(({ type, detail }) => type === "turn.finished" && detail.turnId === turnId);
    return stream.seen.map(({ event }) => event).filter(({ detail }) => detail.turnId === turnId);
  };

  const create = async (body: Record<string, unknown>): Promise<SessionRecord> => {
    const { status, data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", body);
    assert.equal(status, 201, JSON.stringify(data));
    return data.session;
  };

  test("an image by a relative path is the session's, wherever Codex was started [trap 3.1.2]", async () => {
    const cwd = path.join(real.workDir, "elsewhere");
    mkdirSync(cwd);
    writeFileSync(path.join(cwd, "a.png"), Buffer.from(PNG, "base64"));
    const { sessionId } = await create({ cwd, sandbox: "read-only", approvalPolicy: "never" });
    const image = { type: "localImage", path: "a.png" };
    await turnWith({ sessionId, input: [{ type: "text", text: "DELTAS=1" }, image] });
    const asked = JSON.stringify(real.mock.requests.at(-1)?.["input"]);
    assert.ok(asked.includes(PNG), asked.slice(-500));
  });

  test("a turn's settings stay with the session, the form of its answer does not [trap 3.1.4, 3.1.5]", async () => {
    const { sessionId } = await createSession(daemon);
    const outputSchema = { type: "object", properties: {}, additionalProperties: false };
    const first = await turnWith({ sessionId, input: "TEXT={};", model: "third-model", effort: "low", outputSchema });
    assert.deepEqual([first.structuredOutput, formAsked()], [{}, outputSchema]);
    const second = await runTurn(daemon, sessionId, "TEXT=plain;");
    assert.deepEqual([second.outputSchema, second.structuredOutputError, formAsked()], [null, null, undefined]);
    assert.equal(real.mock.requests.at(-1)?.["model"], "third-model");
    const { data } = await daemon.get<{ session: SessionRecord }>(`/v1/codexd/sessions/${sessionId}`);
    assert.deepEqual([data.session.model, data.session.reasoningEffort], ["third-model", "low"]);
  });

  test("a turn is accepted, begins, ends behind the idle thread, and is whole [trap 3.2.1, 3.2.2, 3.2.3]", async () => {
    const turn = await runTurn(daemon, session.sessionId, "RUNCMD=echo one; TEXT=two;");
    const events = await told(turn);
    const last = events.findIndex(({ type }) => type === "app-server.turn.completed");
    const { items } = events[last]?.detail["turn"] as { items: Item[] };
    assert.deepEqual(items.map(({ type }) => type), OLD ? [] : ["agentMessage"]);
    assert.deepEqual([turn.finalMessage, turn.commands.length], ["two", 1]);
    const idle = stream.seen.findLast(({ event: { detail, type } }) =>
      type === "app-server.thread.status.changed" && (detail["status"] as { type: string }).type === "idle")?.event;
    const started = events.find(({ type }) => type === "app-server.turn.started");
    const accepted = events.find(({ type }) => type === "turn.accepted");
    const seqs = [accepted, started, idle, events[last], events.at(-1)].map((event) => event?.seq ?? NaN);
    assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b));
    assert.equal(events.at(-1)?.type, "turn.finished");
  });

  test("commands at once keep their output apart, and one that fails fails alone [trap 3.3.1, 3.3.2]", async () => {
    // Each goes on when the other one has begun; that the second has is told late, behind the end of the first.
    const command = (own: string, other: string, code: number): string =>
      `touch ${own}\\; until test -e ${other}\\; do sleep 0.05\\; done\\; echo ran-${own}\\; exit ${code}`;
    const pair = `${command("one", "two", 3)}|${command("two", "one", 0)}`;
    const turn = await runTurn(daemon, session.sessionId, `PARALLEL=${pair}; TEXT=on;`);
    assert.deepEqual([turn.status, turn.error, turn.finalMessage], ["completed", null, "on"]);
    assert.deepEqual(turn.commands.map(({ exitCode }) => exitCode).sort(), [0, 3]);
    const ends = (await told(turn)).filter(({ type }) => type === "app-server.item.completed").map(itemOf);
    const outputs = ends.filter(isCommand).map(({ exitCode, aggregatedOutput }) => [exitCode, aggregatedOutput]);
    assert.deepEqual(outputs.sort(), [[0, "ran-two\n"], [3, "ran-one\n"]]);
  });

  const START_IS_LOST = { skip: OLD && "0.116 tells nothing at all of a command's first moments" };

  test("deltas lack what a command writes at first; its end has all [trap 3.3.3]", START_IS_LOST, async () => {
    const turn = await runTurn(daemon, session.sessionId, "RUNCMD=echo first\\; sleep 0.5\\; echo last; TEXT=on;");
    const events = await told(turn);
    const end = events.filter(({ type }) => type === "app-server.item.completed").map(itemOf).find(isCommand);
    assert.equal(end?.aggregatedOutput, "first\nlast\n");
    assert.ok(end.aggregatedOutput.endsWith(deltasOf(events, end.id)));
  });

  test("output of one moment is whole without its deltas, and a lot of it is cut [trap 3.3.3, 3.3.4]", async () => {
    for (const bytes of [300_000, 3_000_000]) {
      const command = `echo first\\; head -c ${bytes} /dev/zero | tr '\\\\0' x\\; echo last`;
      const turn = await runTurn(daemon, session.sessionId, `RUNCMD=${command}; TEXT=on;`);
      assert.deepEqual([turn.commands[0]?.exitCode, turn.finalMessage], [0, "on"]);
      const events = await told(turn);
      const end = events.filter(({ type }) => type === "app-server.item.completed").map(itemOf).find(isCommand);
      const output = end?.aggregatedOutput ?? "";
      assert.match(output, /^first\nx+/);
      assert.ok(output.endsWith("xlast\n"));
      if (bytes < KEPT) assert.equal(output.length, bytes + "first\nlast\n".length);
      else assert.ok(output.length >= KEPT && output.length < KEPT + 100, String(output.length));
      assert.equal(output.includes("bytes omitted"), bytes > KEPT && !OLD);
    }
  });

  test("a try that fails ends nothing, the last one fails, the next turn runs [trap 3.6.1, 3.6.3, 3.6.4]", async () => {
    const turn = await runTurn(daemon, session.sessionId, "HTTP=401");
    const events = await told(turn);
    const tries = events.filter(({ type }) => type === "app-server.turn.error");
    assert.deepEqual(tries.map(({ detail }) => detail["willRetry"]), [true, true, false]);
    assert.deepEqual([turn.status, turn.error?.codexErrorInfo], [
      "failed", OLD ? "other" : { httpConnectionFailed: { httpStatusCode: 401 } },
    ]);
    const states = stream.seen.filter(({ event: { type } }) => type === "app-server.thread.status.changed");
    assert.deepEqual(states.at(-1)?.event.detail["status"], { type: "systemError" });
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=on;")).finalMessage, "on");
  });

  test("a turn that comes while one runs waits, and is one of its own [trap 3.7.1]", async () => {
    const { sessionId } = session;
    const first = await startTurn(daemon, sessionId, "DELTAS=10 RATE=20");
    const second = await turnWith({ sessionId, input: "TEXT=second;", whenBusy: "queue" });
    const { status, finalMessage } = await endOfTurn(daemon, first.submissionId);
    assert.deepEqual([status, finalMessage?.split(" ").length], ["completed", 11]);
    assert.deepEqual([second.status, second.finalMessage], ["completed", "second"]);
    assert.notEqual(second.turnId, first.turnId);
  });

  test("a turn that waits for the end of an interrupted one is another one [trap 3.8.4, 3.8.5]", async () => {
    const { sessionId } = session;
    const first = await startTurn(daemon, sessionId, "DELTAS=2 HANG=1");
    const next = { sessionId, input: "TEXT=next;", whenBusy: "queue" };
    const { data } = await daemon.post<{ submissionId: string }>("/v1/codexd/turn", next);
    const stopped = await daemon.post<{ turn: TurnRecord }>(`/v1/codexd/turns/${first.turnId}/interrupt`);
    assert.deepEqual([stopped.data.turn.turnId, stopped.data.turn.status], [first.turnId, "interrupted"]);
    const second = await endOfTurn(daemon, data.submissionId);
    assert.deepEqual([second.status, second.error, second.finalMessage], ["completed", null, "next"]);
    assert.notEqual(second.turnId, first.turnId);
  });

  test("a steer while Codex asks is taken, and the question waits for its answer [trap 3.7.3]", async () => {
    const asking = await askingSession(daemon);
    const { approval, submissionId } = await askedBy(daemon, asking, "ESCALATE=touch asked; TEXT=first;");
    const steer = { sessionId: asking.sessionId, input: "TEXT=steered;", expectedTurnId: approval.turnId };
    const steered = await daemon.post<{ turnId: string }>("/v1/codexd/turn", steer);
    assert.deepEqual([steered.status, steered.data.turnId], [202, approval.turnId]);
    assert.equal((await decide(daemon, approval, { decision: "accept" })).status, 200);
    const turn = await endOfTurn(daemon, submissionId);
    assert.deepEqual([turn.status, turn.finalMessage, turn.commands[0]?.exitCode], ["completed", "steered", 0]);
    assert.deepEqual(turn.approvals.map(({ decision }) => decision), ["accept"]);
  });

  // The last one: its model takes the place of the first.
  test("an item's id that comes again in the next turn is another item [trap 3.2.4, 3.3.5]", async () => {
    const { sessionId } = await createSession(daemon);
    const ids: string[] = [];
    const turns: TurnRecord[] = [];
    for (const input of ["YIELD=100:sleep 1.5\\; exit 3; TEXT=one;", "RUNCMD=exit 4; TEXT=two;"]) {
      await mock.close();
      mock = await startMockModel(real.mock.port);
      const turn = await runTurn(daemon, sessionId, input);
      turns.push(turn);
      ids.push(...(await told(turn)).map(itemOf).filter(isCommand).map(({ id }) => id));
    }
    assert.equal(new Set(ids).size, 1, "the model has named them alike");
    await stream.waitFor((event) => event.detail.turnId === turns[0]?.turnId && itemOf(event)?.exitCode === 3);
    const [one, two] = await Promise.all(turns.map(({ submissionId }) => endOfTurn(daemon, submissionId ?? "")));
    const facts = [one, two].map((turn) => [turn?.finalMessage, turn?.commands.map(({ exitCode }) => exitCode)]);
    assert.deepEqual(facts, [["one", [3]], ["two", [4]]]);
  });

  /** The form of the answer that Codex has asked the model for last. */
  function formAsked(): unknown {
    const text = real.mock.requests.at(-1)?.["text"] as { format?: { schema: unknown } } | undefined;
    return text?.format?.schema;
  }
});

function itemOf({ detail }: CodexdEvent): Item | undefined {
  return detail["item"] as Item | undefined;
}

function isCommand(item: Item | undefined): item is Item {
  return item?.type === "commandExecution";
}

function deltasOf(events: readonly CodexdEvent[], itemId: string): string {
  const deltas = events.filter(({ type, detail }) =>
    type === "app-server.item.output.delta" && detail["itemId"] === itemId);
  return deltas.map(({ detail }) => String(detail["delta"])).join("");
}
