// A socket whose peer is the test: it takes bytes when the test says so, and sends what the test says.
//
// Unlike a real one it has no buffers of a kernel's, so that every bound can be met to the byte.

import { Duplex } from "node:stream";
import { assert } from "../../src/base/assert.ts";
import { decodeClosePayload } from "../../src/protocol/ws-close.ts";
import { OPCODE, readFrameHeader, type Opcode } from "../../src/protocol/ws-frame.ts";

type Said = ReadonlyArray<string | number | null>;

export class HeldSocket extends Duplex {
  /** While true, nothing that is written is taken. */
  holding = false;
  /** Whether the stream's owner has ended it, behind all that was written. */
  finished = false;
  readonly #taken: Buffer[] = [];
  #held: { readonly chunk: Buffer; readonly done: () => void } | undefined;

  override _read(): void {
    // Bytes arrive by `arrive` alone.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.holding) {
      this.#held = { chunk, done };
    } else {
      this.#taken.push(chunk);
      done();
    }
  }

  override _final(done: () => void): void {
    this.finished = true;
    done();
  }

  /** The peer takes the oldest write; the next one is held again if `holding`. */
  takeOne(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    this.#taken.push(held.chunk);
    held.done();
  }

  /** The peer takes all there is and all that comes. */
  takeAll(): void {
    this.holding = false;
    this.takeOne();
  }

  /** Bytes come from the peer; handlers are called in a later tick. */
  arrive(...parts: Buffer[]): void {
    this.push(Buffer.concat(parts));
  }

  /** The peer ends its side. */
  arriveEnd(): void {
    this.push(null);
  }

  /** What the peer has been told, frame by frame, after a close frame too. */
  said(): Said[] {
    const bytes = Buffer.concat(this.#taken);
    const said: Said[] = [];
    for (let at = 0; at < bytes.length; ) {
      const header = readFrameHeader(bytes, at, bytes.length, { role: "client", payloadBytesMax: 2 ** 30 });
      assert(header !== null, "a frame was cut");
      const start = at + header.headerBytes;
      at = start + header.payloadBytes;
      said.push(sayFrame(header.opcode, bytes.subarray(start, at)));
    }
    return said;
  }

  /** Bytes that the peer has taken. */
  get takenBytes(): number {
    return this.#taken.reduce((sum, chunk) => sum + chunk.length, 0);
  }
}

function sayFrame(opcode: Opcode, payload: Buffer): Said {
  if (opcode === OPCODE.close) {
    const { code, reason } = decodeClosePayload(payload);
    return ["close", code, reason];
  }
  const name = Object.entries(OPCODE).find(([, value]) => value === opcode)?.[0] ?? "";
  return [name, payload.toString("utf8")];
}
