// Every kind of question that the real Codex asks: accepted, declined, cancelled, left until its time is over, raced.
//
// What becomes of the turn is Codex's; that it is told once, in events, records and receipts alike, is codexd's. What
// a restart makes of a question stands in approval-restarts.test.ts.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { ApprovalKind, ApprovalRecord, DecideApprovalInput } from "../../src/core/approvals.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { askedBy, askingSession, assertToldOnce, decide } from "../support/approval-talk.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import type { Daemon } from "../support/daemon.ts";
import { endOfTurn, prepareRealCodex, type RealCodex } from "../support/real-codex.ts";

/** 0.116 has neither these tools nor asks before an MCP tool is called. */
const OLD = CODEX_VERSION === "0.116.0";

/** How a turn ends after a decision, and what the record calls that decision. */
interface Outcome {
  readonly answer: DecideApprovalInput;
  readonly decision: ApprovalRecord["decision"];
  readonly status: TurnRecord["status"];
  /** Commands that ran, by exit code, and how many files were changed. */
  readonly ran?: readonly number[];
  readonly changed?: number;
  /** In what the model is told of it. */
  readonly told?: string;
}

interface Kind {
  readonly kind: ApprovalKind;
  readonly prompt: (workDir: string, n: number) => string;
  readonly outcomes: Readonly<Record<string, Outcome>>;
  /** What an open question amounts to when its time is over. */
  readonly session?: (daemon: Daemon) => Promise<SessionRecord>;
  readonly newerOnly?: boolean;
}

const word = (decision: "accept" | "acceptForSession" | "decline" | "cancel"): DecideApprovalInput => ({ decision });
const completed = { status: "completed" } as const;
const yes = { decision: "accept", ...completed } as const;
const no = { decision: "decline", ...completed } as const;
const stop = { decision: "cancel", status: "interrupted" } as const;

const KINDS: readonly Kind[] = [
  {
    kind: "command", prompt: () => "ESCALATE=touch esc; DELTAS=1",
    outcomes: {
      accepted: { answer: word("accept"), ...yes, ran: [0] },
      "accepted for the session": { answer: word("acceptForSession"), ...yes, decision: "acceptForSession", ran: [0] },
      declined: { answer: word("decline"), ...no },
      cancelled: { answer: word("cancel"), ...stop },
      "accepted by a whole result": { answer: { result: { decision: "accept" } }, ...yes, ran: [0] },
    },
  },
  {
    kind: "file_change", prompt: (workDir, n) => `PATCH=${path.join(workDir, `new-${n}.txt`)}:hello; DELTAS=1`,
    outcomes: {
      accepted: { answer: word("accept"), ...yes, changed: 1 },
      declined: { answer: word("decline"), ...no },
      cancelled: { answer: word("cancel"), ...stop },
    },
  },
  {
    kind: "permissions", prompt: (workDir) => `PERM=${workDir}; DELTAS=1`, newerOnly: true,
    outcomes: {
      accepted: { answer: word("accept"), ...yes },
      "accepted for the session": { answer: word("acceptForSession"), ...yes, decision: "acceptForSession" },
      declined: { answer: word("decline"), ...no },
    },
  },
  {
    kind: "user_input", prompt: () => "ASK=go on?; DELTAS=1", newerOnly: true,
    outcomes: {
      answered: { answer: { result: { answers: { q1: { answers: ["Yes"] } } } }, ...completed, decision: "answered" },
      declined: { answer: word("decline"), ...no },
    },
  },
  {
    kind: "mcp_elicitation", prompt: () => "CALL=mcp__mini.ask:{}; DELTAS=1", newerOnly: true,
    outcomes: {
      answered: { answer: { result: { action: "accept", content: { name: "Bob" } } }, ...yes },
      declined: { answer: word("decline"), ...no },
      cancelled: { answer: word("cancel"), decision: "cancel", ...completed },
    },
  },
  {
    kind: "mcp_elicitation", prompt: () => "CALL=mcp__mini.danger:{}; DELTAS=1", newerOnly: true,
    outcomes: {
      "a tool accepted": { answer: word("accept"), ...yes, told: "did it" },
      "a tool declined": { answer: word("decline"), ...no },
      "a tool cancelled": { answer: word("cancel"), decision: "cancel", ...completed },
    },
  },
];

