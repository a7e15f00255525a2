// One line out of anything: nothing that moves a cursor, turns the writing round, or hides what follows.
// What hides is written as escapes here, so that one can see it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { oneLine } from "../../src/codex/one-line.ts";

test("what is shown is one plain line", () => {
  const known: Array<[string, string]> = [
    ["  run\tit  now ", "run it now"],
    ["a\r\nb\n\n c\u2028d", "a ⏎ b ⏎ c ⏎ d"],
    ["\u001b[1;31mred\u001b[0m", "red"],
    // A sequence that is never closed must not take the rest away.
    ["echo \u001b]0;title; rm -rf /", "echo \ufffd]0;title; rm -rf /"],
    ["a\u001b[2Kb\u0007\u009bc\u0000", "a\ufffd[2Kb\ufffd\ufffdc\ufffd"],
    ["safe\u202egnp.exe\u2066x\u200f", "safegnp.exex"],
    ["half\ud800", "half\ufffd"],
    ["größe 😀", "größe 😀"],
    ["\n\n", ""],
  ];
  for (const [text, line] of known) assert.equal(oneLine(text, 200), line, JSON.stringify(text));
});

test("a long one is cut, between characters, and says so", () => {
  assert.equal(oneLine("x".repeat(10), 10), "x".repeat(10));
  assert.equal(oneLine("x".repeat(11), 10), `${"x".repeat(9)}…`);
  assert.equal(oneLine(`${"x".repeat(8)}😀y`, 10), `${"x".repeat(8)}…`);
  // Also one that is short once nothing is left of its beginning.
  assert.equal(oneLine(`${"\u200b".repeat(1000)}rm`, 10), "…");
  assert.equal(oneLine("x".repeat(50_000_000), 10).length, 10);
});
