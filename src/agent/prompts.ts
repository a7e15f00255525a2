// What the embedded agent is asked for, and the words in which it answers.
//
// No language is understood here: a prompt is one of the words of core/embedded-agent.ts and nothing else, any other
// gets the list. Invariant: every answer says that it comes from the embedded agent and from no model.

import { AGENT_PROMPTS } from "../core/embedded-agent.ts";
import { LIMITS } from "../core/limits.ts";

const WORDS = ["hello", "run", "edit", "ask", "fail", "stall"] as const;

export type AgentRequest =
  | { readonly kind: (typeof WORDS)[number] | "other" }
  | { readonly kind: "long"; readonly words: number };

const LONG_DEFAULT = 100;
const WHO = "This is codexd's embedded agent, which answers by rules and is no model";

export function readRequest(prompt: string): AgentRequest {
  const match = /^\s*([a-z]+)(?:\s+(\d{1,15}))?\s*[.!?]?\s*$/i.exec(prompt);
  const word = match?.[1]?.toLowerCase();
  const number = match?.[2];
  if (word === "long") {
    const asked = number === undefined ? LONG_DEFAULT : Number(number);
    return { kind: "long", words: Math.min(Math.max(asked, 1), LIMITS.agentDeltasMax) };
  }
  const kind = WORDS.find((known) => known === word);
  return { kind: kind === undefined || number !== undefined ? "other" : kind };
}

export const ANSWERS = {
  hello: `${WHO}. Hello! Everything that codexd does with an answer it does with this one.`,
  fail: `${WHO}: it has failed, as it was asked to.`,
  /** `output` is what the command printed. */
  ran: (command: string, exitCode: number, output: string): string =>
    `${WHO}. It ran ${command}, which ended with ${exitCode} and printed: ${output.trim() || "nothing"}`,
  edited: (file: string): string => `${WHO}. It has changed ${file}.`,
  declined: (command: string): string => `${WHO}. It asked to run ${command}, was told no, and has not run it.`,
  unanswered: (command: string): string =>
    `${WHO}. It asked to run ${command}, got no answer that it understands, and has not run it.`,
  /** Nobody can be asked: a run, or a thread with the policy `never`. */
  unasked: (command: string): string => `${WHO}. It may ask nobody here, so it has not run ${command}.`,
  other: [
    `${WHO}. It knows these prompts, each by itself:\n`,
    ...AGENT_PROMPTS.map(({ prompt, does }) => `- ${prompt}: ${does}\n`),
  ].join(""),
} as const;

/** The text in the pieces in which it is streamed: words, each with the space behind it. */
export function deltasOf(text: string): string[] {
  return text.match(/\S+\s*/g) ?? [];
}

/** `words` pieces, the first of which says who speaks. */
export function longDeltas(words: number): string[] {
  return Array.from({ length: words }, (_, i) => (i === 0 ? `${WHO}: 1 ` : `${i + 1} `));
}
