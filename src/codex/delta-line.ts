// The one line that comes by the thousand: a text delta, read without parsing it as JSON and writing it anew.
//
// Deliberately narrow: exactly the shape that Codex writes, checked to the last character, because the text goes into
// the journal as it is. A line of any other shape is nobody's loss, it is parsed like every other notification.
// Invariant: for a line that it takes, the event is the same as the one that the table in notifications.ts makes.

import type { EventType } from "../core/event.ts";
import { NOTIFICATIONS } from "./notifications.ts";

export interface DeltaLine {
  readonly type: EventType;
  readonly message: string;
  readonly threadId: string;
  readonly turnId: string;
  readonly itemId: string;
  /** What stands between the quotes on the line: JSON's escapes are still in it. */
  readonly escapedDelta: string;
  /** Decimal digits; undefined before 0.169. */
  readonly emittedAtMs: string | undefined;
}

const METHODS = ["item/agentMessage/delta", "item/commandExecution/outputDelta", "item/plan/delta"] as const;
const BEGINNING = '{"method":"item/';

const ID = "([A-Za-z0-9_-]{1,200})";
/** RFC 8259 §7: any character but quote, backslash and controls, or one of the escapes. */
const STRING = String.raw`((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)`;
const LINE = new RegExp(
  String.raw`^\{"method":"(${METHODS.join("|")})","params":` +
  String.raw`\{"threadId":"${ID}","turnId":"${ID}","itemId":"${ID}","delta":"${STRING}"\}` +
  String.raw`(?:,"emittedAtMs":(0|[1-9][0-9]{0,14}))?\}$`,
);

const ROWS = new Map(METHODS.map((method) => {
  const row = NOTIFICATIONS.get(method);
  if (row === undefined || typeof row.message !== "string") throw new Error(`${method} has no constant message`);
  return [method as string, { type: row.type, message: row.message }];
}));

/** A longer line gains nothing here: its text outweighs what parsing costs. */
const CHARS_MAX = 64 * 1024;

/** The delta on a line; undefined when the line is anything else, or a delta that is written in any other way. */
export function readDeltaLine(text: string): DeltaLine | undefined {
  if (text.length > CHARS_MAX || !text.startsWith(BEGINNING)) return undefined;
  const match = LINE.exec(text);
  if (match === null) return undefined;
  const [, method = "", threadId = "", turnId = "", itemId = "", escapedDelta = "", emittedAtMs] = match;
  const row = ROWS.get(method);
  if (row === undefined) return undefined;
  const { type, message } = row;
  return { type, message, threadId, turnId, itemId, escapedDelta, emittedAtMs };
}

/** The event's detail, as `toEvent` and JSON would write it. */
export function deltaDetailJson(delta: DeltaLine, sessionId: string | null): string {
  const { threadId, turnId, itemId, escapedDelta, emittedAtMs } = delta;
  const session = sessionId === null ? "null" : `"${sessionId}"`;
  const emitted = emittedAtMs === undefined ? "" : `,"emittedAtMs":${emittedAtMs}`;
  return (
    `{"threadId":"${threadId}","turnId":"${turnId}","itemId":"${itemId}","delta":"${escapedDelta}"` +
    `,"sessionId":${session}${emitted}}`
  );
}
