// The examples that are files to copy: what they run is a command line that codexd takes.
//
// The scripts among them are run as a whole elsewhere.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parseCodexdCliRequest } from "../src/cli/parse.ts";
import { EXIT } from "../src/core/errors.ts";
import { REPOSITORY } from "./support/codex-install.ts";

const UNIT = path.join(REPOSITORY, "examples", "codexd.service");
const settings = new Map(readFileSync(UNIT, "utf8").split("\n")
  .flatMap((line) => (/^[A-Z]\w+=/.test(line) ? [line.split(/=(.*)/s, 2) as [string, string]] : [])));

test("systemd accepts the service", (t) => {
  const { error, status, stderr } = spawnSync("systemd-analyze", ["verify", UNIT], { encoding: "utf8" });
  if (error !== undefined) return t.skip("systemd-analyze is not installed");
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
});

test("the service starts codexd, and waits until it is ready", () => {
  const request = (name: string) => {
    const [program, args = ""] = (settings.get(name) ?? "").split("/dist/index.js ");
    assert.equal(program, "/usr/bin/env node %h/.local/share/codexd");
    return parseCodexdCliRequest(args.split(" "));
  };
  const start = request("ExecStart");
  assert.deepEqual([start.command, start.config], ["start", { stateDir: "${STATE_DIRECTORY}" }]);
  const post = request("ExecStartPost");
  assert.deepEqual([post.command, post.config.stateDir], ["status", "${STATE_DIRECTORY}"]);
  assert.deepEqual(post.options, [["wait", "30"]]);
});

test("a restart is not tried where it cannot help", () => {
  const codes = (settings.get("RestartPreventExitStatus") ?? "").split(" ").map(Number);
  const { usage, damagedState, codexNotFound, held, config } = EXIT;
  assert.deepEqual(codes, [usage, damagedState, codexNotFound, held, config]);
});
