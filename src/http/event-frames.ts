// A batch of events as bytes for clients: WebSocket frames, lines of NDJSON, or Server-Sent Events.
//
// The hot path: an event costs a frame header and two copies, no string and no object of its own; as a Server-Sent
// Event one short string, once a batch.
// Invariant: a whole batch is encoded once, and every unfiltered client gets that same buffer, which nobody changes.

import type { EventBatch, EventEntry, EventGap } from "../core/event.ts";
import { SSE_END, sseHead } from "../protocol/sse.ts";
import { frameHeaderBytes, OPCODE, writeServerFrameHeader } from "../protocol/ws-frame.ts";

/** What every form says of events that cannot be read; `seq` moves the reader's cursor, as that of a heartbeat does. */
export function gapText({ fromSeq, toSeq }: EventGap): string {
  return `{"type":"gap","seq":${toSeq},"fromSeq":${fromSeq},"toSeq":${toSeq}}`;
}

export type Encoder = (batch: EventBatch, entries: readonly EventEntry[]) => Buffer;

const OPENING = Buffer.from('{"type":"event","event":');
/** An entry's bytes lack their closing brace. */
const FRAME_CLOSING = Buffer.from("}}");
const LINE_CLOSING = Buffer.from("}\n");
const SSE_CLOSING = Buffer.from(`}${SSE_END}`);

/** One text frame an event: `{"type":"event","event":{…}}`. */
export const eventFrames: Encoder = sharedPerBatch((batch, entries) => {
  let bytes = 0;
  for (const entry of entries) {
    const payloadBytes = framePayloadBytes(entry);
    bytes += frameHeaderBytes(payloadBytes) + payloadBytes;
  }
  const target = Buffer.allocUnsafeSlow(bytes);
  let offset = 0;
  for (const entry of entries) {
    offset = writeServerFrameHeader(target, offset, OPCODE.text, framePayloadBytes(entry));
    target.set(OPENING, offset);
    offset = copyEntry(batch, entry, target, offset + OPENING.length);
    target.set(FRAME_CLOSING, offset);
    offset += FRAME_CLOSING.length;
  }
  return target;
});

/** One line an event. */
export const eventLines: Encoder = sharedPerBatch((batch, entries) => {
  let bytes = 0;
  for (const entry of entries) bytes += entry.end - entry.start + LINE_CLOSING.length;
  const target = Buffer.allocUnsafeSlow(bytes);
  let offset = 0;
  for (const entry of entries) {
    offset = copyEntry(batch, entry, target, offset);
    target.set(LINE_CLOSING, offset);
    offset += LINE_CLOSING.length;
  }
  return target;
});

/** One Server-Sent Event an event: its seq, its type, and itself on one line. */
export const eventMessages: Encoder = sharedPerBatch((batch, entries) => {
  const heads = entries.map(({ seq, type }) => sseHead(seq, type));
  let bytes = 0;
  for (const [i, { start, end }] of entries.entries()) {
    // Digits and the words of event types: one byte a character.
    bytes += (heads[i]?.length ?? 0) + end - start + SSE_CLOSING.length;
  }
  const target = Buffer.allocUnsafeSlow(bytes);
  let offset = 0;
  for (const [i, entry] of entries.entries()) {
    offset += target.write(heads[i] ?? "", offset, "latin1");
    offset = copyEntry(batch, entry, target, offset);
    target.set(SSE_CLOSING, offset);
    offset += SSE_CLOSING.length;
  }
  return target;
});

/** The encoding lives as long as its batch does. */
function sharedPerBatch(encode: Encoder): Encoder {
  const shared = new WeakMap<EventBatch, Buffer>();
  return (batch, entries) => {
    if (entries !== batch.entries) return encode(batch, entries);
    const known = shared.get(batch);
    if (known !== undefined) return known;
    const made = encode(batch, entries);
    shared.set(batch, made);
    return made;
  };
}

function framePayloadBytes(entry: EventEntry): number {
  return OPENING.length + entry.end - entry.start + FRAME_CLOSING.length;
}

function copyEntry(batch: EventBatch, entry: EventEntry, target: Buffer, offset: number): number {
  return offset + batch.bytes.copy(target, offset, entry.start, entry.end);
}
