// Parts of records that are too long for a line: cut out before a record is put, read back for who asks for all of it.
//
// What is too long, and which fields make a part, says each table (`BesideSpec`); here are only the names and files.
// One folder a table, one file a part.
//
// Invariants: a name is made of codexd's own ids, or of a digest where the id is somebody else's; a record that says
// that a part lies beside it has that file, as long as nobody else takes it away.

import { createHash } from "node:crypto";

import { isObject } from "../base/decode.ts";
import type { Logger } from "../base/log.ts";
import type { EventDraft } from "../core/event.ts";
import type { BesideFile, BesideFiles } from "./beside-files.ts";
import type { ReadonlyTable, TableSpec } from "./types.ts";

export interface CutRecord {
  /** As it is kept: itself where nothing is too long. */
  readonly record: object;
  readonly files: readonly BesideFile[];
}

export interface RecordParts {
  /** @param before the record that it replaces. */
  cut(kind: string, record: object, before: (id: string) => object | undefined): CutRecord;
  /** The files that go with the record. */
  filesOf(kind: string, record: object | undefined): readonly BesideFile[];
  /** The record with all that was cut out of it; the log says what cannot be read, and so does the record. */
  readWhole(kind: string, record: object): Promise<object>;
  /**
   * Brings back what lines had replaced that are lost, and removes files of no record: a crash came between the file
   * and the line that names it, or that gives it up. Gives the files that records name, and that are not there,
   * relative to the logs directory.
   *
   * @param keepOrphans records may be lost that somebody wants back: their files stay.
   */
  sweep(tables: readonly SweptTable[], headSeq: number, keepOrphans: boolean): Promise<string[]>;
}

interface SweptTable {
  readonly kind: string;
  /** What it holds of lines up to this one is on the medium, also where the journal is gone. */
  readonly seq: number;
  readonly table: ReadonlyTable<object>;
}

/** More would only make the event long: `doctor` names all. */
const MISSING_TOLD_MAX = 20;
const NONE: readonly BesideFile[] = [];
const OWN_ID = /^[a-z]+_[A-Za-z0-9]+$/;

export function createRecordParts(
  specs: Readonly<Record<string, TableSpec<object>>>, files: BesideFiles, log: Logger,
): RecordParts {
  const nameOf = ({ field }: TableSpec<object>, id: string, part: string): string =>
    `${field}/${fileId(id)}.${part}.json`;

  const namesOf = (spec: TableSpec<object>, record: object): string[] =>
    (spec.beside?.partsOf(record) ?? []).map((part) => nameOf(spec, spec.idOf(record), part));

  const removeOrphans = async (field: string, orphans: readonly string[]): Promise<void> => {
    // Rare: only now it is worth a look at what is a file, and what is somebody's own.
    const isFile = new Set((await files.list(field)).map(({ name }) => name));
    for (const name of orphans) if (isFile.has(name)) await files.remove(`${field}/${name}`);
  };

  return {
    cut(kind, record, before) {
      const spec = specs[kind];
      if (spec?.beside === undefined) return { record, files: NONE };
      const id = spec.idOf(record);
      const replaced = before(id);
      const { record: kept, parts } = spec.beside.cut(record, replaced);
      const had = replaced === undefined ? [] : spec.beside.partsOf(replaced);
      const has = spec.beside.partsOf(kept);
      if (had.length + has.length === 0) return { record: kept, files: NONE };
      const written = Object.entries(parts).map(([part, value]): BesideFile => ({
        name: nameOf(spec, id, part), bytes: Buffer.from(JSON.stringify(value)), state: "waits",
      }));
      const gone = had.filter((part) => !has.includes(part)).map((part): BesideFile => ({
        name: nameOf(spec, id, part), bytes: null, state: "waits",
      }));
      return { record: kept, files: [...written, ...gone] };
    },

    filesOf(kind, record) {
      const spec = specs[kind];
      if (spec?.beside === undefined || record === undefined) return NONE;
      return namesOf(spec, record).map((name): BesideFile => ({ name, bytes: null, state: "waits" }));
    },

    async readWhole(kind, record) {
      const spec = specs[kind];
      const names = spec?.beside?.partsOf(record) ?? [];
      if (spec?.beside === undefined || names.length === 0) return record;
      const id = spec.idOf(record);
      const parts: Record<string, object> = {};
      for (const part of names) {
        const file = nameOf(spec, id, part);
        const value = readPart(await files.read(file));
        if (value === undefined) log.warn("a part of a record is gone or damaged", { kind, id, file });
        else parts[part] = value;
      }
      return spec.beside.join(record, parts);
    },

    async sweep(tables, headSeq, keepOrphans) {
      const missing: string[] = [];
      for (const { kind, seq, table } of tables) {
        const spec = specs[kind];
        if (spec?.beside === undefined) continue;
        await files.removeUnfinished(spec.field);
        const found = await files.restoredNames(spec.field, Math.max(headSeq, seq));
        const named = new Set([...table.newestFirst()].flatMap((record) => namesOf(spec, record)));
        const orphans = found.filter((name) => !named.delete(`${spec.field}/${name}`) && name.endsWith(".json"));
        missing.push(...named);
        if (!keepOrphans && orphans.length > 0) await removeOrphans(spec.field, orphans);
      }
      return missing;
    },
  };
}

/** @param missing relative to the logs directory. */
export function missingNotices(missing: readonly string[]): EventDraft[] {
  if (missing.length === 0) return [];
  const files = missing.slice(0, MISSING_TOLD_MAX);
  const some = files.length < missing.length ? `${files.join(", ")} and others` : files.join(", ");
  const message = `${missing.length} files beside the records are gone, and what they held with them: ${some}`;
  const detail = { files, missing: true, count: missing.length };
  return [{ level: "warn", type: "storage.recovered", message, detail }];
}

function fileId(id: string): string {
  return OWN_ID.test(id) ? id : createHash("sha256").update(id).digest("hex").slice(0, 32);
}

function readPart(bytes: Buffer | null): object | undefined {
  if (bytes === null) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return isObject(value) ? value : undefined;
  } catch {
    // Somebody else has been at it: what the record itself says is told.
    return undefined;
  }
}
