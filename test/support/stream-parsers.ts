// What a reply to `GET /v1/codexd/events` tells, taken out of its bytes as they come: frames, lines or a page.
//
// Shares no code with src, on purpose: two ends that share a mistake agree with each other. Knows nothing of cursors.
// Invariant: half a frame, line, message or page tells nothing; an event keeps the text in which it came.

/** What a client learns. */
export type Told =
  | { readonly kind: "event"; readonly seq: number; readonly text: string }
  /** The cursor stands here: a heartbeat, an `id:` alone, the end of a page. */
  | { readonly kind: "mark"; readonly seq: number }
  | { readonly kind: "hello"; readonly status: string; readonly oldestSeq: number; readonly headSeq: number }
  | { readonly kind: "refused"; readonly status: number; readonly error: string; readonly detail: Detail }
  /** A whole page; `headSeq` as it says. */
  | { readonly kind: "page"; readonly headSeq: number }
  | { readonly kind: "closed"; readonly code: number }
  /** What must not come at all. */
  | { readonly kind: "wrong"; readonly what: string };

type Detail = Readonly<Record<string, unknown>>;
export type Tell = (told: Told) => void;
export const FORMS = ["websocket", "sse", "ndjson", "page"] as const;
export type Form = (typeof FORMS)[number];

/** Takes the bytes of one connection. */
export interface ReplyParser {
  push(bytes: Buffer): void;
  /** Bytes of what is not whole yet; the head of the reply counts, too. */
  readonly heldBytes: number;
  /** The head has come. */
  readonly begun: boolean;
}

/** Bytes in, those that it made nothing of back. */
type Take = (bytes: Buffer) => Buffer;

const HEAD_END = "\r\n\r\n";
const EVENT_MESSAGE = '{"type":"event","event":';
const SEQ = /^\{"seq":(\d+),"createdAt":"/;
const NONE = Buffer.alloc(0);
const OPCODES = { text: 1, close: 8, ping: 9 } as const;

export function createReplyParser(form: Form, tell: Tell): ReplyParser {
  let take: Take | null = null;
  let held: Buffer = NONE;
  return {
    push(bytes) {
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      if (take === null) {
        const end = held.indexOf(HEAD_END);
        if (end < 0) return;
        const head = held.toString("latin1", 0, end);
        held = held.subarray(end + HEAD_END.length);
        take = bodyOf(form, head, tell);
      }
      held = take(held);
    },
    get heldBytes() {
      return held.length;
    },
    get begun() {
      return take !== null;
    },
  };
}

function bodyOf(form: Form, head: string, tell: Tell): Take {
  const status = Number(head.split(" ", 2)[1]);
  if (status === 101) return form === "websocket" ? (bytes) => takeFrames(bytes, tell) : wrong(tell, head);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    return takeWhole(Number(length), (text) => {
      if (status === 200) tellPage(text, tell);
      else tellRefusal(status, text, tell);
    });
  }
  if (status !== 200 || !/\r\ntransfer-encoding: *chunked/i.test(head)) return wrong(tell, head);
  return unchunk(form === "sse" ? sseOf(tell) : linesOf(tell));
}

function wrong(tell: Tell, what: string): Take {
  tell({ kind: "wrong", what });
  return () => NONE;
}

/** RFC 6455 §5.2, of what a server may send and no more. */
function takeFrames(bytes: Buffer, tell: Tell): Buffer {
  let at = 0;
  while (bytes.length - at >= 2) {
    const short = bytes[at + 1] as number;
    const headerBytes = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length - at < headerBytes) break;
    const payloadBytes = short === 127 ? Number(bytes.readBigUInt64BE(at + 2))
      : short === 126 ? bytes.readUInt16BE(at + 2) : short;
    if (bytes.length - at < headerBytes + payloadBytes) break;
    const payload = bytes.subarray(at + headerBytes, at + headerBytes + payloadBytes);
    tellFrame(bytes[at] as number, payload, tell);
    at += headerBytes + payloadBytes;
  }
  return bytes.subarray(at);
}

/** Events come in frames of their own, whole and without reserved bits. */
function tellFrame(first: number, payload: Buffer, tell: Tell): void {
  const opcode = first & 0x7f;
  if ((first & 0x80) === 0) tell({ kind: "wrong", what: `a fragment, ${first}` });
  else if (opcode === OPCODES.close) tell({ kind: "closed", code: payload.readUInt16BE(0) });
  else if (opcode === OPCODES.text) tellMessage(payload.toString("utf8"), tell);
  else if (opcode !== OPCODES.ping) tell({ kind: "wrong", what: `a frame that begins with ${first}` });
}

