// From arguments to what is asked for: the text from wherever it comes, and what is refused before the daemon is asked.
//
// The daemon has a list of answers; where nothing may be asked, it must have seen nothing.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parseCodexdCliRequest } from "../../src/cli/parse.ts";
import { runCodexdCli } from "../../src/cli/run.ts";
import { whereFlags } from "../../src/cli/send-request.ts";
import { commandsOn } from "../support/cli-answers.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";
import { finished, sendAnswers } from "../support/send-answers.ts";
import { makeTempDir } from "../support/temp-dir.ts";

describe("the text of send", () => {
  test("is the argument, standard input, or both", async (t) => {
    const { command, daemon } = await commandsOn(t, sendAnswers(finished()));
    const stdin = "piped";
    for (const [argv, text] of [
      [["say"], "say"],
      [["-"], stdin],
      [[], stdin],
      [["say", "-"], `say\n\n<stdin>\n${stdin}\n</stdin>`],
    ] as const) {
      daemon.seen.length = 0;
      assert.equal((await command(["send", ...argv], { stdin })).code, 0);
      const body = JSON.parse(daemon.seen.find(({ url }) => url === "/v1/codexd/turn")?.body ?? "");
      assert.deepEqual(body.input, [{ type: "text", text }]);
    }
  });

  test("that is missing, empty or in pieces is 64, and nobody has been asked", async (t) => {
    const { command, daemon } = await commandsOn(t, {});
    for (const [argv, said, options] of [
      [[], /a text is missing/, { stdinIsTerminal: true }],
      [[""], /must not be empty/, {}],
      [[" \n"], /must not be empty/, {}],
      [["-"], /must not be empty/, { stdin: "\n" }],
      [["say", "hello"], /"hello" is one argument too many; put a text of several words in quotes/, {}],
      [["-", "-"], /"-" is one argument too many/, {}],
    ] as const) {
      const { code, err } = await command(["send", ...argv], options);
      assert.equal(code, 64, err);
      assert.match(err, said);
    }
    assert.deepEqual(daemon.seen, []);
  });

  test("that never comes can be interrupted", async () => {
    const io = { ...createFakeIo(), readStdin: () => new Promise<string>(() => undefined) };
    const running = runCodexdCli(["send"], io, createParts());
    setImmediate(() => io.raise("SIGINT"));
    assert.equal(await running, 130);
  });
});

describe("the flags of send", () => {
  test("that say nothing sensible are 64, by name, and nobody has been asked", async (t) => {
    const dir = makeTempDir(t);
    mkdirSync(path.join(dir, "folder"));
    writeFileSync(path.join(dir, "list.json"), "[]");
    writeFileSync(path.join(dir, "bad.json"), "{");
    const { command, daemon } = await commandsOn(t, {});
    for (const [flags, said] of [
      [["--sandbox", "none"], /--sandbox takes one of read-only, workspace-write, danger-full-access, got "none"/],
      [["--session", "ses_1", "--sandbox", "read-only"], /--sandbox goes with a new session/],
      [["--approve", "maybe"], /--approve takes one of ask, accept, decline, got "maybe"/],
      [["--output-schema", "none.json"], /--output-schema: none.json cannot be read: ENOENT/],
      [["--output-schema", "bad.json"], /--output-schema: bad.json is not JSON/],
      [["--output-schema", "list.json"], /--output-schema: list.json must hold a JSON object/],
      [["--image", "none.png"], /--image: none.png cannot be read: ENOENT/],
      [["--image", "folder"], /--image: folder is no file/],
    ] as const) {
      const { code, err } = await command(["send", "x", ...flags], { cwd: dir });
      assert.equal(code, 64, err);
      assert.match(err, said);
    }
    assert.deepEqual(daemon.seen, []);
  });

  test("a session that goes on keeps its directory, unless one is named", async (t) => {
    const { command, daemon } = await commandsOn(t, sendAnswers(finished()));
    await command(["send", "x", "--session", "ses_1", "--cwd", "sub", "--approval-policy", "on-request"]);
    const body = JSON.parse(daemon.seen.find(({ url }) => url === "/v1/codexd/turn")?.body ?? "");
    assert.deepEqual([body.cwd, body.approvalPolicy], ["/home/ada/repo/sub", "on-request"]);
  });

  test("those that lead to the daemon are handed on to the command that answers, as a shell takes them", () => {
    const flags = (...argv: string[]): string => whereFlags(parseCodexdCliRequest(["send", "x", ...argv]));
    assert.equal(flags(), "");
    assert.equal(flags("--state-dir", "/my state"), " --state-dir '/my state'");
    assert.equal(flags("--url", "http://127.0.0.1:1", "--token-file", "t"), " --url http://127.0.0.1:1 --token-file t");
  });
});
