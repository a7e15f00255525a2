// What Codex asked in a turn, and what came of the commands and changes that it asked about: the transcripts of
// approvals, each against what a reader of it writes by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { replayCapture } from "../support/replay.ts";

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
  "v116-appr-file": {
    fileChanges: [{ path: "/home/dev/project/o1.txt", kind: "add" }],
    approvals: [["file_change", "accept", "client"]],
  },
  "appr-perm": { approvals: [["permissions", "accept", "client"]] },
  "appr-ask": { approvals: [["user_input", "answered", "client"]] },
  "dyn-tool": { approvals: [["tool_call", "answered", "client"]] },
  "mcp-elicit": { approvals: [["mcp_elicitation", "accept", "client"]] },
  "mcp-danger-accept": { approvals: [["mcp_elicitation", "accept", "client"]] },
  // 0.116 let it run without a question.
  "v116-appr-cmd": { commands: [["echo esc", 0, 0]], approvals: [] },
};

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

test("a turn says that it waits for a decision, until there is one", async () => {
  const states: string[] = [];
  await replayCapture("appr-cmd-accept", {
    onLine({ open }) {
      const [turn] = open.all();
      if (turn === undefined || turn.phase === "reserved") return;
      const state = open.current(turn).liveness?.state ?? "none";
      if (states.at(-1) !== state) states.push(state);
    },
  });
  // Behind the answer, until Codex tells the command's end, it is the command that takes its time.
  assert.deepEqual(states, ["starting", "model", "tool", "awaiting_approval", "tool", "model"]);
});
