// What is odd about the questions of the real Codex, and that codexd does not stumble over it: their ids, what it takes
// for an answer without a word, methods that codexd does not know, other clients of the same thread, policies.
//
// What becomes of each kind of question stands in approvals.test.ts, what restarts make of it in
// approval-restarts.test.ts. Runs on every version: where they differ, each is held to its own way.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { SessionRecord } from "../../src/core/records.ts";
import { askedBy, askingSession, approvalOf, assertToldOnce, decide } from "../support/approval-talk.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { prepareExternalCodex, type ExternalCodex } from "../support/external-codex.ts";
import { readJournal } from "../support/journal-reader.ts";
import { endOfTurn, prepareRealCodex, runTurn, type RealCodex } from "../support/real-codex.ts";
import { connectWs, type TestWsClient } from "../support/ws-client.ts";

const OLD = CODEX_VERSION === "0.116.0";
const ESCALATION = "ESCALATE=touch esc; DELTAS=1";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

describe("questions of the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("traps-questions", { asking: true });
    daemon = await real.start();
  });
  after(() => real.remove());

  test("the first one has the id 0, which is answered as any other, and the next one 1 [trap 4.1]", async () => {
    const session = await askingSession(daemon);
    for (const requestId of [0, 1]) {
      const { approval, submissionId } = await askedBy(daemon, session, ESCALATION);
      assert.equal(approval.requestId, requestId);
      assert.equal((await decide(daemon, approval, { decision: "accept" })).status, 200);
      const turn = await endOfTurn(daemon, submissionId);
      assert.deepEqual([turn.status, turn.commands.map(({ exitCode }) => exitCode)], ["completed", [0]]);
    }
  });

  test("one whose item has not begun says all the same what it is about [trap 4.2]", async () => {
    const session = await askingSession(daemon);
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const { approval, submissionId } = await askedBy(daemon, session, ESCALATION);
    await stream.waitFor(({ type }) => type === "approval.requested");
    const begun = stream.seen.filter(({ event }) => itemTypeOf(event) === "commandExecution");
    assert.equal(begun.length, OLD ? 0 : 1);
    assert.deepEqual([approval.command?.includes("touch esc"), approval.cwd], [true, real.workDir]);
    await decide(daemon, approval, { decision: "decline" });
    const turn = await endOfTurn(daemon, submissionId);
    assert.deepEqual([turn.status, turn.commands], ["completed", []]);
    stream.close();
  });

  test("an answer that Codex would take for a no is refused, and the question is still open [trap 4.3]", async () => {
    const file = path.join(real.workDir, "asked.txt");
    for (const [input, malformed] of [
      [ESCALATION, [{}, { decision: "maybe" }, { decision: { acceptWithExecpolicyAmendment: {} } }]],
      [`PATCH=${file}:hello; DELTAS=1`, [{}, { decision: true }, { decision: "accepted" }]],
    ] as const) {
      const session = await askingSession(daemon);
      const asked = await askedBy(daemon, session, input);
      for (const result of malformed) {
        const { status, data } = await decide(daemon, asked.approval, { result });
        assert.deepEqual([status, data.error], [400, "bad_request"], JSON.stringify(result));
        assert.equal((await approvalOf(daemon, asked.approval.approvalId)).status, "pending");
      }
      assert.equal((await decide(daemon, asked.approval, { result: { decision: "accept" } })).status, 200);
      const turn = await endOfTurn(daemon, asked.submissionId);
      assert.deepEqual([turn.status, turn.commands.length + turn.fileChanges.length], ["completed", 1]);
    }
    assert.ok(existsSync(file));
  });

  const unknown = { skip: OLD && "0.116 asks nothing that codexd does not know" };
  test("one that codexd does not know is refused at once: the turn does not wait [trap 4.11]", unknown, async () => {
    const clock = { enabled: true, clock_source: "external", reminder_interval_seconds: 1 };
    const { status, data } = await daemon.post<{ result: { thread: { id: string } } }>("/v1/codexd/rpc", {
      method: "thread/start",
      params: { cwd: real.workDir, config: { "features.current_time_reminder": clock } },
    });
    assert.equal(status, 200);
    const { thread } = data.result;
    const created = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", { threadId: thread.id });
    const { sessionId } = created.data.session;
    const turn = await runTurn(daemon, sessionId, "DELTAS=1");
    // It cannot go on without that clock; a turn that nobody answers would still run.
    assert.equal(turn.status, "failed");
    assert.deepEqual(turn.approvals, []);
    const refused = readJournal(real.logsDir).events.filter(({ type }) => type === "app-server.request.refused");
    assert.deepEqual(refused.map(({ detail }) => [detail["requestMethod"], detail.sessionId, detail.threadId]),
      [["currentTime/read", sessionId, thread.id]]);
  });

  test("a policy is asked of Codex, which has given one up and still knows another [trap 4.14]", async () => {
    const route = "/v1/codexd/sessions";
    const gone = await daemon.post<Partial<Refusal>>(route, { approvalPolicy: "on-failure" });
    assert.deepEqual([gone.status, gone.data.error], OLD ? [201, undefined] : [502, "app_server_error"]);
    // No configuration of 0.169 may name it any more: this one goes with the thread.
    const session = await askingSession(daemon, { sandbox: "danger-full-access", approvalPolicy: "untrusted" });
    const { approval, submissionId } = await askedBy(daemon, session, "RUNCMD=touch untrusted; DELTAS=1");
    assert.equal(existsSync(path.join(real.workDir, "untrusted")), false);
    await decide(daemon, approval, { decision: "accept" });
    assert.equal((await endOfTurn(daemon, submissionId)).status, "completed");
    assert.ok(existsSync(path.join(real.workDir, "untrusted")));
  });
});

