// Reads a journal from its files alone, to judge the store from outside.
//
// Shares no code with src/store, on purpose: it knows the format only, so that the store's own reader
// and writer cannot agree on a mistake. What the lines come to is registry-reader.ts's matter.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import type { CodexdEvent } from "../../src/core/event.ts";

/** What a line changes, as it stands on it. */
export interface JournalChange {
  readonly seq: number;
  readonly put: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly del: Readonly<Record<string, readonly string[]>>;
}

export interface Journal {
  /** Every event of every line, in file order. */
  readonly events: readonly CodexdEvent[];
  /** Of the lines that change records, in file order. */
  readonly changes: readonly JournalChange[];
  /** Its files, the oldest first. */
  readonly segments: ReadonlyArray<{ readonly firstSeq: number; readonly bytes: number }>;
  /** What is wrong: a bad line, a bad CRC, a gap, a repeat. */
  readonly problems: readonly string[];
  /** The event as a client must have seen it, or undefined. */
  textOf(seq: number): string | undefined;
}

export interface ReadJournalOptions {
  /** What a killed writer leaves is no problem: half a line at the very end, and no active segment yet. */
  readonly killed?: boolean;
}

/** Where the store's own members begin; before it stands what clients see, without its closing brace. */
const OWN_MEMBERS = /,"(?:put|del|crc)":/g;
const CRC_TAIL = /,"crc":"([0-9a-f]{8})"\}$/;
const FIRST_SEQ = /^\{"seq":(\d+),/;
const ACTIVE = "events.jsonl";

/** @param logsDir where `events.jsonl` and `events-<first seq>.jsonl` lie. */
export function readJournal(logsDir: string, { killed = false }: ReadJournalOptions = {}): Journal {
  const closed = readdirSync(logsDir).filter((name) => /^events-\d{16}\.jsonl$/.test(name)).sort();
  const hasActive = !killed || existsSync(path.join(logsDir, ACTIVE));
  const read: Read = { events: [], changes: [], texts: new Map() };
  const problems: string[] = [];
  const segments: Array<Journal["segments"][number]> = [];
  for (const name of hasActive ? [...closed, ACTIVE] : closed) {
    const content = readFileSync(path.join(logsDir, name));
    const lines = content.toString("utf8").split("\n");
    segments.push({ firstSeq: Number(FIRST_SEQ.exec(lines[0] ?? "")?.[1] ?? 0), bytes: content.length });
    const torn = lines.pop() !== "";
    if (torn && !(killed && name === ACTIVE)) problems.push(`${name} does not end in a newline`);
    for (const [i, line] of lines.entries()) {
      const problem = readLine(line, read);
      if (problem !== null) problems.push(`${name}:${i + 1} ${problem}`);
    }
  }
  const { events, changes, texts } = read;
  return { events, changes, segments, problems, textOf: (seq) => texts.get(seq) };
}

interface Read {
  readonly events: CodexdEvent[];
  readonly changes: JournalChange[];
  readonly texts: Map<number, string>;
}

function readLine(line: string, { events, changes, texts }: Read): string | null {
  const tail = CRC_TAIL.exec(line);
  if (tail === null) return "has no CRC";
  const sum = crc32(line.slice(0, tail.index)).toString(16).padStart(8, "0");
  if (sum !== tail[1]) return `has the CRC ${tail[1]}, but ${sum} is right`;
  const { put = {}, del = {}, crc: _crc, ...event } = JSON.parse(line) as CodexdEvent & Partial<JournalChange> &
    { readonly crc: string };
  const { seq } = event;
  const before = events.at(-1)?.seq;
  events.push(event);
  texts.set(seq, clientText(line, event));
  if (Object.keys(put).length > 0 || Object.keys(del).length > 0) changes.push({ seq, put, del });
  // Only a loss of power may leave a hole, which the event behind it tells.
  if (before === undefined || seq === before + 1 || event.type === "storage.recovered") return null;
  return `has seq ${seq} after ${before}`;
}

/** The members of an event come first; the same words can stand in its texts, so each cut is tried. */
function clientText(line: string, event: CodexdEvent): string {
  const wanted = JSON.stringify(event);
  // Nearly always one of them is it, byte for byte.
  if (line.startsWith(wanted.slice(0, -1))) return wanted;
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
