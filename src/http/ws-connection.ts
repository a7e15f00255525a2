// One WebSocket connection of the server: frames on a socket, and who is to blame when it ends.
//
// Deliberately not: what is sent or asked (streams), who may connect (the guard), the handshake (protocol). No timer
// of its own but the one of its close: silence and slowness are found by the server's ticker (ws-ticker.ts).
//
// Invariants: nothing here throws, whatever the peer or the socket does; exactly one close frame is sent, behind all
// that was queued, and nothing after it; what waits for a slow reader is bounded in bytes, and no message is ever
// left out of the middle: a reader who cannot keep up is cut off, which gives up what the socket has not got yet.

import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import { WS_CLOSE } from "../protocol/ws-close.ts";
import { encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE } from "../protocol/ws-frame.ts";
import { createWsReceiver, type WsReceiver } from "../protocol/ws-message.ts";
import { HeldBytes } from "./held-bytes.ts";
import { LoopTurns, readByTurns, type PacedReading } from "./loop-turns.ts";
import { Outbox } from "./outbox.ts";

export interface WsHandlers {
  /** Not called once the connection is not open any more. */
  text(message: string): void;
  /** Called once when either end begins to close: nothing that is sent from now on goes out. */
  closing?(code: number): void;
  /**
   * Called once, when the socket has gone: the code with which the first of the two ends closed, 1005 where the peer
   * gave none, 1006 where there was no close frame.
   */
  closed(code: number): void;
}

export interface WsConnection {
  /** Does nothing once the connection is not open any more. */
  sendText(text: string): void;
  /** Bytes that are already server frames; shared with other connections, never copied or changed. */
  sendFrames(frames: Buffer): void;
  /** What the peer has not taken yet. */
  readonly bufferedBytes: number;
  /** So much waits that no more should be sent until it is `drained`. */
  readonly congested: boolean;
  /** Resolves when `bufferedBytes` is below `LIMITS.streamDrainedBytes`, or the connection is not open any more. */
  drained(): Promise<void>;
  /** Starts the close handshake; the socket is destroyed at the latest `LIMITS.wsCloseMs` later. */
  close(code: number, reason: string): void;
  /** Closes it with 1013 `slow_consumer`, and waits `LIMITS.wsSlowCloseMs` until the peer has read on and seen it. */
  cutOff(): void;
  /** False from the moment that either end has begun to close. */
  readonly open: boolean;
  /**
   * Looks for a silent or slow peer; called every `LIMITS.wsTickMs` with the clock's monotonic milliseconds. False
   * when the socket has gone, and no call is needed any more.
   */
  tick(nowMs: number): boolean;
}

export interface WsConnectionOptions {
  /** Past the 101 answer; the connection owns it from now on. */
  readonly socket: Duplex;
  /** What came after the head of the request. */
  readonly head: Buffer;
  readonly handlers: WsHandlers;
  readonly clock: Clock;
  /** Shared by the connections of a server; left out, this one is bounded by itself alone. */
  readonly held?: HeldBytes | undefined;
  /** The same of what is read in a turn of the loop: 2 MiB can be 80,000 messages, which would hold it for a second. */
  readonly turns?: LoopTurns | undefined;
}

/** Handlers are not called before this has returned. */
export function createWsConnection(options: WsConnectionOptions): WsConnection {
  return new Connection(options);
}

const unshared = (): HeldBytes => new HeldBytes(LIMITS.streamsHeldBytesMax);
const ownTurns = (): LoopTurns => new LoopTurns(LIMITS.readPortionsATurn);

const PING = encodeFrame(OPCODE.ping, Buffer.alloc(0));

class Connection implements WsConnection {
  readonly #socket: Duplex;
  readonly #handlers: WsHandlers;
  readonly #clock: Clock;
  readonly #receiver: WsReceiver;
  /** Open; close frame sent; socket gone. */
  #phase: "open" | "closing" | "gone" = "open";
  #closeCode: number = WS_CLOSE.abnormal;
  #closeTimer: Timer | undefined;
  /** As a slow reader: it has not been heard for a while, and is given time. */
  #isCutOff = false;
  /** Set by any byte, cleared by the tick that reads it. */
  #heard = false;
  #heardAtMs: number;
  #pinged = false;
  #pongsWaiting = 0;
  readonly #outbox: Outbox;
  readonly #reading: PacedReading;

