// How the embedded agent carries out one prompt: what it does, and what it says of it, in Codex's order.
//
// Deliberately not the life of a turn (turns.ts): here a turn has begun, and its end is the value that comes back.
// Invariant: nothing is said of a turn that was ended from outside, but for the end of a command that outlived it.

import { assertNever } from "../base/assert.ts";
import { sleep, type Clock } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { startCommand, type CommandEnd, type CommandLine, type RunningCommand } from "./command.ts";
import { activeStatus, agentMessage, commandItem, turnFailure, type Item, type TurnEnd } from "./notices.ts";
import { ANSWERS, deltasOf, longDeltas, type AgentRequest } from "./prompts.ts";
import { sampleOf } from "./sample.ts";
import { planScratchEdit } from "./scratch.ts";
import type { Thread } from "./threads.ts";

/** A turn, as a performance sees it. */
export interface Stage {
  readonly thread: Thread;
  readonly outputSchema: Record<string, unknown> | null;
  readonly clock: Clock;
  readonly home: string;
  readonly line: CommandLine;
  /** Aborts when the answer that is being given is no longer wanted: interrupted, or steered. */
  readonly signal: AbortSignal;
  /** Aborts when the turn was ended from outside. */
  readonly ended: AbortSignal;
  newItemId(kind: string): string;
  /** Adds thread and turn; says nothing when the turn has ended. */
  say(method: string, params: Record<string, unknown>): void;
  /** As `say`, also behind the turn's end. */
  sayLate(method: string, params: Record<string, unknown>): void;
  status(status: Record<string, unknown>): void;
  /** The item's end; `late` where it is said also behind the turn's end. */
  completed(item: Item, late?: "late"): void;
  /** What the client answers; undefined when it refuses, or the turn was ended before. */
  ask(method: string, params: Record<string, unknown>): Promise<unknown>;
  /** Makes the command known to what ends it. */
  track(command: RunningCommand): void;
}

const COMPLETED: TurnEnd = { status: "completed", error: null };

/** Carries out one prompt. Rejects only where the disk does. */
export async function perform(request: AgentRequest, stage: Stage): Promise<TurnEnd> {
  // Who wants JSON wants nothing else, but for the prompts that end in no answer.
  const structured = stage.outputSchema !== null && request.kind !== "fail" && request.kind !== "stall";
  if (structured) return answer(stage, [JSON.stringify(sampleOf(stage.outputSchema))]);
  switch (request.kind) {
    case "run": return runCommand(stage);
    case "ask": return askForCommand(stage);
    case "edit": return editFile(stage);
    case "long": return answer(stage, longDeltas(request.words), LIMITS.agentDeltaMs);
    case "fail": return { status: "failed", error: turnFailure(ANSWERS.fail) };
    case "stall": return untilUnwanted(stage);
    case "hello": case "other": return answer(stage, deltasOf(ANSWERS[request.kind]));
    default: return assertNever(request);
  }
}

async function answer(stage: Stage, deltas: readonly string[], everyMs = 0): Promise<TurnEnd> {
  const { clock, signal } = stage;
  if (signal.aborted) return COMPLETED;
  const id = stage.newItemId("msg");
  const startedAtMs = clock.now();
  stage.say("item/started", { item: agentMessage(id, "", startedAtMs, null), startedAtMs });
  let text = "";
  for (const delta of deltas) {
    if (everyMs > 0 && text !== "") await sleep(clock, everyMs, signal);
    // The message under way is dropped, as Codex drops it: it never gets its end.
    if (signal.aborted) return COMPLETED;
    text += delta;
    stage.say("item/agentMessage/delta", { itemId: id, delta });
  }
  stage.completed(agentMessage(id, text, startedAtMs, clock.now()));
  return COMPLETED;
}

async function runCommand(stage: Stage): Promise<TurnEnd> {
  const item = newCommand(stage);
  stage.say("item/started", { item, startedAtMs: item["startedAtMs"] });
  return tellOf(stage, await carryOut(stage, item));
}

