// The bytes of one request's body: read by turns, within the room that all bodies share, into one buffer.
//
// Deliberately without a list of chunks: a sender decides how small they are, and a million of one byte each would
// cost hundreds of times what they hold.
// Invariant: whatever ends the reading, the room that was taken is given back, and nothing is read any more.

import type { IncomingMessage } from "node:http";
import { createDeferred } from "../base/deferred.ts";
import { LIMITS } from "../core/limits.ts";
import type { BodyRoom } from "./body-room.ts";
import { readByTurns, type LoopShares, type PacedReading } from "./loop-turns.ts";

/** What the bodies of one server share. */
export interface Intake extends LoopShares {
  readonly room: BodyRoom;
}

/** The caller is gone, or was refused in mid-body by the parser: there is nobody to answer. */
export class HungUp extends Error {
  constructor() {
    super("the connection ended before the request did");
    this.name = "HungUp";
  }
}

export interface BodyBytesOptions {
  readonly intake: Intake;
  /** 0 where the headers do not say; never more than `bytesMax`. */
  readonly toldBytes: number;
  /** The most that it may become. */
  readonly bytesMax: number;
  /** Called when there is room for what was told, before the first byte is awaited. */
  beforeRead(): void;
  /** What to refuse with when so many bytes have come, in so many chunks; null while they may. */
  refuse(bytes: number, chunks: number): Error | null;
}

/** @throws (rejects) {HungUp}, or what `refuse` gives; the rest is then unread. */
export function readBodyBytes(request: IncomingMessage, options: BodyBytesOptions): Promise<Buffer> {
  const { intake: { turns, parseTurns, room }, toldBytes, bytesMax, beforeRead, refuse } = options;
  const body = createDeferred<Buffer>();
  let kept: GrowingBuffer | null = null;
  let reading: PacedReading | null = null;
  let leave: (() => void) | null = null;
  let chunks = 0;
  const end = (settle: () => void): void => {
    leave?.();
    settle();
  };
  const stop = (): void => {
    reading?.stop();
    request.off("end", onEnd).off("close", onClose);
  };
  const onEnd = (): void => {
    stop();
    const whole = kept?.bytes ?? Buffer.alloc(0);
    if (leave === null) return body.resolve(whole);
    parseTurns.next(() => end(() => body.resolve(whole)));
  };
  const onClose = (): void => {
    stop();
    end(() => body.reject(new HungUp()));
  };
  const begin = (): void => {
    beforeRead();
    kept = new GrowingBuffer(toldBytes);
    const into = kept;
    const paced = readByTurns(request, turns, (chunk) => {
      const length = into.length + chunk.length;
      chunks += 1;
      const refused = refuse(length, chunks);
      if (refused !== null) {
        stop();
        return end(() => body.reject(refused));
      }
      into.add(chunk, bytesMax);
      if (leave !== null || length <= LIMITS.bodyFreeBytes) return;
      paced.hold();
      leave = room.ask(bytesMax, () => paced.go());
    });
    reading = paced;
  };
  request.on("end", onEnd).on("close", onClose);
  if (toldBytes > LIMITS.bodyFreeBytes) leave = room.ask(toldBytes, begin);
  else begin();
  return body.promise;
}

class GrowingBuffer {
  #buffer: Buffer;
  #length = 0;

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What has been added, without a copy. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @param bytesMax no more will ever be added in all. */
  add(chunk: Buffer, bytesMax: number): void {
    const length = this.#length + chunk.length;
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(Math.max(length, 2 * this.#buffer.length), bytesMax));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
  }
}
