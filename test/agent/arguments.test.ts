// The agent's command line: what it takes, and that nothing it does not know passes.
// What a flag does is tested where it is used.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAgentArguments } from "../../src/agent/arguments.ts";

const EXEC = { kind: "exec", home: null, json: false, cwd: null, outputSchema: null, lastMessage: null };

function problemOf(...argv: string[]): string {
  const command = parseAgentArguments(argv);
  return command.kind === "misuse" ? command.problem : `taken as ${command.kind}`;
}

test("app-server takes its home, before or behind it, and nothing else", () => {
  assert.deepEqual(parseAgentArguments(["app-server"]), { kind: "app-server", home: null });
  assert.deepEqual(parseAgentArguments(["--home", "/h", "app-server"]), { kind: "app-server", home: "/h" });
  assert.deepEqual(parseAgentArguments(["app-server", "--home=/h"]), { kind: "app-server", home: "/h" });
  assert.equal(problemOf("app-server", "--json"), "app-server takes no --json");
  assert.equal(problemOf("app-server", "now"), "app-server takes no arguments");
});

test("exec takes the flags that codexd passes", () => {
  assert.deepEqual(parseAgentArguments(["exec"]), EXEC);
  assert.deepEqual(parseAgentArguments([
    "--home", "/h", "exec", "--json", "--model=m", "--profile=p", "--sandbox=read-only", "--cd=/w", "--add-dir=/a",
    "--add-dir=/b", "--config=a=b", "--config=c=--d", "--image=/i", "--output-schema=/s", "--output-last-message=/o",
    "--color=never", "--skip-git-repo-check", "--ephemeral", "-",
  ]), { kind: "exec", home: "/h", json: true, cwd: "/w", outputSchema: "/s", lastMessage: "/o" });
});

test("what it does not know is refused", () => {
  assert.match(problemOf("exec", "--bogus", "-"), /Unknown option '--bogus'/);
  assert.match(problemOf("exec", "--model"), /argument missing/);
  assert.match(problemOf("exec", "--json=yes"), /does not take an argument/);
  assert.match(problemOf("exec", "--sandbox=none", "-"), /--sandbox takes one of read-only, /);
  assert.equal(problemOf("exec", "resume", "-"), "exec takes its prompt from standard input: -");
  assert.equal(problemOf("exec", "hello"), "exec takes its prompt from standard input: -");
  assert.equal(problemOf(), "a command is missing");
  assert.equal(problemOf("login"), "there is no such command");
});

test("help and version", () => {
  assert.equal(parseAgentArguments(["--help"]).kind, "help");
  assert.equal(parseAgentArguments(["exec", "-h"]).kind, "help");
  assert.equal(parseAgentArguments(["-V"]).kind, "version");
});
