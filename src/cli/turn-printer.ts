// A turn's events as a person or a script reads them: the answer on standard output, what is done on standard error.
//
// Judges no event's turn: who hands them in has picked those of one turn. Invariants: a message that Codex has broken
// off never passes for the answer; where standard output is no terminal it has whole messages and nothing else; what
// Codex says cannot move the cursor.

import { isObject } from "../base/decode.ts";
import type { CodexdEvent, EventDetail } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { itemText, plain, printable } from "./event-text.ts";
import type { Screen } from "./screen.ts";

type Item = Readonly<Record<string, unknown>>;

export interface TurnPrinter {
  print(event: CodexdEvent): void;
  /** The turn is over: ends the line that is open. */
  end(): void;
}

/** The types that it takes, for a filter. @param streams whether messages are printed as they are written. */
export function printedTypes(streams: boolean): string[] {
  return [
    "app-server.item.started", "app-server.item.completed", "app-server.turn.error", "app-server.turn.plan.updated",
    "turn.stalled", ...(streams ? ["app-server.turn.message.delta"] : []),
  ];
}

export function createTurnPrinter(screen: Screen, streams: boolean): TurnPrinter {
  const answer = createAnswer(screen, streams);
  /** Items that have begun and not ended, and those that have ended, by id. */
  const begun = new Set<unknown>();
  const ended = new Set<unknown>();

  const begin = (item: Item): void => {
    if (begun.has(item["id"])) return;
    begun.add(item["id"]);
    const line = beginning(item, screen);
    if (line !== null) screen.remark(`${line}\n`);
  };

  const complete = (item: Item): void => {
    if (item["type"] === "agentMessage") return answer.completed(String(item["id"]), String(item["text"] ?? ""));
    // Codex 0.116 does not tell the beginning of what it asks about, and twice the end of a change that is declined.
    if (ended.has(item["id"])) return;
    ended.add(item["id"]);
    begin(item);
    begun.delete(item["id"]);
    const text = ending(item, screen);
    if (text !== "") screen.remark(text);
  };

  return {
    print({ type, detail, message }) {
      const { item } = detail;
      if (type === "turn.stalled") return screen.note(plain(message));
      if (type === "app-server.turn.message.delta") return answer.delta(String(detail["itemId"]), detail["delta"]);
      if (type === "app-server.turn.plan.updated") return screen.remark(planText(detail["plan"]));
      if (type === "app-server.turn.error") return tellRetry(detail, screen, answer);
      if (!isObject(item)) return;
      if (type === "app-server.item.completed") complete(item);
      else begin(item);
    },
    end: () => screen.endAnswer(),
  };
}

/** The messages of the turn. */
interface Answer {
  delta(itemId: string, text: unknown): void;
  completed(itemId: string, text: string): void;
  /** What is open will not go on. */
  breakOff(): void;
}

interface OpenMessage {
  readonly itemId: string;
  /** As far as it has been printed. */
  text: string;
}

function createAnswer(screen: Screen, streams: boolean): Answer {
  let open: OpenMessage | null = null;
  /** Something stands on the screen that has no end. */
  let brokenOff = false;

  const switchTo = (itemId: string): OpenMessage => {
    if (open?.itemId === itemId) return open;
    answer.breakOff();
    if (brokenOff) screen.note("the message above was broken off and begins anew");
    brokenOff = false;
    return (open = { itemId, text: "" });
  };
  const answer: Answer = {
    delta(itemId, text) {
      if (!streams || typeof text !== "string" || text === "") return;
      switchTo(itemId).text += text;
      screen.answer(printable(text));
    },
    completed(itemId, text) {
      if (text !== "" || open?.itemId === itemId) {
        const said = switchTo(itemId).text;
        if (text.startsWith(said)) {
          screen.answer(printable(text.slice(said.length)));
        } else {
          // Some of it was missed: what is whole is said whole.
          screen.endAnswer();
          screen.answer(printable(text));
        }
        screen.endAnswer();
      }
      open = null;
    },
    breakOff() {
      brokenOff ||= open !== null && open.text !== "";
      open = null;
    },
  };
  return answer;
}

