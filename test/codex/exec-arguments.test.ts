// The command line of a run: every option in its one form, and nothing that a value could turn into.
// That both versions of Codex take this form is tested in test/e2e/runs.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { execArguments } from "../../src/codex/exec-arguments.ts";

test("a bare run is exec with its prompt on stdin", () => {
  assert.deepEqual(execArguments({}, { commandArgs: [], outputSchemaPath: null }), ["exec", "--json", "-"]);
  assert.deepEqual(
    execArguments({ skipGitRepoCheck: false, ephemeral: false }, { commandArgs: ["main.mjs"], outputSchemaPath: null }),
    ["main.mjs", "exec", "--json", "-"],
  );
});

test("every value is joined to its option, and lists repeat theirs", () => {
  const args = execArguments({
    model: "m", profile: "p", sandbox: "read-only", cwd: "/w", additionalWritableDirectories: ["/a", "/b"],
    config: ["k=v", "x.y=\"z w\""], images: ["/i.png", "/j.png"], skipGitRepoCheck: true, ephemeral: true,
  }, { commandArgs: [], outputSchemaPath: "/tmp/s.json" });
  assert.deepEqual(args, [
    "exec", "--json", "--model=m", "--profile=p", "--sandbox=read-only", "--cd=/w", "--add-dir=/a", "--add-dir=/b",
    "--config=k=v", "--config=x.y=\"z w\"", "--image=/i.png", "--image=/j.png", "--output-schema=/tmp/s.json",
    "--skip-git-repo-check", "--ephemeral", "-",
  ]);
});
