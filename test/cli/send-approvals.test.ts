// Approvals that come up during send: asked, answered by a word, left to others, and withdrawn.
//
// The daemon is a list of answers; what is typed is written down beforehand.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test, type TestContext } from "node:test";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import { answerJson } from "../support/cli-daemon.ts";
import { commandsOn, type StreamedEvent } from "../support/cli-answers.ts";
import type { FakeIo, FakeIoOptions } from "../support/cli-io.ts";
import { approval, finished, liveStream, sendAnswers } from "../support/send-answers.ts";

const TERMINAL = { stdinIsTerminal: true, stdoutIsTerminal: true, stderrIsTerminal: true, env: { NO_COLOR: "1" } };
const told = (type: string, detail: Record<string, unknown> = {}): StreamedEvent => (
  { type: `approval.${type}`, detail: { approvalId: "apr_1", ...detail } }
);

interface Scene extends FakeIoOptions {
  readonly record?: Partial<ApprovalRecord>;
  readonly flags?: readonly string[];
  /** In place of the turn's going on when it has been decided. */
  readonly onDecide?: (response: ServerResponse, live: Live) => void;
  /** When this stands on standard error … */
  readonly when?: RegExp;
  /** … this happens. */
  readonly then?: readonly StreamedEvent[] | ((io: FakeIo, live: Live) => void);
  /** What comes when apr_2 is looked at, before the turn's end. */
  readonly atLast?: readonly StreamedEvent[];
}

type Live = ReturnType<typeof liveStream>;

/** What is decided, and what is printed, when Codex asks `record`. */
async function ask(t: TestContext, scene: Scene) {
  const { record = {}, flags = [], onDecide, when, then = [], atLast = [], ...options } = scene;
  const live = liveStream(() => live.push(told("requested"), told("requested")));
  const { command, daemon } = await commandsOn(t, {
    ...sendAnswers(),
    "GET /events": live.answer,
    "GET /approvals/apr_1": (response: ServerResponse) => {
      if (record.status === "resolved") live.push(told("requested", { approvalId: "apr_2" }));
      answerJson(response, 200, { ok: true, data: { approval: approval(record) } });
    },
    // Looked at only when there is nothing more to do for the first one.
    "GET /approvals/apr_2": (response: ServerResponse) => {
      live.push(...atLast, finished());
      answerJson(response, 200, { ok: true, data: { approval: approval({ status: "resolved" }) } });
    },
    "POST /approvals/apr_1": (response: ServerResponse) => {
      if (onDecide !== undefined) return onDecide(response, live);
      live.push(told("resolved", { decision: "accept", decidedBy: "client" }));
      answerJson(response, 200, { ok: true, data: { approval: approval({ status: "resolved" }) } });
      setImmediate(() => live.push(finished()));
    },
  });
  const argv = ["send", "--session", "ses_1", "x", ...flags];
  const outcome = await command(argv, options, (io) => {
    if (when === undefined) return;
    void seen(io, when).then(() => (typeof then === "function" ? then(io, live) : live.push(...then)));
  });
  const sent = daemon.seen.filter(({ method, url }) => method === "POST" && url.endsWith("/apr_1"));
  return { ...outcome, decided: sent.map(({ body }) => JSON.parse(body)) };
}

async function seen(io: FakeIo, text: RegExp): Promise<void> {
  while (!text.test(io.err())) await new Promise((resolve) => void setTimeout(resolve, 1));
}

const refuse = (live: Live, response: ServerResponse, error: string): void => {
  answerJson(response, error === "not_ready" ? 503 : 409, { ok: false, error, message: `it is ${error}` });
  setImmediate(() => live.push(finished()));
};

