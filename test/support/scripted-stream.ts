// A daemon's event route that does to its connections what a test says: cuts them anywhere, refuses, goes silent.
//
// Its journal is a list of events from seq 1 on. Not a daemon: it knows no filters and no other route.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createDeferred } from "../../src/base/deferred.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import { answerJson } from "./cli-daemon.ts";
import { makeEvent } from "./fake-events.ts";
import type { Cleanup } from "./temp-dir.ts";

/** One request for the stream. */
export interface StreamCall {
  readonly after: number;
  readonly url: string;
  readonly response: ServerResponse;
  /** Sends the head. */
  begin(): void;
  /** Sends `text` as it is. */
  send(text: string): void;
  refuse(status: number, error: string, detail?: unknown): void;
  /** Breaks the connection off when what was sent has left. */
  cut(): void;
}

export interface ScriptedStream {
  readonly baseUrl: string;
  readonly journal: CodexdEvent[];
  readonly calls: StreamCall[];
  /** Each open connection's other end has gone. */
  readonly closedCount: () => number;
  /** Resolves with the nth request for the stream, from 1 on. */
  call(n: number): Promise<StreamCall>;
  /** Closes the port and all connections; `reopen` listens on the same one. */
  shut(): Promise<void>;
  reopen(): Promise<void>;
}

/** `script` answers each request for the stream; pages tell the head by themselves. */
export async function startScriptedStream(
  t: Cleanup, events: number, script: (call: StreamCall, count: number) => void,
): Promise<ScriptedStream> {
  const journal = Array.from({ length: events }, (_, i) => makeEvent(i + 1, { message: `é ${"x".repeat(i % 50)}` }));
  const calls: StreamCall[] = [];
  const waiting = new Map<number, (call: StreamCall) => void>();
  let closed = 0;
  const answer: Listener = (request, response) => {
    const url = request.url ?? "";
    const query = new URL(url, "http://x").searchParams;
    if (query.get("format") === "json") {
      const page = { events: [], nextAfter: 0, oldestSeq: 1, headSeq: journal.length };
      return answerJson(response, 200, { ok: true, data: page });
    }
    response.once("close", () => (closed += 1));
    const call = streamCall(Number(query.get("after")), url, response);
    calls.push(call);
    script(call, calls.length);
    waiting.get(calls.length)?.(call);
  };
  let server = await listen(answer, 0);
  const { port } = server.address() as AddressInfo;
  const shut = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  t.after(shut);
  return {
    baseUrl: `http://127.0.0.1:${port}`, journal, calls, closedCount: () => closed, shut,
    async call(n) {
      const known = calls[n - 1];
      if (known !== undefined) return known;
      const called = createDeferred<StreamCall>();
      waiting.set(n, called.resolve);
      return called.promise;
    },
    async reopen() {
      server = await listen(answer, port);
    },
  };
}

export function linesOf(events: readonly CodexdEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

function streamCall(after: number, url: string, response: ServerResponse): StreamCall {
  return {
    after, url, response,
    begin: () => {
      response.writeHead(200, { "Content-Type": "application/x-ndjson", Connection: "close" });
      response.flushHeaders();
    },
    send: (text) => void response.write(text),
    refuse: (status, error, detail) => answerJson(response, status, { ok: false, error, message: "No.", detail }),
    cut: () => void response.write("", () => response.destroy()),
  };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

async function listen(answer: Listener, port: number): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return server;
}
