// approve and deny: what is decided, of what, and what is said when somebody else was first.
//
// The daemon is a list of answers.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import path from "node:path";
import { describe, test } from "node:test";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import { answerJson, type SeenRequest } from "../support/cli-daemon.ts";
import { commandsOn, type Answers } from "../support/cli-answers.ts";
import { makeApproval } from "../support/fake-services.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const A = `apr_aaaa${"0".repeat(28)}`;
const B = `apr_aaab${"0".repeat(28)}`;

/** Takes what is decided as it comes. */
function taking(approvalId: string, changes: Partial<ApprovalRecord> = {}) {
  return (response: ServerResponse, { body }: SeenRequest): void => {
    const { decision = "answered", result = null } = JSON.parse(body) as Partial<ApprovalRecord>;
    const told = { approvalId, decision, result };
    const approval = makeApproval({ ...told, status: "resolved", decidedBy: "client", ...changes });
    answerJson(response, 200, { ok: true, data: { approval } });
  };
}

const waiting = (...ids: string[]): Answers => ({
  "GET /approvals": { approvals: ids.map((approvalId) => makeApproval({ approvalId })), nextCursor: null },
});

function refusing(status: number, error: string, message: string) {
  return (response: ServerResponse): void => answerJson(response, status, { ok: false, error, message });
}

const sentBodies = (seen: readonly SeenRequest[]): unknown[] => {
  return seen.filter(({ method }) => method === "POST").map(({ body }) => JSON.parse(body) as unknown);
};

describe("a decision", () => {
  test("by each word", async (t) => {
    const { command, daemon } = await commandsOn(t, { [`POST /approvals/${A}`]: taking(A) });
    for (const [argv, done] of [
      [["approve", A], "accepted"], [["approve", A, "--session"], "accepted for the session"],
      [["deny", A], "declined"], [["deny", "--cancel", A], "cancelled"],
    ] as const) {
      assert.deepEqual(await command(argv), { code: 0, out: `${A} ${done}: run echo hi\n`, err: "" });
    }
    assert.deepEqual(sentBodies(daemon.seen),
      ["accept", "acceptForSession", "decline", "cancel"].map((decision) => ({ decision })));
  });

  test("by a whole answer, from the line, a file or standard input", async (t) => {
    const result = { answers: { q: { answers: ["Red"] } } };
    const text = JSON.stringify(result);
    const cwd = makeTempDir(t);
    writeFileSync(path.join(cwd, "answer.json"), text);
    const { command, daemon } = await commandsOn(t, { [`POST /approvals/${A}`]: taking(A) });
    for (const given of [text, "@answer.json", "-"]) {
      const { code, out } = await command(["approve", A, "--result", given], { cwd, stdin: text });
      assert.deepEqual([code, out], [0, `${A} answered: run echo hi\n`]);
    }
    assert.deepEqual(sentBodies(daemon.seen), [{ result }, { result }, { result }]);
  });

  test("that makes no sense is 64, and asks nobody", async (t) => {
    const { command, daemon } = await commandsOn(t, {});
    for (const [argv, said] of [
      [["approve", A, "--result", "{"], /^codexd: --result is not JSON: /],
      [["approve", A, "--result", "[1]"], /takes a JSON object/],
      [["approve", A, "--result", "@nowhere"], /--result: .*nowhere cannot be read/],
      [["approve", A, "--result", "{}", "--session"], /leave --session out/],
      [["approve", A, B, "--result", "{}"], /answers one ID alone/],
      [["deny"], /an argument is missing/],
      [["deny", A, "--session"], /deny takes no --session/],
    ] as const) {
      const { code, err } = await command(argv);
      assert.equal(code, 64, argv.join(" "));
      assert.match(err, said);
    }
    assert.equal(daemon.seen.length, 0);
  });

  test("of several is each by itself, with JSON as one document", async (t) => {
    const { command } = await commandsOn(t, {
      [`POST /approvals/${A}`]: taking(A, { summary: "run \u001b[2Jx" }), [`POST /approvals/${B}`]: taking(B),
    });
    const { code, out, err } = await command(["deny", A, `apr_c${"0".repeat(31)}`, B]);
    assert.deepEqual([code, out], [1, `${A} declined: run  [2Jx\n${B} declined: run echo hi\n`]);
    assert.match(err, /^codexd: apr_c0+: there is no POST .* \(not_found\)\n$/);
    const json = JSON.parse((await command(["deny", A, B, "--json"])).out) as { approvals: ApprovalRecord[] };
    assert.deepEqual(json.approvals.map(({ approvalId }) => approvalId), [A, B]);
  });
});

