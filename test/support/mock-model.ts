// A model provider for tests: the Responses API over Server-Sent Events on loopback, scripted by the prompt's tags.
//
// Not a model, and not the whole API: only what the real Codex asks of a provider (the tags: mock-script.ts). It runs
// inside a test, or by itself: `tsx test/support/mock-model.ts [port]` prints its port.
//
// Invariant: one script gives the same pieces at every try, so that a doubled or a lost delta shows.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { toolCalls } from "./mock-calls.ts";
import { NO_FAULT, readScript, type MockScript, type MockStep } from "./mock-script.ts";

export interface MockModel {
  readonly port: number;
  /** The bodies of all requests for a response, oldest first. */
  readonly requests: ReadonlyArray<Record<string, unknown>>;
  /** Ends its connections too. */
  close(): Promise<void>;
}

/** How often a paced answer is looked at: at 2,000 a second that is 10 deltas a write. */
const TICK_MS = 5;
/** Deltas in one write where no rate is asked for. */
const GROUP = 100;

/** @param port 0 picks one. */
export async function startMockModel(port = 0): Promise<MockModel> {
  const requests: Array<Record<string, unknown>> = [];
  const tries = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    readBody(request, (body) => {
      if (request.method !== "POST" || request.url?.endsWith("/responses") !== true) {
        return sendJson(response, request.method === "GET" ? 200 : 404, { object: "list", data: [], models: [] });
      }
      requests.push(body);
      void answer(readScript(body["input"]), requests.length, tryOf(tries, body), response);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** How often this turn of this thread has asked already: 0 at first. */
function tryOf(tries: Map<string, number>, body: Record<string, unknown>): number {
  const key = `${String(body["prompt_cache_key"])} ${readScript(body["input"]).position}`;
  const before = tries.get(key) ?? 0;
  tries.set(key, before + 1);
  return before;
}

async function answer(script: MockScript, serial: number, earlier: number, response: ServerResponse): Promise<void> {
  const fault = earlier < script.times ? script.fault : NO_FAULT;
  if (fault.delayMs !== null) await pause(fault.delayMs);
  if (fault.httpStatus !== null) {
    const message = `the mock model answers ${fault.httpStatus}`;
    return sendJson(response, fault.httpStatus, { error: { message, type: "mock_error", code: "mock_error" } });
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const stream = createStream(response);
  const id = `resp_${serial}`;
  await stream.write(encode("response.created", { response: { id } }));
  if (fault.failedCode !== null) {
    const error = { code: fault.failedCode, message: `the mock model fails: ${fault.failedCode}` };
    await stream.write(encode("response.failed", { response: { id, status: "failed", error } }));
    return void response.end();
  }
  const step = script.steps[script.stepsDone];
  if (step !== undefined) {
    await stream.write(callsOf(step, `${serial}_${script.stepsDone}`));
  } else if (!(await speak(script, `msg_${serial}`, stream, fault))) {
    return;
  }
  await stream.write(encode("response.completed", { response: { id, usage: usageOf(script) } }));
  response.end();
}

/** The final message; false when a fault, or the reader, has ended it before its end. */
async function speak(
  script: MockScript,
  itemId: string,
  stream: Stream,
  fault: MockScript["fault"],
): Promise<boolean> {
  const item = { type: "message", role: "assistant", id: itemId, content: [] as unknown[] };
  await stream.write(encode("response.output_item.added", { item }));
  const last = Math.min(script.pieces.length, fault.cutAfter ?? Infinity, fault.hangAfter ?? Infinity);
  const began = performance.now();
  for (let sent = 0; sent < last && stream.open(); ) {
    const due = script.rate === null ? sent + GROUP : Math.floor(((performance.now() - began) * script.rate) / 1000);
    if (due <= sent) {
      await pause(TICK_MS);
      continue;
    }
    const group = script.pieces.slice(sent, Math.min(due, last));
    const fields = { item_id: itemId, output_index: 0, content_index: 0 };
    await stream.write(group.map((delta) => encode("response.output_text.delta", { ...fields, delta })).join(""));
    sent += group.length;
  }
  if (fault.cutAfter !== null) stream.cut();
  if (fault.cutAfter !== null || fault.hangAfter !== null || !stream.open()) return false;
  item.content = [{ type: "output_text", text: script.pieces.join("") }];
  await stream.write(encode("response.output_item.done", { item }));
  return true;
}

/** The one response of a step: a call of a tool, or several at once. */
function callsOf(step: MockStep, serial: string): string {
  return toolCalls(step).map((call, at) => {
    const id = `${serial}_${at}`;
    const item = { type: "function_call", id: `fc_${id}`, call_id: `call_${id}`, ...call };
    const added = encode("response.output_item.added", { item: { ...item, arguments: "" } });
    return added + encode("response.output_item.done", { item });
  }).join("");
}

function usageOf({ usage }: MockScript): Record<string, unknown> {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.input + usage.output,
  };
}

interface Stream {
  /** Resolves when more may be written, or nobody reads any more. */
  write(text: string): Promise<void>;
  open(): boolean;
  /** Ends the connection without the end of the answer, after all that was written. */
  cut(): void;
}

function createStream(response: ServerResponse): Stream {
  const socket = response.socket;
  return {
    open: () => !response.destroyed,
    cut: () => socket?.end(),
    write: (text) =>
      new Promise((resolve) => {
        if (response.destroyed || response.write(text)) return resolve();
        const go = (): void => {
          response.off("drain", go);
          response.off("close", go);
          resolve();
        };
        response.on("drain", go);
        response.on("close", go);
      }),
  };
}

function encode(type: string, fields: Record<string, unknown>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function readBody(request: IncomingMessage, onBody: (body: Record<string, unknown>) => void): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const text = Buffer.concat(chunks).toString("utf8");
    onBody(text === "" ? {} : (JSON.parse(text) as Record<string, unknown>));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMockModel(Number(process.argv[2] ?? 0));
  process.stdout.write(`${mock.port}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void mock.close());
  }
}
