// One change in the simulation: what the store is given by chance, and what the model is to expect of it.
//
// Some changes have a large detail, and some records a part that lies beside the line. Deliberately not how the store
// takes it: simulation.ts. Invariant: what is expected is made here from the same values, never read from the store.

import type { EventDraft } from "../../src/core/event.ts";
import type { ChangesOf } from "../../src/store/types.ts";
import { delta, draft, recordsOf, type TestRecord, type TestStore, type TestTables } from "./disk-store.ts";
import { pick, type Random } from "./simulation-faults.ts";
import type { FilesModel } from "./simulation-files.ts";
import type { Kind, ModelLine } from "./simulation-model.ts";

/** Above it a detail lies in a file. */
export const DETAIL_BYTES_MAX = 600;

export interface SimulatedChange {
  readonly draft: EventDraft;
  readonly changes?: ChangesOf<TestTables>;
  readonly line: ModelLine;
}

export function changeByChance(random: Random, store: TestStore, files: FilesModel): SimulatedChange {
  const seq = store.lastSeq + 1;
  const filler = "x".repeat(Math.floor(random() * (random() < 0.05 ? 2000 : 300)));
  const chance = random();
  if (chance < 0.2) {
    files.given(seq, filler === "" ? {} : delta(filler).detail);
    return { draft: delta(filler), line: { message: "delta", isRequest: false, refused: false } };
  }
  const message = `m${seq}.${random()}`;
  const detail = { filler };
  files.given(seq, detail);
  const kind: Kind = random() < 0.75 ? "run" : "turn";
  // Few turns, so that parts are dropped and written anew in one batch.
  const id = `${kind}_${Math.floor(random() * (kind === "run" ? 10 : 3))}`;
  const isRequest = random() < 0.6;
  const given = draft(message, detail);
  if (chance >= 0.85) {
    const line = { message, isRequest, refused: false, del: { kind, id } };
    return { draft: given, changes: { del: { [kind]: [id] } }, line };
  }
  const record = kind === "run" ? { id, n: seq } : turnByChance(random, store, id, files);
  const line = { message, isRequest, refused: false, put: { kind, record: keptOf(record) } };
  return { draft: given, changes: { put: { [kind]: record } }, line };
}

/** With a part, without, or changed in the rest: then it keeps the part that it has, if that is in the journal. */
function turnByChance(random: Random, store: TestStore, id: string, files: FilesModel): TestRecord {
  const n = store.lastSeq + 1;
  const before = recordsOf(store, "turn").find((turn) => turn.id === id);
  const form = pick(random, ["short", "long", "changed"]);
  if (form === "changed" && before !== undefined && before.n <= store.headSeq) return { ...before, n };
  if (form === "short") return { id, n };
  const text = `${random()}`.repeat(1 + Math.floor(random() * 60));
  files.part(id, n, text);
  return { id, n, textSeq: n, text };
}

/** As the store keeps it. */
function keptOf({ text, ...record }: TestRecord): TestRecord {
  return text === undefined ? record : { ...record, beside: ["text"] };
}
