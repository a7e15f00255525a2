// State directories as daemons leave them, made once and copied for each test that spoils one.
//
// Through the store itself, in this process: `killed` is a picture taken while it was open. Invariant: a copy is taken
// for the directory itself, not for a copy of it.

import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

import { LIMITS } from "../../src/core/limits.ts";
import { CodexdStateStore } from "../../src/state-store.ts";
import { configure } from "./daemon-dir.ts";
import { makeSession, makeTurn } from "./state-files.ts";

/** In each of them. */
export const SESSIONS = 4;
const SEGMENTS = 3;

export interface Template {
  /** Holds `state`. */
  readonly dir: string;
}

/** @param end `retained` ended in order, and its oldest segment has gone as retention lets it go. */
export async function makeTemplate(dir: string, end: "clean" | "killed" | "retained"): Promise<Template> {
  const config = configure(path.join(dir, "made"), { journalMaxBytes: 8 * LIMITS.journalSegmentBytesMin });
  const store = new CodexdStateStore(config);
  await store.open();
  await fill(store, 0);
  if (end === "killed") {
    await store.close();
    await store.open();
    await fill(store, 1);
    await stateIsWritten(config.paths.stateDir);
    cpSync(config.paths.stateDir, path.join(dir, "state"), { recursive: true, filter: isNoSocket });
    await store.close();
  } else {
    await fill(store, 1);
    await store.close();
    cpSync(config.paths.stateDir, path.join(dir, "state"), { recursive: true, filter: isNoSocket });
  }
  if (end === "retained") rmSync(path.join(dir, "state", "logs", segmentsIn(path.join(dir, "state"))[0] ?? ""));
  return { dir };
}

/** A copy in `dir`, and the names of its files: `logs/old` and `logs/middle` are closed segments. */
export function copyTemplate(
  { dir: from }: Template, dir: string,
): { readonly dir: string; nameOf(file: string): string } {
  const stateDir = path.join(dir, "state");
  cpSync(path.join(from, "state"), stateDir, { recursive: true });
  const { dev: device, ino: inode } = statSync(stateDir);
  const stateFile = path.join(stateDir, "daemon-state.json");
  const state = JSON.parse(readFileSync(stateFile, "utf8")) as Record<string, unknown>;
  writeFileSync(stateFile, JSON.stringify({ ...state, place: { device, inode } }, null, 2), { mode: 0o600 });
  const [old = "", middle = ""] = segmentsIn(stateDir);
  const names = new Map([["logs/old", `logs/${old}`], ["logs/middle", `logs/${middle}`]]);
  return { dir, nameOf: (file) => names.get(file) ?? file };
}

/** Some segments' worth of events; the sessions stand in the first of them. */
async function fill(store: CodexdStateStore, part: number): Promise<void> {
  const event = { level: "info", type: "session.registered", message: "m", detail: {} } as const;
  for (const n of [1, 2]) {
    const sessionId = `ses_${part}${n}`;
    await store.appendEvent(event, { session: makeSession(sessionId), turn: makeTurn(`sub_${part}${n}`, []) });
  }
  const lines = (SEGMENTS * LIMITS.journalSegmentBytesMin) / LINE_BYTES;
  for (let n = 0; n < lines; n += 1) await store.appendEvent({ ...event, detail: { text: "x".repeat(LINE_BYTES) } });
}

const LINE_BYTES = 4096;

/** Oldest first. */
function segmentsIn(stateDir: string): string[] {
  return readdirSync(path.join(stateDir, "logs")).filter((name) => /^events-\d+\.jsonl$/.test(name)).sort();
}

function isNoSocket(file: string): boolean {
  return !statSync(file).isSocket();
}

/** Resolves when daemon-state.json is that of a daemon which runs, and knows of an event in the active segment. */
async function stateIsWritten(stateDir: string): Promise<void> {
  for (;;) {
    const state = JSON.parse(readFileSync(path.join(stateDir, "daemon-state.json"), "utf8")) as Record<string, unknown>;
    const head = readFileSync(path.join(stateDir, "logs", "events.jsonl"), "utf8").slice(0, 40);
    const first = Number(/^\{"seq":(\d+),/.exec(head)?.[1]);
    if (state["clean"] === false && Number(state["seq"]) >= first) return;
    await new Promise(setImmediate);
  }
}
