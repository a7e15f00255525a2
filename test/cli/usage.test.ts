// Help says what there is: every command, and of each command every flag that its parser takes.
//
// The wording is free; what must be there is taken from the tables.

import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMAND_NAMES } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { getCodexdUsageText } from "../../src/cli/usage.ts";
import { configFlags } from "../../src/config.ts";

test("the overview has every command with its summary, and the exit codes", () => {
  const text = getCodexdUsageText();
  for (const name of COMMAND_NAMES) {
    assert.match(text, new RegExp(`^  ${name}\\b.*${COMMANDS[name].summary.slice(0, 10)}`, "m"));
  }
  for (const code of [1, 3, 64, 65, 69, 74, 75, 78, 130]) assert.match(text, new RegExp(`\\b${code} `));
});

test("a command's help has its flags, short ones too, and what they take", () => {
  const text = getCodexdUsageText("api");
  assert.match(text, /^Usage: codexd api \[METHOD\] PATH \[FLAGS\]$/m);
  assert.match(text, /^  -f, --field KEY=VALUE +\S/m);
  assert.match(text, /^  -h, --help +\S/m);
  assert.match(text, /^  --state-dir DIR +\S/m);
  assert.doesNotMatch(text, /--max-runs/);
});

test("start's has all of the configuration, version's none", () => {
  const text = getCodexdUsageText("start");
  for (const { flag, takes } of configFlags()) assert.ok(text.includes(`${flag} ${takes}`), flag);
  assert.doesNotMatch(getCodexdUsageText("version"), /Configuration/);
});

test("demo's has it too, and says that no variable counts", () => {
  const text = getCodexdUsageText("demo");
  for (const { flag, takes } of configFlags()) assert.ok(text.includes(`${flag} ${takes}`), flag);
  assert.match(text, /^Configuration \(by flag alone\):$/m);
  assert.match(getCodexdUsageText("start"), /^Configuration \(each also by an environment variable, .*\):$/m);
});

test("no line is wider than a common terminal by much", () => {
  for (const text of [getCodexdUsageText(), ...COMMAND_NAMES.map((name) => getCodexdUsageText(name))]) {
    for (const line of text.split("\n")) assert.ok(line.length <= 120, line);
  }
});
