// What is no request for codexd: upgrades, heads, lengths, bodies and JSON, on the wire of a whole daemon.
//
// All of it comes with the token, so that what stops it is not the lack of it. Versions of Node differ in what their
// parser refuses by itself; the answers here do not.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import {
  refused, refusedByAll, requestTo, startAttacked, WAYS, type Attacked, type Fields, type Target, type Way,
} from "./support/attack-rig.ts";
import { openRaw, type RawReply } from "./support/raw-http.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const ALL = Object.keys(WAYS) as Way[];
const RUN = "POST /v1/codexd/runs HTTP/1.1";
const JSON_TYPE = { "Content-Type": "application/json" };
const BODY = '{"prompt":"TEXT=it ran;"}';
let attacked: Attacked;

before(async () => {
  attacked = await startAttacked(daemons);
});

afterEach(() => attacked.nothingRan());

type Refused = readonly [status: number, code: string];
const BAD: Refused = [400, "bad_request"];

/** Gives what was said on TCP. */
async function told(bytesOf: (target: Target) => Buffer, [status, code]: Refused): Promise<RawReply> {
  await refused(attacked.unix, bytesOf(attacked.unix), status, code);
  return refused(attacked.tcp, bytesOf(attacked.tcp), status, code);
}

async function onBoth(bytesOf: (target: Target) => Buffer, wanted: Refused): Promise<void> {
  await told(bytesOf, wanted);
}

async function byAll(fields: Fields, [status, code]: Refused, ways = ALL): Promise<void> {
  for (const target of [attacked.tcp, attacked.unix]) await refusedByAll(target, ways, fields, status, code);
}

const head = (first: string, fields: Fields = {}, body = "") =>
  (target: Target) => requestTo(target, first, fields, body);
const run = (fields: Fields, body = "") => head(RUN, { ...JSON_TYPE, ...fields }, body);
const upgrade = (fields: Fields) => (target: Target) => WAYS.upgrade(target, fields);

describe("an upgrade", () => {
  test("without a token [attack upgrade-no-token]", async () => {
    await refused(attacked.tcp, WAYS.upgrade(attacked.tcp, { Authorization: null }), 401, "unauthorized");
  });
  test("by a page of another site, with the token [attack upgrade-foreign-origin]", () =>
    onBoth(upgrade({ Origin: "http://evil.test" }), [403, "origin_not_allowed"]));
  test("by a sandboxed frame, with the token [attack upgrade-null-origin]", () =>
    onBoth(upgrade({ Origin: "null" }), [403, "origin_not_allowed"]));
  test("to HTTP/2 [attack upgrade-h2c]", () =>
    onBoth(upgrade({ Upgrade: "h2c", Connection: "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk" }), BAD));
  test("with a key that is none [attack upgrade-bad-key]", async () => {
    const key = "AAAAAAAAAAAAAAAAAAAAAA==";
    for (const bad of ["", "AAAA", key.slice(0, -2), `!${key.slice(1)}`, [key, key]]) {
      await onBoth(upgrade({ "Sec-WebSocket-Key": bad }), BAD);
    }
  });
  test("without a key [attack upgrade-no-key]", () => onBoth(upgrade({ "Sec-WebSocket-Key": null }), BAD));
  test("of version 12, 14 or none [attack upgrade-version-12]", async () => {
    for (const version of ["12", "14", "13, 12", null]) {
      const { headers } = await told(upgrade({ "Sec-WebSocket-Version": version }), [426, "upgrade_required"]);
      assert.deepEqual([headers["sec-websocket-version"], headers["upgrade"]], ["13", "websocket"]);
    }
  });
  test("with POST [attack upgrade-post]", async () => {
    const fields = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" };
    const reply = await told(head("POST /v1/codexd/events HTTP/1.1", fields), [405, "method_not_allowed"]);
    assert.equal(reply.headers["allow"], "GET");
  });
});

