// Standard input: all of it, or line by line as answers to questions.
//
// Deliberately not node:readline, which takes the terminal over and reads ahead: a line that was typed before its
// question would answer it. Invariants: at a terminal a question is answered only by what is typed behind it; nothing
// is read while nobody asks, and no more is held than `LIMITS.clientInputBytesMax`.

import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

export interface Input {
  /** What is left until the end. */
  readAll(): Promise<string>;
  /** As `CliIo.readLine`. */
  readLine(signal?: AbortSignal, question?: string): Promise<string | null>;
}

/**
 * @param open gives the stream; called at the first reading.
 * @param show prints a question.
 */
export function createInput(open: () => Readable & { readonly isTTY?: boolean }, show: (text: string) => void): Input {
  let source: Source | undefined;
  const opened = (): Source => (source ??= new Source(open()));
  return {
    readAll: async () => (await opened().read("end")) ?? "",
    async readLine(signal, question = "") {
      const from = opened();
      signal?.throwIfAborted();
      if (from.isTerminal) await from.drop();
      signal?.throwIfAborted();
      if (question !== "") show(question);
      return from.read("line", signal);
    },
  };
}

/** The stream and what was read of it and not taken yet. It stands still while nobody reads. */
class Source {
  readonly isTerminal: boolean;
  readonly #stream: Readable;
  readonly #decoder = new StringDecoder("utf8");
  /** In pieces: to join them at each one would cost the square of what comes. */
  #pieces: string[] = [];
  #bytes = 0;
  #hasLine = false;
  #ended = false;
  #onChange: () => void = () => undefined;

  constructor(stream: Readable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    stream.pause();
    stream.on("data", (chunk: Buffer) => {
      this.#add(this.#decoder.write(chunk), chunk.length);
      this.#onChange();
    });
    // A terminal that goes away is the end of its input.
    for (const end of ["end", "error", "close"]) stream.on(end, () => this.#end());
  }

  /** Drops all that has come so far: what a terminal holds already is there within two turns of the event loop. */
  async drop(): Promise<void> {
    this.#stream.resume();
    for (let quiet = 0; quiet < 2 && !this.#ended;) {
      this.#keep("");
      await new Promise((resolve) => void setImmediate(resolve));
      quiet = this.#bytes === 0 ? quiet + 1 : 0;
    }
    this.#keep("");
    this.#stream.pause();
  }

  /** The first line without its end, or all there is at the end of input; null where that is nothing. */
  read(until: "line" | "end", signal?: AbortSignal): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        this.#onChange = () => undefined;
        signal?.removeEventListener("abort", onAbort);
        this.#stream.pause();
        then();
      };
      const onAbort = (): void => settle(() => reject(signal?.reason));
      const look = (): void => {
        if (this.#bytes > LIMITS.clientInputBytesMax) settle(() => reject(tooLong()));
        else if (this.#ended || (until === "line" && this.#hasLine)) settle(() => resolve(this.#take(until)));
      };
      this.#onChange = look;
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#stream.resume();
      look();
    });
  }

  #take(until: "line" | "end"): string | null {
    const text = this.#pieces.join("");
    const end = until === "line" ? text.indexOf("\n") : -1;
    this.#keep(end < 0 ? "" : text.slice(end + 1));
    if (end >= 0) return text.slice(0, end).replace(/\r$/, "");
    return text === "" ? null : text;
  }

  #keep(text: string): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#hasLine = false;
    this.#add(text, Buffer.byteLength(text));
  }

  #add(text: string, bytes: number): void {
    this.#pieces.push(text);
    this.#bytes += bytes;
    this.#hasLine ||= text.includes("\n");
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#pieces.push(this.#decoder.end());
    this.#onChange();
  }
}

function tooLong(): ExitError {
  return new ExitError(EXIT.usage, `standard input holds more than ${LIMITS.clientInputBytesMax} bytes`);
}
