// Judges a daemon that was killed: what its clients were told against what its files hold, kill after kill.
//
// Not who kills and who asks (torture.ts, torture-load.ts). Shares no code with the store: the files are read by
// journal-reader.ts and registry-reader.ts. Invariant: what was told stays told: each event with its exact text, and
// each record with the state that an answer gave it, until its retention is due.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readJournal, type Journal } from "./journal-reader.ts";
import { KINDS, readRegistries, type Kind, type Registries, type Stored } from "./registry-reader.ts";

export interface JudgeOptions {
  readonly stateDir: string;
  readonly logsDir: string;
  readonly journalMaxBytes: number;
  readonly keepRecords: number;
}

export interface Counts {
  /** Events that clients were told, by how many ways so ever. */
  told: number;
  /** Records in answers. */
  answered: number;
  /** Events that no one has seen: they came and went with their segment between two looks. */
  blind: number;
  /** Records that were dropped as their limit says. */
  pruned: number;
  segmentsGone: number;
}

/** What is known of one record. */
interface Known {
  readonly rank: number;
  readonly status: string;
  /** Since when it has been over, as the files said after the last kill; null while they did not. */
  readonly endedAt: string | null;
}

/** How far a record has come by its status; what has ended stays as it is. */
const RANKS: Readonly<Record<Kind, Readonly<Record<string, number>>>> = {
  session: { active: 0, closed: 2 },
  turn: { queued: 0, inProgress: 1, completed: 2, failed: 2, interrupted: 2 },
  run: { queued: 0, running: 1, completed: 2, failed: 2, cancelled: 2 },
  approval: { pending: 0, resolved: 2, orphaned: 2 },
};
const ENDED = 2;
const TURN_END = "turn.finished";
const RUN_ENDS = ["run.completed", "run.failed", "run.cancelled"];

export class TortureJudge {
  readonly #options: JudgeOptions;
  /** Every text that a client or an earlier look at the files has seen, as far as the journal goes back. */
  readonly #texts = new Map<number, string>();
  readonly #records: Readonly<Record<Kind, Map<string, Known>>> =
    { session: new Map(), turn: new Map(), run: new Map(), approval: new Map() };
  /** Id of the turn or run -> the seqs and words of its ends. */
  readonly #ends = new Map<string, Array<{ readonly seq: number; readonly status: string }>>();
  readonly counts: Counts = { told: 0, answered: 0, blind: 0, pruned: 0, segmentsGone: 0 };
  #problems: string[] = [];
  #headSeq = 0;
  #oldestSeq = 1;
  #tables: Registries | undefined;
  #segments: Journal["segments"] = [];
  /** Name of a file that is written once -> what was in it. */
  readonly #once = new Map<string, string>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** The newest seq that the files held at the last look. */
  get headSeq(): number {
    return this.#headSeq;
  }

