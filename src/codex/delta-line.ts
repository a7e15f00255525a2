// The one line that comes by the thousand: a text delta, read without parsing it as JSON and writing it anew.
//
// Deliberately narrow: exactly the shape that Codex writes, checked to the last character, because the text goes into
// the journal as it is. A line of any other shape is nobody's loss, it is parsed like every other notification.
// Invariant: for a line that it takes, the event is the same as the one that the table in notifications.ts makes.

import type { EventType } from "../core/event.ts";
import { NOTIFICATIONS } from "./notifications.ts";

/** What the deltas of one item have in common. */
export interface DeltaItem {
  readonly type: EventType;
  readonly message: string;
  readonly threadId: string;
  readonly turnId: string;
  /** The line up to the delta's first character; what of it the event's detail begins with. */
  readonly lineHead: string;
  readonly detailHead: string;
}

export interface DeltaLine {
  /** The same object for all deltas of an item that come one after another. */
  readonly item: DeltaItem;
  /** What stands between the quotes on the line: JSON's escapes are still in it. */
  readonly escapedDelta: string;
  /** `,"emittedAtMs":` and its digits; empty before 0.169. */
  readonly emitted: string;
}

const METHODS = ["item/agentMessage/delta", "item/commandExecution/outputDelta", "item/plan/delta"] as const;
const BEGINNING = '{"method":"item/';

const ID = "([A-Za-z0-9_-]{1,200})";
const HEAD = new RegExp(
  String.raw`^\{"method":"(${METHODS.join("|")})","params":` +
  String.raw`\{"threadId":"${ID}","turnId":"${ID}","itemId":"${ID}","delta":"`,
);
/** RFC 8259 §7: any character but quote, backslash and controls, or one of the escapes. */
const STRING = String.raw`(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*`;
const REST = new RegExp(String.raw`${STRING}"\}(?:,"emittedAtMs":(?:0|[1-9][0-9]{0,14}))?\}$`, "y");

const ROWS = new Map(METHODS.map((method) => {
  const row = NOTIFICATIONS.get(method);
  if (row === undefined || typeof row.message !== "string") throw new Error(`${method} has no constant message`);
  return [method as string, { type: row.type, message: row.message }];
}));

/** A longer line gains nothing here: its text outweighs what parsing costs. */
const CHARS_MAX = 64 * 1024;

/** Items whose deltas come in turns, such as those of sub-agents, are each known again. */
const ITEMS_KEPT = 8;

/**
 * Gives the delta on a line; undefined when the line is anything else, or a delta that is written in any other way.
 * It remembers the last few items: to compare a line's head with theirs costs a tenth of taking it apart.
 */
export function createDeltaReader(): (text: string) => DeltaLine | undefined {
  let items: readonly DeltaItem[] = [];

  const itemOf = (text: string): DeltaItem | undefined => {
    for (const item of items) {
      // Not `startsWith`, which compares character by character.
      if (text.slice(0, item.lineHead.length) === item.lineHead) return item;
    }
    const item = readItem(text);
    if (item !== undefined) items = [item, ...items.slice(0, ITEMS_KEPT - 1)];
    return item;
  };

  return (text) => {
    if (text.length > CHARS_MAX) return undefined;
    const item = itemOf(text);
    if (item === undefined) return undefined;
    const start = item.lineHead.length;
    REST.lastIndex = start;
    if (!REST.test(text)) return undefined;
    const end = text.lastIndexOf('"}');
    return { item, escapedDelta: text.slice(start, end), emitted: text.slice(end + 2, -1) };
  };
}

function readItem(text: string): DeltaItem | undefined {
  if (!text.startsWith(BEGINNING)) return undefined;
  const match = HEAD.exec(text);
  if (match === null) return undefined;
  const [lineHead, method = "", threadId = "", turnId = "", itemId = ""] = match;
  const row = ROWS.get(method);
  if (row === undefined) return undefined;
  const detailHead = `{"threadId":"${threadId}","turnId":"${turnId}","itemId":"${itemId}","delta":"`;
  return { ...row, threadId, turnId, lineHead, detailHead };
}

/** The event's detail, as `toEvent` and JSON would write it. */
export function deltaDetailJson({ item, escapedDelta, emitted }: DeltaLine, sessionId: string | null): string {
  const session = sessionId === null ? "null" : `"${sessionId}"`;
  return `${item.detailHead}${escapedDelta}","sessionId":${session}${emitted}}`;
}
