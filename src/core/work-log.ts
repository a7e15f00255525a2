// What a turn or a run has done so far: its commands, its file changes, its plan, as its receipt will list them.
//
// Knows nothing of how Codex says it (codex/turn-items.ts, codex/exec-items.ts). Invariants: an item counts once,
// however often it is told; each call costs the same, whatever is in the log; what is kept has a bound.

import { LIMITS } from "./limits.ts";
import type { CommandReceipt, FileChangeReceipt, PlanStep } from "./records.ts";

/** What is known of a command from its beginning on. */
export type CommandFacts = Pick<CommandReceipt, "command" | "cwd">;

/** How it stands with a command that has not ended. */
interface OpenCommand {
  /** It is seen to run, whatever is asked about it. */
  runs: boolean;
  /** Somebody here has said that it may. */
  allowed: boolean;
  /** Codex has asked whether it may, and nobody has said yes. */
  held: boolean;
}

/** Changed in place: thousands of commands pass through a long turn, and what is kept of each is all that it costs. */
type Command = { -readonly [K in keyof CommandReceipt]: CommandReceipt[K] };

/** All that a log goes by, as plain JSON; lists of what it keeps by item, in its order. */
export interface WorkLogState {
  readonly plan: readonly PlanStep[] | null;
  readonly commands: ReadonlyArray<readonly [itemId: string, command: Readonly<Command>]>;
  readonly open: ReadonlyArray<readonly [itemId: string, open: Readonly<OpenCommand>]>;
  readonly changes: ReadonlyArray<readonly [itemId: string, changes: readonly FileChangeReceipt[]]>;
}

export class WorkLog {
  /** The newest one. */
  plan: readonly PlanStep[] | null = null;
  readonly #commands = new Map<string, Command>();
  readonly #open = new Map<string, OpenCommand>();
  readonly #changes = new Map<string, readonly FileChangeReceipt[]>();
  #changeCount = 0;
  /** Of all commands. */
  #chars = 0;
  /** Most commands run where the one before did: the text is kept once. */
  #cwd: string | null = null;

  /** A log that goes on where the one that has given the state stood. */
  static of({ plan, commands, open, changes }: WorkLogState): WorkLog {
    const log = new WorkLog();
    log.plan = plan;
    for (const [itemId, command] of commands) log.#keep(itemId, { ...command });
    for (const [itemId, how] of open) log.#open.set(itemId, { ...how });
    for (const [itemId, kept] of changes) {
      log.#changes.set(itemId, kept);
      log.#changeCount += kept.length;
    }
    return log;
  }

  /** Copies of what is changed in place; the rest is shared. */
  state(): WorkLogState {
    return {
      plan: this.plan,
      commands: [...this.#commands].map(([itemId, command]) => [itemId, { ...command }]),
      open: [...this.#open].map(([itemId, open]) => [itemId, { ...open }]),
      changes: [...this.#changes],
    };
  }

  /** @param runs it is known to have a process, so that no later question can mean that it has not begun. */
  beginCommand(itemId: string, facts: CommandFacts, runs: boolean): void {
    const open = this.#open.get(itemId);
    if (open !== undefined) open.runs ||= runs;
    else if (this.#add(itemId, facts) !== undefined) this.#open.set(itemId, { runs, allowed: false, held: false });
  }

  /** The first end that is told counts. */
  endCommand(itemId: string, end: CommandReceipt): void {
    const wasOpen = this.#open.delete(itemId);
    const command = wasOpen ? this.#commands.get(itemId) : this.#add(itemId, end);
    if (command === undefined) return;
    command.exitCode = end.exitCode;
    command.durationMs = end.durationMs;
  }

  /** It was declined, or has come to its end without having begun. */
  dropCommand(itemId: string): void {
    this.#chars -= this.#commands.get(itemId)?.command.length ?? 0;
    this.#commands.delete(itemId);
    this.#open.delete(itemId);
  }

  /** Codex asks whether it may run. */
  holdCommand(itemId: string): void {
    const open = this.#open.get(itemId);
    if (open !== undefined) open.held = true;
  }

  /** @param said somebody here has allowed it; otherwise the question is gone, and how it was answered is not known. */
  releaseCommand(itemId: string, said: boolean): void {
    const open = this.#open.get(itemId);
    if (open === undefined) return;
    open.held = false;
    if (said) open.allowed = true;
  }

  /** Who has allowed it was not heard any more. */
  revokeCommand(itemId: string): void {
    const open = this.#open.get(itemId);
    if (open === undefined) return;
    open.held = true;
    open.allowed = false;
  }

  /** It was allowed, or is seen to run or to have run. */
  hasBegun(itemId: string): boolean {
    const open = this.#open.get(itemId);
    return open === undefined ? this.#commands.has(itemId) : open.allowed || open.runs;
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
    const listed: CommandReceipt[] = [];
    for (const [itemId, { command, cwd, exitCode, durationMs }] of this.#commands) {
      if (this.#isListed(itemId)) listed.push({ command, cwd, exitCode, durationMs });
    }
    return listed;
  }

  /** In the order in which they were done. */
  fileChanges(): FileChangeReceipt[] {
    return [...this.#changes.values()].flat();
  }

  /** The commands that run still: their items, and their places in `commands()`. */
  running(): Map<string, number> {
    const places = new Map<string, number>();
    if (this.#open.size === 0) return places;
    let place = 0;
    for (const itemId of this.#commands.keys()) {
      if (!this.#isListed(itemId)) continue;
      if (this.#open.has(itemId)) places.set(itemId, place);
      place += 1;
    }
    return places;
  }

  /** Each item with what it was, by which the same one is known again under another id. */
  *told(): Generator<{ readonly itemId: string; readonly mark: string }> {
    for (const [itemId, command] of this.#commands) yield { itemId, mark: commandMark(command) };
    for (const [itemId, changes] of this.#changes) yield { itemId, mark: changesMark(changes) };
  }

  #isListed(itemId: string): boolean {
    const open = this.#open.get(itemId);
    return open === undefined || open.runs || open.allowed || !open.held;
  }

  /** Undefined for one that is there already, or does not fit. */
  #add(itemId: string, { command, cwd }: CommandFacts): Command | undefined {
    if (this.#commands.has(itemId) || this.#commands.size >= LIMITS.receiptItemsMax) return undefined;
    const room = Math.max(LIMITS.receiptCommandsCharsMax - this.#chars, LIMITS.receiptCommandCharsKept);
    return this.#keep(itemId, { command: cutCommand(command, room), cwd, exitCode: null, durationMs: null });
  }

  #keep(itemId: string, kept: Command): Command {
    if (kept.cwd !== this.#cwd) this.#cwd = kept.cwd;
    kept.cwd = this.#cwd;
    this.#chars += kept.command.length;
    this.#commands.set(itemId, kept);
    return kept;
  }
}

export function commandMark({ command, cwd }: CommandFacts): string {
  return JSON.stringify(["command", cutCommand(command), cwd]);
}

export function changesMark(changes: readonly FileChangeReceipt[]): string {
  return JSON.stringify(["changes", changes]);
}

function cutCommand(command: string, room = LIMITS.receiptCommandCharsMax): string {
  const most = Math.min(room, LIMITS.receiptCommandCharsMax);
  if (command.length <= most) return command;
  // A copy: a slice keeps all that it was cut from in memory.
  return Buffer.from(`${command.slice(0, most - 1)}…`, "utf16le").toString("utf16le");
}
