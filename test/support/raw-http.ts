// HTTP over a bare socket: bytes out as given, the reply taken apart, nothing corrected on the way.
//
// Deliberately not a client: it knows one reply a call, by its Content-Length, its chunks or the connection's end.

import { connect, type Socket } from "node:net";
import { createDeferred } from "../../src/base/deferred.ts";

/** Where to connect: a port on 127.0.0.1, or a Unix socket. */
export type Place = { readonly port: number } | { readonly path: string };

export interface RawReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Statuses of interim replies before it. */
  readonly interim: readonly number[];
}

export interface RawConnection {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** All that has come. */
  text(): string;
  /** Resolves when what has come fits. @throws (rejects) when the connection ends before. */
  until(fits: (text: string) => boolean): Promise<string>;
  /** The first reply. @throws (rejects) when the connection ends before a reply is whole. */
  reply(): Promise<RawReply>;
}

/** Connects and writes; errors of the socket show as its end. */
export function openRaw(place: Place, bytes: string | Buffer): RawConnection {
  const socket = "port" in place ? connect(place.port, "127.0.0.1") : connect(place.path);
  const closed = createDeferred<void>();
  let text = "";
  let ended = false;
  const waiters = new Set<() => void>();
  const tell = (): void => waiters.forEach((waiter) => waiter());
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    text += chunk;
    tell();
  });
  const end = (): void => {
    ended = true;
    tell();
  };
  socket.on("end", end).on("close", () => {
    end();
    closed.resolve();
  });
  socket.write(bytes);
  const until = async (fits: (text: string) => boolean): Promise<string> => {
    const settled = createDeferred<string>();
    const look = (): void => {
      if (fits(text)) settled.resolve(text);
      else if (ended) settled.reject(new Error(`the connection ended after ${JSON.stringify(text.slice(0, 500))}`));
    };
    waiters.add(look);
    look();
    return settled.promise.finally(() => waiters.delete(look));
  };
  const reply = async (): Promise<RawReply> => {
    await until((all) => parseReply(all, ended) !== null);
    const parsed = parseReply(text, ended);
    if (parsed === null) throw new Error("no reply");
    return parsed;
  };
  return { socket, closed: closed.promise, text: () => text, until, reply };
}

/** One exchange on a connection of its own. */
export async function exchange(place: Place, bytes: string | Buffer): Promise<RawReply> {
  const connection = openRaw(place, bytes);
  try {
    return await connection.reply();
  } finally {
    connection.socket.destroy();
  }
}

export interface RequestParts {
  readonly method?: string;
  readonly path?: string;
  /** A list keeps what is repeated; without a Host one is added. */
  readonly headers?: ReadonlyArray<readonly [string, string]>;
  /** Its length is added, unless the headers tell one or chunks. */
  readonly body?: string | Buffer;
}

export function requestBytes(host: string, parts: RequestParts): Buffer {
  const { method = "GET", path = "/", headers = [], body = "" } = parts;
  const has = (name: string): boolean => headers.some(([key]) => key.toLowerCase() === name);
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  if (!has("host")) lines.unshift(`Host: ${host}`);
  if (body.length > 0 && !has("content-length") && !has("transfer-encoding")) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  const head = `${method} ${path} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body)]);
}

/** Null while the reply is not whole. */
export function parseReply(text: string, ended: boolean): RawReply | null {
  const interim: number[] = [];
  for (let rest = text; ;) {
    const headEnd = rest.indexOf("\r\n\r\n");
    if (headEnd === -1) return null;
    const [first = "", ...lines] = rest.slice(0, headEnd).split("\r\n");
    const status = Number(first.split(" ")[1]);
    rest = rest.slice(headEnd + 4);
    if (status >= 100 && status < 200 && status !== 101) {
      interim.push(status);
      continue;
    }
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    // What follows a 101 is no body any more.
    const body = status === 101 ? "" : bodyOf(rest, headers, ended);
    return body === null ? null : { status, headers, body: Buffer.from(body, "latin1").toString("utf8"), interim };
  }
}

function bodyOf(rest: string, headers: Readonly<Record<string, string>>, ended: boolean): string | null {
  const length = headers["content-length"];
  if (length !== undefined) return rest.length >= Number(length) || ended ? rest.slice(0, Number(length)) : null;
  if (headers["transfer-encoding"] === "chunked") return unchunk(rest);
  return ended ? rest : null;
}

/** The chunks that have come, as one text; null while the last one has not. */
export function unchunk(rest: string): string | null {
  let body = "";
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf("\r\n", at);
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(rest.slice(at, lineEnd), 16);
    if (size === 0) return body;
    if (Number.isNaN(size) || rest.length < lineEnd + 2 + size) return null;
    body += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
}
