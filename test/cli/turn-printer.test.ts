// What a turn's events look like: the answer on one stream, what is done on the other.
//
// Events by hand, in the order in which Codex sends them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createScreen } from "../../src/cli/screen.ts";
import { createTurnPrinter, printedTypes } from "../../src/cli/turn-printer.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { StreamedEvent } from "../support/cli-answers.ts";
import { createFakeIo, type FakeIoOptions } from "../support/cli-io.ts";
import { agent } from "../support/send-answers.ts";

const TERMINAL = { stdoutIsTerminal: true, stderrIsTerminal: true, env: { NO_COLOR: "1" } };

/** What the events come to; `all` in the order in which it was printed. */
function print(events: readonly StreamedEvent[], options: FakeIoOptions = {}) {
  let all = "";
  const fake = createFakeIo(options);
  const io = {
    ...fake,
    stdout: (text: string) => (fake.stdout(text), void (all += text)),
    stderr: (text: string) => (fake.stderr(text), void (all += text)),
  };
  const printer = createTurnPrinter(createScreen(io), io.stdoutIsTerminal);
  for (const event of events) {
    printer.print({ seq: 1, createdAt: "", level: "info", message: "", ...event } as CodexdEvent);
  }
  printer.end();
  return { out: fake.out(), err: fake.err(), all };
}

const command = (fields: Record<string, unknown>) => ({ type: "commandExecution", id: "c1", ...fields });
const retry = (fields: Record<string, unknown> = {}): StreamedEvent => ({
  type: "app-server.turn.error",
  detail: { turnId: "t1", willRetry: true, error: { message: "Reconnecting... 1/2", ...fields } },
});

describe("the answer", () => {
  const whole = [agent.started("m1"), agent.delta("m1", "He\u001b[2J"), agent.delta("m1", "llo"),
    agent.completed("m1", "He\u001b[2Jllo\n")];

  test("is streamed to a terminal and whole elsewhere, always without what moves a cursor", () => {
    assert.equal(print(whole, TERMINAL).out, "He [2Jllo\n");
    assert.equal(print(whole).out, "He [2Jllo\n");
    assert.equal(print(whole.slice(0, 2)).out, "");
    assert.equal(print(whole.slice(0, 2), TERMINAL).out, "He [2J\n");
    assert.equal(print([agent.completed("m1", "")]).out, "");
  });

  test("that Codex broke off is never part of it where it is piped, and told where it was seen", () => {
    // As in the capture fail-cut-once: the first message never ends, the second one has all of it again.
    const events = [
      agent.started("m1"), agent.delta("m1", "tok0 "), retry(),
      agent.started("m2"), agent.delta("m2", "tok0 "), agent.delta("m2", "tok1"), agent.completed("m2", "tok0 tok1"),
    ];
    assert.equal(print(events).out, "tok0 tok1\n");
    assert.equal(print(events, TERMINAL).all, [
      "tok0 \n", "Reconnecting... 1/2\n", "codexd: the message above was broken off and begins anew\n", "tok0 tok1\n",
    ].join(""));
    const steered = [agent.delta("m1", "a"), agent.started("m2"), agent.delta("m2", "b")];
    assert.equal(print(steered, TERMINAL).all,
      "a\ncodexd: the message above was broken off and begins anew\nb\n");
  });

  test("of which a part was missed is said whole", () => {
    assert.equal(print([agent.completed("m1", "whole")], TERMINAL).out, "whole\n");
    const gap = [agent.delta("m1", "Hel"), agent.delta("m1", "orld"), agent.completed("m1", "Hello world")];
    assert.equal(print(gap, TERMINAL).out, "Helorld\nHello world\n");
    assert.equal(print([agent.delta("m1", "Hel"), agent.completed("m1", "Hello")], TERMINAL).out, "Hello\n");
  });

  test("its pieces are asked for only where they are printed", () => {
    assert.ok(printedTypes(true).includes("app-server.turn.message.delta"));
    assert.ok(!printedTypes(false).includes("app-server.turn.message.delta"));
  });
});

