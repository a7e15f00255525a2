// A journal with a flipped byte in its middle: whoever reads over it hears what is missing, in each of the four forms.
//
// The store, the event service and the edge are real; the disk is simulated.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { createSseParser } from "../../src/protocol/sse.ts";
import { createEvents } from "../../src/service/events/events.ts";
import type { CodexdStore } from "../../src/service/tables.ts";
import { closedSegments, damage, diskWithJournal, SEGMENTS } from "../support/damaged-journal.ts";
import { openTestStore } from "../support/disk-store.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { unchunk } from "../support/raw-http.ts";
import { connectWs } from "../support/ws-client.ts";

const EVENTS = "/v1/codexd/events";

interface Damaged {
  readonly edge: EdgeUnderTest;
  /** The first event of a later segment, and the two before it, the last of the segment before. */
  readonly from: number;
  readonly to: number;
  readonly headSeq: number;
}

/** Damage over the edge of two segments, which no start has looked at. */
async function startDamaged(t: TestContext): Promise<Damaged> {
  const disk = await diskWithJournal("clean");
  const [, earlier = "", later = ""] = closedSegments(disk);
  const to = Number(/(\d+)\.jsonl$/.exec(later)?.[1]);
  const lines = to - Number(/(\d+)\.jsonl$/.exec(earlier)?.[1]);
  for (const index of [lines - 2, lines - 1]) damage(disk, earlier, index);
  damage(disk, later, 0);
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  const events = createEvents(store as unknown as CodexdStore, systemClock);
  const edge = await startEdge(t);
  Object.defineProperty(edge.services, "events", { value: events });
  t.after(async () => {
    events.dispose();
    await store.close();
  });
  return { edge, from: to - 2, to, headSeq: store.headSeq };
}

const seqsWithout = ({ from, to, headSeq }: Damaged, after = 0): number[] => {
  return Array.from({ length: headSeq - after }, (_, i) => after + i + 1).filter((seq) => seq < from || seq > to);
};

function gapLine({ from, to }: Damaged): object {
  return { type: "gap", seq: to, fromSeq: from, toSeq: to };
}

async function bodyUntil(edge: EdgeUnderTest, query: string, isEnough: (body: string) => boolean): Promise<string> {
  const connection = edge.open({ path: `${EVENTS}?${query}` });
  const bodyOf = (text: string): string => unchunk(`${text.slice(text.indexOf("\r\n\r\n") + 4)}0\r\n\r\n`) ?? "";
  const text = await connection.until((sofar) => sofar.includes("\r\n\r\n") && isEnough(bodyOf(sofar)));
  connection.socket.destroy();
  return bodyOf(text);
}

/** The seqs of a list of lines or messages, and the gap in its place. */
function judge(told: readonly { readonly seq: number; readonly type: string }[], damaged: Damaged): void {
  const place = told.findIndex(({ type }) => type === "gap");
  assert.deepEqual(told[place], gapLine(damaged));
  assert.equal(told[place - 1]?.seq, damaged.from - 1);
  assert.deepEqual(told.toSpliced(place, 1).map(({ seq }) => seq), seqsWithout(damaged));
}

test("lines, messages and frames tell it in its place, and go on behind it", async (t) => {
  const damaged = await startDamaged(t);
  const { edge, headSeq } = damaged;
  const isAll = (body: string): boolean => body.includes(`"seq":${headSeq},`) && body.endsWith("\n");
  const lines = await bodyUntil(edge, "format=ndjson&after=0", isAll);
  judge(lines.trim().split("\n").map((line) => JSON.parse(line)), damaged);

  const parser = createSseParser({ charsMax: 1e6 });
  const messages = parser.push(await bodyUntil(edge, "format=sse&after=0", (body) => isAll(body)));
  judge(messages.map(({ data }) => JSON.parse(data)), damaged);
  const gap = messages.find(({ type }) => type === "gap");
  assert.equal(gap?.id, String(damaged.to), "who comes back with it is not told again");

  const client = await connectWs({ port: edge.port, path: `${EVENTS}?after=0&snapshot=0`, token: TOKEN });
  assert.equal((await client.next() as { resume: { status: string } }).resume.status, "ok");
  const told: { seq: number; type: string }[] = [];
  while (told.at(-1)?.seq !== headSeq) {
    const message = await client.next() as { type: string; seq: number; event: { seq: number; type: string } };
    told.push(message.type === "event" ? message.event : message);
  }
  judge(told, damaged);
  await client.close();
});

test("a page has it beside its events, whichever of them the page begins and ends with", async (t) => {
  const damaged = await startDamaged(t);
  const { edge, from, to, headSeq } = damaged;
  const page = async (query: string): Promise<Record<string, unknown>> => {
    return JSON.parse((await edge.ask({ path: `${EVENTS}?${query}` })).body).data as Record<string, unknown>;
  };
  const seqsOf = ({ events }: Record<string, unknown>): number[] => (events as { seq: number }[]).map(({ seq }) => seq);
  const whole = await page("after=0&limit=1000");
  assert.deepEqual([seqsOf(whole), whole["gaps"]], [seqsWithout(damaged), [{ fromSeq: from, toSeq: to }]]);
  assert.deepEqual(Object.keys(whole), ["events", "gaps", "nextAfter", "oldestSeq", "headSeq"]);
  const before = await page(`after=0&limit=${from - 1}`);
  assert.deepEqual([before["nextAfter"], before["gaps"]], [from - 1, undefined]);
  const within = await page(`after=${from}&limit=1`);
  assert.deepEqual([seqsOf(within), within["gaps"]], [[to + 1], [{ fromSeq: from + 1, toSeq: to }]]);
  const behind = await page(`after=${to}`);
  assert.deepEqual([seqsOf(behind), behind["gaps"]], [seqsWithout(damaged, to), undefined]);
  const filtered = await page("after=0&limit=1000&type=storage.*");
  assert.deepEqual([filtered["gaps"], filtered["nextAfter"]], [whole["gaps"], headSeq]);
});

test("a filter that lets nothing pass lets it pass, once for each reader", async (t) => {
  const damaged = await startDamaged(t);
  const body = await bodyUntil(damaged.edge, "format=ndjson&after=0&session=none", (text) => text.endsWith("\n"));
  assert.deepEqual(JSON.parse(body), gapLine(damaged));
});
