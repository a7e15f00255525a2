// approvals: the list, one of them whole, and the list as it goes on.
//
// The daemon is a list of answers; its events are written down beforehand.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test, type TestContext } from "node:test";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import { answerJson, type SeenRequest } from "../support/cli-daemon.ts";
import { commandsOn, streamOf } from "../support/cli-answers.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { makeApproval } from "../support/fake-services.ts";

const list = (approvals: readonly ApprovalRecord[], nextCursor: string | null = null) => ({ approvals, nextCursor });
const RESOLVED = { status: "resolved", decision: "decline", decidedBy: "rule", rule: "no\nnetwork" } as const;

describe("the list", () => {
  test("says what each asks, about what, how old it is and what it takes", async (t) => {
    const command = makeApproval({
      command: "echo \u001b[2J\u202e\nnext", summary: "run\techo", params: { reason: "why" },
    });
    const files = makeApproval({
      approvalId: "apr_2", kind: "file_change", sessionId: null, command: null, cwd: null, summary: "change",
      changes: [
        { path: "/a", kind: "update", diff: "-x\n+y" }, { path: "/b", kind: "update", movePath: "/c", diff: "" },
      ],
    });
    const asks = makeApproval({
      approvalId: "apr_3", kind: "user_input", command: null, cwd: null, allowedDecisions: [], summary: "asks",
      questions: [
        { id: "q1", question: "Which?", options: [{ label: "Red", description: "the first" }, { label: "Blue" }, 7] },
        { id: "q2", question: "Why?", options: null }, "odd",
      ],
    });
    const { command: codexd, daemon } = await commandsOn(t, { "GET /approvals": list([command, files, asks], "c") });
    const clock = { ...createFakeClock(), now: () => Date.parse(command.createdAt) + 65_400 };
    const { code, out, err } = await codexd(["approvals", "--session", "ses_1"], { clock });
    assert.deepEqual([code, err], [0, "codexd: there are more than these 3\n"]);
    assert.equal(daemon.seen[0]?.url, "/v1/codexd/approvals?status=pending&limit=1000&session=ses_1");
    assert.deepEqual(out.split("\n"), [
      "apr_1  command  65 s ago", "  run echo", "  command   echo \\u{1b}[2J\\u{202e}", "            next",
      "  in        /", "  because   why", "  session   ses_1", "  takes     accept, acceptForSession, decline, cancel",
      "",
      "apr_2  file change  65 s ago", "  change", "  update /a", "  update /b -> /c",
      "  takes     accept, acceptForSession, decline, cancel",
      "",
      "apr_3  user input  65 s ago", "  asks", "  asks      Which? (q1)", "            - Red: the first",
      "            - Blue", "  asks      Why? (q2)", "  session   ses_1",
      "  takes     a whole answer: codexd approve ID --result JSON", "",
    ]);
  });

  test("of a form shows the whole answer that it takes", async (t) => {
    const form = makeApproval({
      kind: "mcp_elicitation", command: null, cwd: null, allowedDecisions: ["decline", "cancel"],
      params: { requestedSchema: { type: "object", properties: { name: { type: "string" } } } },
    });
    const { command: codexd } = await commandsOn(t, { "GET /approvals": list([form]) });
    const { out } = await codexd(["approvals"]);
    assert.match(out, /^  takes +decline, cancel; or codexd approve ID --result '.*"content":{"name":"…"}}'$/m);
  });

  test("of all says what has become of each", async (t) => {
    const approvals = [
      makeApproval(RESOLVED),
      makeApproval({ status: "resolved", decision: "acceptForSession", decidedBy: "client" }),
      makeApproval({ status: "resolved", decidedBy: "elsewhere" }),
      makeApproval({ status: "resolved", decision: "decline", decidedBy: "timeout" }),
      makeApproval({ status: "orphaned", orphanedBy: "child_exited" }),
    ];
    const { command, daemon } = await commandsOn(t, { "GET /approvals": list(approvals) });
    for (const [ageMs, age] of [[0, "0 s"], [119_000, "119 s"], [7_199_000, "120 min"], [172_799_000, "48 h"],
      [172_800_000, "2 days"], [-5000, "0 s"]] as const) {
      const clock = { ...createFakeClock(), now: () => Date.parse(makeApproval().createdAt) + ageMs };
      const { out } = await command(["approvals", "--all"], { clock });
      assert.deepEqual(out.split("\n").filter((line) => line.startsWith("apr_")), [
        "was declined by rule no network", "was accepted for the session by a client",
        "was answered by another client of Codex", "was declined by its timeout",
        "can no longer be decided (child_exited)",
      ].map((what) => `apr_1  command  ${age} ago  ${what}`));
      assert.doesNotMatch(out, /takes/);
    }
    assert.match(daemon.seen[0]?.url ?? "", /status=all&/);
    assert.deepEqual(JSON.parse((await command(["approvals", "--all", "--json"])).out), { approvals });
  });

  test("that is empty says so; a refusal is 1", async (t) => {
    const { command } = await commandsOn(t, { "GET /approvals": list([]) });
    assert.deepEqual(await command(["approvals"]), { code: 0, out: "nothing waits for a decision\n", err: "" });
    const { command: refused } = await commandsOn(t, {});
    assert.equal((await refused(["approvals"])).code, 1);
  });

  test("of one that is named has its changes too, in colours where there are some", async (t) => {
    const approval = makeApproval({
      ...RESOLVED, changes: [{ path: "/a", kind: "update", diff: "@@ -1 +1 @@\n-x\n+y\n" }],
    });
    const { command } = await commandsOn(t, { "GET /approvals/apr_1": { approval } });
    const { out } = await command(["approvals", "apr_1"]);
    assert.match(out, /^ {2}update \/a\n {2}@@ -1 \+1 @@\n {2}-x\n {2}\+y$/m);
    const coloured = await command(["approvals", "apr_1"], { colours: true });
    assert.match(coloured.out, /\u001b\[31m-x\u001b\[0m/);
    const odd = await command(["approvals", "apr_1", "--all"]);
    assert.deepEqual([odd.code, odd.err], [64, "codexd: --all goes with no ID\n"]);
    assert.equal((await command(["approvals", "apr_2"])).code, 1);
  });
});

describe("the list that goes on", () => {
  const event = (type: string, approvalId?: string) => ({ type: `approval.${type}`, detail: { approvalId } });

  /** A daemon that knows `old` when it is asked first, and those that `byId` gives, one after another. */
  async function following(t: TestContext, byId: Record<string, ApprovalRecord[]>, argv: string[]) {
    const one = (id: string) => (response: ServerResponse): void => {
      const [next] = byId[id]?.splice(0, 1) ?? [];
      if (next === undefined) answerJson(response, 404, { ok: false, error: "not_found", message: "gone" });
      else answerJson(response, 200, { ok: true, data: { approval: next } });
    };
    const { command, daemon } = await commandsOn(t, {
      "GET /approvals": list([makeApproval({ approvalId: "apr_old" }), makeApproval({ approvalId: "apr_older" })]),
      "GET /events": streamOf(event("requested", "apr_old"), event("requested"), event("requested", "apr_new"),
        event("requested", "apr_auto"), event("resolved", "apr_auto"), event("requested", "apr_gone"),
        event("orphaned", "apr_old"), event("resolved", "apr_new")),
      ...Object.fromEntries(Object.keys(byId).map((id) => [`GET /approvals/${id}`, one(id)])),
    });
    let interrupt = (): void => undefined;
    let out = "";
    const onStdout = (text: string): void => {
      out += text;
      if (/apr_new.*(declined by|"decision":"decline")/.test(out)) interrupt();
    };
    const { code } = await command(["approvals", "-f", ...argv], { onStdout }, (io) => {
      interrupt = () => io.raise("SIGINT");
    });
    assert.equal(code, 130);
    return { out, seen: daemon.seen as readonly SeenRequest[] };
  }

  const auto = makeApproval({ approvalId: "apr_auto", ...RESOLVED });
  const records = (): Record<string, ApprovalRecord[]> => ({
    apr_old: [makeApproval({ approvalId: "apr_old", status: "orphaned", orphanedBy: "turn_ended" })],
    apr_new: [makeApproval({ approvalId: "apr_new" }), makeApproval({ approvalId: "apr_new", ...RESOLVED })],
    apr_auto: [auto, auto],
    apr_gone: [],
  });

  test("has what waits, the oldest first, what comes, and what becomes of each", async (t) => {
    const { out, seen } = await following(t, records(), []);
    const heads = out.split("\n").filter((line) => line.startsWith("apr_"));
    assert.deepEqual(heads.map((line) => line.replace(/  \d+ days ago/, "")), [
      "apr_older  command", "apr_old  command", "apr_new  command",
      "apr_old can no longer be decided (turn_ended)", "apr_new was declined by rule no network",
    ]);
    assert.ok(seen.some(({ url }) => url.includes("after=10&type=approval.*")));
  });

  test("of all has those too that nobody was asked about", async (t) => {
    const { out } = await following(t, records(), ["--all", "--json"]);
    const lines = out.trim().split("\n").map((line) => JSON.parse(line) as ApprovalRecord);
    assert.deepEqual(lines.map(({ approvalId, status }) => `${approvalId} ${status}`), [
      "apr_older pending", "apr_old pending", "apr_new pending", "apr_auto resolved", "apr_old orphaned",
      "apr_new resolved",
    ]);
  });
});