describe("somebody else was first", () => {
  test("what stands is said, and it is 1", async (t) => {
    const { command } = await commandsOn(t, {
      [`POST /approvals/${A}`]: refusing(409, "approval_resolved", "It is taken."),
      [`GET /approvals/${A}`]: {
        approval: makeApproval({
          approvalId: A, status: "resolved", decision: "decline", decidedBy: "rule", rule: "r",
        }),
      },
    });
    assert.deepEqual(await command(["approve", A]),
      { code: 1, out: "", err: `codexd: ${A}: was already declined by rule r: run echo hi\n` });
  });

  test("of an orphaned one the daemon's own words", async (t) => {
    const { command } = await commandsOn(t, {
      [`POST /approvals/${A}`]: refusing(409, "approval_orphaned", "Its turn\nsub_1 was interrupted."),
    });
    assert.deepEqual(await command(["approve", A]),
      { code: 1, out: "", err: `codexd: ${A}: Its turn sub_1 was interrupted. (approval_orphaned)\n` });
  });

  test("what concerns all of them ends it", async (t) => {
    const { command, daemon } = await commandsOn(t, {
      [`POST /approvals/${A}`]: refusing(401, "unauthorized", "No token."),
    });
    const { code, err } = await command(["approve", A, B]);
    assert.deepEqual([code, daemon.seen.length], [1, 1]);
    assert.match(err, /No token\. \(unauthorized\); --token-file/);
    await daemon.close();
    assert.equal((await command(["approve", A])).code, 3);
  });
});

describe("the beginning of an id", () => {
  test("is enough where one alone begins so", async (t) => {
    const answers = {
      ...waiting(A, B, "apr_1"), [`POST /approvals/${A}`]: taking(A), "POST /approvals/apr_1": taking("apr_1"),
    };
    const { command, daemon } = await commandsOn(t, answers);
    assert.equal((await command(["approve", "apr_aaaa"])).out, `${A} accepted: run echo hi\n`);
    assert.equal((await command(["approve", "apr_1"])).out, "apr_1 accepted: run echo hi\n");
    const asked = sentBodies(daemon.seen).length;
    for (const [given, said] of [
      ["apr_aaa", /apr_ and 4 of its digits at least/], ["apr_", /at least/],
      ["apr_bbbb", /nothing that waits .* begins so/],
    ] as const) {
      const { code, out, err } = await command(["approve", given]);
      assert.deepEqual([code, out], [1, ""]);
      assert.match(err, said);
    }
    assert.equal(sentBodies(daemon.seen).length, asked);
  });

  test("that two have decides neither", async (t) => {
    const twin = `apr_aaaa${"1".repeat(28)}`;
    const { command, daemon } = await commandsOn(t, waiting(A, twin));
    const { code, err } = await command(["deny", "apr_aaaa"]);
    assert.deepEqual([code, err], [1, `codexd: apr_aaaa: 2 that wait for a decision begin so: ${A}, ${twin}\n`]);
    assert.ok(daemon.seen.every(({ method }) => method === "GET"));
  });

  test("is no way round the daemon's own judgement of other ids", async (t) => {
    const { command, daemon } = await commandsOn(t, {});
    assert.equal((await command(["deny", "../x"])).code, 1);
    assert.deepEqual(daemon.seen.map(({ url }) => url), ["/v1/codexd/approvals/..%2Fx"]);
  });
});
