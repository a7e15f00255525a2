// RFC 6455 §5.4 to §8: what the bytes of one connection say, for both roles.
//
// Sans-I/O: bytes in, calls out; answering pings and closing is left to who owns the socket. A text message that lies
// whole in one chunk is decoded in place; only what is cut, by frames or chunks, is copied.
//
// Invariants: a violation is told once, by the header where a header shows it, and nothing is given after it or after
// a close frame; an unfinished message holds at most `messageBytesMax` bytes, in however many fragments it comes.

import { isUtf8 } from "node:buffer";
import { assert } from "../base/assert.ts";
import { LIMITS } from "../core/limits.ts";
import { createByteStore, type ByteStore } from "./byte-store.ts";
import { createUtf8Checker } from "./utf8.ts";
import { decodeClosePayload, WS_CLOSE, WsProtocolError } from "./ws-close.ts";
import {
  FRAME_HEADER_BYTES_MAX, isControl, OPCODE, readFrameHeader, readOpcode, type FrameHeader, type FrameRules,
  type Opcode, type WsRole,
} from "./ws-frame.ts";
import { applyMask } from "./ws-mask.ts";

/** Messages as programs mostly want them, or as they came. */
export type WsReceiverHandlers = WsControlHandlers & (WsValueHandlers | WsByteHandlers);

export interface WsValueHandlers {
  text(message: string): void;
  /** The bytes are the handler's own; never called where binary is not allowed. */
  binary(message: Buffer): void;
  readonly message?: undefined;
}

/** For who passes messages on: a text is checked as ever, but neither decoded nor encoded again. */
export interface WsByteHandlers {
  /** A text's bytes are UTF-8. The bytes are the handler's own. */
  message(opcode: DataOpcode, bytes: Buffer): void;
  readonly text?: undefined;
  readonly binary?: undefined;
}

export interface WsControlHandlers {
  /** To be answered with a pong of the same payload, which is lent: good until the handler returns. */
  ping(payload: Buffer): void;
  pong(payload: Buffer): void;
  /**
   * The peer's close frame; `code` is null where it has none. To be answered with a close frame of the same code,
   * unless it answers one of ours. A server then ends the socket, and a client waits for that; both go on reading
   * until the peer's end, as a paused socket hides it, but not for ever.
   */
  close(code: number | null, reason: string): void;
  /** The connection must be closed with `code`, in a close frame, and ended by either role. */
  violation(code: number, reason: string): void;
}

export interface WsReceiverOptions {
  readonly role: WsRole;
  /**
   * Bytes of a message, all fragments together; a longer one is a violation with 1009. Where texts are decoded, at most
   * `buffer.constants.MAX_STRING_LENGTH` (512 MiB): the system has no longer strings.
   */
  readonly messageBytesMax: number;
  /** Where false, a binary frame is a violation with 1003. */
  readonly allowBinary: boolean;
  readonly on: WsReceiverHandlers;
}

export interface WsReceiver {
  /**
   * Takes the next bytes of the connection over: masked payloads are unmasked in place. What comes after a close frame
   * or a violation is dropped. What a handler throws comes out here, and is the end: nothing more is given.
   */
  push(bytes: Buffer): void;
  /** Nothing more is given, not even what the bytes at hand still hold. */
  stop(): void;
  /** Bytes of memory that an unfinished message takes. */
  readonly pinnedBytes: number;
}

export type DataOpcode = typeof OPCODE.text | typeof OPCODE.binary;

export function createWsReceiver(options: WsReceiverOptions): WsReceiver {
  return new Receiver(options);
}

class Receiver implements WsReceiver {
  readonly #options: WsReceiverOptions;
  readonly #message: ByteStore;
  readonly #control = createByteStore(LIMITS.wsControlPayloadBytesMax);
  readonly #utf8 = createUtf8Checker();
  /** The part of a header that has come. */
  #head: Buffer | null = null;
  #headBytes = 0;
  /** The frame under way, and how much of its payload has come. */
  #frame: FrameHeader | null = null;
  #payloadBytes = 0;
  /** What the message under way is; null between messages. */
  #messageOpcode: DataOpcode | null = null;
  #stopped = false;

  constructor(options: WsReceiverOptions) {
    this.#options = options;
    this.#message = createByteStore(options.messageBytesMax);
  }

  get pinnedBytes(): number {
    return this.#message.pinnedBytes;
  }

  stop(): void {
    this.#stopped = true;
    this.#message.clear();
  }

