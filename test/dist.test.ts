// Whether `dist` alone is the program: copied under a foreign parent, with no node_modules and no sources near it.
//
// Needs a build, which scripts/test.ts makes before the tests run.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { REPOSITORY } from "./support/codex-install.ts";
import { makeTempDir } from "./support/temp-dir.ts";

const { version } = JSON.parse(readFileSync(path.join(REPOSITORY, "package.json"), "utf8")) as { version: string };

test("dist runs under a CommonJS parent, and Node has nothing to say", (t) => {
  const parent = makeTempDir(t);
  writeFileSync(path.join(parent, "package.json"), '{"type":"commonjs"}');
  cpSync(path.join(REPOSITORY, "dist"), path.join(parent, "vendored"), { recursive: true });
  const { status, stdout, stderr } = spawnSync(process.execPath, ["vendored/index.js", "version"], {
    cwd: parent,
    encoding: "utf8",
  });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  assert.ok(stdout.includes(version), stdout);
  // The file itself is the program, as the installed `codexd` links to it.
  assert.equal(execFileSync(path.join(parent, "vendored", "index.js"), ["version"], { encoding: "utf8" }), stdout);
});

test("importing dist does nothing but give names", (t) => {
  const parent = makeTempDir(t);
  cpSync(path.join(REPOSITORY, "dist"), path.join(parent, "vendored"), { recursive: true });
  const code = 'const m = await import("./vendored/index.js"); console.log(typeof m.CodexdDaemon);';
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    cwd: parent,
    encoding: "utf8",
  });
  assert.deepEqual({ stdout, stderr }, { stdout: "function\n", stderr: "" });
});

test("a CommonJS program can require dist", (t) => {
  const parent = makeTempDir(t);
  writeFileSync(path.join(parent, "package.json"), '{"type":"commonjs"}');
  cpSync(path.join(REPOSITORY, "dist"), path.join(parent, "vendored"), { recursive: true });
  writeFileSync(path.join(parent, "app.js"), 'console.log(typeof require("./vendored/index.js").CodexdDaemon);');
  // Node 20 says on stderr that this is experimental.
  const { status, stdout } = spawnSync(process.execPath, ["app.js"], { cwd: parent, encoding: "utf8" });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: "function\n" });
});

test("the agent beside it runs alone", (t) => {
  const parent = makeTempDir(t);
  writeFileSync(path.join(parent, "package.json"), '{"type":"commonjs"}');
  cpSync(path.join(REPOSITORY, "dist"), path.join(parent, "vendored"), { recursive: true });
  const agent = path.join(parent, "vendored", "agent.js");
  const home = path.join(parent, "agent");
  const exec = spawnSync(process.execPath, [agent, "--home", home, "exec", "--json", "--cd=/", "-"], {
    cwd: parent, encoding: "utf8", input: "run",
  });
  assert.deepEqual([exec.status, exec.stderr], [0, ""]);
  assert.match(exec.stdout, /It ran uname -s.*\n\{"type":"turn\.completed"/);
  const initialize = { id: 1, method: "initialize", params: { clientInfo: { name: "lab", version: "1" } } };
  const server = spawnSync(process.execPath, [agent, "--home", home, "app-server"], {
    cwd: parent, encoding: "utf8", input: `${JSON.stringify(initialize)}\n`,
  });
  assert.deepEqual([server.status, server.stderr], [0, ""]);
  assert.ok(server.stdout.includes(`"userAgent":"codexd-agent/${version} `), server.stdout);
});

test("demo in it is answered by that agent", (t) => {
  const flags = ["--state-dir", path.join(makeTempDir(t), "state"), "--local-api-base", "http://127.0.0.1:0"];
  const program = path.join(REPOSITORY, "dist", "index.js");
  const { status, stdout } = spawnSync(process.execPath, [program, "demo", "--run-once", "--json", ...flags], {
    encoding: "utf8",
  });
  assert.equal(status, 0);
  const { snapshot } = JSON.parse(stdout) as { snapshot: { daemon: { child: { args: string[] } } } };
  assert.equal(snapshot.daemon.child.args[0], path.join(REPOSITORY, "dist", "agent.js"));
});

test("dist starts, serves and stops under a CommonJS parent, and Node has nothing to say", async (t) => {
  const parent = makeTempDir(t);
  writeFileSync(path.join(parent, "package.json"), '{"type":"commonjs"}');
  cpSync(path.join(REPOSITORY, "dist"), path.join(parent, "vendored"), { recursive: true });
  const flags = ["--json", "--state-dir", path.join(parent, "state"), "--local-api-base", "http://127.0.0.1:0"];
  const daemon = spawn(process.execPath, ["vendored/index.js", "demo", "--log-level", "error", ...flags], {
    cwd: parent, stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => daemon.kill("SIGKILL"));
  let stderr = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const lines = createInterface({ input: daemon.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const { service } = JSON.parse(line) as { service: { resolvedBaseUrl: string } };
  const reply = await fetch(new URL("/healthz", service.resolvedBaseUrl));
  assert.deepEqual([reply.status, await reply.json()], [200, { ok: true, status: "ok" }]);
  daemon.kill("SIGTERM");
  assert.deepEqual([...(await once(daemon, "close")), stderr], [0, null, ""]);
});
