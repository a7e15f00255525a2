// The answer of a turn whose adapter tells its text as it comes and never the item that it adds up to.
//
// Codex always completes its items, and only their text counts; an adapter may tell less. Pure but for what it keeps:
// one text a thread. Invariant: what an adapter does tell of a turn's items is never added to or replaced.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { threadIdOf, turnIdOf } from "./notifications.ts";

export interface AdapterMessages {
  /** Takes a notification in; gives its params, those of a turn's end with the answer where nothing else has it. */
  complete(method: string, params: Record<string, unknown>): Record<string, unknown>;
}

interface Answer {
  readonly turnId: string;
  readonly itemId: unknown;
  /** Null once it is too long to be kept: half an answer would look like a whole one. */
  text: string | null;
}

export function createAdapterMessages(): AdapterMessages {
  const answers = new Map<string, Answer>();

  const add = (threadId: string, turnId: string, { itemId, delta }: Record<string, unknown>): void => {
    if (typeof delta !== "string") return;
    const before = answers.get(threadId);
    const same = before?.turnId === turnId && before.itemId === itemId;
    const text = same ? (before.text === null ? null : before.text + delta) : delta;
    answers.delete(threadId);
    answers.set(threadId, {
      turnId, itemId, text: text !== null && text.length <= LIMITS.adapterMessageCharsMax ? text : null,
    });
    for (const oldest of answers.keys()) {
      if (answers.size <= LIMITS.adapterTurnsKept) break;
      answers.delete(oldest);
    }
  };

  const end = (threadId: string, turnId: string, params: Record<string, unknown>): Record<string, unknown> => {
    const answer = answers.get(threadId);
    answers.delete(threadId);
    const { turn } = params;
    if (answer === undefined || answer.turnId !== turnId || answer.text === null || !isObject(turn)) return params;
    if (Array.isArray(turn["items"]) && turn["items"].length > 0) return params;
    const item = { type: "agentMessage", id: answer.itemId, text: answer.text };
    return { ...params, turn: { ...turn, items: [item] } };
  };

  return {
    complete(method, params) {
      const threadId = threadIdOf(params);
      const turnId = turnIdOf(params);
      if (threadId === null || turnId === null) return params;
      if (method === "item/agentMessage/delta") add(threadId, turnId, params);
      else if (method === "item/completed" && isMessage(params["item"])) answers.delete(threadId);
      else if (method === "turn/completed") return end(threadId, turnId, params);
      return params;
    },
  };
}

function isMessage(item: unknown): boolean {
  return isObject(item) && item["type"] === "agentMessage";
}
