// The tables as their checkpoints have them, ready for the journal to bring them up to date.
//
// What to do about a damaged checkpoint is decided later, when it is known whether the journal can rebuild it.
//
// Invariants: a line changes a table only when it is newer than the table's checkpoint; whatever an older codexd has
// written, a record in a table has every member that this one knows.

import type { Logger } from "../base/log.ts";
import { loadCheckpoint, type LoadedCheckpoint } from "./checkpoint.ts";
import type { CheckpointTarget } from "./checkpoints.ts";
import type { Disk } from "./disk.ts";
import type { LineChanges } from "./line.ts";
import { Sharing } from "./sharing.ts";
import { Table } from "./table.ts";
import type { TableSpec } from "./types.ts";

export interface LoadedTable extends CheckpointTarget {
  readonly kind: string;
  readonly outcome: LoadedCheckpoint["outcome"];
  /** @see TableSpec.complete */
  complete(record: object): object;
  /** Of the records that the journal puts. */
  readonly sharing: Sharing;
}

/** @throws {ExitError} `damagedState` when a newer codexd has written one of them. */
export async function loadTables(
  disk: Disk,
  specs: Readonly<Record<string, TableSpec<object>>>,
): Promise<LoadedTable[]> {
  const tables: LoadedTable[] = [];
  for (const [kind, spec] of Object.entries(specs)) {
    const hasId = (record: object): boolean => isId(spec.idOf(record));
    const { outcome, seq, isOld, records } = await loadCheckpoint(disk, spec.path, spec.field, hasId);
    const table = new Table<object>((record) => spec.idOf(record), (record) => spec.otherIdOf?.(record) ?? null);
    const complete = (record: object): object => spec.complete?.(record) ?? record;
    let lacking = isOld ? 1 : 0;
    for (const { record, chars } of records) {
      const whole = complete(record);
      if (whole !== record) lacking += 1;
      table.load(whole, whole === record ? chars : JSON.stringify(whole).length);
    }
    const { path: file, field } = spec;
    // A file of an older layout is written anew at the next checkpoint.
    const revision = table.revision - lacking;
    const sharing = new Sharing();
    tables.push({ kind, outcome, complete, sharing, file, field, table, seq, revision, dirtySince: undefined });
  }
  return tables;
}

/** Applies what the line with `seq` changes to the tables whose checkpoints do not have it yet. */
export function applyLine(tables: readonly LoadedTable[], seq: number, { put, del }: LineChanges, log: Logger): void {
  for (const kind of new Set([...Object.keys(put), ...Object.keys(del)])) {
    const target = tables.find((table) => table.kind === kind);
    if (target === undefined) {
      log.warn("the journal changes a table that this codexd does not have", { kind, seq });
      continue;
    }
    if (seq <= target.seq) continue;
    const record = put[kind];
    if (record !== undefined) {
      const whole = target.complete(target.sharing.share(record));
      target.table.load(whole, JSON.stringify(whole).length);
    }
    for (const id of del[kind] ?? []) target.table.prepareDelete(id).apply();
  }
}

function isId(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
