// What Codex asked in a turn, and what came of the commands and changes that it asked about: the transcripts of
// approvals, each against what a reader of it writes by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readLines, replayCapture } from "../../support/replay.ts";

interface Expected {
  readonly status?: string;
  /** Script, exit code, duration. */
  readonly commands?: ReadonlyArray<readonly [string, number | null, number | null]>;
  readonly fileChanges?: ReadonlyArray<Record<string, string>>;
  /** Kind, decision, who. */
  readonly approvals: ReadonlyArray<readonly [string, string | null, string | null]>;
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  "appr-cmd-accept": { commands: [["echo esc", 0, 196]], approvals: [["command", "accept", "client"]] },
  "appr-cmd-session": {
    // The second one is not asked about any more.
    commands: [["echo esc", 0, 279], ["echo esc", 0, 460]], approvals: [["command", "acceptForSession", "client"]],
  },
  "appr-cmd-decline": { approvals: [["command", "decline", "client"]] },
  "appr-cmd-cancel": { status: "interrupted", approvals: [["command", "cancel", "client"]] },
  // Its client answered with an error, which codexd never gives; the item failed without a process.
  "appr-cmd-error": { approvals: [["command", null, "elsewhere"]] },
  "appr-cmd-unanswered-interrupt": { status: "interrupted", approvals: [["command", null, null]] },
  // In the order in which they were told to begin, which is neither that of the prompt nor that of their ends.
  "appr-parallel": {
    commands: [["echo 2", 0, 226], ["echo 1", 0, 106], ["echo 3", 0, 232]],
    approvals: [["command", "accept", "client"], ["command", "accept", "client"], ["command", "accept", "client"]],
  },
  "codemode-escalate": { commands: [["echo esc", 0, 106]], approvals: [["command", "accept", "client"]] },
  "steer-while-approval": { commands: [["echo hi", 0, 0]], approvals: [["command", "accept", "client"]] },
  "appr-file-accept": {
    fileChanges: [{ path: "/home/dev/project/appr.txt", kind: "add" }],
    approvals: [["file_change", "accept", "client"]],
  },
  "appr-file-cancel": { status: "interrupted", approvals: [["file_change", "cancel", "client"]] },
  "v116-appr-file": {
    fileChanges: [{ path: "/home/dev/project/o1.txt", kind: "add" }],
    approvals: [["file_change", "accept", "client"]],
  },
  "appr-perm": { approvals: [["permissions", "accept", "client"]] },
  "appr-ask": { approvals: [["user_input", "answered", "client"]] },
  "dyn-tool": { approvals: [["tool_call", "answered", "client"]] },
  "mcp-elicit": { approvals: [["mcp_elicitation", "accept", "client"]] },
  "mcp-danger-accept": { approvals: [["mcp_elicitation", "accept", "client"]] },
  "v116-appr-escalate": { commands: [["touch esc", 0, 0]], approvals: [["command", "accept", "client"]] },
  // 0.116 let it run without a question.
  "v116-appr-cmd": { commands: [["echo esc", 0, 0]], approvals: [] },
};

/** Its client answered when the turn had been interrupted. */
const LATE = ["appr-cmd-unanswered-interrupt"];

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(name, async () => {
    const { status = "completed", commands = [], fileChanges = [], approvals } = expected;
    const { turns } = await replayCapture(name);
    assert.equal(turns.length, 1);
    const cwd = "/home/dev/project";
    assert.deepEqual(turns.map((turn) => [
      turn.status, turn.commands, turn.fileChanges,
      turn.approvals.map(({ kind, decision, decidedBy }) => [kind, decision, decidedBy]),
    ]), [[
      status,
      commands.map(([script, exitCode, durationMs]) =>
        ({ command: `/bin/bash -lc '${script}'`, cwd, exitCode, durationMs })),
      fileChanges,
      approvals,
    ]]);
  });
}

for (const [name, expected] of Object.entries({
  // Behind the answer, until Codex tells the command's end, it is the command that takes its time.
  "appr-cmd-accept": ["starting", "model", "tool", "awaiting_approval", "tool", "model"],
  // Codex says neither that it waits nor that it has been answered.
  "dyn-tool": ["starting", "model", "tool", "awaiting_approval", "tool", "model"],
})) {
  test(`${name}: a turn says that it waits for a decision, until there is one [trap 4.6]`, async () => {
    const states: string[] = [];
    await replayCapture(name, {
      onLine({ open }) {
        const [turn] = open.all();
        if (turn === undefined || turn.phase === "reserved") return;
        const state = open.current(turn).liveness?.state ?? "none";
        if (states.at(-1) !== state) states.push(state);
      },
    });
    assert.deepEqual(states, expected);
  });
}

test("v116-appr-escalate: a question whose item begins behind the answer tells what it is [trap 4.2]", async () => {
  const { rig } = await replayCapture("v116-appr-escalate");
  const types = rig.store.events.map(({ type }) => type).filter((type) => /item\.started|^approval\./.test(type));
  assert.deepEqual(types, [
    // The prompt's, the command's and the message's.
    "app-server.item.started", "approval.requested", "approval.resolved", "app-server.item.started",
    "app-server.item.started",
  ]);
  const [approval] = rig.store.tables.approval.newestFirst();
  assert.deepEqual([approval?.command, approval?.cwd], ["/bin/bash -lc 'touch esc'", "/home/dev/project"]);
});

test("answers go back under the ids of Codex's questions, which are numbers from 0 on [trap 4.1]", async () => {
  for (const name of Object.keys(EXPECTED)) {
    const { rig } = await replayCapture(name);
    const asked = readLines(name).filter(({ dir, msg }) => dir === "in" && msg.id !== undefined && msg.method);
    assert.deepEqual(asked.map(({ msg }) => msg.id), asked.map((_, at) => at), name);
    const answered = readLines(name).filter(({ dir, msg }) => dir === "out" && msg.method === undefined);
    const wanted = answered.filter(({ msg }) => msg.result !== undefined && !LATE.includes(name));
    assert.deepEqual(rig.codex.answered.map(({ id }) => id), wanted.map(({ msg }) => msg.id), name);
  }
});

test("a late answer, and one to a change that never ends, leave no question and no item open [trap 4.8, 4.10]",
  async () => {
    for (const name of ["appr-file-cancel", ...LATE]) {
      const { rig, turns } = await replayCapture(name);
      assert.deepEqual(turns.map(({ status, liveness }) => [status, liveness]), [["interrupted", null]], name);
      const told = rig.store.types().filter((type) => type.startsWith("approval."));
      assert.deepEqual(told, ["approval.requested", LATE.includes(name) ? "approval.orphaned" : "approval.resolved"]);
      assert.deepEqual(rig.open.all(), []);
    }
  });
