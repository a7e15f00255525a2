// What a terminal is given of text that wants more than to be read.
//
// That both streams of the real process go through it, system-io.test.ts tries at a real one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventText } from "../../src/cli/event-text.ts";
import { createScreen } from "../../src/cli/screen.ts";
import { terminalText } from "../../src/cli/terminal-text.ts";
import { createFakeIo } from "../support/cli-io.ts";
import { makeEvent } from "../support/fake-events.ts";

test("titles, cursors, bells and what eight bits can say of them are blanks", () => {
  const hostile = "a\u001b]0;title\u0007b\u001b[2Jc\u009b31md\re\u0008\u007f\u0000\u0090";
  assert.equal(terminalText(hostile), "a ]0;title b [2Jc 31md e    ");
  assert.equal(terminalText("\u001b[8mhidden\u001b[38;5;1m"), " [8mhidden [38;5;1m");
});

test("lines, tabs and every other character stay as they are", () => {
  const text = "one\n\ttwo  é 漢 😀 \u2028";
  assert.equal(terminalText(text), text);
  assert.equal(terminalText("a\r\nb\r\n"), "a\nb\n");
});

test("the colours of the command line itself stay", () => {
  const { paint } = createScreen(createFakeIo({ stderrIsTerminal: true }));
  const painted = (["bold", "dim", "red", "green", "yellow", "cyan"] as const).map((colour) => paint(colour, "x"));
  const events = (["info", "warn", "error"] as const).map((level) => eventText(makeEvent(1, { level }), true));
  const text = [...painted, ...events].join("");
  assert.equal(terminalText(text), text);
});
