// Another user of the machine before a whole daemon of this one: files, socket and TCP all refuse.
//
// Needs root, to become `nobody`. The directories above the state directory are open here, as they are in nobody's
// home but may be anywhere else, so that what refuses is codexd's own doing.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { createSession, runTurn } from "./support/daemon-calls.ts";
import type { Daemon } from "./support/daemon.ts";
import { fakeCodexEnv, fakeCodexFlags } from "./support/fake-codex.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const NOBODY = 65_534;
/** Who is not root cannot become somebody else, who may not be let to Node's own program either. */
const canBeNobody = existsSync("/proc/self/status")
  && spawnSync(process.execPath, ["-e", ""], { uid: NOBODY, gid: NOBODY, cwd: "/", env: {} }).status === 0;
const daemons = createWholeDaemons({ after });

/** What the other user's program tries of each; prints one answer an argument. */
const PROBES = `
  const fs = require("node:fs"), net = require("node:net");
  const attempt = (work) => { try { return work() ?? "done"; } catch (error) { return error.code; } };
  const reach = (place) => new Promise((resolve) => {
    const socket = net.connect(place, () => { resolve("connected"); socket.destroy(); });
    socket.on("error", (error) => resolve(error.code));
  });
  const ask = (port, fields) => new Promise((resolve) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1");
    socket.on("data", (chunk) => (text += chunk)).on("close", () => resolve(text.split(" ")[1]));
    const head = "GET /v1/codexd/sessions HTTP/1.1\\r\\nHost: 127.0.0.1:" + port + "\\r\\nConnection: close\\r\\n";
    socket.end(head + fields + "\\r\\n");
  });
  const PROBES = {
    who: () => String(process.getuid()),
    read: (name) => attempt(() => fs.readFileSync(name, "latin1")),
    write: (name) => attempt(() => fs.appendFileSync(name, "")),
    list: (name) => attempt(() => fs.readdirSync(name).join()),
    make: (name) => attempt(() => fs.writeFileSync(name, "")),
    remove: (name) => attempt(() => fs.rmSync(name)),
    signal: (pid) => attempt(() => process.kill(Number(pid), "SIGTERM")),
    socket: (name) => reach(name),
    tcp: (port) => ask(port, ""),
    guess: (port) => ask(port, "Authorization: Bearer nobody\\r\\n"),
  };
  (async () => {
    const answers = [];
    for (const word of process.argv.slice(1)) {
      const [probe, ...rest] = word.split(" ");
      answers.push(await PROBES[probe](rest.join(" ")));
    }
    console.log(JSON.stringify(answers));
  })();
`;

async function asNobody(...probes: readonly string[]): Promise<string[]> {
  const words = ["-e", PROBES, ...probes];
  const options = { uid: NOBODY, gid: NOBODY, cwd: "/", env: {}, timeout: 30_000 };
  const { stdout } = await promisify(execFile)(process.execPath, words, options);
  return JSON.parse(stdout) as string[];
}

describe("as nobody [attack other-user]", { skip: canBeNobody ? false : "needs root, and /proc" }, () => {
  let daemon: Daemon;
  let stateDir = "";
  let openSocket = "";
  let port = 0;

  before(async () => {
    const open = daemons.makeStateDir();
    chmodSync(open, 0o755);
    stateDir = path.join(open, "state");
    mkdirSync(stateDir, { mode: 0o755 });
    openSocket = path.join(open, "codexd.sock");
    daemon = await daemons.start({
      stateDir, env: fakeCodexEnv({}), flags: [...fakeCodexFlags, "--socket", openSocket],
    });
    port = Number(new URL((await daemon.started).service.resolvedBaseUrl).port);
    await runTurn(daemon, await createSession(daemon), "TEXT=secret; DELTAS=1");
  });

  test("they are somebody else, and can go where the directories are open", async () => {
    assert.deepEqual(await asNobody("who", `list ${path.dirname(stateDir)}`), [String(NOBODY), "codexd.sock,state"]);
  });

  test("every file is closed, and so is the directory around them", async () => {
    const names = readdirSync(stateDir, { recursive: true, encoding: "utf8" }).map((name) => path.join(stateDir, name));
    assert.ok(names.length >= 8 && names.includes(path.join(stateDir, "token")));
    // What is being written gets its own name at any moment.
    const files = names.filter((name) => !name.endsWith(".tmp") && lstatSync(name).isFile());
    const probes = [
      `list ${stateDir}`, `make ${stateDir}/planted`, `remove ${openSocket}`,
      ...files.flatMap((name) => [`read ${name}`, `write ${name}`, `remove ${name}`]),
    ];
    const answers = await asNobody(...probes);
    for (const [i, answer] of answers.entries()) assert.equal(answer, "EACCES", probes[i]);
    // Were the directory opened by accident, its files would still be closed.
    chmodSync(stateDir, 0o755);
    chmodSync(path.join(stateDir, "logs"), 0o755);
    const again = files.flatMap((name) => [`read ${name}`, `write ${name}`]);
    const closed = await asNobody(...again);
    chmodSync(path.join(stateDir, "logs"), 0o700);
    chmodSync(stateDir, 0o700);
    for (const [i, answer] of closed.entries()) assert.equal(answer, "EACCES", again[i]);
  });

  test("the socket is closed, wherever it lies", async () => {
    assert.deepEqual(await asNobody(`socket ${openSocket}`), ["EACCES"]);
  });

  test("TCP answers them 401", async () => {
    assert.deepEqual(await asNobody(`tcp ${port}`, `guess ${port}`), ["401", "401"]);
  });

  test("the process tells them nothing, and takes no signal of theirs", async () => {
    const pid = daemon.pid;
    const [commandLine, environment, memory, signal] = await asNobody(
      `read /proc/${pid}/cmdline`, `read /proc/${pid}/environ`, `read /proc/${pid}/mem`, `signal ${pid}`);
    assert.ok(commandLine?.includes("start") && !commandLine.includes(await daemon.token()));
    assert.deepEqual([environment, memory, signal], ["EACCES", "EACCES", "EPERM"]);
    assert.equal((await daemon.get("/readyz")).status, 200);
  });
});
