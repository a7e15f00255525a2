// Events over a WebSocket: what the server says, and what it answers to what the client says.
//
// Frames, pings and slow readers are ws-connection.ts's matter, replay and filters the event service's.
// Invariant: `hello` is the first message, its snapshot is of the tick in which the stream was opened, and it goes
// out only when all that it shows is in the journal.

import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { WS_CLOSE } from "../protocol/ws-close.ts";
import { judgeUpgrade, upgradeResponse } from "../protocol/ws-handshake.ts";
import type { EventFilter, EventSink, EventStream, Resume } from "../service/services.ts";
import { eventFrames, gapText } from "./event-frames.ts";
import { decodeSubscription, filterOf, filterOfSubscription, SOCKET_EVENT_SHAPE } from "./event-query.ts";
import { parseJsonObject } from "./json-object.ts";
import { decodeQuery } from "./query.ts";
import { refusalOf, SECURITY_HEADERS } from "./reply.ts";
import type { EdgeContext, UpgradeCall } from "./route.ts";
import type { OpenStream } from "./streams.ts";
import { createWsConnection, type WsConnection } from "./ws-connection.ts";

/**
 * Makes the connection a WebSocket and serves it until it goes.
 *
 * @throws {CodexdError} or {DecodeError} before anything is written: the upgrade can still be refused.
 */
export function acceptWebSocket({ edge, pass, request, socket, head }: UpgradeCall): void {
  const judgement = judgeUpgrade(request);
  if (!judgement.ok) {
    throw new CodexdError(judgement.status === 426 ? "upgrade_required" : "bad_request", judgement.message);
  }
  const query = decodeQuery(pass.query, SOCKET_EVENT_SHAPE);
  const client = new StreamClient(edge);
  const resume = client.open(query.after, filterOf(query));
  socket.write(upgradeResponse(judgement.accept, SECURITY_HEADERS));
  const { clock, held, loop: { turns } } = edge;
  const connection = createWsConnection({ socket, head, handlers: client, clock, held, turns });
  client.attach(connection, { byToken: pass.byToken, cut: () => void socket.destroy() });
  client.greet(resume, query.snapshot);
}

class StreamClient {
  readonly #edge: EdgeContext;
  #connection: WsConnection | null = null;
  #stream: EventStream | null = null;
  #leave: () => void = () => undefined;
  /** What came before `hello` went out; null from then on. */
  #early: string[] | null = [];
  #earlyChars = 0;
  /** Shared by all who ask while it is made. */
  #statusText: Promise<string> | null = null;

  constructor(edge: EdgeContext) {
    this.#edge = edge;
  }

  /** Opens the stream that takes the place of the one before. @throws {CodexdError} `cursor_ahead`. */
  open(after: number | null, filter: EventFilter): Resume {
    const stream = this.#edge.services.events.open({ after, filter, sink: this.#sink });
    this.#stream?.close();
    this.#stream = stream;
    // From 0 is from the oldest: what is not kept any more was not asked for.
    return stream.resume.status === "gap" && after === 0 ? { ...stream.resume, status: "ok" } : stream.resume;
  }

  attach(connection: WsConnection, { byToken, cut }: Pick<OpenStream, "byToken" | "cut">): void {
    const { streams, ticker } = this.#edge;
    const open = {
      kind: "websocket" as const,
      byToken,
      end: (code: number, reason: string) => connection.close(code, reason),
      cut,
    };
    this.#connection = connection;
    this.#leave = () => streams.remove(open);
    streams.add(open);
    ticker.watch(connection);
  }

  /** Must be called in the tick of `open`, or the snapshot and the stream would not meet. */
  greet(resume: Resume, withSnapshot: boolean): void {
    this.#greet(resume, withSnapshot).catch((error: unknown) => this.#fail(error));
  }

