// One event as one line for a person at a terminal.
//
// Invariant: whatever programs, models and files have said, a line stays a line, and nothing in it can move the cursor
// or set a colour: control characters are shown as blanks.

import { isObject } from "../base/decode.ts";
import type { CodexdEvent, EventLevel } from "../core/event.ts";

const TEXT_CHARS_MAX = 240;
const TYPE_WIDTH = 24;

const RESET = "\u001b[0m";
const DIM = "\u001b[2m";
const LEVEL_COLOURS: Readonly<Record<EventLevel, string>> = {
  info: "\u001b[36m", warn: "\u001b[33m", error: "\u001b[31m",
};

/** With a newline at the end. Times are the terminal's own. */
export function eventText(event: CodexdEvent, coloured: boolean): string {
  const paint = (colour: string, text: string): string => (coloured ? `${colour}${text}${RESET}` : text);
  const time = new Date(event.createdAt).toTimeString().slice(0, 8);
  const type = event.type.padEnd(TYPE_WIDTH);
  const said = saidIn(event.detail);
  const text = plain(said === "" ? event.message : `${event.message}: ${said}`);
  const head = `${paint(DIM, `${time} ${String(event.seq).padStart(6)}`)}  ${paint(LEVEL_COLOURS[event.level], type)}`;
  return `${head}  ${text}${paint(DIM, idOf(event.detail))}\n`;
}

/** Text on one line, without what a terminal would take for a command, whole however long. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
}

/** The same, cut where it is long. */
export function plain(text: string): string {
  const clean = oneLine(text);
  return clean.length > TEXT_CHARS_MAX ? `${clean.slice(0, TEXT_CHARS_MAX)}…` : clean;
}

/** Text of several lines, without what a terminal would take for a command. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]+/g, " ");
}

/**
 * Text of several lines that somebody decides on: what would not be seen, or would make it look like something else
 * (controls, reversals of direction, characters without width), stands there by its number.
 */
export function visible(text: string): string {
  return text.replace(/[^\P{C}\n\t]|[\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** What a delta or an item says, empty where the event has neither. */
function saidIn({ delta, item, finalMessage }: CodexdEvent["detail"]): string {
  if (typeof delta === "string") return delta;
  if (typeof finalMessage === "string") return finalMessage;
  return isObject(item) ? itemText(item) : "";
}

/** A Codex item in a few words: its kind, and what it says, runs or changes. */
export function itemText(item: Record<string, unknown>): string {
  const { type, text, command, message, changes } = item;
  const said = [text, command, message].find((word) => typeof word === "string") ?? changedPaths(changes);
  return [type, said].filter((word) => typeof word === "string" && word !== "").join(" ");
}

function changedPaths(changes: unknown): string {
  if (!Array.isArray(changes)) return "";
  return changes.flatMap((change) => (isObject(change) ? [change["path"]] : [])).join(", ");
}

/** The nearest thing that one would ask for next. */
function idOf({ runId, sessionId }: CodexdEvent["detail"]): string {
  // What Codex says may have members of these names too, of any kind.
  const id = [runId, sessionId].find((word) => typeof word === "string");
  return id === undefined ? "" : `  ${plain(id)}`;
}
