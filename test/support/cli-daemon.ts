// What a client command finds: a state directory with its files, and a small HTTP server on its socket or a port.
//
// Not a daemon: it answers what the test says and keeps what it was asked.

import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createNetServer, type AddressInfo } from "node:net";
import path from "node:path";
import { makeTempDir, type Cleanup } from "./temp-dir.ts";

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface FakeDaemon {
  readonly seen: SeenRequest[];
  /** Of TCP; an empty string on a socket. */
  readonly baseUrl: string;
  /** Called at each connection from now on. */
  onConnection(listener: () => void): void;
  close(): Promise<void>;
}

export type Answer = (request: SeenRequest, response: ServerResponse) => void;

/** Listens on the socket `at`, or on a free port of 127.0.0.1, until the test ends. */
export async function startFakeDaemon(t: Cleanup, at: string | null, answer: Answer): Promise<FakeDaemon> {
  const seen: SeenRequest[] = [];
  const server = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      const { method = "", url = "", headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(parts).toString() };
      seen.push(request);
      answer(request, response);
    });
  });
  const listening = new Promise<void>((resolve) => server.once("listening", resolve));
  if (at === null) server.listen(0, "127.0.0.1");
  else server.listen(at);
  await listening;
  const close = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  t.after(close);
  const baseUrl = at === null ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : "";
  return { seen, baseUrl, close, onConnection: (listener) => void server.on("connection", listener) };
}

/** As the store's lock: whoever connects is told that the process `pid` holds the directory. Until the test ends. */
export async function holdLock(t: Cleanup, stateDir: string, pid: number): Promise<void> {
  const server = createNetServer((socket) => socket.end(JSON.stringify({ pid })));
  const listening = new Promise<void>((resolve) => server.once("listening", resolve));
  server.listen(path.join(stateDir, "lock-1.sock"));
  await listening;
  t.after(() => void server.close());
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify(body, null, 2)}\n`);
}

/** Answers as a daemon whose process is `pid`; `reasons` make it not ready. */
export function answerAsDaemon(pid: number, reasons: readonly string[] = []): Answer {
  return ({ url }, response) => {
    if (url === "/readyz") {
      if (reasons.length === 0) return answerJson(response, 200, { ok: true, status: "ready" });
      const refused = { ok: false, error: "not_ready", message: "codexd is not ready", detail: { reasons } };
      return answerJson(response, 503, refused);
    }
    if (url === "/v1/codexd/status") return answerJson(response, 200, { ok: true, data: statusData(pid) });
    return answerJson(response, 404, { ok: false, error: "not_found", message: `there is no ${url}` });
  };
}

export function statusData(pid: number): Record<string, unknown> {
  return {
    service: { resolvedBaseUrl: "http://127.0.0.1:4319" },
    snapshot: {
      identity: { version: "9.8.7" },
      config: { paths: { stateDir: "/home/ada/state" } },
      daemon: { pid, startedAt: "2026-01-02T03:04:05.006Z", child: { status: "running", pid: 77, lastError: null } },
      sessionRegistry: { sessions: [], total: 3 },
      runRegistry: { runs: [], total: 0 },
    },
  };
}

/** A state directory with these files in it, objects as JSON. */
export function makeStateDir(t: Cleanup, files: Readonly<Record<string, unknown>> = {}): string {
  const dir = path.join(makeTempDir(t), "state");
  mkdirSync(dir);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(dir, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return dir;
}
