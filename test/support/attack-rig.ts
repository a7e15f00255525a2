// Whole daemons under attack, reached as an attacker reaches them: bytes on a bare socket, by TCP and by Unix socket.
//
// Deliberately without attacks of its own: what is sent, and what must come of it, stands in the tests.
// Invariant: what was refused has left no event, no record and no process, and has reached no Codex; `nothingRan` says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { SECURITY_HEADERS } from "../../src/http/reply.ts";
import { childrenOf, createSession, eventsOf } from "./daemon-calls.ts";
import type { Daemon } from "./daemon.ts";
import { fakeCodexEnv, fakeCodexFlags } from "./fake-codex.ts";
import { exchange, type Place, type RawReply } from "./raw-http.ts";
import type { WholeDaemons } from "./whole-daemons.ts";

/** One way to one daemon. */
export interface Target {
  readonly name: string;
  readonly transport: "tcp" | "unix";
  readonly place: Place;
  /** The listening port; on the Unix socket also. */
  readonly port: number;
  /** Null with `--auth none`. */
  readonly token: string | null;
}

/** By the name of a field: its value, several fields of that name, or null for none. */
export type Fields = Readonly<Record<string, string | readonly string[] | null>>;

export interface Attacked {
  readonly daemon: Daemon;
  readonly tcp: Target;
  readonly unix: Target;
  /** @throws when anything has come of what was sent since the start. */
  nothingRan(): Promise<void>;
}

export async function startAttacked(daemons: WholeDaemons, auth: "token" | "none" = "token"): Promise<Attacked> {
  const logPath = path.join(daemons.makeStateDir(), "fake.log");
  const flags = [...fakeCodexFlags, "--auth", auth];
  const daemon = await daemons.start({ stateDir: daemons.makeStateDir(), env: fakeCodexEnv({ logPath }), flags });
  const { service, socketPath } = await daemon.started;
  const port = Number(new URL(service.resolvedBaseUrl).port);
  const token = auth === "none" ? null : await daemon.token();
  // A session is there, and with its thread the child has said all that it says by itself.
  await createSession(daemon);
  await eventsOf(daemon, "app-server.thread.started", (events) => events.length === 1);
  const look = async (): Promise<unknown> => ({ ...await lookAt(daemon), codexHeard: readFileSync(logPath, "utf8") });
  const before = await look();
  return {
    daemon,
    tcp: { name: `tcp, auth ${auth}`, transport: "tcp", place: { port }, port, token },
    unix: { name: `unix, auth ${auth}`, transport: "unix", place: { path: socketPath ?? "" }, port, token },
    nothingRan: async () => assert.deepEqual(await look(), before),
  };
}

async function lookAt(daemon: Daemon): Promise<Record<string, unknown>> {
  const { data: { headSeq } } = await daemon.get<{ headSeq: number }>("/v1/codexd/events?after=0&limit=1");
  const records = await Promise.all(["sessions", "turns", "runs"].map((name) => daemon.get(`/v1/codexd/${name}`)));
  return { headSeq, records: records.map(({ data }) => data), children: childrenOf(daemon.pid) };
}

/** The head of a request with codexd's own Host and the token, but where `fields` says otherwise; `body` behind it. */
export function requestTo(target: Target, first: string, fields: Fields = {}, body = ""): Buffer {
  const { port, token } = target;
  const given = new Set(Object.keys(fields).map((name) => name.toLowerCase()));
  const own: Fields = { Host: `127.0.0.1:${port}`, Authorization: token === null ? null : `Bearer ${token}` };
  const all = [...Object.entries(own).filter(([name]) => !given.has(name.toLowerCase())), ...Object.entries(fields)];
  const lines = all.flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}\r\n`));
  return Buffer.from(`${first}\r\n${lines.join("")}\r\n${body}`, "latin1");
}

const RUN = "POST /v1/codexd/runs HTTP/1.1";
const BODY = '{"prompt":"TEXT=it ran;"}';
const RUN_FIELDS = { "Content-Type": "application/json", "Content-Length": String(BODY.length) };
const UPGRADE_FIELDS = {
  Connection: "Upgrade", Upgrade: "websocket",
  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
};

/** The ways into the guard; without an attack each of them but the last does something. */
export const WAYS = {
  get: (target: Target, fields: Fields) => requestTo(target, "GET /v1/codexd/sessions HTTP/1.1", fields),
  post: (target: Target, fields: Fields) => requestTo(target, RUN, { ...RUN_FIELDS, ...fields }, BODY),
  expect: (target: Target, fields: Fields) =>
    requestTo(target, RUN, { ...RUN_FIELDS, Expect: "100-continue", ...fields }),
  unknownExpect: (target: Target, fields: Fields) =>
    requestTo(target, RUN, { ...RUN_FIELDS, Expect: "200-ok", ...fields }),
  upgrade: (target: Target, fields: Fields) =>
    requestTo(target, "GET /v1/codexd/events HTTP/1.1", { ...UPGRADE_FIELDS, ...fields }),
  connect: (target: Target, fields: Fields) => requestTo(target, "CONNECT 127.0.0.1:80 HTTP/1.1", fields),
} as const;

export type Way = keyof typeof WAYS;

/** Sends it and checks that it is refused, in codexd's form and with nothing said before. */
export async function refused(target: Target, bytes: Buffer, status: number, code: string): Promise<RawReply> {
  const reply = await exchange(target.place, bytes);
  const about = `${target.name}: ${bytes.subarray(0, 400).toString("latin1")}`;
  assert.deepEqual([reply.status, reply.interim], [status, []], `${about}${reply.body}`);
  const { ok, error, message, detail, ...rest } = JSON.parse(reply.body) as Record<string, unknown>;
  assert.deepEqual([ok, error, typeof message, rest], [false, code, "string", {}], about);
  assert.doesNotMatch(`${message}${JSON.stringify(detail)}`, /[\r\n]|node:internal|\.[jt]s:\d|\/tmp\//, about);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    assert.equal(reply.headers[name.toLowerCase()], value, `${about}${name}`);
  }
  const names = Object.keys(reply.headers);
  assert.deepEqual(names.filter((name) => /^(access-control|location|set-cookie|server|x-pow)/.test(name)), [], about);
  const challenge = status === 401 ? 'Bearer realm="codexd"' : undefined;
  assert.equal(reply.headers["www-authenticate"], challenge, about);
  assert.equal(reply.headers["content-type"], "application/json; charset=utf-8", about);
  return reply;
}

/** The same attack by each way. */
export async function refusedByAll(
  target: Target, ways: readonly Way[], fields: Fields, status: number, code: string,
): Promise<void> {
  for (const way of ways) {
    const reply = await refused(target, WAYS[way](target, fields), status, code);
    // Where a part of what was sent could pass for a request of its own, nothing more is read.
    if (way !== "get") assert.equal(reply.headers["connection"], "close", way);
  }
}

/** Checks that it is no attack there: what is asked is answered. */
export async function taken(target: Target, fields: Fields): Promise<void> {
  const reply = await exchange(target.place, WAYS.get(target, fields));
  assert.equal(reply.status, 200, `${target.name}: ${JSON.stringify(fields)}${reply.body}`);
}
