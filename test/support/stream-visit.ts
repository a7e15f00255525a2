// One connection of a client of the event stream, cut where it is told to be.
//
// A bare socket: `fetch` and its like cannot be cut in the middle of a frame. Has no cursor: it asks for what it is
// given. Invariant: of the bytes behind a cut by bytes nothing is looked at, whatever the kernel has already got.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { createReplyParser, type Form, type Told } from "./stream-parsers.ts";

/** Where a daemon is reached. */
export interface Door {
  readonly port: number;
  readonly socketPath: string;
  readonly token: string;
}

/** When the client goes. A daemon that goes before ends it too. */
export type Cut =
  /** Behind so many bytes of the reply, its head included. */
  | { readonly by: "bytes"; readonly bytes: number }
  /** So many bytes behind the first event above `seq`. */
  | { readonly by: "joining"; readonly seq: number; readonly bytes: number }
  | { readonly by: "time"; readonly ms: number }
  /** Reads nothing for a while from so many bytes on, and goes when it has read for as long. */
  | { readonly by: "stall"; readonly bytes: number; readonly ms: number }
  | { readonly by: "daemon" };

export interface Visit {
  readonly form: Form;
  readonly door: Door;
  readonly overUnix: boolean;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly string[];
  readonly cut: Cut;
  told(told: Told): void;
  /** Ends it from outside. */
  readonly signal?: AbortSignal | undefined;
}

/** Where it was when it ended. */
export type VisitEnd = "handshake" | "between" | "within" | "whole" | "daemon";

const ACCEPTS: Readonly<Record<Form, string>> = {
  websocket: "*/*", page: "application/json", sse: "text/event-stream", ndjson: "application/x-ndjson",
};

export function visit({ form, door, overUnix, target, headers, cut, told, signal }: Visit): Promise<VisitEnd> {
  const host = overUnix ? "Host: localhost" : `Host: 127.0.0.1:${door.port}`;
  const socket = overUnix ? connect(door.socketPath) : connect(door.port, "127.0.0.1");
  let budget = cut.by === "bytes" ? cut.bytes : Number.POSITIVE_INFINITY;
  let stallAt = cut.by === "stall" ? cut.bytes : Number.POSITIVE_INFINITY;
  let end: VisitEnd | null = null;
  let timer: NodeJS.Timeout | undefined;
  const parser = createReplyParser(form, (one) => {
    told(one);
    if (one.kind === "event" && cut.by === "joining" && one.seq > cut.seq) budget = Math.min(budget, cut.bytes);
    if (one.kind === "page" || one.kind === "refused") end = "whole";
  });
  const place = (): VisitEnd => (!parser.begun ? "handshake" : parser.heldBytes > 0 ? "within" : "between");
  const leave = (where: VisitEnd): void => {
    end ??= where;
    socket.destroy();
  };
  const leaveIn = (ms: number): void => void (timer = setTimeout(() => leave(place()), ms));
  const stall = (ms: number): void => {
    stallAt = Number.POSITIVE_INFINITY;
    socket.pause();
    timer = setTimeout(() => {
      socket.resume();
      leaveIn(ms);
    }, ms);
  };

  socket.on("data", (bytes) => {
    if (end !== null) return;
    const taken = bytes.length > budget ? bytes.subarray(0, budget) : bytes;
    budget -= taken.length;
    stallAt -= taken.length;
    parser.push(taken);
    if (end !== null) leave(end);
    else if (budget <= 0) leave(place());
    else if (stallAt <= 0 && cut.by === "stall") stall(cut.ms);
  });
  // Its end is told by `close`.
  socket.on("error", () => undefined);
  const abort = (): void => leave(place());
  signal?.addEventListener("abort", abort);
  if (signal?.aborted === true) abort();
  if (cut.by === "time") leaveIn(cut.ms);
  socket.write(requestText(form, target, [host, `Authorization: Bearer ${door.token}`, ...headers]));
  return new Promise((resolve) => socket.on("close", () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    resolve(end ?? "daemon");
  }));
}

export function requestText(form: Form, target: string, headers: readonly string[]): string {
  const connection = form === "websocket"
    ? ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`]
    : ["Connection: close"];
  const lines = [`GET ${target} HTTP/1.1`, `Accept: ${ACCEPTS[form]}`, ...connection, ...headers];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
