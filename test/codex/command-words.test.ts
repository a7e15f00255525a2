// The words of a command are what the shells of this machine see, or there are none.
//
// What is accepted is run: the shells themselves say which words they have.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { commandWords, shownCommand } from "../../src/codex/command-words.ts";
import { LIMITS } from "../../src/core/limits.ts";

const SHELLS = ["/bin/bash", "/bin/sh", "/bin/dash", "/bin/zsh"].filter((shell) => existsSync(shell));

test("the words of a plain command, with and without a shell around it", () => {
  const known: Array<[string, string[]]> = [
    ["git status", ["git", "status"]],
    ["/bin/bash -lc 'git status'", ["git", "status"]],
    ["bash -c 'git status'", ["git", "status"]],
    ["/usr/bin/zsh -lc \"git commit -m 'it is'\"", ["git", "commit", "-m", "it is"]],
    ["/bin/sh -c 'git  status\t-s '", ["git", "status", "-s"]],
    ["/bin/bash -lc ls", ["ls"]],
    ["/bin/bash -lc 'echo \"a \\\"b\\\" \\\\ \\$x \\n\"'", ["echo", 'a "b" \\ $x \\n']],
    [String.raw`/bin/bash -lc 'cat a\ b\;c'`, ["cat", "a b;c"]],
    ["/bin/bash -lc \"echo 'a'\\\"b\\\"c ''\"", ["echo", "abc", ""]],
    [`/bin/bash -lc ${quote("grep 'ä\n$(x) *' f")}`, ["grep", "ä\n$(x) *", "f"]],
    // Not a shell's own form, so the words are those of the argv.
    ["bash -lc 'git status' extra", ["bash", "-lc", "git status", "extra"]],
    ["/tmp/bash -lc 'git status'", ["/tmp/bash", "-lc", "git status"]],
    ["bash -xc 'git status'", ["bash", "-xc", "git status"]],
    ["fish -c 'git status'", ["fish", "-c", "git status"]],
    ["env FOO=1 git status", ["env", "FOO=1", "git", "status"]],
  ];
  for (const [command, words] of known) assert.deepEqual(commandWords(command), words, command);
});

/** All begin as `git status` does. */
const NOT_PLAIN = [
  "git status; rm -rf /", "git status;rm", "git status && x", "git status || x", "git status | sh", "git status & x",
  "git status > /etc/passwd", "git status < f", "git status 2>&1", "git status $(x)", "git status `x`",
  "git status \"$(x)\"", "git status \"`x`\"", "git status $HOME", "git status \"$HOME\"", "git status\nrm",
  "git status\n", "git status \\\nx", "FOO=1 git status", "FOO+=1 git status", "F''OO=1 git status",
  "git status *", "git status ?", "git status [a]", "git status ~", "git status {a,b}", "git status # x",
  "git status !x", "git status =ls", "git status ''=ls", "git status a^b", "(git status)",
  "{ git status; }", "! git status",
  "git status $'x'", "git status 'open", "git status \"open", "git status \\", "git status \"x\\", "git status \u00a0x",
  "git status\u0000", "git status 'a\u0001b'", "git status \"a\u007fb\"", "git status \"a\\\nb\"", "git status\r",
  "git status '\ud800'", "time git status", "coproc git status", "repeat 2 git status", "noglob git status",
  "- git status", "if git status", "", "  ", "-x", "--version", "+x", "git status <(x)", "git status é",
];

test("nothing that a shell would treat specially has words", () => {
  for (const script of NOT_PLAIN) {
    assert.equal(commandWords(`/bin/bash -lc '${script.replaceAll("'", "'\\''")}'`), null, JSON.stringify(script));
  }
  const joined = ["/bin/bash -lc 'git status' ; rm", "/bin/bash -lc git status; rm", "'git status", "FOO=1 git"];
  for (const command of joined) {
    assert.equal(commandWords(command), null, command);
  }
});

test("a command that is too long has none", () => {
  const longest = "x".repeat(LIMITS.approvalRuleCommandCharsMax);
  assert.deepEqual(commandWords(longest), [longest]);
  assert.equal(commandWords(`${longest}x`), null);
  const quoted = `'${"x".repeat(LIMITS.approvalRuleCommandCharsMax - 2)}'`;
  assert.equal(commandWords(quoted)?.[0]?.length, quoted.length - 2);
  const double = `"${"x\\n".repeat(20_000)}"`;
  assert.equal(commandWords(double)?.[0]?.length, double.length - 2);
});

test("what is shown of a command is its script", () => {
  assert.equal(shownCommand("/bin/bash -lc 'a; b'"), "a; b");
  assert.equal(shownCommand("ls -l"), "ls -l");
  assert.equal(shownCommand("ls | wc"), "ls | wc");
  assert.equal(shownCommand("x".repeat(100_000)).length, 100_000);
});

test("generated scripts: what has words has those that each shell sees", () => {
  const random = randomOf(20261122);
  const pieces = [
    "a", "b1", "git", " ", " ", "  ", "\t", "'", "'", "\"", "\"", "\\", "$", "`", "=", "~", "*", "?", "[", "]", "{",
    "}", ",", "-", "--", "+", "@", "%", ":", "/", ".", "^", "!", "#", ";", "&", "|", "<", ">", "(", ")", "\n", "é",
    "%s", "\\n", "'x y'", "\"x y\"", "''", "\"\"", "\\ ", "\\\\", "\\\"", "\\$", "\"\\$x\"", "'$x'", "a=b", "=a",
    "{a,b}", "..", "]]",
  ];
  const accepted: Array<{ script: string; words: readonly string[] }> = [];
  let tried = 0;
  while (accepted.length < 3000) {
    tried += 1;
    const length = 1 + random(8);
    const script = `x ${Array.from({ length }, () => pieces[random(pieces.length)]).join("")}`;
    const words = commandWords(`/bin/bash -lc ${quote(script)}`);
    if (words !== null) accepted.push({ script, words: words.slice(1) });
  }
  assert.ok(tried > 6000, "the generator makes too little that is refused");
  assert.ok(SHELLS.length > 0);
  for (const shell of SHELLS) {
    // Words are framed by their number, since an empty one prints as none would.
    const lines = accepted.map(({ script }) => `w ${script.slice(2)}`);
    const program = `w() { printf '%s\\0' "$#" "$@"; }\n${lines.join("\n")}\n`;
    const { stdout, stderr, status } = spawnSync(shell, ["-s"], { input: program, encoding: "utf8", cwd: "/" });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    const seen = stdout.split("\0");
    for (const { script, words } of accepted) {
      const count = Number(seen.shift());
      assert.deepEqual(seen.splice(0, count), words, `${shell}: ${script}`);
    }
    assert.deepEqual(seen, [""]);
  }
});

function quote(script: string): string {
  return `'${script.replaceAll("'", "'\\''")}'`;
}

/** Numbers below a bound, the same in each run. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
