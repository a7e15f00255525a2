// Callers without the token, or with something like it, on the wire of a whole daemon: every route, method and way in.
//
// On the Unix socket none is needed, since its file lets in nobody else; a wrong one is refused there too.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { createRoutes } from "../src/http/routes.ts";
import {
  refused, refusedByAll, requestTo, startAttacked, taken, WAYS, type Attacked, type Fields, type Way,
} from "./support/attack-rig.ts";
import { exchange, openRaw, parseReply } from "./support/raw-http.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
/** CONNECT is no method of any route, which is said before the token is asked for. */
const ALL = (Object.keys(WAYS) as Way[]).filter((way) => way !== "connect");
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"];
let attacked: Attacked;
let token = "";

before(async () => {
  attacked = await startAttacked(daemons);
  token = await attacked.daemon.token();
});

afterEach(() => attacked.nothingRan());

/** Something else than the token: 401 by every way and everywhere, health and the Unix socket included. */
async function wrong(authorization: string): Promise<void> {
  const fields = { Authorization: authorization };
  for (const target of [attacked.tcp, attacked.unix]) {
    await refusedByAll(target, ALL, fields, 401, "unauthorized");
    for (const path of ["/healthz", "/readyz", "/nowhere"]) {
      await refused(target, requestTo(target, `GET ${path} HTTP/1.1`, fields), 401, "unauthorized");
    }
  }
}

/** As good as none: 401 on TCP, and no matter on the Unix socket. */
async function none(fields: Fields): Promise<void> {
  const without: Fields = { Authorization: null, ...fields };
  await refusedByAll(attacked.tcp, ALL, without, 401, "unauthorized");
  await taken(attacked.unix, without);
}

test("no token, on every route and with every method [attack no-token]", async () => {
  await none({});
  const { tcp } = attacked;
  const routes = createRoutes({ eventStreamPath: "/v1/codexd/events" });
  const paths = new Set(routes.map(({ path }) => path));
  assert.ok(paths.size > 20);
  for (const path of [...paths, "/nowhere", "/"]) {
    for (const method of METHODS) {
      const known = routes.filter((route) => route.path === path);
      const open = known.some((route) => route.open && route.method === method);
      if (open) continue;
      const isMethod = known.length === 0 || known.some((route) => route.method === method);
      const status = isMethod && method !== "TRACE" ? 401 : 405;
      const first = `${method} ${path.replaceAll(/:\w+/g, "x")} HTTP/1.1`;
      const bytes = requestTo(tcp, first, { Authorization: null, Connection: "close" });
      if (method === "HEAD") assert.equal(await statusOfHead(bytes), status, first);
      else await refused(tcp, bytes, status, status === 401 ? "unauthorized" : "method_not_allowed");
    }
  }
});

async function statusOfHead(bytes: Buffer): Promise<number | undefined> {
  const connection = openRaw(attacked.tcp.place, bytes);
  await connection.closed;
  assert.ok(connection.text().endsWith("\r\n\r\n"), "an answer to HEAD has no body");
  return parseReply(connection.text(), true)?.status;
}

test("health says nothing of the service without a token", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const bytes = requestTo(attacked.tcp, `GET ${path} HTTP/1.1`, { Authorization: null });
    const { status, body } = await exchange(attacked.tcp.place, bytes);
    assert.deepEqual([status, Object.keys(JSON.parse(body))], [200, ["ok", "status"]]);
  }
});

test("another token of the same length [attack wrong-token]", () => wrong(`Bearer ${"A".repeat(token.length)}`));
test("the token without its last character [attack cut-token]", () => wrong(`Bearer ${token.slice(0, -1)}`));
test("the token with one more [attack longer-token]", () => wrong(`Bearer ${token}A`));
test("an empty token, an empty field [attack empty-token]", async () => {
  for (const field of ["Bearer ", "Bearer", ""]) await wrong(field);
});
test("the token in another scheme [attack basic-auth]", async () => {
  const basic = Buffer.from(`codexd:${token}`).toString("base64");
  for (const field of [`Basic ${basic}`, `Basic ${token}`, token, `Bearer ${token}, Basic x`]) await wrong(field);
});

test("the token in the query [attack token-in-query]", async () => {
  const { tcp } = attacked;
  for (const name of ["token", "access_token", "auth"]) {
    const first = `GET /v1/codexd/events?${name}=${token} HTTP/1.1`;
    await refused(tcp, requestTo(tcp, first, { Authorization: null }), 401, "unauthorized");
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Protocol": token };
    await refused(tcp, requestTo(tcp, first, { ...upgrade, Authorization: null }), 401, "unauthorized");
  }
});

test("the token in a cookie [attack token-in-cookie]", () =>
  none({ Cookie: `token=${token}; Authorization=${token}` }));

test("the token in the body [attack token-in-body]", async () => {
  const body = JSON.stringify({ token, authorization: `Bearer ${token}`, prompt: "TEXT=it ran;" });
  const fields = { Authorization: null, "Content-Type": "application/json", "Content-Length": String(body.length) };
  const bytes = requestTo(attacked.tcp, "POST /v1/codexd/runs HTTP/1.1", fields, body);
  await refused(attacked.tcp, bytes, 401, "unauthorized");
});

test("wrong tokens lock nobody out, and are not in the log [attack guessed-tokens]", async () => {
  const near = Array.from({ length: 51 }, (_, i) => `${token.slice(0, -2)}${10 + i}`);
  const guesses = near.filter((guess) => guess !== token).slice(0, 50);
  for (const guess of guesses) {
    const bytes = requestTo(attacked.tcp, "GET /v1/codexd/sessions HTTP/1.1", { Authorization: `Bearer ${guess}` });
    await refused(attacked.tcp, bytes, 401, "unauthorized");
  }
  await taken(attacked.tcp, {});
  assert.match(attacked.daemon.stderr(), /a wrong token was refused/);
  assert.ok(!attacked.daemon.stderr().includes(token.slice(0, -2)));
});
