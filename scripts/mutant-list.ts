// The protections of the store that `npm run mutants` takes away, one at a time: the simulation must miss each.
//
// A text is what stands in the source, once: test/scripts/mutants.test.ts fails when it no longer does. Whoever writes
// a protection adds it here.

export interface Mutant {
  readonly name: string;
  /** From the root. */
  readonly file: string;
  /** Found in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const CLOSED_PATH = "    const closedPath = path.join(directory, closedName(segment.firstSeq));\n";
const AFTER_RENAME = "    segment.path = closedPath;\n";
const FOLDER_SYNC = "    await finalSync(() => disk.syncDirectory(directory));\n";
const AFTER_REPLACE = "  await disk.syncDirectory(path.dirname(file));\n";
const BEHIND_CHECKPOINTS = "next === undefined || next.firstSeq - 1 > safeSeq()";
const NEEDED_LOST = "hole.toSeq > this.#options.safeSeq && hole.toSeq >= hole.fromSeq";

export const MUTANTS: readonly Mutant[] = [
  cut("the sync before a change is acknowledged", "journal", `    if (durability === "power") await writer.sync();\n`),
  {
    name: "the write before a change is acknowledged", file: "src/store/live-store.ts",
    find: "this.#add(draft, changes, { resolve, reject });", replace: "resolve(this.#add(draft, changes, null));",
  },
  cut("the end that a failed sync makes", "journal", "      this.fail(error);\n    }\n  }\n\n  /** The disk is full", {
    keep: "    }\n  }\n\n  /** The disk is full",
  }),
  cut(
    "the undoing of what a full disk refuses", "pending",
    "      for (const change of claim.changes.toReversed()) change.undo();\n",
  ),
  cut("the sync of a segment that is closed", "segment-writer", `${CLOSED_PATH}    await this.#syncFile();\n`, {
    keep: CLOSED_PATH,
  }),
  cut("the folder's sync between a rename and the next segment", "segment-writer", AFTER_RENAME + FOLDER_SYNC, {
    keep: AFTER_RENAME,
  }),
  cut(
    "the folder's sync when a segment is made", "segment-writer",
    "      await finalSync(() => disk.syncDirectory(directory));\n      place", { keep: "      place" },
  ),
  cut("the cut of what found no room", "segment-writer", "      await file.truncate(this.#active().bytes);\n"),
  cut("the sync of that cut", "segment-writer", "      await this.sync();\n"),
  cut("the folder's sync when a segment is removed", "segment-writer", `${FOLDER_SYNC}  }\n`, { keep: "  }\n" }),
  {
    name: "the wait of a removal for the checkpoints", file: "src/store/retention.ts",
    find: BEHIND_CHECKPOINTS, replace: "next === undefined",
  },
  cut("the sync of a file before its rename", "replace-file", "    await handle.datasync();\n"),
  cut("the folder's sync after a rename", "replace-file", `${AFTER_REPLACE}}\n\n/** Makes`, { keep: "}\n\n/** Makes" }),
  cut("the journal's sync before a checkpoint's rename", "checkpoints", "      await journal.syncTo(seq);\n"),
  cut(
    "the look for what was undone under a checkpoint", "checkpoints",
    "      if (table.undone !== undone) throw storageFull(`changes of ${path.basename(file)} were undone`);\n",
  ),
  cut("the CRC of a line", "line", "  if (crc !== readHex(bytes, tail + CRC_AT)) return -1;\n"),
  cut("the wait for the ceiling of seqs", "journal", "    if (reserved !== null) await reserved;\n"),
  {
    name: "the jump above the ceiling after a loss of power", file: "src/store/next-seq.ts",
    find: "(powerLost && !synced)", replace: "false",
  },
  {
    name: "the seqs that a start has been told are gone", file: "src/store/store.ts",
    find: "Math.max(lastSeq, journal.headSeq)", replace: "journal.headSeq",
  },
  cut(
    "the sync of what a killed process has left", "store",
    "  if (!previous.clean) await syncJournal(disk, logsDir, segments);\n",
  ),
  cut("the cut of a torn tail", "journal-recovery", "    await file.truncate(offset);\n"),
  cut("the copy of a torn tail", "journal-recovery", "      await copy.writeAll(bytes, position - offset);\n"),
  {
    name: "the leave to cut what a loss of power has torn", file: "src/store/journal-recovery.ts",
    find: "scan.end.toSeq === undefined || options.powerLost", replace: "scan.end.toSeq === undefined",
  },
  {
    name: "the end of the journal where a needed line is bad", file: "src/store/journal-scan.ts",
    find: NEEDED_LOST, replace: "false",
  },
  {
    name: "the order of seqs", file: "src/store/journal-scan.ts",
    find: "if (this.#hole === undefined && !this.#follows(", replace: "if (false && !this.#follows(",
  },
  {
    name: "the look for a loss of power", file: "src/store/next-seq.ts",
    find: "return !previous.clean && (", replace: "return false && (",
  },
];

/** A mutant in `src/store/<module>.ts` that lacks `find`, but for `keep` in it. */
function cut(name: string, module: string, find: string, { keep = "" } = {}): Mutant {
  return { name, file: `src/store/${module}.ts`, find, replace: keep };
}