  text(message: string): void {
    if (this.#early === null) return this.#take(message);
    this.#early.push(message);
    this.#earlyChars += message.length;
    if (this.#early.length > LIMITS.wsEarlyMessagesMax || this.#earlyChars > LIMITS.wsEarlyCharsMax) {
      this.#connection?.close(WS_CLOSE.tryAgainLater, "too much was said before hello");
    }
  }

  closing(code: number): void {
    if (code === WS_CLOSE.tryAgainLater) this.#edge.tally.cutOff("websocket");
    this.#stream?.close();
  }

  closed(): void {
    this.#stream?.close();
    this.#leave();
  }

  readonly #sink: EventSink = this.#createSink();

  #createSink(): EventSink {
    const congested = (): boolean => this.#connection?.congested === true;
    return {
      write: (batch, entries) => this.#connection?.sendFrames(eventFrames(batch, entries)),
      gap: (gap) => this.#connection?.sendText(gapText(gap)),
      heartbeat: (seq) => this.#connection?.sendText(`{"type":"heartbeat","seq":${seq}}`),
      get congested() {
        return congested();
      },
      drained: () => this.#connection?.drained() ?? Promise.resolve(),
      fail: (error) => this.#fail(error),
    };
  }

  async #greet(resume: Resume, withSnapshot: boolean): Promise<void> {
    const { status } = this.#edge.services;
    const service = status.service();
    const state = withSnapshot ? { snapshot: status.snapshot(), recentEvents: status.recentEvents() } : {};
    await this.#stream?.ready;
    if (this.#connection?.open !== true) return;
    this.#send({ type: "hello", resume, service, ...state });
    this.#stream?.start();
    const early = this.#early ?? [];
    this.#early = null;
    for (const message of early) this.#take(message);
  }

  #take(text: string): void {
    const message = parseObject(text);
    if (message === null) return this.#connection?.close(WS_CLOSE.badMessage, "a message must be a JSON object");
    const answer = ANSWERS.get(message["type"]);
    if (answer === undefined) {
      return this.#send({ type: "error", message: `type: must be one of ${[...ANSWERS.keys()].join(", ")}` });
    }
    try {
      answer.call(this, message);
    } catch (error) {
      this.#sendError(error);
    }
  }

  answerPing(): void {
    this.#send({ type: "pong" });
  }

  answerStatus(): void {
    this.#statusText ??= this.#edge.services.status.status()
      .then((status) => JSON.stringify({ ...status, type: "status" }))
      .finally(() => (this.#statusText = null));
    this.#statusText
      .then((text) => this.#connection?.sendText(text))
      .catch((error: unknown) => this.#sendError(error));
  }

  answerSubscribe(message: Record<string, unknown>): void {
    const wanted = decodeSubscription(message, "");
    const resume = this.open(wanted.after ?? null, filterOfSubscription(wanted));
    const stream = this.#stream;
    const begin = (): void => {
      // Another subscription may have taken its place meanwhile.
      if (this.#stream !== stream) return;
      this.#send({ type: "subscribed", resume });
      stream?.start();
    };
    stream?.ready.then(begin).catch((error: unknown) => this.#fail(error));
  }

  #send(message: object): void {
    this.#connection?.sendText(JSON.stringify(message));
  }

  #sendError(error: unknown): void {
    const { code, message, detail } = refusalOf(error, this.#edge.log);
    this.#send({ type: "error", error: code, message, ...(detail === undefined ? {} : { detail }) });
  }

  #fail(error: unknown): void {
    // Slower than retention: with its cursor it comes back, and hello tells it what is gone.
    if (error instanceof CodexdError && error.code === "cursor_expired") {
      return this.#connection?.cutOff();
    }
    this.#edge.log.error("an event stream has failed", { cause: errorMessage(error) });
    this.#connection?.close(WS_CLOSE.internalError, "the stream cannot go on");
  }
}

/** What a client may say, and who answers it. */
const ANSWERS: ReadonlyMap<unknown, (this: StreamClient, message: Record<string, unknown>) => void> = new Map([
  ["ping", StreamClient.prototype.answerPing],
  ["status", StreamClient.prototype.answerStatus],
  ["subscribe", StreamClient.prototype.answerSubscribe],
]);

/** By the rules for a body. */
function parseObject(text: string): Record<string, unknown> | null {
  try {
    return parseJsonObject(Buffer.from(text));
  } catch (error) {
    if (error instanceof CodexdError) return null;
    throw error;
  }
}