describe("a head", () => {
  const filler = Array.from({ length: 1100 }, () => "b");
  test("of 1100 fields, then an Origin [attack fields-1100]", () =>
    byAll({ a: filler, Origin: "http://evil.test" }, [431, "headers_too_large"]));
  test("of 101 fields, and one of 17 KiB [attack fields-too-many]", async () => {
    await byAll({ a: filler.slice(0, 101) }, [431, "headers_too_large"]);
    await byAll({ a: "b".repeat(17 * 1024) }, [431, "headers_too_large"]);
  });
  test("with an absolute target [attack absolute-form]", async () => {
    for (const first of ["GET http://127.0.0.1:P/v1/codexd/sessions", "GET http://evil.test/", "GET https:///"]) {
      const line = (target: Target): string => `${first.replace("P", String(target.port))} HTTP/1.1`;
      await onBoth((target) => requestTo(target, line(target)), [400, "bad_target"]);
    }
    const fields = { ...JSON_TYPE, "Content-Length": String(BODY.length) };
    await onBoth(head("POST http://127.0.0.1/v1/codexd/runs HTTP/1.1", fields, BODY), [400, "bad_target"]);
  });
  test("with two slashes [attack double-slash]", () =>
    onBoth(head("GET //v1/codexd/sessions HTTP/1.1"), [400, "bad_target"]));
  test("with a target that is none, or too long [attack odd-target]", async () => {
    for (const odd of ["*", "/%zz", "/a#b", "x", "/%c3%28"]) {
      await onBoth(head(`GET ${odd} HTTP/1.1`), [400, "bad_target"]);
    }
    await onBoth(head(`GET /${"a".repeat(8192)} HTTP/1.1`), [414, "target_too_long"]);
  });
  test("of HTTP/1.0, 2.0 and 0.9 [attack http-1.0]", async () => {
    for (const version of ["1.0", "2.0", "3.0"]) {
      const wrong: Refused = [505, "http_version_not_supported"];
      await onBoth(head(`GET /v1/codexd/sessions HTTP/${version}`), wrong);
      await onBoth(head(`POST /v1/codexd/runs HTTP/${version}`, { ...JSON_TYPE, "Content-Length": "25" }, BODY), wrong);
    }
    await onBoth(head("PRI * HTTP/2.0"), [505, "http_version_not_supported"]);
    await onBoth(() => Buffer.from("GET /healthz\r\n\r\n"), [505, "http_version_not_supported"]);
  });
  test("that names other methods: TRACE, CONNECT, and what nobody knows [attack odd-method]", async () => {
    const { headers } = await told(head("TRACE /v1/codexd/sessions HTTP/1.1"), [405, "method_not_allowed"]);
    assert.equal(headers["allow"], "GET, POST");
    for (const line of ["CONNECT evil.test:443 HTTP/1.1", "OPTIONS * HTTP/1.1", "PUT /healthz HTTP/1.1"]) {
      await onBoth(head(line), line.includes("*") ? [400, "bad_target"] : [405, "method_not_allowed"]);
    }
    await onBoth(head("FROB /healthz HTTP/1.1"), BAD);
  });
  test("folded, without a colon, with a NUL or a bare line feed in it [attack odd-field]", async () => {
    const first = (target: Target): string => `${requestTo(target, "GET /healthz HTTP/1.1")}`.slice(0, -2);
    for (const odd of [" folded: x\r\n", "no colon\r\n", "nul: a\0b\r\n", "name : x\r\n", "cr: a\rb\r\n", ": x\r\n"]) {
      await onBoth((target) => Buffer.from(`${first(target)}${odd}\r\n`, "latin1"), BAD);
    }
  });
});

