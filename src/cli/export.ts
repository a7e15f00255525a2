// export: sessions, turns, runs, approvals and events as NDJSON, from the files, whether a daemon runs or not.
//
// Each line is `{"kind": …, "record": {…}}`, the record as the API gives it. Records are those of the newest event that
// is exported. Invariants: what is not yet taken by the reader is not made, and no file is changed.

import { EXIT, ExitError } from "../core/errors.ts";
import type { EventBatch } from "../core/event.ts";
import { EXPORT_KINDS, type ExportKind } from "../core/inspection.ts";
import { LIMITS } from "../core/limits.ts";
import {
  flagValue, hasFlag, type CliContext, type CodexdCliRequest, type CommandSpec, type ReadableState,
} from "./command.ts";
import { afterFlag } from "./events.ts";

const FLAG_OF: Readonly<Record<ExportKind, string>> = {
  session: "sessions", turn: "turns", run: "runs", approval: "approvals", event: "events",
};

export const exportCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "print sessions, turns, runs, approvals and events as NDJSON, from the files",
  notes: 'Each line is {"kind": "session", "record": {…}}; events come last, the oldest of each kind first.\n' +
    "Without a kind all are printed. Changes nothing, and needs no daemon; one may run.\n",
  flags: [
    ...EXPORT_KINDS.map((kind) => ({ name: FLAG_OF[kind], takes: null, summary: `print ${FLAG_OF[kind]}` })),
    { name: "since", takes: "TIME", summary: "only what has changed then or later, such as 2026-01-31 (UTC)" },
    { name: "after", takes: "SEQ", summary: "only events behind this one" },
    { name: "accept-loss", takes: null, summary: "of a damaged journal print what stands before the damage" },
  ],
  config: "all",
  run: runExport,
};

async function runExport(context: CliContext): Promise<number> {
  const { request, io, parts, signal } = context;
  const named = EXPORT_KINDS.filter((kind) => hasFlag(request, FLAG_OF[kind]));
  const options: ExportOptions = { since: sinceOf(request), after: afterFlag(request) };
  const kinds = named.length === 0 ? EXPORT_KINDS : named;
  const state = await parts.readFiles(context.resolveConfig().config, hasFlag(request, "accept-loss"));
  try {
    const { after } = options;
    if (kinds.includes("event") && after !== null && after + 1 < state.oldestSeq) {
      io.stderr(`codexd: events ${after + 1} to ${state.oldestSeq - 1} are not kept any more\n`);
    }
    const tellGap = (fromSeq: number, toSeq: number): void => {
      io.stderr(`codexd: events ${fromSeq} to ${toSeq} are missing in the journal; codexd doctor says why\n`);
    };
    for await (const text of exportTexts(state, kinds, options, tellGap)) {
      if (signal.aborted) return EXIT.interrupted;
      io.stdout(text);
      await io.stdoutReady();
    }
    return EXIT.ok;
  } finally {
    await state.close();
  }
}

interface ExportOptions {
  /** Milliseconds since 1970. */
  readonly since: number | null;
  readonly after: number | null;
}

/** Whole lines, many at a time. */
async function* exportTexts(
  state: ReadableState,
  kinds: readonly ExportKind[],
  { since, after }: ExportOptions,
  onGap: (fromSeq: number, toSeq: number) => void,
): AsyncGenerator<string, void, undefined> {
  for (const kind of kinds) {
    if (kind === "event") {
      let nextSeq = Math.max((after ?? 0) + 1, state.oldestSeq);
      for await (const batch of state.replay(after ?? 0)) {
        if (batch.firstSeq > nextSeq) onGap(nextSeq, batch.firstSeq - 1);
        nextSeq = batch.lastSeq + 1;
        yield eventLines(batch, state, since);
      }
      if (nextSeq <= state.headSeq) onGap(nextSeq, state.headSeq);
    } else {
      yield* recordLines(state, kind, since);
    }
  }
}

async function* recordLines(
  state: ReadableState, kind: Exclude<ExportKind, "event">, since: number | null,
): AsyncGenerator<string, void, undefined> {
  let lines = "";
  for (const record of [...state.tables[kind].newestFirst()].reverse()) {
    if (!isSince(timeOf(kind, record), since)) continue;
    lines += `{"kind":"${kind}","record":${JSON.stringify(await state.readWhole(kind, record))}}\n`;
    if (lines.length < LIMITS.replayChunkBytes) continue;
    yield lines;
    lines = "";
  }
  yield lines;
}

/** The events as they stand in the journal; few of them are parsed for it. */
async function eventLines({ bytes, entries }: EventBatch, state: ReadableState, since: number | null): Promise<string> {
  let lines = "";
  for (const { start, end } of entries) {
    const json = `${bytes.toString("utf8", start, end)}}`;
    if (since !== null && !isSince(createdAtOf(json), since)) continue;
    const whole = json.includes(CUT) ? await state.wholeEvent(json) : json;
    lines += `{"kind":"event","record":${whole}}\n`;
  }
  return lines;
}

/** No promise for each of the others. */
const CUT = `"truncated":true`;

/** It stands behind the seq on each line. */
function createdAtOf(eventText: string): string | null {
  return /^\{"seq":\d+,"createdAt":"([^"]*)"/.exec(eventText)?.[1] ?? null;
}

/** Members that say when a record has changed last, the first that is there. */
const TIMES: Readonly<Record<Exclude<ExportKind, "event">, readonly string[]>> = {
  session: ["updatedAt"],
  turn: ["completedAt", "startedAt"],
  run: ["updatedAt"],
  approval: ["decidedAt", "createdAt"],
};

function timeOf(kind: Exclude<ExportKind, "event">, record: object): string | null {
  const members = new Map<string, unknown>(Object.entries(record));
  const times = TIMES[kind].map((name) => members.get(name));
  return times.find((time) => typeof time === "string") ?? null;
}

/** What has no time yet, such as a turn that waits, is of now. */
function isSince(time: string | null, since: number | null): boolean {
  return since === null || time === null || Date.parse(time) >= since;
}

const ISO_TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** @throws {ExitError} 64 for what is no time. */
function sinceOf(request: CodexdCliRequest): number | null {
  const text = flagValue(request, "since");
  if (text === undefined) return null;
  const time = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new ExitError(EXIT.usage,
    `--since takes a date or a time with its zone, such as 2026-01-31T12:00:00Z, got ${JSON.stringify(text)}`);
}