/** Only what is tried again: the error that ends a turn is told with its end. */
function tellRetry(detail: EventDetail, screen: Screen, answer: Answer): void {
  const { error } = detail;
  if (detail["willRetry"] !== true || !isObject(error)) return;
  // What it had written comes once more, under another id.
  answer.breakOff();
  const more = typeof error["additionalDetails"] === "string" ? `: ${error["additionalDetails"]}` : "";
  screen.remark(`${screen.paint("yellow", plain(`${error["message"] ?? "trying again"}${more}`))}\n`);
}

/** Told elsewhere, or when they have ended. */
const SILENT: ReadonlySet<unknown> = new Set(["userMessage", "agentMessage", "reasoning", "fileChange", "plan"]);

function beginning(item: Item, { paint }: Screen): string | null {
  if (SILENT.has(item["type"])) return null;
  if (item["type"] === "commandExecution") return paint("bold", `$ ${plain(commandOf(item["command"]))}`);
  const { type, server, tool, query } = item;
  const words = [server, tool, query].filter((word) => typeof word === "string" && word !== "");
  return paint("bold", plain(words.length === 0 ? itemText(item) : [type, ...words].join(" ")));
}

/** A shell around a script that stands in plain quotes is left out: it says nothing. */
function commandOf(command: unknown): string {
  const text = String(command);
  return /^(?:\/usr)?\/bin\/(?:ba|z|da)?sh -l?c '([^']*)'$/.exec(text)?.[1] ?? text;
}

/** Whole lines, or nothing. */
function ending(item: Item, screen: Screen): string {
  switch (item["type"]) {
    case "commandExecution": return commandEnd(item, screen);
    case "fileChange": return fileChanges(item, screen);
    case "plan": return `${printable(String(item["text"] ?? ""))}\n`;
    default: return isObject(item["error"]) ? `  ${plain(`failed: ${item["error"]["message"]}`)}\n` : "";
  }
}

function commandEnd({ status, exitCode, durationMs, aggregatedOutput }: Item, { paint }: Screen): string {
  const took = typeof durationMs === "number" ? ` after ${(durationMs / 1000).toFixed(1)} s` : "";
  const bad = status !== "completed";
  const how = typeof exitCode === "number" ? `exited with ${exitCode}${took}`
    : status === "declined" ? "was declined" : bad ? `failed${took}` : `ended${took}`;
  const output = lastLines(aggregatedOutput).map((line) => `  ${paint("dim", line)}\n`);
  return `${output.join("")}  ${paint(bad ? "yellow" : "dim", how)}\n`;
}

/** The end says more about what happened than the beginning does. */
function lastLines(output: unknown): string[] {
  if (typeof output !== "string" || output.trim() === "") return [];
  const lines = output.trimEnd().split("\n");
  const left = lines.length - LIMITS.sendOutputLinesMax;
  const shown = lines.slice(-LIMITS.sendOutputLinesMax).map(cutLine);
  return left > 0 ? [`… ${left} lines before`, ...shown] : shown;
}

/** As it stands, with its indentation. */
function cutLine(line: string): string {
  const max = LIMITS.sendOutputLineCharsMax;
  return printable(line.length > max ? `${line.slice(0, max)}…` : line);
}

function fileChanges({ status, changes }: Item, { paint }: Screen): string {
  const rows = Array.isArray(changes) ? changes.filter(isObject) : [];
  const how = status === "completed" ? "" : paint("yellow", ` (${plain(String(status))})`);
  return rows.map(({ path, kind }) => {
    const [type, to] = isObject(kind) ? [kind["type"], kind["move_path"]] : [kind, null];
    const moved = typeof to === "string" ? ` -> ${to}` : "";
    return `${paint("bold", plain(`${type ?? "change"} ${path}${moved}`))}${how}\n`;
  }).join("");
}

const MARKS: ReadonlyMap<unknown, string> = new Map([["completed", "[x]"], ["inProgress", "[>]"]]);

function planText(plan: unknown): string {
  const steps = Array.isArray(plan) ? plan.filter(isObject) : [];
  const lines = steps.map(({ step, status }) => `  ${MARKS.get(status) ?? "[ ]"} ${plain(String(step))}\n`);
  return lines.length === 0 ? "" : `plan\n${lines.join("")}`;
}
