// The turns under way, one a thread at most: what starts, steers, interrupts and cleans up asks here.
//
// The refusals are Codex's, by word: codexd tells its cases apart by them. Invariant: what a turn has left running is
// known until it has ended, also when the turn is over.

import { isObject } from "../base/decode.ts";
import type { RunningCommand } from "./command.ts";
import { openTurn } from "./notices.ts";
import { inputItems, Refusal, requiredText, wrongType, type Params } from "./refusal.ts";
import { Turn, type TurnPlace } from "./turn.ts";

/** An answer, and what happens when it has been written. */
export interface Outcome {
  readonly result: unknown;
  readonly then?: () => void;
}

export interface Turns {
  /** @throws {Refusal} as Codex words it; so do the two below. */
  start(params: Params): Outcome;
  steer(params: Params): Outcome;
  interrupt(params: Params): Outcome;
  /** Ends what the thread's turns have left running; all threads' without an id. */
  endCommands(threadId?: string): void;
}

export function createTurns(place: TurnPlace): Turns {
  const active = new Map<string, Turn>();
  const commands = new Map<RunningCommand, string>();

  const endCommands = (threadId?: string): void => {
    for (const [command, owner] of commands) if (threadId === undefined || owner === threadId) command.kill();
  };

  return {
    endCommands,

    start(params) {
      const threadId = requiredText(params, "threadId");
      const input = inputItems(params);
      const thread = place.threads.find(threadId);
      if (thread === undefined || !thread.loaded) throw new Refusal(`thread not found: ${threadId}`);
      const running = active.get(threadId);
      // A second turn/start is a steer in all but name.
      if (running !== undefined) return { result: { turn: openTurn(running) }, then: () => running.steer(input) };
      const outputSchema = schemaOf(params);
      place.threads.override(thread, params);
      const turn = new Turn({
        place, thread, input, outputSchema,
        track(command) {
          commands.set(command, threadId);
          void command.ended.then(() => commands.delete(command));
        },
        onEnd() {
          active.delete(threadId);
          thread.active = false;
          // Codex leaves them running; whoever tries codexd for the first time should not have to clean up.
          endCommands(threadId);
        },
      });
      active.set(threadId, turn);
      thread.active = true;
      return { result: { turn: openTurn(turn) }, then: () => void setImmediate(() => void turn.run()) };
    },

    steer(params) {
      const turn = active.get(requiredText(params, "threadId"));
      const expected = requiredText(params, "expectedTurnId");
      const input = inputItems(params);
      if (turn === undefined || turn.startedAtMs === null) throw new Refusal("no active turn to steer");
      if (expected !== turn.id) throw new Refusal(`expected active turn id \`${expected}\` but found \`${turn.id}\``);
      if (input.length === 0) throw new Refusal("input must not be empty");
      return { result: { turnId: turn.id }, then: () => turn.steer(input) };
    },

    interrupt(params) {
      const turn = active.get(requiredText(params, "threadId"));
      const turnId = requiredText(params, "turnId");
      // The empty id means whatever there is, a turn that has not started included.
      if (turn === undefined && turnId === "") return { result: {} };
      if (turn === undefined || (turn.startedAtMs === null && turnId !== "")) {
        throw new Refusal("no active turn to interrupt");
      }
      if (turnId !== "" && turnId !== turn.id) {
        throw new Refusal(`expected active turn id ${turnId} but found ${turn.id}`);
      }
      return { result: {}, then: () => turn.interrupt() };
    },
  };
}

/** @throws {Refusal} when it is there and no object. */
function schemaOf({ outputSchema }: Params): Record<string, unknown> | null {
  if (outputSchema === undefined || outputSchema === null) return null;
  if (!isObject(outputSchema)) throw wrongType("outputSchema", "an object");
  return outputSchema;
}
