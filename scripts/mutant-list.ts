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
const AFTER_CLOSING = "    segment.path = closedPath;\n    await this.#letGo();\n";
const FOLDER_SYNC = "    await this.#syncFolder();\n";
const AFTER_REPLACE = "  await disk.syncDirectory(path.dirname(file));\n";
const BEHIND_CHECKPOINTS = "next === undefined || next.firstSeq - 1 > safe)";
const NEEDED_LOST = "hole.toSeq > this.#options.safeSeq && hole.toSeq >= hole.fromSeq";
const FILES_FIRST =
  "    for (const { claims, fileBytes } of chunks) if (fileBytes > 0) await files.write(claims);\n";
const THEN_LINES = "    await writer.write(chunks);\n";
const PUT_BESIDE = "await replaceFile(disk, file, [bytes]);";
const THEIR_DETAILS = (oldest: string): string => `  if (!hasDetails) return;
  const oldestSeq = writer.segments[${oldest}]?.firstSeq ?? 0;
  for (const { name } of await files.list(DETAILS_FOLDER)) {
    const seq = seqOfDetailFile(name);
    if (seq !== undefined && seq < oldestSeq) await files.remove(\`\${DETAILS_FOLDER}/\${name}\`);
  }
`;
const WITHOUT_SYNC =
  "{ ...disk, open: async (...of) => ({ ...(await disk.open(...of)), datasync: () => Promise.resolve() }) }";

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
  cut("the folder's sync between a rename and the next segment", "segment-writer", AFTER_CLOSING + FOLDER_SYNC, {
    keep: AFTER_CLOSING,
  }),
  cut(
    "the folder's sync when a segment is made", "segment-writer",
    "      await this.#syncFolder();\n      place", { keep: "      place" },
  ),
  cut("the cut of what found no room", "segment-writer", "      await file.truncate(this.#active().bytes);\n"),
  cut("the sync of that cut", "segment-writer", "      await this.sync();\n"),
  cut("the folder's sync when a segment is removed", "segment-writer", `${FOLDER_SYNC}  }\n`, { keep: "  }\n" }),
  {
    name: "the wait of a removal for the checkpoints", file: "src/store/retention.ts",
    find: BEHIND_CHECKPOINTS, replace: "next === undefined)",
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
    name: "the writing of files before the lines that name them", file: "src/store/journal.ts",
    find: FILES_FIRST + THEN_LINES, replace: THEN_LINES + FILES_FIRST,
  },
  {
    name: "the sync of a file beside the line", file: "src/store/beside-files.ts",
    find: `await openFolder(folder);\n    try {\n      ${PUT_BESIDE}`,
    replace: `await openFolder(folder);\n    try {\n      ${PUT_BESIDE.replace("disk", WITHOUT_SYNC)}`,
  },
  {
    name: "the folder's sync of a file beside the line", file: "src/store/beside-files.ts",
    find: `await openFolder(folder);\n    try {\n      ${PUT_BESIDE}`,
    replace: `await openFolder(folder);\n    try {\n      ${
      PUT_BESIDE.replace("disk", "{ ...disk, syncDirectory: () => Promise.resolve() }")}`,
  },
  cut("the wait of a file that is given up for the sync of its line", "beside-files", "givenUp.set(file.name, seq)", {
    keep: "removeSoon(file.name)",
  }),
  cut("the stay of a file that is written anew", "beside-files", "          givenUp.delete(file.name);\n"),
  cut("the stay of what a refused change was to replace", "beside-files", " && file.replaces !== true"),
  cut("the removal of parts of no record at the start", "store", "await recordParts.sweep(found.tables)", {
    keep: "void 0",
  }),
  {
    name: "the removal of details of no event at the start", file: "src/store/detail-files.ts",
    find: "if (segment === undefined) await files.remove(", replace: "if (segment === undefined) void (",
  },
  {
    name: "the removal of details behind their segment", file: "src/store/detail-files.ts",
    find: `  await writer.removeOldest();\n${THEIR_DETAILS("0")}`,
    replace: `${THEIR_DETAILS("1").replace("return", "return writer.removeOldest()")}  await writer.removeOldest();\n`,
  },
  {
    name: "the place of a segment that cannot be removed", file: "src/store/segment-writer.ts",
    find: `if (errorCode(error) !== "ENOENT") this.#segments.unshift(oldest);`, replace: "",
  },
  {
    name: "the end of a write during which a sync has failed", file: "src/store/journal.ts",
    find: "if (this.#failure !== undefined) {\n        // A sync", replace: "if (false) {\n        // A sync",
  },
  {
    name: "the wait of a checkpoint for what is held", file: "src/store/journal.ts",
    find: "if (this.#headSeq < seq && this.#pending.byteCount > 0) throw", replace: "if (false) throw",
  },
  cut("the sync of the copy of a torn tail", "journal-recovery", "    await copy.datasync();\n"),
  cut("the folder's sync of that copy", "journal-recovery", "    await disk.syncDirectory(path.dirname(to));\n"),
  {
    name: "the look for a loss of power", file: "src/store/next-seq.ts",
    find: "return !previous.clean && (", replace: "return false && (",
  },
];

/** A mutant in `src/store/<module>.ts` that lacks `find`, but for `keep` in it. */
function cut(name: string, module: string, find: string, { keep = "" } = {}): Mutant {
  return { name, file: `src/store/${module}.ts`, find, replace: keep };
}
