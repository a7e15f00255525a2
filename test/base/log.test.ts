// Log records: a line each, and none below the level.
//
// Where the lines go is the caller's: here they go into a list.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, LOG_LEVELS, silentLogger, type LogLevel } from "../../src/base/log.ts";

function linesAt(level: LogLevel): string[] {
  const lines: string[] = [];
  const log = createLogger({ level, write: (line) => lines.push(line), now: () => 0 });
  for (const name of LOG_LEVELS) log[name](name);
  return lines;
}

test("a level drops all below it", () => {
  assert.equal(linesAt("error").length, 1);
  assert.equal(linesAt("warn").length, 2);
  assert.equal(linesAt("info").length, 3);
  assert.deepEqual(linesAt("debug"), LOG_LEVELS.map((name) => `1970-01-01T00:00:00.000Z ${name} ${name}`));
});

test("a record is one line, whatever is in it", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "info", write: (line) => lines.push(line), now: () => 1 });
  log.info("two\nlines", { path: "/a b", text: "x\ny", none: null });
  assert.deepEqual(lines, ['1970-01-01T00:00:00.001Z info two\\nlines path="/a b" text="x\\ny" none=null']);
});

test("a record does nothing to a terminal", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "info", write: (line) => lines.push(line), now: () => 1 });
  log.info("a\r\u001b[2J\u2028b", { text: "\u009b31m\u007f\u0007é" });
  const text = String.raw`a\u000d\u001b[2J\u2028b text="\u009b31m\u007f\u0007é"`;
  assert.deepEqual(lines, [`1970-01-01T00:00:00.001Z info ${text}`]);
});

test("the silent logger takes everything and says nothing", () => {
  for (const name of LOG_LEVELS) assert.equal(silentLogger[name]("dropped"), undefined);
});
