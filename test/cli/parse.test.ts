// Arguments -> requests, and what each misuse is told.
//
// What a value means is not judged here: that is configuration's and the commands' part.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COMMAND_NAMES, flagValue, hasFlag } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { parseCodexdCliRequest } from "../../src/cli/parse.ts";
import { EXIT, ExitError } from "../../src/core/errors.ts";

function refuses(argv: readonly string[], message: RegExp): void {
  assert.throws(() => parseCodexdCliRequest(argv), (error) => {
    assert.ok(error instanceof ExitError, String(error));
    assert.equal(error.exitCode, EXIT.usage);
    assert.match(error.message, message);
    return true;
  });
}

describe("commands", () => {
  test("each is known by its name", () => {
    for (const name of COMMAND_NAMES) {
      const needed = Array.from({ length: COMMANDS[name].positionalsMin }, () => "/x");
      const request = parseCodexdCliRequest([name, ...needed]);
      assert.equal(request.command, name);
      assert.equal(request.help, false);
      assert.deepEqual(request.options, []);
    }
  });

  test("--help and --version stand for commands", () => {
    for (const flag of ["--help", "-h"]) assert.equal(parseCodexdCliRequest([flag]).command, "help");
    for (const flag of ["--version", "-V"]) assert.equal(parseCodexdCliRequest([flag]).command, "version");
  });

  test("none, an unknown one, and a flag in its place are usage errors", () => {
    refuses([], /^a command is missing; codexd help lists them$/);
    refuses(["strat"], /^there is no command "strat"; did you mean start\?$/);
    refuses(["frobnicate"], /^there is no command "frobnicate"; codexd help lists what there is$/);
    refuses(["constructor"], /^there is no command/);
    refuses(["--json", "status"], /^--json stands where a command should; a command comes first/);
  });

  test("--help works after every command, whatever else is there", () => {
    for (const name of COMMAND_NAMES) {
      assert.deepEqual(parseCodexdCliRequest([name, "--bogus", "x", "y", "z", "--help"]).help, true, name);
      assert.equal(parseCodexdCliRequest([name, "-h"]).command, name);
    }
  });
});

describe("flags", () => {
  test("configuration goes by input name, repeated arguments in order", () => {
    const { config } = parseCodexdCliRequest([
      "start", "--node-id", "n", "--socket=off", "--server-arg=-c", "--server-arg=x=y", "--server-arg", "app-server",
    ]);
    assert.deepEqual(config, { nodeId: "n", socketPath: "off", serverArgs: ["-c", "x=y", "app-server"] });
  });

  test("the last of several counts", () => {
    const { config } = parseCodexdCliRequest(["start", "--mode", "exec", "--mode=app-server"]);
    assert.deepEqual(config, { mode: "app-server" });
    const request = parseCodexdCliRequest(["status", "--wait", "1", "--wait", "2", "--json"]);
    assert.equal(flagValue(request, "wait"), "2");
    assert.equal(flagValue(request, "url"), undefined);
    assert.equal(hasFlag(request, "json"), true);
    assert.equal(hasFlag(request, "url"), false);
  });

  test("short ones, with their value apart or not", () => {
    const { options, positionals } = parseCodexdCliRequest(["api", "-fa=b", "/x", "-F", "n=-1", "-d", "-"]);
    assert.deepEqual(options, [["field", "a=b"], ["typed-field", "n=-1"], ["data", "-"]]);
    assert.deepEqual(positionals, ["/x"]);
  });

  test("what follows -- is no flag", () => {
    assert.deepEqual(parseCodexdCliRequest(["api", "--", "/x"]).positionals, ["/x"]);
    assert.deepEqual(parseCodexdCliRequest(["help", "--", "--help"]).positionals, ["--help"]);
  });

  test("an unknown one is refused with the nearest, or with where they are listed", () => {
    refuses(["start", "--node-ld", "x"], /^start takes no --node-ld; did you mean --node-id\?$/);
    refuses(["status", "--jsno"], /^status takes no --jsno; did you mean --json\?$/);
    refuses(["version", "--frobnicate"], /^version takes no --frobnicate; codexd help version lists what there is$/);
    refuses(["start", "-x"], /^start takes no -x; /);
    refuses(["start", "--__proto__", "x"], /^start takes no --__proto__; /);
  });

  test("client commands take what finds the daemon, and no other configuration", () => {
    for (const command of ["status", "shutdown", "token", "api"]) {
      const argv = [command, ...(command === "api" ? ["/x"] : []), "--state-dir", "/s", "--socket", "/s/x"];
      assert.deepEqual(parseCodexdCliRequest(argv).config, { stateDir: "/s", socketPath: "/s/x" });
      refuses([...argv, "--mode", "exec"], new RegExp(`^${command} takes no --mode`));
    }
    refuses(["version", "--state-dir", "/s"], /^version takes no --state-dir/);
  });

  test("a value that is missing, or looks like a flag, or is not wanted", () => {
    refuses(["start", "--node-id"], /^--node-id needs a value: --node-id NAME$/);
    refuses(["start", "--node-id", "--json"],
      /^--node-id needs a value, and --json looks like a flag; if it is the value, write --node-id=--json$/);
    refuses(["start", "--server-arg", "-c"], /write --server-arg=-c$/);
    refuses(["start", "--json=yes"], /^--json takes no value; codexd help start$/);
    assert.deepEqual(parseCodexdCliRequest(["start", "--node-id="]).config, { nodeId: "" });
    assert.deepEqual(parseCodexdCliRequest(["start", "--node-id=-x"]).config, { nodeId: "-x" });
  });
});

describe("arguments", () => {
  test("as many as the command takes", () => {
    assert.deepEqual(parseCodexdCliRequest(["api", "POST", "/x"]).positionals, ["POST", "/x"]);
    refuses(["api"], /^an argument is missing; codexd api \[METHOD\] PATH$/);
    refuses(["api", "POST", "/x", "/y"], /^"\/y" is one argument too many; codexd api \[METHOD\] PATH$/);
    refuses(["start", "now"], /^"now" is one argument too many; codexd start$/);
  });
});
