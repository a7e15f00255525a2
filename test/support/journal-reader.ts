// Reads a journal from its files alone, to judge the store from outside.
//
// Shares no code with src/store, on purpose: it knows the format only, so that the store's own reader
// and writer cannot agree on a mistake.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import type { CodexdEvent } from "../../src/core/event.ts";

export interface Journal {
  /** Every event of every line, in file order. */
  readonly events: readonly CodexdEvent[];
  /** What is wrong: a bad line, a bad CRC, a gap, a repeat. */
  readonly problems: readonly string[];
  /** The event as a client must have seen it, or undefined. */
  textOf(seq: number): string | undefined;
}

/** Where the store's own members begin; before it stands what clients see, without its closing brace. */
const OWN_MEMBERS = /,"(?:put|del|crc)":/g;
const CRC_TAIL = /,"crc":"([0-9a-f]{8})"\}$/;

/** @param logsDir where `events.jsonl` and `events-<first seq>.jsonl` lie. */
export function readJournal(logsDir: string): Journal {
  const closed = readdirSync(logsDir).filter((name) => /^events-\d{16}\.jsonl$/.test(name)).sort();
  const events: CodexdEvent[] = [];
  const texts = new Map<number, string>();
  const problems: string[] = [];
  for (const name of [...closed, "events.jsonl"]) {
    const lines = readFileSync(path.join(logsDir, name), "utf8").split("\n");
    if (lines.pop() !== "") problems.push(`${name} does not end in a newline`);
    for (const [i, line] of lines.entries()) {
      const problem = readLine(line, events, texts);
      if (problem !== null) problems.push(`${name}:${i + 1} ${problem}`);
    }
  }
  return { events, problems, textOf: (seq) => texts.get(seq) };
}

function readLine(line: string, events: CodexdEvent[], texts: Map<number, string>): string | null {
  const tail = CRC_TAIL.exec(line);
  if (tail === null) return "has no CRC";
  const sum = crc32(line.slice(0, tail.index)).toString(16).padStart(8, "0");
  if (sum !== tail[1]) return `has the CRC ${tail[1]}, but ${sum} is right`;
  const { put: _put, del: _del, crc: _crc, ...event } = JSON.parse(line) as CodexdEvent & Record<string, unknown>;
  const before = events.at(-1)?.seq;
  events.push(event);
  texts.set(event.seq, clientText(line, event));
  // Only a loss of power may leave a hole, which the event behind it tells.
  if (before === undefined || event.seq === before + 1 || event.type === "storage.recovered") return null;
  return `has seq ${event.seq} after ${before}`;
}

/** The members of an event come first; the same words can stand in its texts, so each cut is tried. */
function clientText(line: string, event: CodexdEvent): string {
  const wanted = JSON.stringify(event);
  for (const match of line.matchAll(OWN_MEMBERS)) {
    const text = `${line.slice(0, match.index)}}`;
    if (isSame(text, wanted)) return text;
  }
  return wanted;
}

function isSame(text: string, wanted: string): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === wanted;
  } catch {
    // The cut was inside a text.
    return false;
  }
}
