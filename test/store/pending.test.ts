// Lines that wait: bytes in one piece, batches with true offsets, and what a full disk makes of them.
// No disk: what a flush would take is looked at byte by byte.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeEntry, type EventDraft } from "../../src/core/event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { verifyLine } from "../../src/store/line.ts";
import { batchOf, bytesOf, PendingLines, type Chunk, type Claim } from "../../src/store/pending.ts";
import { draft } from "../support/disk-store.ts";
import { createFakeClock } from "../support/fake-clock.ts";

function texts(chunks: readonly Chunk[]): string[] {
  return chunks.flatMap((chunk) => bytesOf(chunk).toString().trimEnd().split("\n"));
}

test("each entry tells where its event stands", () => {
  const clock = createFakeClock();
  const pending = new PendingLines(clock);
  pending.append(1, draft("é€😀", { sessionId: "s", threadId: "t", runId: null, text: "é" }), "", null);
  clock.jump(5);
  pending.append(2, draft("é€😀", { runId: "r" }), `,"put":{"run":{"id":"€"}}`, null);
  const [chunk, ...more] = pending.take(1_000_000);
  assert.ok(chunk !== undefined && more.length === 0 && pending.isEmpty);
  const batch = batchOf(chunk);
  assert.deepEqual([batch.firstSeq, batch.lastSeq], [1, 2]);
  const events = batch.entries.map((entry) => decodeEntry(batch, entry));
  assert.deepEqual(events[0], {
    seq: 1, createdAt: "2026-01-01T00:00:00.000Z", level: "info", type: "session.created", message: "é€😀",
    detail: { sessionId: "s", threadId: "t", runId: null, text: "é" },
  });
  assert.equal(events[1]?.createdAt, "2026-01-01T00:00:00.005Z");
  const { sessionId, threadId, runId } = batch.entries[0] ?? {};
  assert.deepEqual([sessionId, threadId, runId, batch.entries[1]?.runId], ["s", "t", null, "r"]);
  assert.match(texts([chunk])[1] ?? "", /,"put":\{"run":\{"id":"€"\}\},"crc":"[0-9a-f]{8}"\}$/);
  pending.release([chunk]);
  assert.equal(pending.byteCount, 0);
});

test("a sentence has a limit, and no half of a character at its end", () => {
  const pending = new PendingLines(createFakeClock());
  const most = "m".repeat(LIMITS.eventMessageCharsMax);
  const given = [most, `${most}m`, `${most.slice(1)}😀`];
  given.forEach((message, i) => pending.append(i + 1, draft(message), "", null));
  const told = texts(pending.take(1_000_000)).map((line) => (JSON.parse(line) as { message: string }).message);
  assert.deepEqual(told, [most, most, most.slice(1)]);
});

test("a line that is larger than a slab has a piece of its own", () => {
  const pending = new PendingLines(createFakeClock());
  for (const [i, chars] of [10, 700_000, 10].entries()) {
    pending.append(i + 1, draft("m", { text: "€".repeat(chars) }), "", null);
  }
  const chunks = pending.take(1);
  assert.equal(chunks.length, 1);
  const rest = pending.take(10_000_000);
  assert.equal(rest.length, 2);
  for (const [i, chunk] of [...chunks, ...rest].entries()) {
    assert.equal(verifyLine(bytesOf(chunk), 0, chunk.end - chunk.start - 1), i + 1);
  }
  assert.ok(pending.byteCount > 2_100_000, "what is taken still counts");
  pending.giveBack(chunks);
  assert.deepEqual(pending.take(1), chunks);
});

