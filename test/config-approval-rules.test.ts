// The file of rules: who may have written it, how large it may be, and that a bad one stops a start before anything.
// What stands in it has its own test in test/core/approval-rules.test.ts.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { resolveCodexdConfig } from "../src/config.ts";
import { loadApprovalRules } from "../src/config-approval-rules.ts";
import { EXIT } from "../src/core/errors.ts";
import { LIMITS } from "../src/core/limits.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import { makeTempDir } from "./support/temp-dir.ts";

const RULES = '{"rules":[{"decision":"ask"}]}';

function refusedWith(message: RegExp): { exitCode: number; message: RegExp } {
  return { exitCode: EXIT.config, message };
}

test("no file, no rules; a file of the user's own; a link to one", async (t) => {
  const file = path.join(makeTempDir(t), "rules.json");
  fs.writeFileSync(file, RULES, { mode: 0o644 });
  fs.symlinkSync(file, `${file}.link`);
  assert.deepEqual(await loadApprovalRules(null), []);
  for (const name of [file, `${file}.link`]) {
    assert.deepEqual((await loadApprovalRules(name)).map(({ name: rule }) => rule), ["rules[0]"]);
  }
});

test("one that somebody else could have written is refused", async (t) => {
  const file = path.join(makeTempDir(t), "rules.json");
  fs.writeFileSync(file, RULES);
  for (const mode of [0o620, 0o602, 0o666]) {
    fs.chmodSync(file, mode);
    const reason = `others than its owner can write to it \\(mode ${mode.toString(8)}\\)`;
    const message = new RegExp(`^--approval-rules: ${file} cannot be used: ${reason}; it takes chmod go-w$`);
    await assert.rejects(loadApprovalRules(file), refusedWith(message));
  }
});

test("one of somebody else's is refused, one of root's is not", async (t) => {
  const file = path.join(makeTempDir(t), "rules.json");
  fs.writeFileSync(file, RULES, { mode: 0o644 });
  const self = fs.statSync(file).uid;
  // Who is not root cannot give a file away, and has to look at it as somebody else.
  const isRoot = self === 0;
  if (isRoot) assert.equal((await loadApprovalRules(file, 12_345)).length, 1);
  const owner = isRoot ? 12_345 : self;
  if (isRoot) fs.chownSync(file, owner, owner);
  assert.equal((await loadApprovalRules(file, owner)).length, 1);
  await assert.rejects(loadApprovalRules(file, owner + 1),
    refusedWith(new RegExp(`it belongs to the user with id ${owner}, not to this one \\(${owner + 1}\\) or root`)));
});

test("what is no such file is refused with the reason", async (t) => {
  const directory = makeTempDir(t);
  const at = (name: string): string => path.join(directory, name);
  execFileSync("mkfifo", [at("fifo")]);
  fs.chmodSync(at("fifo"), 0o600);
  fs.writeFileSync(at("latin1"), Buffer.from([0x5b, 0xe4, 0x5d]), { mode: 0o600 });
  fs.writeFileSync(at("bad"), '[{"decision":"yes"}]', { mode: 0o600 });
  const refusals: Array<[string, RegExp]> = [
    [at("missing"), /ENOENT/],
    [directory, /it is not a regular file/],
    [at("fifo"), /it is not a regular file/],
    [at("latin1"), /it is not UTF-8/],
    [at("bad"), /bad cannot be used: rules\[0\]\.decision: must be one of/],
  ];
  for (const [file, message] of refusals) await assert.rejects(loadApprovalRules(file), refusedWith(message));
});

test("its size has a limit", async (t) => {
  const file = path.join(makeTempDir(t), "rules.json");
  fs.writeFileSync(file, RULES.padEnd(LIMITS.approvalRulesBytesMax), { mode: 0o600 });
  assert.equal((await loadApprovalRules(file)).length, 1);
  fs.appendFileSync(file, " ");
  await assert.rejects(loadApprovalRules(file), refusedWith(/it has 1048577 bytes and takes 1048576 at most/));
});

test("a daemon with a bad file does not start, and has written nothing", async (t) => {
  const directory = makeTempDir(t);
  const stateDir = path.join(directory, "state");
  const config = resolveCodexdConfig({ stateDir, approvalRules: path.join(directory, "missing") }, {});
  await assert.rejects(new CodexdDaemon(config).open(), refusedWith(/ENOENT/));
  assert.equal(fs.existsSync(stateDir), false);
});
