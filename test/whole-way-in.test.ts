// The owner's way in, as the program itself tells it: each line that it prints is run as it stands.
//
// A whole daemon and the system's curl. That nobody else has such a way in, other tests say.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { REPOSITORY } from "./support/codex-install.ts";
import { makeTempDir } from "./support/temp-dir.ts";

const skip = !["/usr/bin/curl", "/bin/curl"].some((file) => existsSync(file));
const program = path.join(REPOSITORY, "dist/index.js");
let remove: () => unknown = () => undefined;
// A shell would take such a directory apart, if the lines to paste let it.
const stateDir = path.join(makeTempDir({ after: (fn) => void (remove = fn) }), "it's $HOME");
let printed = "";
let ended: Promise<unknown>;
let stop: () => void = () => undefined;

before(async () => {
  const flags = ["demo", "--state-dir", stateDir, "--local-api-base", "http://127.0.0.1:0"];
  const daemon = spawn(process.execPath, [program, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  stop = () => void daemon.kill("SIGTERM");
  ended = new Promise((resolve) => daemon.on("close", resolve));
  await new Promise<void>((resolve, reject) => {
    daemon.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (/^ +curl .*\n/m.test(printed) && /^ +wscat .*\n/m.test(printed)) resolve();
    });
    void ended.then(() => reject(new Error(`codexd ended: ${printed}`)));
  });
});

after(async () => {
  stop();
  await ended;
  remove();
});

describe("the way in", () => {
  test("the curl line that start prints works as pasted", { skip }, () => {
    const line = /^ +curl +(curl .*)$/m.exec(printed)?.[1] ?? "";
    const { ok } = JSON.parse(sh(line.replace(/^curl/, "curl -sS"))) as { ok: boolean };
    assert.equal(ok, true, line);
  });

  test("without a token 401 says where it is and what to send, and that works too", { skip }, () => {
    const url = /http:\S+\/status/.exec(printed)?.[0] ?? "";
    const { error, message } = JSON.parse(sh(`curl -sS ${url}`)) as { error: string; message: string };
    assert.equal(error, "unauthorized");
    assert.match(message, /send Authorization: Bearer <token> \(`codexd token` says where it is\)/);
    const file = codexd("token").trim();
    const token = codexd("token", "--show").trim();
    assert.equal(file, path.join(stateDir, "token"));
    const header = `-H "Authorization: Bearer $(cat "${file.replaceAll("$", "\\$")}")"`;
    assert.equal((JSON.parse(sh(`curl -sS ${header} ${url}`)) as { ok: boolean }).ok, true);
    assert.match(token, /^[A-Za-z0-9_-]{43}$/);
    assert.ok(!printed.includes(token), "it is not printed unasked");
  });

  test("the Unix socket needs none", { skip }, () => {
    const socket = /^ +socket +(.*)$/m.exec(printed)?.[1] ?? "";
    const told = execFileSync("curl", ["-sS", "--unix-socket", socket, "http://codexd/v1/codexd/status"]);
    assert.equal((JSON.parse(told.toString()) as { ok: boolean }).ok, true);
  });

  test("the command line client finds it by itself", () => {
    assert.match(codexd("status"), /127\.0\.0\.1/);
  });
});

function sh(line: string): string {
  const { stdout, stderr, status } = spawnSync("sh", ["-c", line], { encoding: "utf8", timeout: 20_000 });
  assert.equal(status, 0, `${line}: ${stderr}`);
  return stdout;
}

function codexd(...words: string[]): string {
  const [name = "", ...flags] = words;
  return execFileSync(process.execPath, [program, name, "--state-dir", stateDir, ...flags], { encoding: "utf8" });
}
