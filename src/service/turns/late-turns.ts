// Turns that have ended with commands still running, or with questions of sub-agents still open: what those come to
// is taken into the receipt all the same.
//
// Codex tells the commands' ends behind the turn's, under its id; a sub-agent outlives its turn, and so do its
// questions. Only places are kept here, the receipt is the record's. Invariants: bounded, the oldest is given up first;
// a record that is gone is not made again.

import { isObject } from "../../base/decode.ts";
import { RecentMap } from "../../base/recent-map.ts";
import { noteItemCompleted } from "../../codex/turn-items.ts";
import type { ApprovalReceipt } from "../../core/approvals.ts";
import type { EventDetail, EventDraft } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import { turnKey, type TurnRecord } from "../../core/records.ts";
import { WorkLog } from "../../core/work-log.ts";
import type { Changes } from "../../store/types.ts";
import type { CodexdStore, CodexdTables } from "../tables.ts";

export interface LateTurns {
  /**
   * @param running the items of its commands that run on, with their places in the record.
   * @param undecided the ids of its approvals that are still to be decided.
   */
  keep(ended: TurnRecord, running: ReadonlyMap<string, number>, undecided: ReadonlySet<string>): void;
  /** What an event changes on the record of a turn that has ended; to be written in the event's own line. */
  changes(event: Pick<EventDraft, "type" | "detail">): Changes<CodexdTables> | undefined;
}

interface LateTurn {
  readonly key: string;
  readonly running: Map<string, number>;
  /** All of it, where what the table keeps of it is cut; undefined where it is not, or given up. */
  whole: TurnRecord | undefined;
}

export function createLateTurns(store: Pick<CodexdStore, "tables">, most: number): LateTurns {
  const kept = new RecentMap<string, LateTurn>(most);
  /** The keys of the turns that list them, by their own ids. */
  const undecided = new RecentMap<string, string>(most);

  /** One that is decided is kept on: a decision that could not be told to Codex any more becomes none. */
  const decide = ({ approvalId, decision, decidedBy }: EventDetail): Changes<CodexdTables> | undefined => {
    const key = undecided.get(String(approvalId));
    const record = key === undefined ? undefined : store.tables.turn.get(key);
    const place = record?.approvals.findIndex((approval) => approval.approvalId === approvalId) ?? -1;
    const before = record?.approvals[place];
    if (record === undefined || before === undefined) return undefined;
    if (before.decision === decision && before.decidedBy === decidedBy) return undefined;
    const said = { decision, decidedBy } as Pick<ApprovalReceipt, "decision" | "decidedBy">;
    return { put: { turn: { ...record, approvals: record.approvals.with(place, { ...before, ...said }) } } };
  };

  return {
    keep(ended, running, asked) {
      const { threadId, turnId } = ended;
      for (const approvalId of asked) undecided.set(approvalId, turnKey(ended));
      if (running.size === 0 || threadId === null || turnId === null) return;
      const key = turnKey(ended);
      const isCut = store.tables.turn.get(key)?.beside?.includes("result") === true;
      const whole = isCut ? ended : undefined;
      if (whole !== undefined) forgetWhole(kept.entries());
      kept.set(nameOf(threadId, turnId), { key, running: new Map(running), whole });
    },

    changes({ type, detail }) {
      if (type === "approval.resolved" || type === "approval.orphaned") return decide(detail);
      if (kept.size === 0 || type !== "app-server.item.completed") return undefined;
      const { threadId, turnId, itemId, item } = detail;
      if (typeof itemId !== "string" || !isObject(item)) return undefined;
      const name = nameOf(threadId, turnId);
      const late = kept.get(name);
      const place = late?.running.get(itemId);
      if (late === undefined || place === undefined) return undefined;
      late.running.delete(itemId);
      if (late.running.size === 0) kept.delete(name);
      const known = store.tables.turn.get(late.key);
      // What is decided late is in the table alone.
      const record = known === undefined || late.whole === undefined ? known
        : { ...late.whole, approvals: known.approvals };
      const before = record?.commands[place];
      if (record === undefined || before === undefined) return undefined;
      const log = new WorkLog();
      noteItemCompleted(log, itemId, item);
      const [after] = log.commands();
      if (after === undefined) return undefined;
      const { exitCode, durationMs } = after;
      const commands = record.commands.with(place, { ...before, exitCode, durationMs });
      const turn = { ...record, commands };
      if (late.whole !== undefined) late.whole = turn;
      return { put: { turn } };
    },
  };
}

/** Makes room for one more: the oldest keeps what its record says already. */
function forgetWhole(late: Iterable<[string, LateTurn]>): void {
  const whole = [...late].flatMap(([, turn]) => (turn.whole === undefined ? [] : [turn]));
  const [oldest] = whole;
  if (oldest !== undefined && whole.length >= LIMITS.lateWholeTurnsKept) oldest.whole = undefined;
}

/** Neither holds a newline. */
function nameOf(threadId: unknown, turnId: unknown): string {
  return `${String(threadId)}\n${String(turnId)}`;
}
