// What a terminal would obey goes, everything that it would show stays.
//
// The sequences are those that programs print into pipes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stripAnsi } from "../../src/base/ansi.ts";

test("colours are taken out wherever they stand", () => {
  assert.equal(stripAnsi("\u001b[31mERROR\u001b[0m a\u001b[1;4mb\u001b[m"), "ERROR ab");
  assert.equal(stripAnsi("plain [31m"), "plain [31m");
});

test("so are cursor movements, titles and links, with their strings", () => {
  assert.equal(stripAnsi("a\u001b[2K\u001b[1Gb\u001b[?25lc"), "abc");
  assert.equal(stripAnsi("\u001b]0;a title\u0007text"), "text");
  assert.equal(stripAnsi("\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\"), "link");
  assert.equal(stripAnsi("an unended \u001b]0;title"), "an unended ");
});

test("single control characters go, but tab and line feed", () => {
  assert.equal(stripAnsi("a\u0000b\u0007c\rd\u001be\u007ff\u009bg"), "abcdefg");
  assert.equal(stripAnsi("a\tb\nc ä €"), "a\tb\nc ä €");
});
