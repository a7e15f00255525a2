// Turns that have ended with commands still running: what those come to is taken into the receipt all the same.
//
// Codex tells their ends behind the turn's, under its id. Only the places of the commands are kept here, the receipt
// is the record's. Invariants: bounded, the oldest is given up first; a record that is gone is not made again.

import { isObject } from "../base/decode.ts";
import { noteItemCompleted } from "../codex/turn-items.ts";
import type { EventDraft } from "../core/event.ts";
import { turnKey, type TurnRecord } from "../core/records.ts";
import { WorkLog } from "../core/work-log.ts";
import type { Changes } from "../store/types.ts";
import type { CodexdStore, CodexdTables } from "./tables.ts";

export interface LateTurns {
  /** @param running the items of its commands that run on, with their places in the record. */
  keep(ended: TurnRecord, running: ReadonlyMap<string, number>): void;
  /** What an event changes on the record of a turn that has ended; to be written in the event's own line. */
  changes(event: Pick<EventDraft, "type" | "detail">): Changes<CodexdTables> | undefined;
}

interface LateTurn {
  readonly key: string;
  readonly running: Map<string, number>;
}

export function createLateTurns(store: Pick<CodexdStore, "tables">, most: number): LateTurns {
  const kept = new Map<string, LateTurn>();

  return {
    keep(ended, running) {
      const { threadId, turnId } = ended;
      if (running.size === 0 || threadId === null || turnId === null) return;
      kept.set(nameOf(threadId, turnId), { key: turnKey(ended), running: new Map(running) });
      const [oldest] = kept.keys();
      if (kept.size > most && oldest !== undefined) kept.delete(oldest);
    },

    changes({ type, detail }) {
      if (kept.size === 0 || type !== "app-server.item.completed") return undefined;
      const { threadId, turnId, itemId, item } = detail;
      if (typeof itemId !== "string" || !isObject(item)) return undefined;
      const name = nameOf(threadId, turnId);
      const late = kept.get(name);
      const place = late?.running.get(itemId);
      if (late === undefined || place === undefined) return undefined;
      late.running.delete(itemId);
      if (late.running.size === 0) kept.delete(name);
      const record = store.tables.turn.get(late.key);
      const before = record?.commands[place];
      if (record === undefined || before === undefined) return undefined;
      const log = new WorkLog();
      noteItemCompleted(log, itemId, item);
      const [after] = log.commands();
      if (after === undefined) return undefined;
      const { exitCode, durationMs } = after;
      const commands = record.commands.with(place, { ...before, exitCode, durationMs });
      return { put: { turn: { ...record, commands } } };
    },
  };
}

/** Neither holds a newline. */
function nameOf(threadId: unknown, turnId: unknown): string {
  return `${String(threadId)}\n${String(turnId)}`;
}