  /** As the files held them at the last look, before the daemon that came then. */
  get tables(): Registries | undefined {
    return this.#tables;
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  /** A client was told this event. */
  told(text: string): void {
    const seq = Number(/^\{"seq":(\d+),/.exec(text)?.[1]);
    if (!Number.isSafeInteger(seq)) return this.problem(`an event without a seq was told: ${text.slice(0, 80)}`);
    const before = this.#texts.get(seq);
    if (before !== undefined && before !== text) this.problem(`seq ${seq} was told twice, as different events`);
    // What has gone with its segment cannot be looked up any more.
    if (before === undefined && seq >= this.#oldestSeq) this.#texts.set(seq, text);
    this.counts.told += 1;
  }

  /** An answer of success held this record, or said that there is one: then without more than its id and status. */
  answered(kind: Kind, id: unknown, status: unknown): void {
    if (typeof id !== "string" || typeof status !== "string") return;
    const rank = RANKS[kind][status];
    if (rank === undefined) return this.problem(`${kind} ${id} has the status ${status}`);
    this.counts.answered += 1;
    const known = this.#records[kind].get(id);
    if (rank === ENDED && known?.rank === ENDED && known.status !== status) {
      this.problem(`${kind} ${id} was told to be ${known.status}, and now ${status}`);
    }
    // Answers overtake each other: an older state that comes late is no step back.
    if (known !== undefined && known.rank >= rank) return;
    this.#records[kind].set(id, { rank, status, endedAt: known?.endedAt ?? null });
  }

  /** Looks at the files of a daemon that has just been killed; gives what was found wrong since the last look. */
  examine(): string[] {
    const { logsDir, stateDir } = this.#options;
    const journal = readJournal(logsDir, { killed: true });
    const { tables, problems } = readRegistries(stateDir, journal);
    this.#problems.push(...journal.problems, ...problems);
    this.#compareOnce(stateDir);
    this.#compareEvents(journal);
    for (const kind of KINDS) this.#compareRecords(kind, tables[kind]);
    this.#compareEnds(tables);
    this.#tables = tables;
    const found = this.#problems;
    this.#problems = [];
    return found;
  }

  /** Who the daemon is, and by which token it is asked, is said once. */
  #compareOnce(stateDir: string): void {
    for (const name of ["identity.json", "token"]) {
      const file = path.join(stateDir, name);
      const text = existsSync(file) ? readFileSync(file, "utf8") : undefined;
      const before = this.#once.get(name);
      if (before !== undefined && text !== before) this.problem(`${name} was ${before}, and is ${text ?? "gone"}`);
      if (text !== undefined) this.#once.set(name, text);
    }
  }

  #compareEvents(journal: Journal): void {
    const head = journal.events.at(-1)?.seq ?? 0;
    const oldest = journal.events[0]?.seq ?? head + 1;
    if (head < this.#headSeq) this.problem(`the journal ended at ${this.#headSeq}, and now at ${head}`);
    for (const [seq, text] of this.#texts) {
      if (seq < oldest) continue;
      const kept = journal.textOf(seq);
      if (kept !== text) this.problem(`seq ${seq} was told, and is ${kept === undefined ? "gone" : "another"}`);
    }
    for (let seq = this.#headSeq + 1; seq <= head; seq++) this.#noteEnd(journal.textOf(seq) ?? this.#texts.get(seq));
    if (oldest > this.#oldestSeq) this.#compareRetention(journal, oldest);
    this.#segments = journal.segments;
    if (oldest < this.#oldestSeq) this.problem(`the journal began at ${this.#oldestSeq}, and now at ${oldest}`);
    for (const seq of this.#texts.keys()) if (seq < oldest) this.#texts.delete(seq);
    for (const { seq } of journal.events) this.#texts.set(seq, journal.textOf(seq) ?? "");
    this.#headSeq = Math.max(head, this.#headSeq);
    this.#oldestSeq = Math.max(oldest, this.#oldestSeq);
  }

  /** No more may go than what makes it fit: with the last segment that has gone it was too large. */
  #compareRetention({ segments }: Journal, oldest: number): void {
    this.counts.segmentsGone += 1;
    const last = this.#segments.findLast(({ firstSeq }) => firstSeq < oldest);
    // One that was the active one then has grown since, by nobody knows how much.
    if (last === undefined || last === this.#segments.at(-1)) return;
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    const least = this.#options.journalMaxBytes - last.bytes;
    if (bytes < least) this.problem(`${bytes} bytes of journal are left, of ${least} at least`);
  }

  #noteEnd(text: string | undefined): void {
    if (text === undefined) {
      this.counts.blind += 1;
      return;
    }
    // Most lines are deltas, which need not be parsed.
    if (!text.includes(`"type":"${TURN_END}"`) && !RUN_ENDS.some((type) => text.includes(`"type":"${type}"`))) return;
    const { seq, type, detail } = JSON.parse(text) as { seq: number; type: string; detail: Stored };
    const isTurn = type === TURN_END;
    if (!isTurn && !RUN_ENDS.includes(type)) return;
    const id = String(isTurn ? (detail["submissionId"] ?? detail["turnId"]) : detail["runId"]);
    const ends = this.#ends.get(id) ?? [];
    ends.push({ seq, status: String(isTurn ? detail["status"] : type.slice("run.".length)) });
    this.#ends.set(id, ends);
    if (ends.length > 1) this.problem(`${id} has ended ${ends.length} times`);
  }

  /** Every record that was told of is there and no step behind, unless its retention was due. */
  #compareRecords(kind: Kind, table: ReadonlyMap<string, Stored>): void {
    const known = this.#records[kind];
    for (const [id, { rank, status, endedAt }] of known) {
      const record = table.get(id);
      if (record === undefined) {
        if (this.#mayBePruned(kind, table, endedAt)) this.counts.pruned += 1;
        else this.problem(`${kind} ${id} was told to be ${status}, and is gone`);
        known.delete(id);
        continue;
      }
      const now = rankOf(kind, record);
      if (now < rank || (rank === ENDED && statusOf(record) !== status)) {
        this.problem(`${kind} ${id} was told to be ${status}, and is ${statusOf(record)}`);
      }
    }
    for (const [id, record] of table) {
      const rank = rankOf(kind, record);
      known.set(id, { rank, status: statusOf(record), endedAt: rank === ENDED ? endOf(kind, record) : null });
    }
  }

  /** Those that ended last stay, as many as are to be kept. */
  #mayBePruned(kind: Kind, table: ReadonlyMap<string, Stored>, endedAt: string | null): boolean {
    if (endedAt === null) return false;
    const ended = [...table.values()].filter((record) => rankOf(kind, record) === ENDED);
    const later = ended.filter((record) => endOf(kind, record) >= endedAt);
    return later.length >= this.#options.keepRecords;
  }

  /** Each turn and each run that has ended was told to have ended just once, as what it is. */
  #compareEnds({ turn, run }: Registries): void {
    for (const [kind, table] of [["turn", turn], ["run", run]] as const) {
      for (const [id, record] of table) {
        const ends = this.#ends.get(id) ?? [];
        const hasEnded = rankOf(kind, record) === ENDED;
        if (!hasEnded && ends.length > 0) this.problem(`${id} is ${statusOf(record)}, and was told to have ended`);
        if (!hasEnded) continue;
        if (ends.length === 0 && this.counts.blind === 0) this.problem(`nobody was told that ${id} has ended`);
        const told = ends[0]?.status ?? statusOf(record);
        if (told !== statusOf(record)) this.problem(`${id} is ${statusOf(record)}, and was told to be ${told}`);
      }
    }
    for (const id of this.#ends.keys()) if (!turn.has(id) && !run.has(id)) this.#ends.delete(id);
  }
}

export function statusOf(record: Stored): string {
  return String(record["status"]);
}

/** 2 where it has ended. */
export function rankOf(kind: Kind, record: Stored): number {
  return RANKS[kind][statusOf(record)] ?? -1;
}

function endOf(kind: Kind, record: Stored): string {
  const fields = {
    session: ["updatedAt"], turn: ["completedAt", "startedAt"], run: ["finishedAt"],
    approval: ["decidedAt", "createdAt"],
  } as const satisfies Record<Kind, readonly string[]>;
  return String(fields[kind].map((name) => record[name]).find((at) => typeof at === "string") ?? "");
}
