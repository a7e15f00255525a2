// What a restart makes of a question of the real Codex: with a child of codexd's own it has no owner any more; with an
// app-server that runs elsewhere it is the same question, and is answered once.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import { approvalOf, askedBy, askingSession, assertToldOnce, decide } from "../support/approval-talk.ts";
import { prepareExternalCodex, startLink, type ExternalCodex } from "../support/external-codex.ts";
import { childPidOf, endOfTurn, prepareRealCodex, type RealCodex } from "../support/real-codex.ts";
import { readJournal } from "../support/journal-reader.ts";
import path from "node:path";

const PROMPT = "ESCALATE=touch esc; DELTAS=1";

describe("a question over a restart", () => {
  let real: RealCodex;
  let external: ExternalCodex;

  before(async () => {
    real = await prepareRealCodex("approval-restarts", { asking: true });
    external = await prepareExternalCodex("approval-external");
  });
  after(async () => {
    await real.remove();
    await external.remove();
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`a child of codexd's own goes with it (${signal}): orphaned, and the answer names the turn`, async () => {
      let daemon = await real.start();
      const session = await askingSession(daemon);
      const { approval, submissionId } = await askedBy(daemon, session, PROMPT);
      await daemon.kill(signal);
      daemon = await real.start();
      const turn = await endOfTurn(daemon, submissionId);
      assert.equal(turn.status, "interrupted");
      const record = await assertToldOnce(daemon, real.logsDir, turn, approval);
      assert.deepEqual([record.status, record.decision, record.decidedBy], ["orphaned", null, null]);
      const late = await decide(daemon, approval, { decision: "accept" });
      assert.deepEqual([late.status, late.data.error], [409, "approval_orphaned"]);
      assert.equal(late.data.detail?.["turnId"], turn.turnId);
      assert.ok(late.data.message.includes(turn.turnId ?? "?"), late.data.message);
      assert.equal((await daemon.kill("SIGTERM")).code, 0);
    });
  }

  test("the child dies alone: orphaned at once, and the session goes on", async () => {
    const daemon = await real.start();
    const session = await askingSession(daemon);
    const { approval, submissionId } = await askedBy(daemon, session, PROMPT);
    process.kill(await childPidOf(daemon), "SIGKILL");
    const turn = await endOfTurn(daemon, submissionId);
    assert.equal((await assertToldOnce(daemon, real.logsDir, turn, approval)).status, "orphaned");
    const again = await askedBy(daemon, session, PROMPT);
    assert.equal((await decide(daemon, again.approval, { decision: "accept" })).status, 200);
    assert.equal((await endOfTurn(daemon, again.submissionId)).status, "completed");
    assert.equal((await daemon.kill("SIGTERM")).code, 0);
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`an app-server elsewhere asks again after the daemon's ${signal}; two clients race [trap 4.12]`, async () => {
      const server = await external.serve("ws://127.0.0.1:0");
      let daemon = await external.start(server.url);
      const session = await askingSession(daemon);
      const { approval, submissionId } = await askedBy(daemon, session, PROMPT);
      await daemon.kill(signal);
      daemon = await external.start(server.url);
      const { data } = await daemon.get<{ approvals: ApprovalRecord[] }>("/v1/codexd/approvals?waitMs=10000");
      assert.deepEqual(data.approvals.map(({ approvalId }) => approvalId), [approval.approvalId]);
      const words = ["accept", "decline", "accept"] as const;
      const replies = await Promise.all(words.map((decision) => decide(daemon, approval, { decision })));
      assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 409, 409]);
      const turn = await endOfTurn(daemon, submissionId);
      assert.equal(turn.status, "completed");
      const logsDir = path.join(external.root, "state", "logs");
      const record = await assertToldOnce(daemon, logsDir, turn, approval);
      assert.equal(turn.commands.length, record.decision === "accept" ? 1 : 0);
      assert.equal((await daemon.kill("SIGTERM")).code, 0);
      await server.stop();
    });
  }

  test("a lost connection: a decision in between waits, and reaches Codex once", async () => {
    const server = await external.serve("ws://127.0.0.1:0");
    const link = await startLink(server.url);
    const daemon = await external.start(link.url);
    const session = await askingSession(daemon);
    const { approval, submissionId } = await askedBy(daemon, session, PROMPT);
    link.cut();
    while ((await daemon.get("/readyz")).status === 200) await new Promise((resolve) => setTimeout(resolve, 20));
    const decided = decide(daemon, approval, { decision: "accept" });
    link.mend();
    assert.equal((await decided).status, 200);
    const turn = await endOfTurn(daemon, submissionId);
    assert.deepEqual([turn.status, turn.commands.length], ["completed", 1]);
    const logsDir = path.join(external.root, "state", "logs");
    await assertToldOnce(daemon, logsDir, turn, approval);
    assert.equal((await approvalOf(daemon, approval.approvalId)).decidedBy, "client");
    assert.deepEqual(readJournal(logsDir).problems, []);
    await daemon.kill("SIGTERM");
    await link.close();
    await server.stop();
  });
});