  constructor({ socket, head, handlers, clock, held = unshared(), turns = ownTurns() }: WsConnectionOptions) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#clock = clock;
    this.#heardAtMs = clock.monotonic();
    this.#outbox = new Outbox({ outlet: socket, clock, limits: LIMITS, held, giveWay: () => this.#giveWay() });
    this.#receiver = createWsReceiver({
      role: "server",
      messageBytesMax: LIMITS.wsMessageBytesMax,
      allowBinary: false,
      on: {
        text: (message) => this.open && handlers.text(message),
        binary: () => undefined,
        ping: (payload) => this.#pong(payload),
        pong: () => undefined,
        close: (code) => this.#answerClose(code),
        violation: (code, reason) => this.#fail(code, reason),
      },
    });
    this.#reading = this.#listen(head, turns);
  }

  get open(): boolean {
    return this.#phase === "open";
  }

  get bufferedBytes(): number {
    return this.#outbox.bufferedBytes;
  }

  get congested(): boolean {
    return this.#outbox.congested;
  }

  sendText(text: string): void {
    if (this.open) this.#send(encodeTextFrame(text));
  }

  sendFrames(frames: Buffer): void {
    if (this.open) this.#send(frames);
  }

  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  close(code: number, reason: string): void {
    if (this.open) {
      this.#closeCode = code;
      this.#sendClose(code, reason);
    } else if (this.#phase === "closing" && this.#isCutOff) {
      this.#isCutOff = false;
      this.#destroyIn(LIMITS.wsCloseMs);
    }
  }

  cutOff(): void {
    if (!this.open) return;
    this.#isCutOff = true;
    this.#closeCode = WS_CLOSE.tryAgainLater;
    this.#outbox.drop();
    this.#sendClose(this.#closeCode, "slow_consumer");
  }

  tick(nowMs: number): boolean {
    if (this.#phase === "gone") return false;
    if (this.#heard) {
      this.#heard = false;
      this.#pinged = false;
      this.#heardAtMs = nowMs;
    }
    const silentMs = nowMs - this.#heardAtMs;
    const isSilent = silentMs >= 2 * LIMITS.wsPingMs;
    if (this.open && (this.#outbox.isTooSlow(nowMs) || (isSilent && this.bufferedBytes > PING.length))) {
      // It does not read, so it has not seen the ping either.
      this.cutOff();
    } else if (isSilent && !this.#isCutOff) {
      this.#socket.destroy();
    } else if (this.open && silentMs >= LIMITS.wsPingMs && !this.#pinged) {
      this.#pinged = true;
      this.#socket.write(PING, this.#outbox.taken);
    }
    return true;
  }

  #listen(head: Buffer, turns: LoopTurns): PacedReading {
    const socket = this.#socket;
    // Whatever the error is, 'close' follows it and says all that matters.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#gone());
    socket.on("end", () => this.#peerEnded());
    if (head.length > 0) socket.unshift(head);
    // A socket that went during the handshake may have told so already.
    if (socket.destroyed) process.nextTick(() => this.#gone());
    return readByTurns(socket, turns, (bytes) => this.#receive(bytes));
  }

  #receive(bytes: Buffer): void {
    this.#heard = true;
    // All answers to one chunk leave in one piece.
    this.#socket.cork();
    try {
      this.#receiver.push(bytes);
    } catch (error) {
      // The receiver gives nothing more, so the peer must not be left to talk to it.
      this.#fail(WS_CLOSE.internalError, "the message's handler has failed");
      throw error;
    } finally {
      this.#socket.uncork();
    }
  }

  #send(frames: Buffer): void {
    if (!this.#outbox.write(frames) || this.#outbox.isTooSlow(null)) this.cutOff();
  }

  #giveWay(): void {
    if (this.open) return this.cutOff();
    this.#outbox.gone();
    this.#socket.destroy();
  }

  #pong(payload: Buffer): void {
    if (!this.open) return;
    this.#pongsWaiting += 1;
    if (this.#pongsWaiting === LIMITS.wsPongsWaitingMax) this.#reading.hold();
    this.#socket.write(encodeFrame(OPCODE.pong, payload), () => {
      this.#pongsWaiting -= 1;
      this.#outbox.taken();
      if (this.#pongsWaiting === LIMITS.wsPongsWaitingMax / 2) this.#reading.go();
    });
  }

  /** RFC 6455 §5.5.1: the answer has the code that came, and the server ends TCP first (§7.1.1). */
  #answerClose(code: number | null): void {
    if (this.open) {
      this.#closeCode = code ?? WS_CLOSE.noCode;
      this.#sendClose(code, "");
    }
    this.#socket.end();
  }

  #fail(code: number, reason: string): void {
    this.close(code, reason);
    // What still comes is read and dropped: with unread bytes the system would reset, and the close frame be lost.
    this.#socket.end();
  }

  #sendClose(code: number | null, reason: string): void {
    this.#phase = "closing";
    this.#outbox.end();
    this.#destroyIn(this.#isCutOff ? LIMITS.wsSlowCloseMs : LIMITS.wsCloseMs);
    this.#socket.write(encodeCloseFrame(code, reason), this.#outbox.taken);
    this.#handlers.closing?.(this.#closeCode);
  }

  #destroyIn(ms: number): void {
    this.#closeTimer?.cancel();
    this.#closeTimer = this.#clock.after(ms, () => this.#socket.destroy());
  }

  #peerEnded(): void {
    if (this.open) this.#socket.destroy();
    else this.#socket.end();
  }

  #gone(): void {
    if (this.#phase === "gone") return;
    this.#phase = "gone";
    this.#closeTimer?.cancel();
    this.#outbox.gone();
    this.#handlers.closed(this.#closeCode);
  }
}