describe("an approval during send, at a terminal", () => {
  test("is shown and decided by a key, of those alone that it allows", async (t) => {
    const { code, err, decided } = await ask(t, { ...TERMINAL, lines: ["", "c", "A"] });
    assert.deepEqual([code, decided], [0, [{ decision: "acceptForSession" }]]);
    assert.equal(err, [
      "Codex asks (command, apr_1): run ls\n", "  command   ls -l\n", "  in        /repo\n", "  because   to see\n",
      "  [y] yes, once\n", "  [a] yes, also for the rest of the session\n", "  [n] no\n",
      "y/a/n? y/a/n? y/a/n? ",
    ].join(""));
    for (const [line, decision] of [["yes", "accept"], ["NO", "decline"], [" n ", "decline"]] as const) {
      assert.deepEqual((await ask(t, { ...TERMINAL, lines: [line] })).decided, [{ decision }]);
    }
    const cancel = { allowedDecisions: ["accept", "decline", "cancel"] } as const;
    assert.deepEqual((await ask(t, { ...TERMINAL, record: cancel, lines: ["c"] })).decided, [{ decision: "cancel" }]);
  });

  test("can be left to others, or has nobody to answer it: then it waits, and how to answer it is said", async (t) => {
    const record = { kind: "tool_call", allowedDecisions: ["decline"] } as const;
    const then = [told("resolved", { decision: "answered", decidedBy: "client" }), finished()];
    for (const lines of [["y", "s"], []]) {
      const { decided, err } = await ask(t, { ...TERMINAL, record, lines, when: /waits/, then });
      assert.deepEqual(decided, []);
      assert.match(err, /n\/s\? /);
      assert.match(err, /: apr_1 waits for one of\n  codexd approve --url \S+ apr_1 --result JSON\n  codexd deny /);
      assert.match(err, /codexd: apr_1 was answered by another client\n/);
    }
    const unseen = await ask(t, { ...TERMINAL, stderrIsTerminal: false, when: /waits/, then });
    assert.doesNotMatch(unseen.err, /\? /);
  });

  test("is withdrawn when somebody else decides, and it is said who", async (t) => {
    const never = new Promise<string>(() => undefined);
    for (const [event, said] of [
      [told("resolved", { decision: "decline", decidedBy: "client" }), "was declined by another client"],
      [told("resolved", { decision: "accept", decidedBy: "rule", rule: "rules[0]" }),
        "was accepted by the rule rules[0]"],
      [told("resolved", { decision: "decline", decidedBy: "timeout" }), "was declined because its time was up"],
      [told("resolved", { decision: null, decidedBy: "elsewhere" }),
        "was answered by another client of the app-server"],
      [told("resolved"), "was answered"],
      [told("orphaned", { orphanedBy: "child_exited" }), "cannot be answered any more"],
    ] as const) {
      const then = [event, finished()];
      const { err, decided } = await ask(t, { ...TERMINAL, lines: [never], when: /\? $/, then });
      assert.deepEqual(decided, []);
      assert.ok(err.endsWith(`y/a/n? \ncodexd: apr_1 ${said}\n`), err);
    }
  });

  test("that is decided already is not asked about", async (t) => {
    const atLast = [told("resolved", { decision: "accept", decidedBy: "default" })];
    const { err } = await ask(t, { ...TERMINAL, record: { status: "resolved" }, atLast });
    assert.equal(err, "codexd: apr_1 was accepted by --approval-default\n");
  });

  test("that somebody else was faster with says so once, whichever comes first", async (t) => {
    const resolved = told("resolved", { decision: "decline", decidedBy: "client" });
    const late = { ok: false, error: "approval_resolved", message: "late" };
    let answer = (): void => undefined;
    const eventFirst = await ask(t, {
      ...TERMINAL, lines: ["y"], when: /apr_0/,
      onDecide: (response, live) => {
        answer = () => answerJson(response, 409, late);
        live.push(resolved, told("orphaned", { approvalId: "apr_0" }));
      },
      then: (_, live) => {
        answer();
        live.push(told("requested", { approvalId: "apr_2" }));
      },
    });
    const answerFirst = await ask(t, {
      ...TERMINAL, lines: ["y"], atLast: [resolved], onDecide: (response, live) => {
        answerJson(response, 409, late);
        live.push(told("requested", { approvalId: "apr_2" }));
      },
    });
    for (const { err } of [eventFirst, answerFirst]) {
      assert.equal(err.match(/apr_1 was declined by another client/g)?.length, 1, err);
    }
  });

  test("whose answer could not be given still waits, and that is said", async (t) => {
    const { err } = await ask(t, {
      ...TERMINAL, lines: ["y"], onDecide: (response, live) => {
        refuse(live, response, "not_ready");
      },
    });
    assert.match(err, /: it is not_ready; apr_1 waits for one of\n  codexd approve --url \S+ apr_1\n  codexd deny /);
  });

  test("is withdrawn by Ctrl-C, which ends the turn", async (t) => {
    const { code, err } = await ask(t, {
      ...TERMINAL, lines: [new Promise<string>(() => undefined)],
      when: /\? $/,
      then: (io, live) => {
        io.raise("SIGINT");
        live.push(told("orphaned"), finished("interrupted"));
      },
    });
    assert.equal(code, 130);
    assert.match(err, /y\/a\/n\? \ncodexd: ending the turn; .*\n(codexd: .*\n)*.*the turn has been interrupted\n$/);
  });
});

describe("an approval during send, by a word", () => {
  test("is accepted or declined without asking; what no word accepts is left to others", async (t) => {
    const accepted = await ask(t, { flags: ["--approve", "accept"] });
    assert.deepEqual([accepted.decided, accepted.err], [[{ decision: "accept" }], "codexd: accepted: run ls\n"]);
    assert.deepEqual((await ask(t, { flags: ["--approve", "decline"] })).decided, [{ decision: "decline" }]);
    const cancelOnly = { allowedDecisions: ["cancel"] } as const;
    const cancelled = await ask(t, { record: cancelOnly, flags: ["--approve", "decline"] });
    assert.deepEqual(cancelled.decided, [{ decision: "cancel" }]);
    const question = { kind: "user_input", allowedDecisions: ["decline"] } as const;
    const flags = ["--approve", "accept"];
    const left = await ask(t, { record: question, flags, when: /waits/, then: [finished()] });
    assert.deepEqual(left.decided, []);
    assert.match(left.err, /^codexd: Codex asks: run ls; apr_1 waits for one of\n  codexd approve .* --result JSON\n/);
    const asks = { ...question, questions: [{ id: "it's", question: "Which?", options: null }] };
    const formed = await ask(t, { record: asks, flags, when: /waits/, then: [finished()] });
    const word = String.raw`'{"answers":{"it'\''s":{"answers":["…"]}}}'`;
    assert.ok(formed.err.includes(` apr_1 --result ${word}\n`), formed.err);
  });

  test("without a terminal and a word it waits for others", async (t) => {
    const then = [told("resolved", { decision: "accept", decidedBy: "client" }), finished()];
    const { err, decided } = await ask(t, { when: /waits/, then });
    assert.deepEqual(decided, []);
    assert.match(err, new RegExp("^codexd: Codex asks: run ls; apr_1 waits for one of\n" +
      "  codexd approve --url \\S+ apr_1\n  codexd deny --url \\S+ apr_1\n" +
      "codexd: apr_1 was accepted by another client\n$"));
  });
});
