// What the items of an app-server's thread say of the work that was done: commands and file changes, into a log.
//
// Pure and lenient: an item of another type, or without what is looked for, changes nothing. The plan and the diff
// are no items (service/receipts/receipts.ts). Invariant: a command that was declined, or never allowed to begin, is
// none.

import { isObject } from "../base/decode.ts";
import type { FileChangeReceipt } from "../core/records.ts";
import { changesMark, commandMark, type WorkLog } from "../core/work-log.ts";

type Item = Record<string, unknown>;

/** Items that run something, as Codex names their types. */
const TOOL_ITEMS: ReadonlySet<unknown> = new Set([
  "commandExecution", "fileChange", "mcpToolCall", "dynamicToolCall", "webSearch", "collabAgentToolCall",
]);

export function isTool(item: Item): boolean {
  return TOOL_ITEMS.has(item["type"]);
}

export function noteItemStarted(log: WorkLog, itemId: string, item: Item): void {
  if (item["type"] !== "commandExecution") return;
  log.beginCommand(itemId, factsOf(item), hasProcess(item));
}

export function noteItemCompleted(log: WorkLog, itemId: string, item: Item): void {
  if (item["type"] === "fileChange" && item["status"] === "completed") log.addChanges(itemId, readFileChanges(item));
  if (item["type"] !== "commandExecution") return;
  const exitCode = integerOf(item["exitCode"]);
  // Nobody has said yes, and the answer was none that Codex could read: it had no process, and has no result.
  const unbegun = item["status"] === "failed" && exitCode === null && !hasProcess(item) && !log.hasBegun(itemId);
  if (unbegun || item["status"] === "declined") return log.dropCommand(itemId);
  const { command, cwd } = factsOf(item);
  // Not by spreading, which costs more than all the rest here.
  log.endCommand(itemId, { command, cwd, exitCode, durationMs: numberOf(item["durationMs"]) });
}

/**
 * The id under which the log has each of these items already. Histories of 0.116 number their items anew, so one that
 * the log does not have is the first of its kind that the history does not name.
 */
export function knownIds(log: WorkLog, items: readonly Item[]): Map<Item, string> {
  const named = new Set(items.map((item) => item["id"]));
  const unnamed = new Map<string, string[]>();
  for (const { itemId, mark } of log.told()) {
    if (named.has(itemId)) continue;
    const ids = unnamed.get(mark);
    if (ids === undefined) unnamed.set(mark, [itemId]);
    else ids.push(itemId);
  }
  const known = new Map<Item, string>();
  for (const item of items) {
    if (typeof item["id"] !== "string" || log.hasItem(item["id"])) continue;
    const id = unnamed.get(markOf(item))?.shift();
    if (id !== undefined) known.set(item, id);
  }
  return known;
}

/** The changes that a `fileChange` item has, without their diffs. */
export function readFileChanges({ changes }: Item): FileChangeReceipt[] {
  return Array.isArray(changes) ? changes.map(readChange).filter((change) => change !== undefined) : [];
}

function readChange(change: unknown): FileChangeReceipt | undefined {
  if (!isObject(change) || typeof change["path"] !== "string") return undefined;
  const { path, kind } = change;
  const { type, move_path: movePath } = isObject(kind) ? kind : { type: kind, move_path: undefined };
  const moved = typeof movePath === "string" ? { movePath } : {};
  return { path, kind: typeof type === "string" ? type : "update", ...moved };
}

function markOf(item: Item): string {
  return item["type"] === "fileChange" ? changesMark(readFileChanges(item)) : commandMark(factsOf(item));
}

function factsOf({ command, cwd }: Item): { command: string; cwd: string | null } {
  return { command: typeof command === "string" ? command : "", cwd: typeof cwd === "string" ? cwd : null };
}

function hasProcess({ processId }: Item): boolean {
  return typeof processId === "string";
}

function integerOf(value: unknown): number | null {
  return Number.isSafeInteger(value) ? Number(value) : null;
}

function numberOf(value: unknown): number | null {
  return Number.isFinite(value) ? Number(value) : null;
}
