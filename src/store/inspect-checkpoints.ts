// Looks at the checkpoints, and at whether their records are those that the journal has put.
//
// A checkpoint stands for every line up to its seq, so the last put or delete of an id at or before that seq must be
// what it holds; older lines may be gone, and what only they have put cannot be told.
//
// Invariant: what is kept of a record is a digest, so memory grows with records and never with events.

import { crc32 } from "node:zlib";

import { loadCheckpoint } from "./checkpoint.ts";
import type { Disk } from "./disk.ts";
import type { LineVisitor } from "./inspect-journal.ts";
import { refusalOf } from "./read-state.ts";
import type { TableSpec, Tables } from "./types.ts";

export interface CheckpointReport {
  readonly kind: string;
  readonly path: string;
  /** `refused` is one of a newer layout, or one that cannot be opened. */
  readonly outcome: "loaded" | "missing" | "damaged" | "refused";
  /** Why it is refused. */
  readonly reason: string | null;
  /** Of its layout; null where it does not say. */
  readonly version: number | null;
  readonly seq: number;
  readonly records: number;
  readonly bytes: number;
  /** Ids of records that are not what the journal has put last; known once the journal has been looked through. */
  readonly differing: string[];
  /** Of how many records the journal tells. */
  compared: number;
}

export interface CheckpointCheck {
  readonly reports: readonly CheckpointReport[];
  readonly visitor: LineVisitor;
  /** To be called when every line has been visited. */
  compare(): void;
}

interface Checked {
  readonly report: CheckpointReport;
  readonly spec: TableSpec<object>;
  readonly digests: Map<string, string>;
  /** What the journal says of each id at the checkpoint's seq. */
  readonly expected: Map<string, string>;
}

/** No digest of a record. */
const DELETED = "";

export async function checkCheckpoints<T extends Tables>(
  disk: Disk, specs: { readonly [K in keyof T]: TableSpec<T[K]> },
): Promise<CheckpointCheck> {
  const checked: Checked[] = [];
  for (const [kind, spec] of Object.entries(specs as unknown as Record<string, TableSpec<object>>)) {
    checked.push(await look(disk, kind, spec));
  }
  return {
    reports: checked.map(({ report }) => report),
    visitor: {
      changes(seq, { put, del }) {
        for (const { report, spec, expected } of checked) {
          if (seq > report.seq) continue;
          const record = put[report.kind];
          if (record !== undefined) expected.set(spec.idOf(record), digestOf(record, spec));
          for (const id of del[report.kind] ?? []) expected.set(id, DELETED);
        }
      },
      broken() {
        for (const { expected } of checked) expected.clear();
      },
    },
    compare() {
      for (const { report, digests, expected } of checked) {
        report.compared = expected.size;
        for (const [id, digest] of expected) {
          if ((digests.get(id) ?? DELETED) !== digest) report.differing.push(id);
        }
      }
    },
  };
}

async function look(disk: Disk, kind: string, spec: TableSpec<object>): Promise<Checked> {
  const { path, field } = spec;
  const digests = new Map<string, string>();
  const bytes = (await disk.stat(path))?.bytes ?? 0;
  const version = await versionOf(disk, path, bytes);
  const base = { kind, path, version, bytes, differing: [], compared: 0 };
  try {
    const { outcome, seq, records } = await loadCheckpoint(disk, path, field, (record) => isId(spec.idOf(record)));
    for (const { record } of records) digests.set(spec.idOf(record), digestOf(record, spec));
    const report = { ...base, outcome, reason: null, seq, records: records.length };
    return { report, spec, digests, expected: new Map() };
  } catch (error) {
    const reason = refusalOf(error).message;
    const report = { ...base, outcome: "refused" as const, reason, seq: 0, records: 0 };
    return { report, spec, digests, expected: new Map() };
  }
}

/** The same for a record of an older layout and for what a start makes of it. */
function digestOf(record: object, spec: TableSpec<object>): string {
  const json = JSON.stringify(spec.complete?.(record) ?? record);
  return `${json.length}:${crc32(json)}`;
}

/** Enough of the file to hold `{"version":1`, however it has been laid out. */
const HEAD_BYTES = 256;

async function versionOf(disk: Disk, path: string, bytes: number): Promise<number | null> {
  if (bytes === 0) return null;
  try {
    const file = await disk.open(path, "read");
    try {
      const head = Buffer.alloc(Math.min(bytes, HEAD_BYTES));
      const text = head.toString("utf8", 0, await file.read(head, 0));
      const version = /"version"\s*:\s*(\d+)/.exec(text)?.[1];
      return version === undefined ? null : Number(version);
    } finally {
      await file.close();
    }
  } catch (error) {
    // What cannot be opened is told by whoever wants the records.
    refusalOf(error);
    return null;
  }
}

function isId(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
