// What an attacker has on the net: a site with his page, and a service that lets everybody do everything.
//
// The site serves the page of test/fixtures/browser, also in a sandboxed frame, redirects, and a page whose policy
// reports. The service stands where codexd might, without its guard: what does not reach it was no attack.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Cleanup } from "./temp-dir.ts";

export interface OpenService {
  readonly port: number;
  /** The methods of all that came so far, upgrades as `WEBSOCKET`. */
  readonly methods: readonly string[];
}

const FIXTURES = new URL("../fixtures/browser/", import.meta.url);
const WS_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const SCRIPTS = ["page.mjs", "writes.mjs", "reads.mjs", "workers.mjs"];
const FRAME = "<iframe sandbox='allow-scripts allow-forms allow-popups' src='/page'></iframe>";

/** A page that has the function `attack` of test/fixtures/browser/page.mjs. */
export function attackPage(): string {
  const scripts = SCRIPTS.map((name) => `<script type=module>${fixture(name)}</script>`);
  return `<!doctype html><meta charset=utf-8><title>attack</title><body>${scripts.join("\n")}</body>`;
}

/** The attacker's site on a port of its own, reached as whatever name leads there. Gives the port. */
export function startSite(t: Cleanup): Promise<number> {
  const page = attackPage();
  const relay = `<script>${fixture("relay.mjs")}</script>`;
  const worker = fixture("service-worker.mjs");
  const sites: Record<string, (to: string) => [status: number, headers: Record<string, string>, body: string]> = {
    "/page": () => [200, { "Content-Type": "text/html" }, page],
    "/sandboxed": () => [200, { "Content-Type": "text/html" }, `<!doctype html><body>${FRAME}${relay}</body>`],
    "/blank": () => [200, { "Content-Type": "text/html" }, "<!doctype html>"],
    "/service-worker.js": () => [200, { "Content-Type": "text/javascript" }, worker],
    "/report": (to) => [
      200,
      { "Content-Type": "text/html", "Content-Security-Policy": `img-src 'none'; report-uri ${to}` },
      "<!doctype html><img src='/blank'>",
    ],
    "/302": (to) => [302, { Location: to }, ""],
    "/307": (to) => [307, { Location: to }, ""],
    "/308": (to) => [308, { Location: to }, ""],
  };
  return listen(t, createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://site");
    const [status, headers, body] = sites[url.pathname]?.(url.searchParams.get("to") ?? "") ?? [404, {}, ""];
    request.resume();
    response.writeHead(status, { ...headers, "Access-Control-Allow-Origin": "*" }).end(body);
  }));
}

export async function startOpenService(t: Cleanup): Promise<OpenService> {
  const methods: string[] = [];
  const server = createServer((request, response) => {
    methods.push(request.method ?? "");
    request.resume();
    welcome(request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    methods.push("WEBSOCKET");
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}${WS_GUID}`).digest("base64");
    const protocol = request.headers["sec-websocket-protocol"]?.split(",")[0];
    const fields = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept}`];
    if (protocol !== undefined) fields.push(`Sec-WebSocket-Protocol: ${protocol}`);
    socket.on("error", () => socket.destroy());
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join("\r\n")}\r\n\r\n`);
  });
  return { port: await listen(t, server), methods };
}

/** What the query says it should be, so that each kind of element can load it. */
function welcome({ method, url = "/", headers }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, "http://service");
  const bodies: Record<string, [type: string, body: string | Buffer]> = {
    script: ["text/javascript", "if (typeof importScripts === 'function') postMessage('secret');"],
    style: ["text/css", "body { --leaked: secret }"],
    image: ["image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='3' height='3'/>"],
    sound: ["audio/wav", silence()],
    events: ["text/event-stream", "data: secret\n\n"],
  };
  const [type, body] = bodies[searchParams.get("as") ?? ""] ?? ["application/json", '{ "secret": true }'];
  const isThere = method !== "OPTIONS" && !pathname.includes("missing");
  response.writeHead(isThere ? 200 : method === "OPTIONS" ? 204 : 404, {
    "Content-Type": type,
    "Access-Control-Allow-Origin": headers.origin ?? "*",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": headers["access-control-request-headers"] ?? "",
    "Access-Control-Allow-Methods": headers["access-control-request-method"] ?? "",
    "Timing-Allow-Origin": "*",
  });
  response.end(isThere ? body : "");
}

function fixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), "utf8");
}

/** A WAV file of a hundredth of a second, which sound and video elements take. */
function silence(): Buffer {
  const samples = 80;
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  for (const [value, at] of [[1, 20], [1, 22], [1, 32], [8, 34]] as const) head.writeUInt16LE(value, at);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.write("data", 36);
  head.writeUInt32LE(samples, 40);
  return Buffer.concat([head, Buffer.alloc(samples, 128)]);
}

function listen(t: Cleanup, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  t.after(() => new Promise<void>((resolve) => {
    server.close(() => resolve());
    // Upgraded ones too, which `closeAllConnections` leaves.
    for (const socket of sockets) socket.destroy();
  }));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