test("takes whole chunks up to the limit and leaves the rest open", () => {
  const pending = new PendingLines(createFakeClock());
  for (let seq = 1; seq <= 20; seq++) pending.append(seq, draft("m", { text: "x".repeat(100_000) }), "", null);
  const seqs: number[] = [];
  while (!pending.isEmpty) {
    const chunks = pending.take(1_000_000);
    const bytes = chunks.reduce((sum, chunk) => sum + bytesOf(chunk).length, 0);
    assert.ok(bytes <= 1_000_000);
    seqs.push(...chunks.flatMap((chunk) => chunk.entries.map(({ seq }) => seq)));
  }
  assert.deepEqual(seqs, Array.from({ length: 20 }, (_, i) => i + 1));
});

test("a draft that is not JSON adds nothing", () => {
  const pending = new PendingLines(createFakeClock());
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  assert.throws(() => pending.append(1, draft("m", cyclic), "", null), TypeError);
  const noDetail = { ...draft(), detail: undefined as unknown as EventDraft["detail"] };
  assert.throws(() => pending.append(1, noDetail, "", null), /detail/);
  assert.ok(pending.isEmpty);
});

test("refusing replaces requests, keeps facts as they are, and leaves the tables as the facts make them", () => {
  const log: string[] = [];
  const claim = (name: string, isRequest: boolean): Claim => ({
    request: isRequest ? { resolve: () => {}, reject: () => {} } : null,
    changes: [{ apply: () => log.push(`apply ${name}`), undo: () => log.push(`undo ${name}`) }],
  });
  const pending = new PendingLines(createFakeClock());
  pending.append(1, draft("fact"), `,"put":{"run":{"id":"a"}}`, claim("a", false));
  pending.append(2, draft("request"), `,"put":{"run":{"id":"b"}}`, claim("b", true));
  const taken = pending.take(1_000_000);
  pending.append(3, draft("fact"), "", null);
  pending.append(4, draft("request"), "", claim("d", true));
  pending.giveBack(taken);
  const before = texts([...taken]);

  const refused = pending.refuse((entry) => draft(`no ${entry.seq}`));
  assert.equal(refused.length, 2);
  assert.deepEqual(log, ["undo d", "undo b", "undo a", "apply a"]);
  const after = pending.take(1_000_000);
  const lines = texts(after);
  assert.equal(lines[0], before[0]);
  const messages = lines.map((line) => (JSON.parse(line) as { message: string }).message);
  assert.deepEqual(messages, ["fact", "no 2", "fact", "no 4"]);
  const events = after.flatMap((chunk) => batchOf(chunk).entries.map((entry) => decodeEntry(batchOf(chunk), entry)));
  assert.deepEqual(events.map(({ seq }) => seq), [1, 2, 3, 4]);
  assert.equal(pending.byteCount, after.reduce((sum, chunk) => sum + bytesOf(chunk).length, 0));
  assert.deepEqual(after.flatMap((chunk) => chunk.claims.map(({ seq }) => seq)), [1]);
});

test("refusing goes over slabs", () => {
  const pending = new PendingLines(createFakeClock());
  for (let seq = 1; seq <= 30; seq++) pending.append(seq, draft("m", { text: "x".repeat(60_000) }), "", null);
  pending.refuse(() => draft());
  const seqs = pending.take(Number.POSITIVE_INFINITY).flatMap((chunk) => {
    return batchOf(chunk).entries.map((entry) => decodeEntry(batchOf(chunk), entry).seq);
  });
  assert.deepEqual(seqs, Array.from({ length: 30 }, (_, i) => i + 1));
});

test("a detail that is JSON already is taken as it is", () => {
  const pending = new PendingLines(createFakeClock());
  pending.append(1, { ...draft("m", { sessionId: "s" }), detailJson: `{"sessionId":"s","delta":"é"}` }, "", null);
  const [chunk] = pending.take(1);
  assert.ok(chunk !== undefined);
  const batch = batchOf(chunk);
  assert.deepEqual(batch.entries.map((entry) => decodeEntry(batch, entry).detail), [{ sessionId: "s", delta: "é" }]);
  assert.equal(batch.entries[0]?.sessionId, "s");
});