async function askForCommand(stage: Stage): Promise<TurnEnd> {
  const { thread, clock } = stage;
  const command = stage.line.join(" ");
  if (thread.approved) return runCommand(stage);
  if (thread.settings.approvalPolicy === "never") return answer(stage, deltasOf(ANSWERS.unasked(command)));
  stage.status(activeStatus(["waitingOnApproval"]));
  const item = newCommand(stage);
  stage.say("item/started", { item, startedAtMs: item["startedAtMs"] });
  const { cwd } = thread.settings;
  const reply = await stage.ask("item/commandExecution/requestApproval", {
    kind: "command", itemId: item.id, startedAtMs: item["startedAtMs"], environmentId: "local",
    reason: "The embedded agent was asked to ask. May it run this?", command, cwd,
    commandActions: item["commandActions"], availableDecisions: ["accept", "acceptForSession", "decline", "cancel"],
  });
  if (stage.ended.aborted) return COMPLETED;
  const decision = decisionOf(reply);
  if (decision === "accept" || decision === "acceptForSession") {
    thread.approved = decision === "acceptForSession";
    stage.status(activeStatus());
    return tellOf(stage, await carryOut(stage, item));
  }
  const status = decision === "unknown" ? "failed" : "declined";
  stage.completed({ ...item, status, completedAtMs: clock.now() });
  stage.status(activeStatus());
  if (decision === "cancel") return { status: "interrupted", error: null };
  const text = decision === "decline" ? ANSWERS.declined(command) : ANSWERS.unanswered(command);
  return answer(stage, deltasOf(text));
}

function newCommand({ thread, clock, line, newItemId }: Stage): Item {
  return commandItem(newItemId("call"), line.join(" "), thread.settings.cwd, clock.now());
}

/** Runs it to its end, which it tells also when the turn has ended before. */
async function carryOut(stage: Stage, item: Item): Promise<CommandEnd> {
  const { thread, clock } = stage;
  const running = startCommand({
    line: stage.line,
    cwd: thread.settings.cwd,
    // The mark by which codexd finds what a thread has started.
    env: { ...process.env, CODEX_THREAD_ID: thread.id },
    clock,
    onOutput: (delta) => stage.sayLate("item/commandExecution/outputDelta", { itemId: item.id, delta }),
  });
  stage.track(running);
  const end = await running.ended;
  stage.completed({
    ...item, processId: running.pid === null ? null : String(running.pid),
    status: end.exitCode === 0 ? "completed" : "failed", aggregatedOutput: end.output, exitCode: end.exitCode,
    durationMs: end.durationMs, completedAtMs: clock.now(),
  }, "late");
  return end;
}

function tellOf(stage: Stage, { exitCode, output }: CommandEnd): Promise<TurnEnd> {
  return answer(stage, deltasOf(ANSWERS.ran(stage.line.join(" "), exitCode, output)));
}

async function editFile(stage: Stage): Promise<TurnEnd> {
  const edit = planScratchEdit(stage.home);
  const startedAtMs = stage.clock.now();
  const kind = edit.kind === "add" ? { type: "add" } : { type: "update", move_path: null };
  const changes = [{ path: edit.file, kind, diff: edit.diff }];
  const item = { type: "fileChange", id: stage.newItemId("call"), changes, status: "inProgress", startedAtMs };
  stage.say("item/started", { item, startedAtMs });
  edit.apply();
  stage.completed({ ...item, status: "completed", completedAtMs: stage.clock.now() });
  stage.say("turn/diff/updated", { diff: edit.gitDiff });
  const end = await answer(stage, deltasOf(ANSWERS.edited(edit.file)));
  stage.say("turn/diff/updated", { diff: edit.gitDiff });
  return end;
}

function untilUnwanted({ signal }: Stage): Promise<TurnEnd> {
  if (signal.aborted) return Promise.resolve(COMPLETED);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(COMPLETED), { once: true }));
}

type Decision = "accept" | "acceptForSession" | "decline" | "cancel" | "unknown";

function decisionOf(reply: unknown): Decision {
  const decision = isObject(reply) ? reply["decision"] : undefined;
  // Accepted with a change of policy: there is no policy here to change.
  if (isObject(decision) && "acceptWithExecpolicyAmendment" in decision) return "accept";
  const words = ["accept", "acceptForSession", "decline", "cancel"] as const;
  return words.find((word) => word === decision) ?? "unknown";
}
