// The protections of the store that `npm run mutants` takes away, one at a time: the simulation must miss each, or the
// tests that a mutant names.
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
  /** What finds it where the simulation does not: a file of tests, from the root. */
  readonly test?: string;
}

const CLOSED_PATH = "    const closedPath = path.join(directory, closedName(segment.firstSeq));\n";
const AFTER_CLOSING = "    segment.path = closedPath;\n    await this.#letGo();\n";
const FOLDER_SYNC = "    await this.#syncFolder();\n";
const BEFORE_SYNC = "    throw error;\n  }\n";
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
const KEPT_TWICE = `    if (errorCode(error) !== "EEXIST") throw error;\n  }\n`;
const TAKE_BACK = "    await this.#options.writer.rollBack();\n    await this.#options.files.refused(this.#untold);\n";
const WITHOUT_SYNC =
  "{ ...disk, open: async (...of) => ({ ...(await disk.open(...of)), datasync: () => Promise.resolve() }) }";

const SIMULATED: readonly Mutant[] = [
  cut("the sync before a change is acknowledged", "journal", `    if (durability === "power") await writer.sync();\n`),
  {
    name: "the write before a change is acknowledged", file: "src/store/live-store.ts",
    find: "this.#add(draft, changes, { resolve, reject });", replace: "resolve(this.#add(draft, changes, null));",
  },
  cut("the end that a failed sync makes", "journal-sync", "      onFailed(error);\n"),
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
  cut("the folder's sync after a rename", "replace-file", BEFORE_SYNC + AFTER_REPLACE, { keep: BEFORE_SYNC }),
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
  cut("the return of what a refused change has replaced", "beside-files", "await inTurn(() => restore(kept, name))", {
    keep: "void 0", test: "test/store/beside-files.test.ts",
  }),
  cut(
    "the second name of what a line replaces", "beside-files",
    "    if (file.kept !== null) await keepFile(disk, path.join(directory, name), path.join(directory, file.kept));\n",
  ),
  cut("the folder's sync of that name", "replaced-files", `${KEPT_TWICE}${AFTER_REPLACE}`, {
    keep: KEPT_TWICE, test: "test/store/crash-windows.test.ts",
  }),
  cut("the wait of that name for the sync of its line", "beside-files", "givenUp.set(file.kept, seq)", {
    keep: "removeSoon(file.kept)",
  }),
  cut("the return of what a lost line has replaced", "replaced-files", "Number(seq) <= headSeq", { keep: "true" }),
  {
    name: "the wait of a refusal for the cut", file: "src/store/journal.ts",
    find: TAKE_BACK, replace: `    this.#tellRefused(storageFull(reason));\n${TAKE_BACK}`,
  },
  cut("the second try where there is no room for a file", "disk", `"EDQUOT", ...OUT_OF_HANDLES`, { keep: `"EDQUOT"` }),
  cut("the second try of a sync without a file", "segment-writer", "    if (isOutOfHandles(error)) throw error;\n"),
  cut(
    "the folder's sync that is left for later", "segment-writer",
    "    if (this.#folderWaits) await this.#syncFolder();\n    const last", { keep: "    const last" },
  ),
  cut("the free name of what is set aside", "replace-file", "  while (taken.has(`${stem}-${n}`)) n++;\n"),
  cut(
    "the removal of parts of no record at the start", "record-parts", "await removeOrphans(spec.field, orphans)",
    { keep: "void 0" },
  ),
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

const LOCK = "test/store/lock.test.ts";

/** Those that only a real directory shows: the tests of the lock find them. */
const LOCKED: readonly Mutant[] = [
  cut("the look whether the owner lives", "lock", "if (answer !== undefined) throw await heldBy(", {
    keep: "if (answer === null) throw await heldBy(", test: LOCK,
  }),
  cut("the owner that says nothing", "lock", "() => finish(text));\n    socket.on(\"data\"", {
    keep: "() => finish(undefined));\n    socket.on(\"data\"", test: LOCK,
  }),
  cut("the look whether others went on before", "lock", "(await newestGeneration(disk, directory)) === newest + 1", {
    keep: "newest >= 0", test: LOCK,
  }),
  cut("the end of the tries", "lock", "round < ROUNDS_MAX", { keep: "true", test: LOCK }),
];

export const MUTANTS: readonly Mutant[] = [...SIMULATED, ...LOCKED];

/** A mutant in `src/store/<module>.ts` that lacks `find`, but for `keep` in it. */
function cut(name: string, module: string, find: string, { keep = "", test }: CutOptions = {}): Mutant {
  const mutant = { name, file: `src/store/${module}.ts`, find, replace: keep };
  return test === undefined ? mutant : { ...mutant, test };
}

interface CutOptions {
  readonly keep?: string;
  readonly test?: string;
}