describe("what Codex asks [trap 4.4, 4.5, 4.7, 4.8]", () => {
  let real: RealCodex;
  let daemon: Daemon;
  let files = 0;

  before(async () => {
    real = await prepareRealCodex("approvals", { asking: true });
    daemon = await real.start();
  });
  after(() => real.remove());

  for (const { kind, prompt, outcomes, newerOnly = false } of KINDS) {
    const skip = newerOnly && OLD ? "0.116 does not ask this" : false;
    for (const [name, { answer, decision, status, ran = [], changed = 0, told = "" }] of Object.entries(outcomes)) {
      test(`${kind}: ${name}`, { skip }, async () => {
        const session = await askingSession(daemon);
        const asked = await askedBy(daemon, session, prompt(real.workDir, ++files));
        const { approval } = asked;
        assert.equal(approval.kind, kind);
        assertSaysWhatIsAsked(approval, real.workDir);
        const reply = await decide(daemon, approval, answer);
        assert.equal(reply.status, 200, JSON.stringify(reply.data));
        const turn = await endOfTurn(daemon, asked.submissionId);
        assert.equal(turn.status, status, JSON.stringify(turn));
        assert.deepEqual(turn.commands.map(({ exitCode }) => exitCode), ran);
        assert.equal(turn.fileChanges.length, changed);
        assert.ok(JSON.stringify(real.mock.requests.at(-1)).includes(told));
        const record = await assertToldOnce(daemon, real.logsDir, turn, approval);
        assert.deepEqual([record.decision, record.decidedBy], [decision, "client"]);
        const second = await decide(daemon, approval, answer);
        assert.deepEqual([second.status, second.data.error], [409, "approval_resolved"]);
        assert.equal(second.data.detail?.["decision"], decision);
        const file = path.join(real.workDir, `new-${files}.txt`);
        if (kind === "file_change") assert.equal(existsSync(file), changed === 1);
        if (changed === 1) assert.equal(readFileSync(file, "utf8"), "hello\n");
      });
    }

    test(`${kind}: two clients race (${prompt("", 0)})`, { skip }, async () => {
      const session = await askingSession(daemon);
      const asked = await askedBy(daemon, session, prompt(real.workDir, ++files));
      const [yes_, no_] = [Object.values(outcomes)[0]?.answer ?? {}, word("decline")];
      const replies = await Promise.all([yes_, no_, yes_, no_].map((answer) => decide(daemon, asked.approval, answer)));
      const statuses = replies.map(({ status }) => status);
      assert.deepEqual([...statuses].sort(), [200, 409, 409, 409]);
      const winner = replies.find(({ status }) => status === 200)?.data.approval;
      for (const { data } of replies.filter(({ status }) => status === 409)) {
        assert.deepEqual([data.error, data.detail?.["decision"]], ["approval_resolved", winner?.decision]);
      }
      const turn = await endOfTurn(daemon, asked.submissionId);
      assert.equal(turn.status, "completed");
      await assertToldOnce(daemon, real.logsDir, turn, asked.approval);
    });

    test(`${kind}: the turn is interrupted meanwhile (${prompt("", 0)}) [trap 4.10]`, { skip }, async () => {
      const session = await askingSession(daemon);
      const asked = await askedBy(daemon, session, prompt(real.workDir, ++files));
      await daemon.post(`/v1/codexd/sessions/${session.sessionId}/interrupt`);
      const turn = await endOfTurn(daemon, asked.submissionId);
      assert.deepEqual([turn.status, turn.commands, turn.fileChanges], ["interrupted", [], []]);
      const record = await assertToldOnce(daemon, real.logsDir, turn, asked.approval);
      assert.equal(record.status, "orphaned");
      const late = await decide(daemon, asked.approval, word("decline"));
      assert.deepEqual([late.status, late.data.error], [409, "approval_orphaned"]);
      assert.ok(late.data.message.includes(turn.turnId ?? "?"), late.data.message);
    });
  }

  test("a tool of the client's own: answered, and declined [trap 4.6]", { skip: OLD && "0.116 has none" }, async () => {
    const inputSchema = { type: "object", properties: {} };
    const tool = { type: "function", name: "my_tool", description: "d", inputSchema };
    const params = { cwd: real.workDir, approvalPolicy: "on-request", sandbox: "read-only", dynamicTools: [tool] };
    const { data } = await daemon.post<{ result: { thread: { id: string } } }>("/v1/codexd/rpc", {
      method: "thread/start", params,
    });
    const session = await askingSession(daemon, { threadId: data.result.thread.id, sandbox: undefined,
      approvalPolicy: undefined });
    const answers: DecideApprovalInput[] = [
      { result: { contentItems: [{ type: "inputText", text: "from the client" }], success: true } }, word("decline"),
    ];
    for (const answer of answers) {
      const asked = await askedBy(daemon, session, 'CALL=my_tool:{"a":1}; DELTAS=1');
      assert.equal(asked.approval.kind, "tool_call");
      assert.equal((await decide(daemon, asked.approval, answer)).status, 200);
      const turn = await endOfTurn(daemon, asked.submissionId);
      assert.equal(turn.status, "completed");
      const { decision } = await assertToldOnce(daemon, real.logsDir, turn, asked.approval);
      assert.equal(decision, answer.decision ?? "answered");
    }
  });

  test("left alone, each is declined when its time is over [trap 4.9]", async () => {
    await daemon.kill("SIGTERM");
    daemon = await real.start(["--approval-timeout-ms", "300"]);
    for (const { kind, prompt, newerOnly = false } of KINDS) {
      if (newerOnly && OLD) continue;
      const session = await askingSession(daemon);
      const { approval, submissionId } = await askedBy(daemon, session, prompt(real.workDir, ++files));
      assert.ok(approval.expiresAt !== null);
      const turn = await endOfTurn(daemon, submissionId);
      assert.equal(turn.status, "completed", kind);
      const record = await assertToldOnce(daemon, real.logsDir, turn, approval);
      assert.deepEqual([record.decision, record.decidedBy], ["decline", "timeout"], kind);
    }
  });
});

function assertSaysWhatIsAsked(approval: ApprovalRecord, workDir: string): void {
  const { kind, summary, command, cwd, changes, permissions, questions } = approval;
  assert.ok(summary.length > 0 && !summary.includes("\n"));
  if (kind === "command") assert.deepEqual([command?.includes("touch esc"), cwd], [true, workDir]);
  if (kind === "file_change") {
    assert.equal(changes?.length, 1);
    assert.match(changes[0]?.path ?? "", /new-\d+\.txt$/);
    assert.match(changes[0]?.diff ?? "", /hello/);
    assert.equal(changes[0]?.kind, "add");
  }
  if (kind === "permissions") assert.ok(JSON.stringify(permissions).includes(workDir));
  if (kind === "mcp_elicitation") assert.match(summary, /^(run the tool danger of )?the MCP server mini( asks:| with)/);
  if (kind === "user_input") assert.match(JSON.stringify(questions), /go on\?.*Yes.*No/);
}
