// What the mock model is told by a prompt: tags in the newest user message that has any.
//
// Pure: a request's `input` in, a script out. Everything that a prompt can ask for is in `MockScript`.
//
// Tags: RUNCMD=command;  ESCALATE=command;  YIELD=ms:command;  PATCH=path:text;  EDIT=path:old:new;  PLAN=a|b;
//   ASK=question;  PERM=path;  CALL=[namespace.]tool:json;  PARALLEL=command|command;  are steps, one model response
//   each, in the order written; \; is a semicolon.
//   DELTAS=n  RATE=n a second  SIZE=characters each  TEXT=words;  USAGE=in:out  shape the final message.
//   HTTP=status  FAILED=code  CUT=after n deltas  HANG=after n deltas  DELAY=ms  are faults, met by the first TIMES
//   requests of the turn (all of them without TIMES).

export const MOCK_STEPS = [
  "RUNCMD", "ESCALATE", "YIELD", "PATCH", "EDIT", "PLAN", "ASK", "PERM", "CALL", "PARALLEL",
] as const;

export interface MockStep {
  readonly kind: (typeof MOCK_STEPS)[number];
  readonly value: string;
}

export interface MockFault {
  readonly delayMs: number | null;
  readonly httpStatus: number | null;
  readonly failedCode: string | null;
  /** The connection ends after so many deltas. */
  readonly cutAfter: number | null;
  /** Nothing more is said after so many deltas; the connection stays. */
  readonly hangAfter: number | null;
}

export interface MockScript {
  readonly steps: readonly MockStep[];
  readonly pieces: readonly string[];
  /** Deltas a second; null is as fast as they are taken. */
  readonly rate: number | null;
  readonly usage: { readonly input: number; readonly output: number };
  readonly fault: MockFault;
  /** How many requests of the turn meet the fault. */
  readonly times: number;
  /** Where in the conversation the script stands: with the thread it names the turn. */
  readonly position: number;
  /** How many of the steps have their output in the conversation already. */
  readonly stepsDone: number;
}

export const NO_FAULT: MockFault = {
  delayMs: null, httpStatus: null, failedCode: null, cutAfter: null, hangAfter: null,
};

const STEP_NAMES = MOCK_STEPS.join("|");
const TAG = new RegExp(`\\b(${STEP_NAMES}|DELTAS|RATE|SIZE|TEXT|USAGE|HTTP|FAILED|CUT|HANG|DELAY|TIMES)=`);
const STEP = new RegExp(`\\b(${STEP_NAMES})=((?:\\\\.|[^;\\\\])*);`, "g");
const DEFAULT_DELTAS = 5;

/** Finds the script in the `input` of a Responses API request; without a tag the newest user message has defaults. */
export function readScript(input: unknown): MockScript {
  const items = (Array.isArray(input) ? input : []) as Array<Record<string, unknown>>;
  const users = items.map((item, at) => ({ at, text: textOf(item), user: item["role"] === "user" }));
  const spoken = users.filter(({ user }) => user);
  const chosen = spoken.findLast(({ text }) => TAG.test(text)) ?? spoken.at(-1) ?? { at: -1, text: "" };
  const outputs = items.slice(chosen.at + 1).filter((item) => String(item["type"]).endsWith("_call_output"));
  return { ...parsePrompt(chosen.text), position: chosen.at, stepsDone: outputs.length };
}

function parsePrompt(prompt: string): Omit<MockScript, "position" | "stepsDone"> {
  const steps: MockStep[] = [];
  const rest = prompt.replace(STEP, (_, kind: MockStep["kind"], value: string) => {
    steps.push({ kind, value: value.replace(/\\(.)/g, "$1") });
    return " ";
  });
  const usage = /\bUSAGE=(\d+):(\d+)/.exec(rest);
  return {
    steps,
    pieces: piecesOf(rest),
    rate: numberOf(rest, "RATE"),
    usage: { input: Number(usage?.[1] ?? 100), output: Number(usage?.[2] ?? 10) },
    fault: {
      delayMs: numberOf(rest, "DELAY"),
      httpStatus: numberOf(rest, "HTTP"),
      failedCode: /\bFAILED=([\w.-]+)/.exec(rest)?.[1] ?? null,
      cutAfter: numberOf(rest, "CUT"),
      hangAfter: numberOf(rest, "HANG"),
    },
    times: numberOf(rest, "TIMES") ?? Number.POSITIVE_INFINITY,
  };
}

function piecesOf(prompt: string): string[] {
  const text = /\bTEXT=([^;]*);/.exec(prompt)?.[1];
  if (text !== undefined) return text.match(/\s*\S+\s*/g) ?? [text];
  const size = numberOf(prompt, "SIZE");
  return Array.from({ length: numberOf(prompt, "DELTAS") ?? DEFAULT_DELTAS }, (_, i) => piece(i, size));
}

/** The text of delta `i`: `tok<i> `, or its number filled up to `size` characters. */
export function piece(i: number, size: number | null = null): string {
  return size === null ? `tok${i} ` : `${i} `.padEnd(size, ".").slice(0, size);
}

function numberOf(text: string, tag: string): number | null {
  const match = new RegExp(`\\b${tag}=(\\d+)`).exec(text);
  return match === null ? null : Number(match[1]);
}

function textOf(item: Record<string, unknown>): string {
  const content = item["content"];
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("\n");
}