  push(bytes: Buffer): void {
    try {
      let at = 0;
      while (!this.#stopped) {
        if (this.#frame === null) {
          at = this.#readHeader(bytes, at);
          if (this.#frame === null) return;
        }
        const frame: FrameHeader = this.#frame;
        const end = Math.min(bytes.length, at + frame.payloadBytes - this.#payloadBytes);
        const part = bytes.subarray(at, end);
        if (frame.maskKey !== null) applyMask(part, frame.maskKey, this.#payloadBytes);
        at = end;
        this.#payloadBytes += part.length;
        const complete = this.#payloadBytes === frame.payloadBytes;
        if (complete) this.#frame = null;
        if (isControl(frame.opcode)) this.#takeControl(frame, part, complete);
        else this.#takeData(frame, part, complete);
        if (!complete) return;
      }
    } catch (error) {
      // Also after an error of the handler's own: the rest of these bytes is lost, and what comes would be misread.
      this.stop();
      if (!(error instanceof WsProtocolError)) throw error;
      this.#options.on.violation(error.closeCode, error.message);
    }
  }

  /** Gives where the payload starts; `#frame` stays null while the header goes on past these bytes. */
  #readHeader(bytes: Buffer, at: number): number {
    if (this.#headBytes > 0) return this.#readCutHeader(bytes, at);
    if (at === bytes.length) return at;
    this.#judgeOrder(readOpcode(bytes[at]!));
    const frame = readFrameHeader(bytes, at, bytes.length, this.#rules());
    if (frame !== null) return this.#begin(frame, at + frame.headerBytes);
    this.#head ??= Buffer.alloc(FRAME_HEADER_BYTES_MAX);
    this.#headBytes = bytes.copy(this.#head, 0, at);
    return bytes.length;
  }

  /** The header began in an earlier chunk, and its first byte was judged there. */
  #readCutHeader(bytes: Buffer, at: number): number {
    const known = this.#headBytes;
    const head = this.#head!;
    const taken = bytes.copy(head, known, at, at + FRAME_HEADER_BYTES_MAX - known);
    const frame = readFrameHeader(head, 0, known + taken, this.#rules());
    if (frame !== null) return this.#begin(frame, at + frame.headerBytes - known);
    this.#headBytes += taken;
    return bytes.length;
  }

  #begin(frame: FrameHeader, payloadAt: number): number {
    if (frame.opcode === OPCODE.text || frame.opcode === OPCODE.binary) this.#messageOpcode = frame.opcode;
    this.#headBytes = 0;
    this.#frame = frame;
    this.#payloadBytes = 0;
    return payloadAt;
  }

  #rules(): FrameRules {
    const { role, messageBytesMax } = this.#options;
    return { role, payloadBytesMax: messageBytesMax, heldBytes: this.#message.length };
  }

  /** What the opcode alone says: whether such a frame may come now. */
  #judgeOrder(opcode: Opcode): void {
    if (opcode === OPCODE.continuation) {
      if (this.#messageOpcode === null) throw violation("there is no message to continue");
    } else if (opcode === OPCODE.text || opcode === OPCODE.binary) {
      if (this.#messageOpcode !== null) throw violation("a message began before the one under way had ended");
      if (opcode === OPCODE.binary && !this.#options.allowBinary) {
        throw new WsProtocolError(WS_CLOSE.unsupported, "binary messages are not taken here");
      }
    }
  }

  #takeData(frame: FrameHeader, part: Buffer, complete: boolean): void {
    const opcode = this.#messageOpcode;
    assert(opcode !== null, "a data frame belongs to a message");
    const last = complete && frame.fin;
    const whole = last && this.#message.length === 0;
    if (opcode === OPCODE.text && !(whole && isUtf8(part))) {
      // The checker also has the first bytes of a character that an earlier part has cut.
      if (!this.#utf8.accepts(part) || (last && !this.#utf8.complete)) {
        throw new WsProtocolError(WS_CLOSE.badText, "a text message must be UTF-8");
      }
    }
    if (!whole) this.#message.append(part, frame.payloadBytes - this.#payloadBytes);
    if (!last) return;

    this.#messageOpcode = null;
    const { on } = this.#options;
    if (on.message !== undefined) {
      on.message(opcode, whole ? Buffer.from(part) : this.#message.take());
    } else if (opcode === OPCODE.text) {
      const text = (whole ? part : this.#message.bytes()).toString("utf8");
      this.#message.clear();
      on.text(text);
    } else {
      on.binary(whole ? Buffer.from(part) : this.#message.take());
    }
  }

  #takeControl(frame: FrameHeader, part: Buffer, complete: boolean): void {
    const whole = complete && this.#control.length === 0;
    if (!whole) this.#control.append(part);
    if (!complete) return;
    const payload = whole ? part : this.#control.bytes();
    this.#control.clear();
    this.#giveControl(frame, payload);
  }

  #giveControl({ opcode }: FrameHeader, payload: Buffer): void {
    const { on } = this.#options;
    if (opcode === OPCODE.ping) return on.ping(payload);
    if (opcode === OPCODE.pong) return on.pong(payload);
    const { code, reason } = decodeClosePayload(payload);
    this.stop();
    on.close(code, reason);
  }
}

function violation(message: string): WsProtocolError {
  return new WsProtocolError(WS_CLOSE.protocolError, message);
}
