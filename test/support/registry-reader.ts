// Reads the registries as a killed daemon has left them: each checkpoint with the journal's lines behind it.
//
// As journal-reader.ts without a line of src/store, so that this is a model of recovery and no second run of it.
// Nothing is written. Invariant: what the files do not hold whole is a problem and never a guess.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Journal } from "./journal-reader.ts";

export type Stored = Readonly<Record<string, unknown>>;

/** Kind -> id -> record, as the journal names the kinds. */
export type Registries = Readonly<Record<Kind | "answer" | "mark", ReadonlyMap<string, Stored>>>;

export interface ReadRegistries {
  readonly tables: Registries;
  readonly problems: readonly string[];
}

interface Form {
  readonly file: string;
  readonly field: string;
  readonly idOf: (record: Stored) => unknown;
}

const FORMS = {
  session: { file: "session-registry.json", field: "sessions", idOf: ({ sessionId }) => sessionId },
  turn: { file: "turn-registry.json", field: "turns", idOf: ({ submissionId, turnId }) => submissionId ?? turnId },
  run: { file: "run-registry.json", field: "runs", idOf: ({ runId }) => runId },
  approval: { file: "approval-registry.json", field: "approvals", idOf: ({ approvalId }) => approvalId },
  answer: { file: "answer-registry.json", field: "answers", idOf: ({ createdAt, key }) => `${createdAt} ${key}` },
  mark: { file: "mark-registry.json", field: "marks", idOf: ({ markId }) => markId },
} as const satisfies Record<string, Form>;

/**
 * What has a life of its own; `answer` are the first answers to requests with an Idempotency-Key, `mark` how far the
 * receipts of what is under way have come.
 */
export const KINDS = ["session", "turn", "run", "approval"] as const;
export type Kind = (typeof KINDS)[number];

/** @param journal what lies there now. */
export function readRegistries(stateDir: string, journal: Journal): ReadRegistries {
  const problems: string[] = [];
  const tables = {} as Record<keyof typeof FORMS, Map<string, Stored>>;
  const oldest = journal.events[0]?.seq ?? 1;
  const head = journal.events.at(-1)?.seq ?? 0;
  for (const kind of Object.keys(FORMS) as Array<keyof typeof FORMS>) {
    const { seq, table, problem } = readCheckpoint(stateDir, FORMS[kind]);
    tables[kind] = table;
    const { file } = FORMS[kind];
    if (problem !== null) problems.push(`${file} ${problem}`);
    if (seq > head) problems.push(`${file} stands for seq ${seq}, and the journal ends at ${head}`);
    if (seq < oldest - 1) problems.push(`${file} stands for seq ${seq}, and the journal begins at ${oldest}`);
    for (const change of journal.changes) {
      if (change.seq <= seq) continue;
      const record = change.put[kind];
      if (record !== undefined) table.set(String(FORMS[kind].idOf(record)), record);
      for (const id of change.del[kind] ?? []) table.delete(id);
    }
  }
  return { tables, problems };
}

interface Checkpoint {
  readonly seq: number;
  readonly table: Map<string, Stored>;
  readonly problem: string | null;
}

function readCheckpoint(stateDir: string, { file, field, idOf }: Form): Checkpoint {
  const none = { seq: 0, table: new Map<string, Stored>() };
  const full = path.join(stateDir, file);
  if (!existsSync(full)) return { ...none, problem: null };
  let document: Stored;
  try {
    document = JSON.parse(readFileSync(full, "utf8")) as Stored;
  } catch (error) {
    return { ...none, problem: `is no JSON: ${String(error)}` };
  }
  const { seq, version } = document;
  const records = document[field];
  // Which versions there are is the matter of the layouts' fixtures: what is read here is the same in all.
  if (!Number.isSafeInteger(version) || !Number.isSafeInteger(seq) || !Array.isArray(records)) {
    return { ...none, problem: "has no version, seq and list" };
  }
  const table = new Map((records as Stored[]).map((record) => [String(idOf(record)), record]));
  const problem = table.size === records.length ? null : "holds a record twice";
  return { seq: seq as number, table, problem };
}
