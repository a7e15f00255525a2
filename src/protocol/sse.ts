// Server-Sent Events (WHATWG HTML §9.2) as text: what codexd writes, and a parser for what it, or another, has written.
//
// Sans-I/O: texts in, texts and messages out. Deliberately without reconnecting: `lastEventId` is all that needs.
// Invariants: a cursor alone moves the reader's place and fires nothing; the parser gives a message only when its blank
// line has come, so that one that was cut off is never taken for a whole one, and holds a bounded text.

/** Stands before the data of an event. `data` must be one line: JSON has no line ends outside of its escapes. */
export function sseHead(seq: number, type: string): string {
  return `id: ${seq}\nevent: ${type}\ndata: `;
}

/** Ends the data and the event. */
export const SSE_END = "\n\n";

/** Moves the reader's `lastEventId` and fires nothing: a heartbeat. */
export function sseCursor(seq: number): string {
  return `id: ${seq}\n\n`;
}

/** What a stream begins with: how long a reader waits before it comes back, and from where it would go on. */
export function sseOpening(retryMs: number, seq: number): string {
  return `retry: ${retryMs}\n${sseCursor(seq)}`;
}

export interface SseMessage {
  /** The last event id that was seen up to this message; empty where there was none. */
  readonly id: string;
  /** `message` where the event had no name. */
  readonly type: string;
  readonly data: string;
}

/** What is being read is longer than its reader is ready to hold. */
export class SseTooLongError extends Error {
  constructor(charsMax: number) {
    super(`an event is longer than ${charsMax} characters`);
    this.name = "SseTooLongError";
  }
}

export interface SseParser {
  /** What `Last-Event-ID` would say now; empty where there was none. */
  readonly lastEventId: string;
  /** What the stream has asked for; null where it has not. */
  readonly retryMs: number | null;
  /**
   * Takes the next piece of the stream, cut anywhere between characters.
   *
   * @throws {SseTooLongError} and must not be used any more then.
   */
  push(text: string): SseMessage[];
}

/** @param charsMax of one event, its field names included. */
export function createSseParser({ charsMax }: { readonly charsMax: number }): SseParser {
  return new Parser(charsMax);
}

class Parser implements SseParser {
  readonly #charsMax: number;
  lastEventId = "";
  retryMs: number | null = null;
  /** The last one that a blank line has made good. */
  #id = "";
  #type = "";
  #data: string[] = [];
  #dataChars = 0;
  /** The beginning of a line whose end has not come. */
  #rest = "";
  #crWaits = false;
  #atStart = true;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  push(text: string): SseMessage[] {
    if (text === "") return [];
    this.#rest += this.#atStart ? text.replace(/^\uFEFF/, "") : text;
    this.#atStart = false;
    const messages: SseMessage[] = [];
    // Looked through once a line, not once a piece: a long one comes in many.
    if (/[\r\n]/.test(text) || this.#crWaits) this.#readLines(messages);
    if (this.#dataChars + this.#rest.length > this.#charsMax) throw new SseTooLongError(this.#charsMax);
    return messages;
  }

  #readLines(messages: SseMessage[]): void {
    const all = this.#rest;
    // A CR at the end may be half of a CR LF, which is one line end.
    this.#crWaits = all.endsWith("\r");
    const complete = this.#crWaits ? all.slice(0, -1) : all;
    const lines = complete.split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "") + all.slice(complete.length);
    for (const line of lines) {
      if (line !== "") this.#field(line);
      else this.#dispatch(messages);
    }
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") {
      this.#data.push(value);
      this.#dataChars += line.length;
      if (this.#dataChars > this.#charsMax) throw new SseTooLongError(this.#charsMax);
    } else if (name === "event") {
      this.#type = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.retryMs = Number(value);
    }
  }

  #dispatch(messages: SseMessage[]): void {
    this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      messages.push({ id: this.#id, type: this.#type === "" ? "message" : this.#type, data: this.#data.join("\n") });
    }
    this.#type = "";
    this.#data = [];
    this.#dataChars = 0;
  }
}