function tellMessage(text: string, tell: Tell): void {
  if (text.startsWith(EVENT_MESSAGE)) return void tellEvent(text.slice(EVENT_MESSAGE.length, -1), tell);
  const message = JSON.parse(text) as { type: string; seq: number; resume: Record<string, unknown> };
  if (message.type === "heartbeat") return tell({ kind: "mark", seq: message.seq });
  if (message.type !== "hello") return tell({ kind: "wrong", what: text.slice(0, 200) });
  const { status, oldestSeq, headSeq } = message.resume;
  tell({ kind: "hello", status: String(status), oldestSeq: Number(oldestSeq), headSeq: Number(headSeq) });
}

function tellEvent(text: string, tell: Tell): number {
  const seq = Number(SEQ.exec(text)?.[1] ?? Number.NaN);
  tell(Number.isNaN(seq) ? { kind: "wrong", what: text.slice(0, 200) } : { kind: "event", seq, text });
  return seq;
}

/** RFC 9112 §7.1, without extensions and trailers, which codexd has none of. What of a chunk has come counts. */
function unchunk(body: Take): Take {
  let rest: Buffer = NONE;
  let left = 0;
  let isFirst = true;
  return (bytes) => {
    let at = 0;
    while (at < bytes.length) {
      if (left === 0) {
        // The line end behind a chunk belongs to the line of the next one here.
        const lineEnd = bytes.indexOf("\r\n", isFirst ? at : at + 2);
        if (lineEnd < 0) break;
        isFirst = false;
        left = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
        at = lineEnd + 2;
        if (left === 0) return NONE;
      }
      const data = bytes.subarray(at, at + left);
      rest = body(rest.length === 0 ? data : Buffer.concat([rest, data]));
      left -= data.length;
      at += data.length;
    }
    return bytes.subarray(at);
  };
}

function takeWhole(length: number, done: (text: string) => void): Take {
  return (bytes) => {
    if (bytes.length < length) return bytes;
    done(bytes.toString("utf8", 0, length));
    return bytes.subarray(length);
  };
}

/** Whole lines, without their ends. */
function eachLine(bytes: Buffer, on: (line: string) => void): Buffer {
  let at = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, at)) {
    on(bytes.toString("utf8", at, end));
    at = end + 1;
  }
  return bytes.subarray(at);
}

function linesOf(tell: Tell): Take {
  return (bytes) => eachLine(bytes, (line) => {
    if (line.startsWith('{"seq":')) return void tellEvent(line, tell);
    const { type, seq } = JSON.parse(line) as { type: string; seq: number };
    tell(type === "heartbeat" ? { kind: "mark", seq } : { kind: "wrong", what: line.slice(0, 200) });
  });
}

/** WHATWG HTML §9.2.6: a message counts when its blank line has come. */
function sseOf(tell: Tell): Take {
  let fields = new Map<string, string>();
  const message = (): void => {
    const id = Number(fields.get("id"));
    const data = fields.get("data");
    if (data === undefined) tell({ kind: "mark", seq: id });
    else if (tellEvent(data, tell) !== id) tell({ kind: "wrong", what: `the id ${id} of ${data.slice(0, 100)}` });
    else if (!data.includes(`"type":"${fields.get("event")}"`)) tell({ kind: "wrong", what: `the type of ${id}` });
    fields = new Map();
  };
  return (bytes) => eachLine(bytes, (line) => {
    if (line === "") return message();
    const colon = line.indexOf(": ");
    fields.set(line.slice(0, colon), line.slice(colon + 2));
  });
}

/** Its envelope is laid out for people, each event stands on a line of its own. */
function tellPage(text: string, tell: Tell): void {
  const { data } = JSON.parse(text) as { data: { events: unknown[]; nextAfter: number; headSeq: number } };
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line.startsWith('{"seq":'));
  const count = data.events.length;
  if (lines.length !== count) tell({ kind: "wrong", what: `${lines.length} lines of ${count} events` });
  for (const line of lines) tellEvent(line.replace(/,$/, ""), tell);
  tell({ kind: "mark", seq: data.nextAfter });
  tell({ kind: "page", headSeq: data.headSeq });
}

function tellRefusal(status: number, text: string, tell: Tell): void {
  const { error, detail = {} } = JSON.parse(text) as { error: string; detail?: Detail };
  tell({ kind: "refused", status, error, detail });
}