describe("a question that another client of Codex's has too", () => {
  let external: ExternalCodex;
  let daemon: Daemon;
  let other: TestWsClient;
  let url: string;

  before(async () => {
    external = await prepareExternalCodex("traps-questions-shared");
    ({ url } = await external.serve("ws://127.0.0.1:0"));
    daemon = await external.start(url);
    other = await connectWs({ port: Number(new URL(url).port), path: "/" });
    other.send({ id: 1, method: "initialize", params: { clientInfo: { name: "other", version: "1" } } });
    await other.nextThat((message) => (message as Message).id === 1);
  });
  after(async () => {
    other.destroy();
    await external.remove();
  });

  for (const first of ["the other one", "codexd"] as const) {
    test(`${first} answers it first, and that is told once [trap 4.13]`, async () => {
      const { approval, submissionId } = await askedBy(daemon, await askingSession(daemon), ESCALATION);
      const { requestId } = approval;
      await join(approval);
      const decision = { decision: "accept" } as const;
      if (first === "codexd") assert.equal((await decide(daemon, approval, decision)).status, 200);
      else other.send({ id: requestId, result: decision });
      const told = await other.nextThat((message) => (message as Message).method === "serverRequest/resolved");
      assert.equal((told as Message).params?.["requestId"], requestId);
      const turn = await endOfTurn(daemon, submissionId);
      assert.deepEqual([turn.status, turn.commands.length], ["completed", 1]);
      const record = await assertToldOnce(daemon, path.join(external.root, "state", "logs"), turn, approval);
      const byOther = [null, "elsewhere"];
      assert.deepEqual([record.decision, record.decidedBy], first === "codexd" ? ["accept", "client"] : byOther);
      const late = await decide(daemon, approval, decision);
      assert.deepEqual([late.status, late.data.error], [409, "approval_resolved"]);
    });
  }

  test("a malformed answer of the other one is a no, of which nobody hears a word [trap 4.3]", async () => {
    const { approval, submissionId } = await askedBy(daemon, await askingSession(daemon), ESCALATION);
    await join(approval);
    const heard = other.received.length;
    other.send({ id: approval.requestId, result: { decision: "maybe" } });
    const turn = await endOfTurn(daemon, submissionId);
    assert.deepEqual([turn.status, turn.commands, turn.error], ["completed", [], null]);
    assert.equal((await approvalOf(daemon, approval.approvalId)).decidedBy, "elsewhere");
    assert.equal(other.received.slice(heard).some((message) => "error" in (message as Message)), false);
  });

  /** It resumes the thread, and is asked the same under the same id, as codexd is when it comes back itself. */
  async function join({ threadId, method, requestId }: ApprovalRecord): Promise<void> {
    other.send({ id: 2, method: "thread/resume", params: { threadId } });
    const asked = await other.nextThat((message) => (message as Message).method === method) as Message;
    assert.equal(asked.id, requestId);
  }
});

function itemTypeOf({ type, detail }: CodexdEvent): unknown {
  return type === "app-server.item.started" ? (detail["item"] as { type?: unknown }).type : undefined;
}
