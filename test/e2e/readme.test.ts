// Runs every shell block of the README as printed, in a copy of the project and a home of its own.
//
// `codex` on the PATH is the fake one; blocks marked `sh demo` and `sh start` stay in the foreground, as in a terminal
// of their own, until the next of them; the one marked `sh test` is this very run. Ports 4319 and 4320 must be free, as
// they must for whoever pastes the lines.

import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { CLIENTS_PREFIX, installedVersion, REPOSITORY } from "../support/codex-install.ts";
import { FAKE_CODEX_PATH } from "../support/fake-codex.ts";
import { makeTempDir } from "../support/temp-dir.ts";

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
  assert.deepEqual(blocks.map(({ info }) => info).filter((info) => info.endsWith("o") || info.endsWith("t")), [
    "sh demo", "sh demo", "sh start", "sh test",
  ]);

  const home = makeTempDir(t, "codexd-readme-");
  const project = copyProject(home);
  const env = environment(home);
  let daemon: ChildProcess | undefined;
  t.after(() => {
    if (daemon?.exitCode === null && daemon.pid !== undefined) process.kill(-daemon.pid, "SIGKILL");
  });
  let output = "";
  for (const { info, text } of blocks) {
    if (info === "sh demo" || info === "sh start") {
      // As Ctrl-C does. The script ends with 0; npm says 130 instead where the signal reached it first.
      if (daemon !== undefined) assert.ok([0, 130].includes((await endOf(daemon, "SIGINT")) ?? -1));
      daemon = await runInForeground(text, project, env);
    } else if (info === "sh") {
      output += await runScript(text, project, env);
    }
  }
  assert.doesNotMatch(output, /"ok": false/);
  for (const expected of [
    /embedded agent/, /"type":"run.completed"|"status": "completed"/, /"status": "ready"/,
    /"status": "closed"/, /"nextAfter": /, /^\{"seq":1,/m, /^event: daemon.started$/m, /"type":"event"/,
    /"type":"pong"/,
    /^ok\s+identity\.json/m, /--state-dir/,
  ]) assert.match(output, expected);
  assert.ok(daemon !== undefined);
  assert.equal(await endOf(daemon), 0, "`codexd shutdown` ends it in order");
});

/** Its exit code; a signal goes to the whole foreground group, as a terminal's does. */
async function endOf(daemon: ChildProcess, signal?: NodeJS.Signals): Promise<number | null> {
  if (signal !== undefined) process.kill(-(daemon.pid ?? 0), signal);
  await new Promise((resolve) => (daemon.exitCode === null ? daemon.on("close", resolve) : resolve(undefined)));
  return daemon.exitCode;
}

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

/**
 * Runs a block in a shell that has the variables and functions of the blocks before it. Its standard input stays open,
 * as at a terminal: wscat ends when it is closed.
 */
function runScript(block: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const kept = path.join(env["HOME"] ?? "", "shell-state");
  const script = `touch ${kept}; . ${kept}; set -eu\n${block}\nset +u; { declare -f; declare -p | grep -Ev ` +
    `'^declare -[^ ]*r| (BASH|EUID|PPID|UID|SHELLOPTS|FUNCNAME|GROUPS|DIRSTACK|PIPESTATUS|_)'; } > ${kept}`;
  const shell = spawn("bash", ["-c", script], { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  shell.stdout.on("data", (chunk) => (output += String(chunk)));
  shell.stderr.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    shell.on("close", (code) => {
      shell.stdin.destroy();
      if (code === 0) resolve(output);
      else reject(new Error(`a line of the README ended with ${code}:\n${block}\n${output}`));
    });
  });
}

/** The block that starts a daemon: all but its last line ends; the last one stays in the foreground. */
async function runInForeground(block: string, project: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const lines = block.trim().split("\n");
  const start = lines.pop() ?? "";
  execFileSync("bash", ["-c", `set -eu\n${lines.join("\n")}`], { cwd: project, env, stdio: "pipe" });
  const daemon = spawn("bash", ["-c", `exec ${start}`], {
    cwd: project, env, detached: true, stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  daemon.stdout.on("data", (chunk) => (said += String(chunk)));
  daemon.stderr.on("data", (chunk) => (said += String(chunk)));
  while (!said.includes("listens on")) {
    assert.equal(daemon.exitCode, null, `codexd did not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return daemon;
}
