// Puts replies on the wire: through Node's response, or straight on a socket that has none.
//
// Invariant: whoever is refused in mid-body can read why. Bytes that nobody wants are thrown away for a moment before
// the connection closes, since closing on unread bytes makes the system reset it and drop the answer.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import { readByTurns, type LoopTurns } from "./loop-turns.ts";
import { JSON_TYPE, rawRefusal, refusalText, SECURITY_HEADERS, type Refusal } from "./reply.ts";

const FIXED_FIELDS = Object.entries(SECURITY_HEADERS).flat();

export function respondJson(
  response: ServerResponse, status: number, text: string, headers: Readonly<Record<string, string>> = {},
): void {
  respondText(response, status, text, JSON_TYPE, headers);
}

export function respondText(
  response: ServerResponse, status: number, text: string, contentType: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed) return;
  writeHead(response, status, text, contentType, headers);
  response.end(text);
}

export interface RefuseOptions {
  readonly clock: Clock;
  /** 0 where nothing of a body can be on its way. */
  readonly lingerMs: number;
}

export interface RefuseBodyOptions extends RefuseOptions {
  readonly turns: LoopTurns;
  /** Of what comes meanwhile; beyond it nothing is read, and the connection ends with its time. */
  readonly bytesMax: number;
}

/** Closes the connection where a part of the request may be unread: it must not pass for the next request. */
export function respondRefusal(
  request: IncomingMessage, response: ServerResponse, refused: Refusal,
  { clock, lingerMs, turns, bytesMax }: RefuseBodyOptions,
): void {
  const text = refusalText(refused);
  if (!bodyIsUnread(request)) return respondJson(response, refused.status, text, refused.headers);
  if (response.destroyed) return;
  writeHead(response, refused.status, text, JSON_TYPE, { ...refused.headers, Connection: "close" });
  if (lingerMs === 0) return void response.end(text);
  response.write(text);
  const finish = (): void => {
    timer.cancel();
    request.off("end", finish).off("close", finish);
    reading.stop();
    response.end();
  };
  const timer = clock.after(lingerMs, finish);
  let thrownAway = 0;
  const reading = readByTurns(request, turns, (chunk) => {
    thrownAway += Math.max(chunk.length, LIMITS.readChunkBytesMin);
    if (thrownAway >= bytesMax) reading.hold();
  });
  request.on("end", finish).on("close", finish);
}

/** The last that a socket says, where there is no response: for upgrades, CONNECT, and what is not HTTP. */
export function refuseSocket(
  socket: Socket, refused: Refusal, { clock, lingerMs, body }: RefuseOptions & { readonly body: boolean },
): void {
  if (!socket.writable) return void socket.destroy();
  const timer = clock.after(lingerMs, () => socket.destroy());
  socket.once("close", () => timer.cancel());
  socket.once("end", () => socket.destroySoon());
  socket.end(rawRefusal(refused, { body }));
  let thrownAway = 0;
  socket.on("data", (chunk: Buffer) => {
    thrownAway += chunk.length;
    if (thrownAway >= LIMITS.lingerSocketBytesMax) socket.pause();
  }).resume();
}

/** Whether a part of the request may still come: what follows on its connection cannot be told from it. */
export function bodyIsUnread(request: IncomingMessage): boolean {
  return !request.complete && declaresBody(request);
}

function declaresBody(request: IncomingMessage): boolean {
  const length = request.headers["content-length"];
  return request.headers["transfer-encoding"] !== undefined || (length !== undefined && Number(length) !== 0);
}

function writeHead(
  response: ServerResponse, status: number, text: string, contentType: string,
  headers: Readonly<Record<string, string>>,
): void {
  // Names and values in turn: what Node would make of an object, without making the object.
  const length = String(Buffer.byteLength(text));
  const fields = [...FIXED_FIELDS, "Content-Type", contentType, "Content-Length", length];
  for (const name in headers) fields.push(name, headers[name] ?? "");
  response.writeHead(status, fields);
}
