// The open connections of one server, and what of each must be known beside what Node keeps.
//
// Deliberately without replies: what is said to whom is connections.ts's matter.
// Invariant: nothing is kept a request but the exchange itself, and a connection that has been answered and asks
// nothing more has an end, whatever bytes that are no request keep coming.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock, Timer } from "../base/clock.ts";
import type { Proof, ProofKeeper } from "./auth.ts";
import type { EdgeLimits } from "./limits.ts";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface ConnectionTableOptions {
  readonly clock: Clock;
  readonly limits: EdgeLimits;
}

export class Connection implements ProofKeeper {
  proof: Proof | null = null;
  /** In the order of the requests; those that have been answered since go when the list is next looked at. */
  #exchanges: Exchange[] = [];
  #asked = false;
  #speaksHttp = true;
  #refused = false;
  #lastAnswer: ServerResponse | null = null;
  #idleSince: number | null = null;

  /** False while nothing has been asked, as browsers open connections in advance. */
  get asked(): boolean {
    return this.#asked;
  }

  /** It has had its last word: nothing that still comes is a request. */
  get refused(): boolean {
    return this.#refused;
  }

  /** The refusal that ends it, null where that was written past Node's responses. */
  get lastAnswer(): ServerResponse | null {
    return this.#lastAnswer;
  }

  begin(exchange: Exchange): void {
    this.#asked = true;
    this.#idleSince = null;
    this.unanswered().push(exchange);
  }

  /** The exchanges that still lack an answer, or a part of it, on the wire; pipelining makes more than one. */
  unanswered(): Exchange[] {
    if (this.#exchanges.some(isAnswered)) this.#exchanges = this.#exchanges.filter((one) => !isAnswered(one));
    return this.#exchanges;
  }

  refuse(answer: ServerResponse | null): void {
    this.#refused = true;
    this.#lastAnswer = answer;
  }

  /** From now on it is a WebSocket, or about to be closed. */
  leaveHttp(): void {
    this.#asked = true;
    this.#speaksHttp = false;
  }

  /** How long it has been seen to wait for its next request; 0 where it is anything but waiting. */
  idleMs(now: number): number {
    if (!this.#asked || !this.#speaksHttp || this.#refused || this.unanswered().length > 0) return 0;
    this.#idleSince ??= now;
    return now - this.#idleSince;
  }
}

export class ConnectionTable {
  readonly #clock: Clock;
  readonly #limits: EdgeLimits;
  readonly #connections = new Map<Socket, Connection>();
  #timer: Timer | null = null;

  constructor({ clock, limits }: ConnectionTableOptions) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    return this.#connections.size;
  }

  add(socket: Socket): void {
    this.#connections.set(socket, new Connection());
    socket.once("close", () => this.#connections.delete(socket));
    this.#timer ??= this.#startTimer();
  }

  /** Undefined once the socket has gone. */
  get(socket: Socket): Connection | undefined {
    return this.#connections.get(socket);
  }

  /** Ends those that have not asked for anything. */
  destroyFresh(): void {
    for (const [socket, { asked }] of this.#connections) if (!asked) socket.destroy();
  }

  /** Ends all of them; resolves when all have been told so. */
  async destroyAll(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await Promise.all([...this.#connections.keys()].map((socket) => new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
    })));
  }

  #startTimer(): Timer {
    return this.#clock.after(this.#limits.connectionsCheckMs, () => {
      this.#endIdle();
      this.#timer = this.#connections.size === 0 ? null : this.#startTimer();
    });
  }

  /** Any byte puts off Node's own timer between requests, and blank lines before a request never end. */
  #endIdle(): void {
    const { keepAliveMs, headersMs } = this.#limits;
    const now = this.#clock.monotonic();
    for (const [socket, connection] of this.#connections) {
      // The next request may begin at the last moment, and then has the time that every head has.
      if (connection.idleMs(now) >= keepAliveMs + headersMs) socket.destroy();
    }
  }
}

function isAnswered({ response }: Exchange): boolean {
  return response.writableFinished || response.destroyed;
}
