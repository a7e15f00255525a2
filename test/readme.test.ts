// Runs every shell block of the README as printed, in a copy of the project and a home of its own.
//
// `codex` on the PATH is the fake one; the block marked `sh test` is this very run. Port 4319 must be free, as it must
// for whoever pastes the lines.

import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { CLIENTS_PREFIX, installedVersion, REPOSITORY } from "./support/codex-install.ts";
import { FAKE_CODEX_PATH } from "./support/fake-codex.ts";
import { makeTempDir } from "./support/temp-dir.ts";

interface Block {
  readonly info: string;
  readonly text: string;
}

const COPIED = [
  "package.json", "package-lock.json", ".npmrc", "tsconfig.json", "tsconfig.build.json", "src", "scripts",
];

test("every shell block of the README does what it says", { timeout: 170_000 }, async (t) => {
  const blocks = shellBlocks(readFileSync(path.join(REPOSITORY, "README.md"), "utf8"));
  assert.deepEqual(blocks.filter(({ info }) => info === "sh test").map(({ text }) => text), ["npm test\n"]);
  const [first, ...rest] = blocks.filter(({ info }) => info === "sh");
  assert.ok(first !== undefined && rest.length >= 4, "the README has its blocks");

  const home = makeTempDir(t, "codexd-readme-");
  const project = copyProject(home);
  const env = environment(home);
  const daemon = await runStartBlock(first, project, env);
  t.after(() => daemon.kill("SIGKILL"));

  const script = rest.map(({ text }) => text).join("\n");
  const output = await runScript(`set -eu\n${script}`, project, env);
  assert.doesNotMatch(output, /"ok": false/);
  for (const expected of [
    /"status": "ready"/, /"accepted": true|"status": "completed"/, /"status": "closed"/, /"nextAfter": /,
    /^\{"seq":1,/m, /"type":"event"/, /"type":"pong"/, /codexd .* listens|child/, /curl|token/,
  ]) assert.match(output, expected);
  await new Promise((resolve) => (daemon.exitCode === null ? daemon.on("close", resolve) : resolve(undefined)));
  assert.equal(daemon.exitCode, 0, "`codexd shutdown` ends it in order");
});

function shellBlocks(markdown: string): Block[] {
  const blocks = markdown.matchAll(/^```(sh[^\n]*)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, info = "", text = ""]) => ({ info, text }));
}

/** A copy, so that the build of the README's first line does not pull `dist` away under other tests. */
function copyProject(home: string): string {
  const project = path.join(home, "project");
  for (const name of COPIED) {
    cpSync(path.join(REPOSITORY, name), path.join(project, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(project, "node_modules"));
  return project;
}

function environment(home: string): NodeJS.ProcessEnv {
  const bin = path.join(home, "bin");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "codex"), `#!/bin/sh\nexec ${process.execPath} ${FAKE_CODEX_PATH} "$@"\n`);
  chmodSync(path.join(bin, "codex"), 0o755);
  const kept = Object.entries(process.env).filter(([name]) => !/^(BAA_|CODEXD_|XDG_|NODE_TEST|NODE_V8)/.test(name));
  const clients = path.join(installClients(), "node_modules", ".bin");
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    PATH: [bin, clients, path.dirname(process.execPath), process.env["PATH"]].join(path.delimiter),
  };
}

function installClients(): string {
  if (installedVersion(CLIENTS_PREFIX, "wscat") === null) {
    const args = ["install", "--no-save", "--prefix", CLIENTS_PREFIX, "wscat", "ws"];
    execFileSync("npm", args, { stdio: "ignore" });
  }
  return CLIENTS_PREFIX;
}

/** With a standard input that stays open, as at a terminal: wscat ends when it is closed. */
function runScript(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const shell = spawn("bash", ["-c", script], { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  shell.stdout.on("data", (chunk) => (output += String(chunk)));
  shell.stderr.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    shell.on("close", (code) => {
      shell.stdin.destroy();
      if (code === 0) resolve(output);
      else reject(new Error(`a line of the README ended with ${code}:\n${output}`));
    });
  });
}

/** The block that starts the daemon: all but its last line ends; the last one stays in the foreground. */
async function runStartBlock({ text }: Block, project: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const lines = text.trim().split("\n");
  const start = lines.pop() ?? "";
  assert.match(start, / start$/);
  execFileSync("bash", ["-c", `set -eu\n${lines.join("\n")}`], { cwd: project, env, stdio: "pipe" });
  const daemon = spawn("bash", ["-c", `exec ${start}`], { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  daemon.stdout.on("data", (chunk) => (said += String(chunk)));
  daemon.stderr.on("data", (chunk) => (said += String(chunk)));
  const socket = path.join(env["HOME"] ?? "", ".local/state/codexd/codexd.sock");
  while (!said.includes("listens on")) {
    assert.equal(daemon.exitCode, null, `codexd did not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(existsSync(socket));
  return daemon;
}
