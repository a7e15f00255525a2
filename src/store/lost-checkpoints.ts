// Checkpoints that are gone or cannot be read: which must have been there, and whether the journal makes up for them.
//
// Deliberately not the rebuilding, which is what replay does for any table that is behind. Invariant: a start goes on
// without a record that only a checkpoint had when somebody has accepted that, and never without an event.

import path from "node:path";

import { EXIT, ExitError } from "../core/errors.ts";
import type { EventDraft } from "../core/event.ts";
import type { PreviousState } from "./daemon-state.ts";
import type { Disk } from "./disk.ts";
import type { LoadedTable } from "./load-tables.ts";
import { setAside } from "./replace-file.ts";

export interface LostCheckpoint {
  readonly table: LoadedTable;
  /** All that it can have held stands in the journal. */
  readonly rebuilt: boolean;
  /** An earlier codexd has not said whether there was one: a table that is new to this one has none. */
  readonly perhaps: boolean;
}

/** @param journalStart the seq with which the journal begins; undefined for an empty one. */
export function lostCheckpoints(
  tables: readonly LoadedTable[], { document, checkpoints }: PreviousState, journalStart: number | undefined,
): LostCheckpoint[] {
  const rebuilt = journalStart === 1;
  // Retention lets the journal's begin go only behind every checkpoint; without a state that alone tells of them.
  const isUsed = !rebuilt && (journalStart !== undefined || tables.some(({ outcome }) => outcome === "loaded"));
  return tables.flatMap((table) => {
    if (table.outcome === "loaded") return [];
    if (table.outcome === "damaged") return [{ table, rebuilt, perhaps: false }];
    const perhaps = document !== undefined && checkpoints === null;
    const wasThere = document === undefined || perhaps ? isUsed : checkpoints?.includes(table.kind) === true;
    return wasThere ? [{ table, rebuilt, perhaps }] : [];
  });
}

/** The seq that the journal must reach back to: a table without a checkpoint may be new, and had no records before. */
export function reachOf(tables: readonly LoadedTable[]): number {
  const loaded = tables.filter(({ outcome }) => outcome === "loaded");
  return loaded.length === 0 ? 0 : Math.min(...loaded.map(({ seq }) => seq));
}

/** The tables of which there is a checkpoint now. */
export function writtenKinds(tables: readonly LoadedTable[]): string[] {
  return tables.filter(({ outcome, seq }) => outcome === "loaded" || seq > 0).map(({ kind }) => kind);
}

/** @throws {ExitError} `damagedState` when there is one that the journal does not make up for. */
export function refuseUnrebuildable(lost: readonly LostCheckpoint[]): void {
  const first = lost.find(({ rebuilt, perhaps }) => !rebuilt && !perhaps);
  if (first === undefined) return;
  throw unrebuildable(first.table, "does not reach back far enough to rebuild it");
}

/**
 * Events are gone from the middle of the journal, and only the checkpoints had what they put.
 *
 * @throws {ExitError} `damagedState` when one of those is lost.
 */
export function refuseBehindHole(lost: readonly LostCheckpoint[], fromSeq: number, toSeq: number): void {
  const first = lost[0];
  if (first !== undefined) throw unrebuildable(first.table, `lacks events ${fromSeq} to ${toSeq} to rebuild it`);
}

function unrebuildable({ file, outcome }: LoadedTable, why: string): ExitError {
  const what = outcome === "missing" ? "is not there any more" : "is damaged";
  return new ExitError(
    EXIT.damagedState,
    `${file} ${what}, and the journal ${why}: restore the file, or ` +
      "`codexd start --accept-loss` to go on with the records that the journal still has",
  );
}

/** Sets damaged ones aside, now that their tables are rebuilt as far as they can be; gives an event for each. */
export async function setLostAside(disk: Disk, lost: readonly LostCheckpoint[]): Promise<EventDraft[]> {
  const notices: EventDraft[] = [];
  for (const { table, rebuilt, perhaps } of lost) {
    const { file, outcome } = table;
    if (outcome === "damaged") notices.push(setAsideNotice(file, await setAside(disk, file), rebuilt));
    else notices.push(missingNotice(path.basename(file), rebuilt, perhaps));
  }
  return notices;
}

/** @param rebuilt nothing is lost with it. */
export function setAsideNotice(file: string, aside: string, rebuilt = true): EventDraft {
  const name = path.basename(file);
  return notice(
    `${name} could not be read; it is kept aside, and ${rebuilt ? "rebuilt from the journal" : LOST}`,
    { file: name, setAside: [path.basename(aside)] },
  );
}

const LOST = "the records that the journal does not have any more are lost";

function missingNotice(name: string, rebuilt: boolean, perhaps: boolean): EventDraft {
  const message = rebuilt ? `${name} was not there; it is rebuilt from the journal`
    : perhaps ? `${name} was not there; if there was one, ${LOST}`
    : `${name} was not there; ${LOST}`;
  return notice(message, { file: name, missing: true });
}

function notice(message: string, detail: EventDraft["detail"]): EventDraft {
  return { level: "warn", type: "storage.recovered", message, detail };
}