describe("a length", () => {
  /** What stands behind must never be taken for a request of its own. */
  const HIDDEN = "POST /v1/codexd/runs HTTP/1.1\r\nHost: codexd\r\n";

  test("with chunks [attack length-and-chunked]", async () => {
    for (const fields of [
      { "Content-Length": "4", "Transfer-Encoding": "chunked" },
      { "Transfer-Encoding": "chunked", "Content-Length": "4" },
    ]) {
      await onBoth(run(fields, `0\r\n\r\n${HIDDEN}`), BAD);
    }
  });
  test("that comes twice [attack length-twice]", async () => {
    for (const both of [["25", "25"], ["25", "0"]]) {
      await onBoth(run({ "Content-Length": both }, BODY), [400, "duplicate_header"]);
    }
  });
  test("that is none, and codings that nobody undoes [attack odd-length]", async () => {
    for (const length of ["-1", "+25", "0x19", "25, 25", "2 5", "99999999999999999999"]) {
      await onBoth(run({ "Content-Length": length }, BODY), BAD);
    }
    const codings = ["gzip, chunked", "chunked, chunked", "xchunked", "identity", ["chunked", "identity"]];
    for (const coding of codings) await onBoth(run({ "Transfer-Encoding": coding }, `0\r\n\r\n${HIDDEN}`), BAD);
  });
  test("that waits for 100, without a token [attack expect-no-token]", async () => {
    await refusedByAll(attacked.tcp, ["expect"], { Authorization: null }, 401, "unauthorized");
    await byAll({ Authorization: "Bearer wrong" }, [401, "unauthorized"], ["expect"]);
  });
  test("of 1 GiB, of which nothing is read [attack length-1-gib]", async () => {
    const giant = String(2 ** 30);
    for (const expectation of [null, "100-continue"]) {
      const fields = { ...JSON_TYPE, "Content-Length": giant, Expect: expectation };
      const reply = await told(head(RUN, fields), [413, "body_too_large"]);
      assert.equal(reply.headers["connection"], "close");
    }
  });
});

describe("a body", () => {
  test("of chunks without an end [attack endless-chunks]", async () => {
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    for (const { place, ...target } of [attacked.tcp, attacked.unix]) {
      const fields = { ...JSON_TYPE, "Transfer-Encoding": "chunked" };
      const connection = openRaw(place, requestTo({ place, ...target }, "POST /v1/codexd/sessions HTTP/1.1", fields));
      const pour = (): void => {
        while (connection.socket.writable && connection.socket.write(chunk));
      };
      connection.socket.on("drain", pour);
      pour();
      const { status, body, headers } = await connection.reply();
      assert.deepEqual([status, JSON.parse(body).error, headers["connection"]], [413, "body_too_large", "close"]);
      await connection.closed;
    }
  });

  test("of health, without the token [attack health-body]", async () => {
    for (const told of ["1025", String(2 ** 20)]) {
      const fields = { ...JSON_TYPE, Authorization: null, "Content-Length": told };
      await refused(attacked.tcp, requestTo(attacked.tcp, "GET /healthz HTTP/1.1", fields), 413, "body_too_large");
    }
  });

  async function json(text: string): Promise<void> {
    await onBoth(run({ "Content-Length": String(text.length) }, text), [400, "bad_json"]);
  }
  test("nested too deep [attack json-depth]", async () => {
    await json(`{"a":${"[".repeat(64)}${"]".repeat(64)}}`);
    await json(`{"a":${"[".repeat(500_000)}`);
  });
  test("of too many keys [attack json-keys]", () =>
    json(`{${Array.from({ length: 10_001 }, (_, i) => `"k${i}":0`).join()}}`));
  test("with a key __proto__, also escaped and nested [attack json-proto]", async () => {
    for (const key of ["__proto__", "\\u005f_proto__", "__proto\\u005f_"]) {
      await json(`{"${key}":{"prompt":"TEXT=it ran;"}}`);
      await json(`{"prompt":"TEXT=it ran;","metadata":[{"${key}":1}]}`);
    }
  });
  test("that is no JSON, no object or no UTF-8 [attack json-none]", async () => {
    for (const text of ["{", "[]", "null", '"x"', "{} {}", '{"prompt":"\xff"}', "\xef\xbb\xbf{}"]) await json(text);
  });
});
