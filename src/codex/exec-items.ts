// What the items that `codex exec --json` prints say of the work that was done: commands, file changes, the to-do list.
//
// Pure and lenient, as exec-events.ts, which says how the run has ended. Codex tells neither where a command ran nor
// how long: both are null. Invariant: a command that was declined is none.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import type { FileChangeReceipt, PlanStep } from "../core/records.ts";
import type { WorkLog } from "../core/work-log.ts";

type Item = Record<string, unknown>;
type Note = (log: WorkLog, itemId: string, item: Item, completed: boolean) => void;

const NOTES: ReadonlyMap<unknown, Note> = new Map<unknown, Note>([
  ["command_execution", (log, itemId, { command, status, exit_code: exitCode }, completed) => {
    const facts = { command: typeof command === "string" ? command : "", cwd: null };
    if (!completed) return log.beginCommand(itemId, facts, true);
    if (status === "declined") return log.dropCommand(itemId);
    const code = Number.isSafeInteger(exitCode) ? Number(exitCode) : null;
    log.endCommand(itemId, { ...facts, exitCode: code, durationMs: null });
  }],
  ["file_change", (log, itemId, { changes, status }, completed) => {
    if (completed && status === "completed") log.addChanges(itemId, readChanges(changes));
  }],
  ["todo_list", (log, _itemId, { items }) => {
    if (Array.isArray(items)) log.plan = items.slice(0, LIMITS.receiptItemsMax).filter(isObject).map(readStep);
  }],
]);

/** Items that run something, as `codex exec` names their types; a to-do list is open from its beginning to the end. */
const TOOL_ITEMS: ReadonlySet<unknown> = new Set([
  "command_execution", "file_change", "mcp_tool_call", "web_search", "collab_tool_call",
]);

export function isRunningTool({ type }: Item): boolean {
  return TOOL_ITEMS.has(type);
}

/** Takes in an object as it was printed. */
export function noteExecEvent(log: WorkLog, { type, item }: Record<string, unknown>): void {
  if (typeof type !== "string" || !type.startsWith("item.") || !isObject(item)) return;
  const { id } = item;
  if (typeof id === "string") NOTES.get(item["type"])?.(log, id, item, type === "item.completed");
}

function readChanges(changes: unknown): FileChangeReceipt[] {
  const known = Array.isArray(changes) ? changes.filter(isObject) : [];
  return known.flatMap(({ path, kind }) =>
    typeof path === "string" ? [{ path, kind: typeof kind === "string" ? kind : "update" }] : []);
}

function readStep({ text, completed }: Item): PlanStep {
  return { step: typeof text === "string" ? text : "", status: completed === true ? "completed" : "pending" };
}
