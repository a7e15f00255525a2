// The real process around the command line, in a process of its own.
//
// A small program runs the command line the way the built one does; what it must survive is done to it for real.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { isAlive } from "../../src/cli/system-io.ts";
import { LOADER } from "../support/loader.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const SOURCE = new URL("../../src/cli/", import.meta.url).href;
/** As words for a shell. */
const NODE = [process.execPath, ...LOADER].map((word) => `"${word}"`).join(" ");

/** A program whose `start` runs a service without a daemon: it prints, and ends when it is told to. */
function writeProgram(t: TestContext): string {
  const file = path.join(makeTempDir(t), "program.mjs");
  writeFileSync(file, `
    import { runCodexdCli } from "${SOURCE}run.ts";
    import { createSystemIo, endProcess } from "${SOURCE}system-io.ts";
    const child = { status: "idle", pid: null, command: "c", args: [], endpoint: "stdio://" };
    const service = { resolvedBaseUrl: "http://127.0.0.1:1", eventStreamUrl: null };
    const io = createSystemIo();
    endProcess(await runCodexdCli(process.argv.slice(2), io, {
      createService: () => ({
        start: async () => ({ service, snapshot: { daemon: { child } } }),
        stop: async () => io.stdout("stopped\\n"),
        failed: new Promise(() => {}),
      }),
      resolveCommand: async (command) => command,
      rotateToken: async () => {},
      killChildren: () => [],
    }));
  `);
  return file;
}

/** Of util-linux: gives a program a terminal of its own. */
function hasScript(): boolean {
  return spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true;
}

function start(program: string, ...argv: string[]) {
  const child = spawn(process.execPath, [...LOADER, program, ...argv], { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exited = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return { child, exited, out: () => stdout, err: () => stderr };
}

describe("a program", () => {
  test("prints all it has, however long, before it ends with its code", (t) => {
    const program = writeProgram(t);
    const { stdout, stderr, status } = spawnSync(process.execPath, [...LOADER, program, "config", "--json"], {
      encoding: "utf8",
      env: { ...process.env, BAA_CODEXD_SERVER_ARGS: JSON.stringify(Array.from({ length: 1000 }, (_, i) => `${i}`)) },
    });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.ok("config" in (JSON.parse(stdout) as object));
  });

  test("says that its output cannot be written, and exits with 74", { skip: !existsSync("/dev/full") }, (t) => {
    const full = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(process.execPath, [...LOADER, writeProgram(t), "config"], {
      encoding: "utf8", stdio: ["ignore", full, "pipe"],
    });
    closeSync(full);
    assert.equal(status, 74, stderr);
    assert.match(stderr, /^codexd: standard output cannot be written, so not all is there: ENOSPC.*\n$/);
  });

  test("stays alive without a socket or timer, outlives its reader, and ends in order at SIGTERM", async (t) => {
    const { child, exited, err } = start(writeProgram(t), "start", "--mode", "exec", "--log-level", "info");
    await new Promise((resolve) => child.stdout.once("data", resolve));
    // Who read the first line goes: what is printed at the end has nowhere to go.
    child.stdout.destroy();
    child.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.match(err(), /info stopping signal="SIGTERM"/);
  });

  test("ends in order, and with 0, when its terminal is closed", { skip: !hasScript() }, async (t) => {
    const program = writeProgram(t);
    const dir = makeTempDir(t);
    const code = path.join(dir, "code");
    execFileSync("mkfifo", [code]);
    // The signal is for the shell, which leads the terminal's session; it passes it on and waits again.
    const line = `${NODE} "${program}" start --mode exec & trap 'kill -HUP $!' HUP; ` +
      `wait $!; wait $!; echo $? > "${code}"`;
    const terminal = spawn("script", ["-qec", line, "/dev/null"], {
      stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, SHELL: "/bin/sh" },
    });
    let shown = "";
    while (!shown.includes("listens on")) shown += String((await once(terminal.stdout, "data"))[0]);
    const ended = readFile(code, "utf8");
    terminal.kill("SIGKILL");
    assert.equal(await ended, "0\n");
  });

  test("reads standard input for api, and says that no daemon runs", async (t) => {
    const stateDir = makeTempDir(t);
    const { child, exited, out, err } = start(writeProgram(t), "api", "/x", "-d", "@-", "--state-dir", stateDir);
    child.stdin.end("{}");
    assert.equal(await exited, 3);
    assert.equal(out(), "");
    assert.match(err(), /no daemon runs/);
  });
});

describe("a question at a terminal", { skip: !hasScript() }, () => {
  test("is answered by what is typed behind it", async (t) => {
    const dir = makeTempDir(t);
    const [asked, program] = [path.join(dir, "asked"), path.join(dir, "program.mjs")];
    writeFileSync(program, `
      import { existsSync } from "node:fs";
      import { createSystemIo, endProcess } from "${SOURCE}system-io.ts";
      const io = createSystemIo();
      io.stdout("\\u001b[2Jready\\n");
      while (!existsSync("${asked}")) await new Promise((resolve) => setTimeout(resolve, 5));
      const first = await io.readLine(undefined, "\\u009b2Jsure? ");
      const second = await io.readLine(undefined, "really? ");
      io.stdout(\`got \${JSON.stringify([io.stdinIsTerminal, first, second])}\\n\`);
      endProcess(0);
    `);
    const terminal = spawn("script", ["-qec", `${NODE} "${program}"`, "/dev/null"], {
      stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, SHELL: "/bin/sh" },
    });
    let shown = "";
    const until = async (text: string): Promise<void> => {
      while (!shown.includes(text)) shown += String((await once(terminal.stdout, "data"))[0]);
    };
    await until("ready");
    terminal.stdin.write("early\n");
    // The terminal has it as soon as it shows it.
    await until("early");
    writeFileSync(asked, "");
    await until("sure? ");
    terminal.stdin.write("yes\n");
    await until("really? ");
    terminal.stdin.write("\u0004");
    await until("got ");
    assert.match(shown, /got \[true,"yes",null\]/);
    assert.match(shown, / \[2Jready[^]* 2Jsure\?/);
    terminal.stdin.end();
  });
});

describe("whether a process lives", () => {
  test("this one does, one that has been waited for does not, and a number that is none neither", () => {
    assert.equal(isAlive(process.pid), true);
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    assert.equal(isAlive(pid), false);
    assert.equal(isAlive(2 ** 30), false);
  });

  test("a zombie counts as gone", { skip: process.platform !== "linux" }, async () => {
    // The shell starts a process, and has become a program that never waits for it when that process ends.
    const script = "sleep 0.3 & echo $!; exec sleep 60";
    const shell = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const pid = Number(await new Promise((resolve) => shell.stdout.once("data", resolve)));
      while (!readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z")) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(isAlive(pid), false);
    } finally {
      shell.kill("SIGKILL");
    }
  });
});
