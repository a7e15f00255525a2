// A reader that asks for page after page of the events while they come.
//
// Not a stream: it holds nothing open between two pages. Invariant: what it was told is judged by seq alone.

import { setTimeout } from "node:timers/promises";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { Daemon } from "./daemon.ts";

const REST_MS = 20;

/** Reads behind `after` up to the seq that `until` resolves with; gives what was wrong, nothing where nothing was. */
export async function readPages(daemon: Daemon, after: number, until: Promise<number>): Promise<string[]> {
  let end = Infinity;
  const known = until.then((seq) => void (end = seq));
  for (let cursor = after; cursor < end;) {
    const route = `/v1/codexd/events?after=${cursor}&limit=1000`;
    const { data } = await daemon.get<{ events: readonly CodexdEvent[]; nextAfter: number }>(route);
    const wrong = data.events.findIndex(({ seq }, i) => seq !== cursor + 1 + i);
    if (wrong >= 0) return [`a page behind ${cursor} has ${data.events[wrong]?.seq} as event ${wrong + 1}`];
    if (data.nextAfter !== cursor + data.events.length) return [`a page behind ${cursor} ends at ${data.nextAfter}`];
    cursor = data.nextAfter;
    await setTimeout(REST_MS);
  }
  await known;
  return [];
}
