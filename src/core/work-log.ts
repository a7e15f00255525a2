// What a turn or a run has done so far: its commands, its file changes, its plan, as its receipt will list them.
//
// Knows nothing of how Codex says it (codex/turn-items.ts, codex/exec-items.ts). Invariants: an item counts once,
// however often it is told; each call costs the same, whatever is in the log; what is kept has a bound.

import { LIMITS } from "./limits.ts";
import type { CommandReceipt, FileChangeReceipt, PlanStep } from "./records.ts";

/** What is known of a command from its beginning on. */
export type CommandFacts = Pick<CommandReceipt, "command" | "cwd">;

/** Changed in place: thousands of commands pass through a long turn. */
interface Command {
  readonly command: string;
  readonly cwd: string | null;
  exitCode: number | null;
  durationMs: number | null;
  /** It is seen to run or to have run, whatever is asked about it. */
  runs: boolean;
  /** Somebody here has said that it may. */
  allowed: boolean;
  /** Codex has asked whether it may, and nobody has said yes. */
  held: boolean;
  ended: boolean;
}

export class WorkLog {
  /** The newest one. */
  plan: readonly PlanStep[] | null = null;
  readonly #commands = new Map<string, Command>();
  readonly #changes = new Map<string, readonly FileChangeReceipt[]>();
  #changeCount = 0;

  /** @param runs it is known to have a process, so that no later question can mean that it has not begun. */
  beginCommand(itemId: string, facts: CommandFacts, runs: boolean): void {
    const command = this.#commands.get(itemId) ?? this.#add(itemId, facts);
    if (command !== undefined && runs) command.runs = true;
  }

  /** The first end that is told counts. */
  endCommand(itemId: string, end: CommandReceipt): void {
    const command = this.#commands.get(itemId) ?? this.#add(itemId, end);
    if (command === undefined || command.ended) return;
    command.exitCode = end.exitCode;
    command.durationMs = end.durationMs;
    command.ended = true;
    command.runs = true;
  }

  /** It was declined, or has come to its end without having begun. */
  dropCommand(itemId: string): void {
    this.#commands.delete(itemId);
  }

  /** Codex asks whether it may run. */
  holdCommand(itemId: string): void {
    const command = this.#commands.get(itemId);
    if (command !== undefined) command.held = true;
  }

  /** @param said somebody here has allowed it; otherwise the question is gone, and how it was answered is not known. */
  releaseCommand(itemId: string, said: boolean): void {
    const command = this.#commands.get(itemId);
    if (command === undefined) return;
    command.held = false;
    if (said) command.allowed = true;
  }

  /** Who has allowed it was not heard any more. */
  revokeCommand(itemId: string): void {
    const command = this.#commands.get(itemId);
    if (command === undefined) return;
    command.held = true;
    command.allowed = false;
  }

  /** It was allowed, or is seen to run. */
  hasBegun(itemId: string): boolean {
    const command = this.#commands.get(itemId);
    return command !== undefined && (command.allowed || command.runs);
  }

  hasItem(itemId: string): boolean {
    return this.#commands.has(itemId) || this.#changes.has(itemId);
  }

  /** The changes of an item that was done. */
  addChanges(itemId: string, changes: readonly FileChangeReceipt[]): void {
    if (this.#changes.has(itemId) || this.#changeCount >= LIMITS.receiptItemsMax) return;
    const kept = changes.slice(0, LIMITS.receiptItemsMax - this.#changeCount);
    this.#changes.set(itemId, kept);
    this.#changeCount += kept.length;
  }

  /** In the order in which they began. */
  commands(): CommandReceipt[] {
    return [...this.#listed()].map(([, { command, cwd, exitCode, durationMs }]) =>
      ({ command, cwd, exitCode, durationMs }));
  }

  /** In the order in which they were done. */
  fileChanges(): FileChangeReceipt[] {
    return [...this.#changes.values()].flat();
  }

  /** The commands that run still: their items, and their places in `commands()`. */
  running(): Map<string, number> {
    const places = [...this.#listed()].map(([itemId, { ended }], at) => ({ itemId, ended, at }));
    return new Map(places.filter(({ ended }) => !ended).map(({ itemId, at }) => [itemId, at]));
  }

  /** Each item with what it was, by which the same one is known again under another id. */
  *told(): Generator<{ readonly itemId: string; readonly mark: string }> {
    for (const [itemId, command] of this.#commands) yield { itemId, mark: commandMark(command) };
    for (const [itemId, changes] of this.#changes) yield { itemId, mark: changesMark(changes) };
  }

  *#listed(): Generator<[string, Command]> {
    for (const entry of this.#commands) {
      const [, { runs, allowed, held }] = entry;
      if (runs || allowed || !held) yield entry;
    }
  }

  #add(itemId: string, { command, cwd }: CommandFacts): Command | undefined {
    if (this.#commands.size >= LIMITS.receiptItemsMax) return undefined;
    const added: Command = {
      command: cutCommand(command), cwd, exitCode: null, durationMs: null,
      runs: false, allowed: false, held: false, ended: false,
    };
    this.#commands.set(itemId, added);
    return added;
  }
}

export function commandMark({ command, cwd }: CommandFacts): string {
  return JSON.stringify(["command", cutCommand(command), cwd]);
}

export function changesMark(changes: readonly FileChangeReceipt[]): string {
  return JSON.stringify(["changes", changes]);
}

function cutCommand(command: string): string {
  const most = LIMITS.receiptCommandCharsMax;
  return command.length <= most ? command : `${command.slice(0, most - 1)}…`;
}
