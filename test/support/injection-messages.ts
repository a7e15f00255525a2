// Hostile WebSocket messages, and upgrades: every word that a client may say to the event stream, and those it may not.
//
// Made from a seed and judged by the answer, one after the other on one connection. Invariant: what a subscription may
// be is told anew here, not by the code that decodes it.

import { createSeeded, type Seeded } from "../../scripts/seeded.ts";
import { isObject } from "../../src/base/decode.ts";
import { hostileValue, hostileWord } from "./hostile-values.ts";
import { wellFormed } from "./injection-cases.ts";
import { connectWs, UpgradeRefused, type TestWsClient } from "./ws-client.ts";

/** Also what is not JSON, or not as `JSON.stringify` would have it. */
export function makeMessage(sessionId: string, seed: number, number: number): string {
  const chance = createSeeded(seed * 1_000_003 + number);
  const mark = `zq${number}z`;
  if (chance.next() < 0.1) return hostileWord(chance, mark);
  const good: Record<string, unknown> = { type: chance.next() < 0.8 ? "subscribe" : pick(["ping", "status"], chance) };
  for (const [name, value] of Object.entries(fieldsFor(sessionId, chance))) if (chance.next() < 0.3) good[name] = value;
  const odd = chance.next();
  const known = pick(["type", "after", "session", "thread", "run", "types"], chance);
  const name = odd < 0.2 ? hostileWord(chance, mark) : known;
  if (odd < 0.8) Object.defineProperty(good, name, { value: hostileValue(chance, mark), enumerable: true });
  const text = JSON.stringify(good);
  // The same name twice: the last one counts, and is judged.
  const again = `"type":"subscribe","after":${pick(["-1", "1e999", "1.5", "0"], chance)}`;
  return odd > 0.9 ? `${text.slice(0, -1)},${again}}` : text;
}

function fieldsFor(sessionId: string, chance: Seeded): Record<string, unknown> {
  const types = pick<unknown>([["turn.*"], ["*", "run.item"], "session.*, child.*", ["codexd.started"]], chance);
  return { after: Math.floor(chance.next() * 20), session: sessionId, thread: "t", run: "r", types };
}

/** Opens the stream past its hello, the upgrade hostile in one place; null where that was refused as it may be. */
export async function openHostile(socketPath: string, seed: number, number: number): Promise<TestWsClient | null> {
  const chance = createSeeded(seed * 1_000_003 + number);
  const word = hostileWord(chance, `zq${number}z`);
  const name = pick(["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Cookie", "X-Other"], chance);
  const headers = /^[\t\x20-\x7e\x80-\xff]*$/.test(word) && chance.next() < 0.5 ? { [name]: word } : {};
  const field = pick(["after", "session", "thread", "run", "type", "snapshot", encoded(word)], chance);
  const query = chance.next() < 0.5 ? `&${field}=${encoded(word)}` : "";
  try {
    const client = await connectWs({ socketPath, path: `/v1/codexd/events?snapshot=0${query}`, headers });
    await client.nextThat(isAnswer);
    return client;
  } catch (error) {
    if (error instanceof UpgradeRefused && error.status === 400) return null;
    throw error;
  }
}

export interface MessageJudgement {
  /** One sentence for each rule that was broken. */
  readonly problems: readonly string[];
  /** The connection is no more. */
  readonly ended: boolean;
}

export async function judgeMessage(client: TestWsClient, text: string): Promise<MessageJudgement> {
  client.sendText(text);
  const answer = await client.nextThat(isAnswer).catch(() => null);
  const said = parsed(text);
  if (!isObject(answer)) {
    const { code } = await client.closed;
    const isDue = code === 4002 && (said === null || text.includes("__proto__"));
    return { problems: isDue ? [] : [`it was closed with ${code}`], ended: true };
  }
  return { problems: judgeMessageAnswer(answer, said), ended: false };
}

function judgeMessageAnswer(answer: Record<string, unknown>, said: Record<string, unknown> | null): string[] {
  const { type, error, message } = answer;
  if (type === "error") {
    if (typeof message !== "string" || /[\r\n]|\.ts:|node:/.test(message)) return [`it was told ${String(message)}`];
    const isDue = error === undefined || ["bad_request", "cursor_ahead"].includes(String(error));
    return isDue ? [] : [`${String(error)}: ${message}`];
  }
  if (type === "subscribed") return said !== null && isSubscription(said) ? [] : ["it was taken for a subscription"];
  const asked = said?.["type"];
  return (type === "pong" ? asked === "ping" : type === asked) ? [] : [`it was answered with ${String(type)}`];
}

function isSubscription(message: Record<string, unknown>): boolean {
  // Null is as good as nothing.
  const given = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null));
  const { type, after, session, thread, run, types, ...others } = given;
  const isWord = (value: unknown): boolean => value === undefined || (typeof value === "string" && value !== "");
  const isType = (value: unknown): boolean => typeof value === "string" && /^([\w.-]+\*?|\*)$/.test(value);
  const list = typeof types === "string" ? types.split(",").map((one) => one.trim()) : types ?? ["*"];
  return type === "subscribe" && Object.keys(others).length === 0
    && (after === undefined || (Number.isSafeInteger(after) && Number(after) >= 0))
    && [session, thread, run].every(isWord)
    && Array.isArray(list) && list.length > 0 && list.length <= 100 && list.every(isType);
}

function isAnswer(message: unknown): boolean {
  return isObject(message) && message["type"] !== "event" && message["type"] !== "heartbeat";
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(wellFormed(text));
    return isObject(value) ? value : null;
  } catch {
    // SyntaxError is all that JSON.parse throws.
    return null;
  }
}

function encoded(text: string): string {
  return encodeURIComponent(wellFormed(text));
}

function pick<T>(values: readonly T[], chance: Seeded): T {
  return values[Math.floor(chance.next() * values.length)] as T;
}
