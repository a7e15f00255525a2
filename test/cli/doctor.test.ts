// doctor: how a look at the files is told to a person and to a program, and which exit code it comes to.
//
// The look itself is a part; what it finds is tried in test/daemon-files.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runCodexdCli } from "../../src/cli/run.ts";
import type { ExitCode } from "../../src/core/errors.ts";
import type { Finding, Inspection } from "../../src/core/inspection.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";

const STATE = "/home/ada/state";

function finding(
  level: Finding["level"], path: string, message: string, subject: Finding["subject"] = "segment",
): Finding {
  return { subject, level, path, message, detail: {} };
}

function inspection(more: Partial<Inspection> = {}): Inspection {
  return {
    stateDir: STATE, logsDir: `${STATE}/logs`, whole: true, running: null, startAcceptingLoss: null,
    start: { exitCode: 0, message: null, repairs: [] },
    findings: [
      finding("ok", STATE, "no daemon runs", "lock"), finding("ok", `${STATE}/logs/events.jsonl`, "events 1 to 7"),
    ],
    ...more,
  };
}

async function doctor(found: Inspection, ...flags: string[]) {
  const io = createFakeIo();
  const asked: string[] = [];
  const parts = createParts({
    inspectFiles: async ({ paths }) => {
      asked.push(paths.stateDir, paths.logsDir);
      return found;
    },
  });
  const code = await runCodexdCli(["doctor", ...flags], io, parts);
  return { code, out: io.out(), err: io.err(), asked };
}

test("a line for each finding, then what a start would do; all whole is 0", async () => {
  const { code, out, err } = await doctor(inspection());
  assert.deepEqual([code, err], [0, ""]);
  assert.deepEqual(out.split("\n"), [
    STATE,
    "ok       lock               no daemon runs",
    "ok       logs/events.jsonl  events 1 to 7",
    "start: would start, and change none of these files before",
    "all is whole",
    "",
  ]);
});

test("it takes the flags of start", async () => {
  const { asked } = await doctor(inspection(), "--state-dir", "/s", "--logs-dir", "/l");
  assert.deepEqual(asked, ["/s", "/l"]);
});

test("--json is the look as it is", async () => {
  const { out } = await doctor(inspection(), "--json");
  assert.deepEqual(JSON.parse(out), inspection());
});

test("the exit code: that of a start, 65 for damage that a start repairs, 0 while a daemon runs", async () => {
  const outlook = (exitCode: ExitCode, message: string | null = "why") => ({ exitCode, message, repairs: [] });
  const running = { pid: 7, host: null };
  const cases: ReadonlyArray<readonly [number, Partial<Inspection>]> = [
    [65, { whole: false, start: outlook(65) }],
    [78, { whole: false, start: outlook(78) }],
    [74, { start: outlook(74) }],
    [65, { whole: false }],
    [0, { running, start: outlook(75) }],
    [65, { running, whole: false, start: outlook(75) }],
  ];
  for (const [code, more] of cases) assert.equal((await doctor(inspection(more))).code, code, JSON.stringify(more));
});

test("damage, what a start says, and what accepting the loss would do", async () => {
  const { out } = await doctor(inspection({
    whole: false,
    start: { exitCode: 65, message: "events.jsonl is damaged", repairs: [] },
    startAcceptingLoss: { exitCode: 0, message: null, repairs: ["events.jsonl is cut at byte 7"] },
    findings: [finding("damaged", "/elsewhere/events.jsonl", "1 line\u001b[2J")],
  }));
  assert.deepEqual(out.split("\n").slice(1), [
    "damaged  /elsewhere/events.jsonl  1 line\\u{1b}[2J",
    "start: would exit with 65: events.jsonl is damaged",
    "start --accept-loss: would start, and before that:",
    "  events.jsonl is cut at byte 7",
    "not all is whole: 1 of 1 findings are bad",
    "",
  ]);
});

test("many files that go from one folder are one line, few are named; the document has all", async () => {
  const many = Array.from({ length: 4 }, (_, n) => `/s/logs/turns/${n}.json is removed`);
  const few = ["/s/logs/runs/a is removed", "/s/logs/runs/b is removed", "/s/token is written"];
  const found = inspection({ start: { exitCode: 0, message: null, repairs: [...many, ...few] } });
  const { out } = await doctor(found);
  assert.deepEqual(out.split("\n").slice(3, 8), [
    "start: would start, and before that:",
    "  4 files in /s/logs/turns are removed",
    ...few.map((line) => `  ${line}`),
  ]);
  const { out: json } = await doctor(found, "--json");
  assert.deepEqual((JSON.parse(json) as Inspection).start.repairs, [...many, ...few]);
});

test("a directory that is not there, perhaps by a mistyped path, is not called whole", async () => {
  const found = inspection({ findings: [finding("note", STATE, "is not there yet; a start makes it", "directory")] });
  const { code, out } = await doctor(found);
  assert.equal(code, 0);
  assert.match(out, /there is nothing here yet: a start would begin anew\n$/);
});