describe("what is done", () => {
  const end = (fields: Record<string, unknown>) => agent.item("completed", command({ command: "ls", ...fields }));

  test("a command is shown when it begins, and how it ended, with the end of its output", () => {
    const begun = agent.item("started", command({ command: "/bin/bash -lc 'ls -l'" }));
    const output = "a\n\tb\u001b[31m\r\n";
    const done = end({ status: "completed", exitCode: 0, durationMs: 1234, aggregatedOutput: output });
    assert.equal(print([begun, begun, done]).err, "$ ls -l\n  a\n  \tb [31m\n  exited with 0 after 1.2 s\n");
    // A script with quotes of its own stays as it came, and Codex 0.116 tells no beginning.
    const quoted = end({ command: "/bin/sh -c 'a'\\''b'", status: "failed", exitCode: 3, durationMs: null });
    assert.equal(print([quoted]).err, "$ /bin/sh -c 'a'\\''b'\n  exited with 3\n");
  });

  test("one without an exit code is declined, failed or ended", () => {
    for (const [status, said] of [["declined", "was declined"], ["failed", "failed"], ["completed", "ended"]]) {
      assert.equal(print([end({ status, exitCode: null })]).err, `$ ls\n  ${said}\n`);
    }
  });

  test("output is cut to its last lines, and each of them", () => {
    const max = LIMITS.sendOutputLinesMax;
    const lines = Array.from({ length: max + 1 }, (_, i) => `line ${i}`);
    const fits = end({ status: "completed", aggregatedOutput: lines.slice(1).join("\n") });
    assert.match(print([fits]).err, /^\$ ls\n  line 1\n/);
    const over = end({ status: "completed", aggregatedOutput: lines.join("\n") });
    assert.match(print([over]).err, /^\$ ls\n  … 1 lines before\n  line 1\n/);
    const chars = LIMITS.sendOutputLineCharsMax;
    const wide = (n: number) => print([end({ status: "completed", aggregatedOutput: "x".repeat(n) })]).err;
    assert.match(wide(chars), new RegExp(`\n  x{${chars}}\n`));
    assert.match(wide(chars + 1), new RegExp(`\n  x{${chars}}…\n`));
  });

  test("files, plans, tools and other items are lines of their own", () => {
    const changes = [
      { path: "/a", kind: { type: "add" } }, { path: "/b", kind: { type: "update", move_path: "/c" } },
      { path: "/d\n", kind: "delete" },
    ];
    const patch = (status: string) => agent.item("completed", { type: "fileChange", id: "f", changes, status });
    assert.equal(print([patch("completed")]).err, "add /a\nupdate /b -> /c\ndelete /d\n");
    assert.match(print([patch("declined")]).err, /^add \/a \(declined\)\n/);
    assert.equal(print([agent.item("completed", { type: "fileChange", id: "f" })]).err, "");
    const plan = [{ step: "look", status: "completed" }, { step: "do", status: "inProgress" }, { step: "check" }];
    assert.equal(print([{ type: "app-server.turn.plan.updated", detail: { plan } }]).err,
      "plan\n  [x] look\n  [>] do\n  [ ] check\n");
    assert.equal(print([{ type: "app-server.turn.plan.updated", detail: { plan: null } }]).err, "");
    const tool = { type: "mcpToolCall", id: "x", server: "mini", tool: "ask" };
    const failed = agent.item("completed", { ...tool, error: { message: "no\n" } });
    assert.equal(print([agent.item("started", tool), failed]).err, "mcpToolCall mini ask\n  failed: no\n");
    assert.equal(print([agent.item("started", { type: "contextCompaction", id: "y" })]).err, "contextCompaction\n");
    const planItem = agent.item("completed", { type: "plan", id: "p", text: "1. go\n2. on" });
    assert.equal(print([planItem]).err, "1. go\n2. on\n");
    for (const type of ["userMessage", "reasoning"]) {
      const item = { type, id: "u" };
      assert.equal(print([agent.item("started", item), agent.item("completed", item)]).all, "");
    }
  });

  test("an end that Codex 0.116 tells twice is told once", () => {
    const item = { type: "fileChange", id: "f1", status: "declined", changes: [{ path: "/a", kind: { type: "add" } }] };
    const end = { type: "app-server.item.completed", detail: { item } };
    assert.equal(print([end, end]).err, "add /a (declined)\n");
  });

  test("a retry is told with its reason, the error that ends the turn with its end", () => {
    assert.equal(print([retry({ additionalDetails: "status\n500" })]).err, "Reconnecting... 1/2: status 500\n");
    assert.equal(print([retry({ message: undefined })]).err, "trying again\n");
    assert.equal(print([{ type: "app-server.turn.error", detail: { willRetry: false, error: {} } }]).all, "");
    assert.equal(print([{ type: "app-server.item.started", detail: { item: null } }]).all, "");
  });

  test("a turn that is quiet for too long is told of in codexd's name", () => {
    const message = "the turn has been quiet for 120 s: the model says nothing";
    assert.equal(print([{ type: "turn.stalled", detail: {}, message }]).err, `codexd: ${message}\n`);
    assert.ok(printedTypes(false).includes("turn.stalled"));
  });

  test("is coloured on a terminal alone", () => {
    const begun = [agent.item("started", command({ command: "ls" }))];
    assert.equal(print(begun, { stderrIsTerminal: true }).err, "\u001b[1m$ ls\u001b[0m\n");
    assert.equal(print(begun, { ...TERMINAL }).err, "$ ls\n");
  });
});
