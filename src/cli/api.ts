// api: one request to the daemon, its reply as it came.
//
// Knows no routes: what there is, is the daemon's to say. The body is passed on as it arrives, so that streams and
// long-polls work; exits 1 on an error reply.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { targetName } from "../client/target.ts";
import type { WireReply } from "../client/wire.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import { flagValue, type CliContext, type CliIo, type CodexdCliRequest, type CommandSpec } from "./command.ts";
import { clientOf, toExitError } from "./daemon-client.ts";
import { CLIENT_FLAGS, findDaemon } from "./find-daemon.ts";

export const apiCommand: CommandSpec = {
  positionals: "[METHOD] PATH",
  positionalsMin: 1,
  positionalsMax: 2,
  summary: "send one request to the daemon and print the reply",
  notes:
    "METHOD is GET, or POST when there is a body. Fields make a JSON object; with GET they go into the query.\n" +
    'codexd api POST /v1/codexd/turn -f sessionId=ses_1 -f prompt="hello" -F waitMs=60000\n',
  flags: [
    { name: "field", short: "f", takes: "KEY=VALUE", summary: "a field that is a string; repeatable" },
    {
      name: "typed-field", short: "F", takes: "KEY=VALUE",
      summary: "a field that is JSON where it can be (true, 3, null, [..]), @FILE its text; repeatable",
    },
    { name: "data", short: "d", takes: "JSON|@FILE", summary: "the whole body; @- reads standard input" },
    ...CLIENT_FLAGS,
  ],
  config: "state",
  run: runApi,
};

async function runApi(context: CliContext): Promise<number> {
  const { request, io } = context;
  const { method, path: route, body } = await buildMessage(request, io);
  const target = await findDaemon(context);
  const client = clientOf(target, context);
  try {
    const reply = await openReply(client.open(method, route, body), targetName(target));
    await printBody(reply.body, io);
    return reply.status < 400 ? EXIT.ok : EXIT.failed;
  } finally {
    client.close();
  }
}

async function openReply(asked: Promise<WireReply>, from: string): Promise<WireReply> {
  try {
    return await asked;
  } catch (error) {
    throw toExitError(error, from);
  }
}

async function printBody(body: AsyncIterable<Uint8Array>, io: CliIo): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const part of body) io.stdout(decoder.decode(part, { stream: true }));
  } catch (error) {
    throw new ExitError(EXIT.failed, `the reply broke off: ${errorMessage(error)}`, { cause: error });
  }
  io.stdout(decoder.decode());
}

interface ApiMessage {
  readonly method: string;
  readonly path: string;
  readonly body?: string | undefined;
}

/** @throws {ExitError} 64 for what makes no request. */
async function buildMessage(request: CodexdCliRequest, io: CliIo): Promise<ApiMessage> {
  const [first = "", second] = request.positionals;
  const target = second ?? first;
  const method = second === undefined ? null : first.toUpperCase();
  if (!target.startsWith("/")) {
    throw new ExitError(EXIT.usage, `PATH starts with /, such as /v1/codexd/status, got ${JSON.stringify(target)}`);
  }
  if (method !== null && !/^[A-Z]+$/.test(method)) {
    throw new ExitError(EXIT.usage, `METHOD is a word such as POST, got ${JSON.stringify(first)}`);
  }
  const fields = await readFields(request, io);
  const data = await readData(request, io);
  if (fields.size > 0 && data !== undefined) {
    throw new ExitError(EXIT.usage, "-d is the whole body: it goes with no -f or -F");
  }
  if (method === "GET" || method === "HEAD") {
    if (data !== undefined) throw new ExitError(EXIT.usage, `${method} takes no body: leave -d out`);
    return { method, path: withQuery(target, fields) };
  }
  const body = data ?? (fields.size > 0 ? JSON.stringify(Object.fromEntries(fields)) : undefined);
  return { method: method ?? (body === undefined ? "GET" : "POST"), path: target, body };
}

async function readFields(request: CodexdCliRequest, io: CliIo): Promise<Map<string, unknown>> {
  const fields = new Map<string, unknown>();
  for (const [flag, text] of request.options) {
    if (flag !== "field" && flag !== "typed-field") continue;
    const equals = text.indexOf("=");
    if (equals < 1) throw new ExitError(EXIT.usage, `a field is KEY=VALUE, got ${JSON.stringify(text)}`);
    const key = text.slice(0, equals);
    if (fields.has(key)) throw new ExitError(EXIT.usage, `the field ${JSON.stringify(key)} is given twice`);
    const value = text.slice(equals + 1);
    fields.set(key, flag === "field" ? value : await typedValue(value, io));
  }
  return fields;
}

async function typedValue(text: string, io: CliIo): Promise<unknown> {
  if (text.startsWith("@")) return readSource(text.slice(1), io);
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON is a string, as in `gh api -F`.
    return text;
  }
}

async function readData(request: CodexdCliRequest, io: CliIo): Promise<string | undefined> {
  const text = flagValue(request, "data");
  return text?.startsWith("@") ? readSource(text.slice(1), io) : text;
}

async function readSource(file: string, io: CliIo): Promise<string> {
  if (file === "-") return io.readStdin();
  try {
    return await readFile(path.resolve(io.platform.cwd, file), "utf8");
  } catch (error) {
    throw new ExitError(EXIT.usage, `@${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

function withQuery(target: string, fields: ReadonlyMap<string, unknown>): string {
  if (fields.size === 0) return target;
  const query = new URLSearchParams();
  for (const [key, value] of fields) query.append(key, typeof value === "string" ? value : JSON.stringify(value));
  return `${target}${target.includes("?") ? "&" : "?"}${query.toString()}`;
}
