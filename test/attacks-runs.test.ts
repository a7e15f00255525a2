// What a caller could smuggle into the command line or the environment of a run, on the wire of a whole daemon.
//
// The program of runs is a script that keeps what it was given, to the byte, and then is the fake Codex. What each
// value may be is tried at length in codex/exec-inputs.test.ts.

import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { LIMITS } from "../src/core/limits.ts";
import type { RunRecord } from "../src/core/runs.ts";
import type { Daemon, Refusal } from "./support/daemon.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const RUNS = "/v1/codexd/runs";
const daemons = createWholeDaemons({ after });
let daemon: Daemon;
let dir = "";

before(async () => {
  dir = daemons.makeStateDir();
  const command = path.join(dir, "codex");
  const keeps = `printf '%s\\0' "$@" >'${dir}/argv' && env -0 >'${dir}/environ' && tee '${dir}/stdin'`;
  writeFileSync(command, `#!/bin/sh\n${keeps} | '${process.execPath}' '${FAKE_CODEX_PATH}' "$@"\n`);
  chmodSync(command, 0o700);
  const flags = ["--mode", "exec", "--exec-command", command, "--repo-root", dir];
  daemon = await daemons.start({ stateDir: daemons.makeStateDir(), flags });
});

const kept = (name: string): string[] => readFileSync(path.join(dir, name), "utf8").split("\0");

/** The prompt reaches the run's stdin as it is, and adds nothing to its command line. */
async function isPrompt(prompt: string): Promise<void> {
  const { status, data } = await daemon.post<{ run: RunRecord }>(RUNS, { prompt, waitMs: 30_000 });
  assert.deepEqual([status, data.run.status], [200, "completed"], JSON.stringify(data).slice(0, 500));
  assert.deepEqual(kept("argv"), ["exec", "--json", `--cd=${dir}`, "-", ""]);
  assert.equal(readFileSync(path.join(dir, "stdin"), "utf8"), prompt);
}

test("a prompt that asks for help [attack prompt-help]", () => isPrompt("--help"));
test("a prompt that means stdin [attack prompt-dash]", () => isPrompt("-"));
test("a prompt that is a command of Codex's [attack prompt-resume]", () => isPrompt("resume"));
test("a prompt that sets an option [attack prompt-config]", () => isPrompt("-c x=y"));
test("a prompt that would open the sandbox [attack prompt-bypass]", () =>
  isPrompt("--dangerously-bypass-approvals-and-sandbox"));
test("a prompt of one MiB [attack prompt-1-mib]", () => isPrompt("p".repeat(LIMITS.inputTextCharsMax)));

/** 400 with the name of the field; there is no record, and no process has begun. */
async function isRefused(values: Record<string, unknown>, field: string): Promise<void> {
  writeFileSync(path.join(dir, "argv"), "");
  const runs = await daemon.get(RUNS);
  const { status, data } = await daemon.post<Refusal>(RUNS, { prompt: "TEXT=it ran;", ...values });
  assert.deepEqual([status, data.error, data.detail?.["field"]], [400, "bad_request", field], JSON.stringify(values));
  assert.deepEqual(await daemon.get(RUNS), runs);
  assert.equal(readFileSync(path.join(dir, "argv"), "utf8"), "");
}

test("a NUL in the prompt [attack prompt-nul]", () => isRefused({ prompt: "a\0b" }, "prompt"));
test("a model that is an option [attack model-option]", async () => {
  for (const word of ["--trust", "-", "-c"]) {
    await isRefused({ model: word }, "model");
    await isRefused({ profile: word }, "profile");
  }
});
test("a model with a blank [attack model-blank]", () => isRefused({ model: "a b" }, "model"));
test("a model with a line feed [attack model-newline]", () => isRefused({ model: "a\n--trust" }, "model"));
test("an image that is an option [attack image-dash]", async () => {
  for (const image of ["-x", "--help", "x.png", "/a\0b"]) await isRefused({ images: [image] }, "images[0]");
});
test("each variable that loads code or redirects credentials [attack variable-refused]", async () => {
  const names = [
    "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "BASH_ENV", "ENV", "GIT_SSH_COMMAND",
    "PYTHONPATH", "PERL5LIB", "RUBYOPT", "CODEX_HOME", "OPENAI_BASE_URL", "HTTPS_PROXY", "https_proxy", "PATH", "HOME",
    "BAA_CODEXD_TOKEN", "Ld_Preload", "CODEX_REFRESH_TOKEN_URL_OVERRIDE", "CODEX_EXEC_SERVER_URL",
  ];
  for (const name of names) await isRefused({ env: { [name]: "x" } }, `env.${name}`);
});

test("no signal opens a debugger to the machine's other users", async () => {
  process.kill(daemon.pid, "SIGUSR1");
  for (let asked = 0; asked < 5; asked += 1) assert.equal((await daemon.get(RUNS)).status, 200);
  assert.doesNotMatch(daemon.stderr(), /Debugger/);
});

test("codexd's own settings and the token reach no run [attack own-variables]", async () => {
  await isPrompt("TEXT=done;");
  const environment = kept("environ").join("\n");
  assert.doesNotMatch(environment, /^(?!BAA_CODEXD_(RUN_ID|SESSION_ID)=)BAA_CODEXD_/m);
  assert.ok(!environment.includes(await daemon.token()));
});
