// Names and origins that are not codexd's own, on the wire of whole daemons, with a token and with `--auth none`.
//
// By every way in: a request, one with a body, `Expect`, an upgrade and CONNECT. What a browser makes of it is a
// matter of the browser's; the pure rules are in http/guard.test.ts.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import {
  refused, refusedByAll, requestTo, startAttacked, taken, WAYS, type Attacked, type Fields, type Target, type Way,
} from "./support/attack-rig.ts";
import { eventsOf } from "./support/daemon-calls.ts";
import { exchange, openRaw } from "./support/raw-http.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";

const daemons = createWholeDaemons({ after });
const ALL = Object.keys(WAYS) as Way[];
let attacked: readonly Attacked[] = [];

before(async () => {
  attacked = await Promise.all([startAttacked(daemons), startAttacked(daemons, "none")]);
});

afterEach(async () => {
  for (const each of attacked) await each.nothingRan();
});

type FieldsOf = (target: Target) => Fields;

/** On both transports, unless the Unix socket takes it. */
async function attack(fieldsOf: FieldsOf, status: number, code: string, unix: "refuses" | "takes" = "refuses") {
  for (const { tcp, unix: socket } of attacked) {
    await refusedByAll(tcp, ALL, fieldsOf(tcp), status, code);
    if (unix === "refuses") await refusedByAll(socket, ALL, fieldsOf(socket), status, code);
    else await taken(socket, fieldsOf(socket));
  }
}

function hosts(nameOf: (port: number) => string, unix: "refuses" | "takes" = "refuses"): Promise<void> {
  return attack(({ port }) => ({ Host: nameOf(port) }), 403, "host_not_allowed", unix);
}

function origins(nameOf: (port: number) => string): Promise<void> {
  return attack(({ port }) => ({ Origin: nameOf(port) }), 403, "origin_not_allowed");
}

test("a name of somebody else's [attack host-foreign]", () => hosts((port) => `evil.test:${port}`));
test("a public name that means this machine [attack host-nip-io]", () => hosts((port) => `127.0.0.1.nip.io:${port}`));
test("another port [attack host-wrong-port]", () => hosts((port) => `127.0.0.1:${port ^ 1}`, "takes"));
test("no port [attack host-no-port]", () => hosts(() => "localhost", "takes"));
test("the address of all interfaces [attack host-any-address]", () => hosts((port) => `0.0.0.0:${port}`));
test("127.0.0.1 as one number [attack host-decimal]", () => hosts((port) => `2130706433:${port}`));
test("a dot behind the name [attack host-trailing-dot]", () => hosts((port) => `localhost.:${port}`));
test("a user before the name [attack host-user-info]", () => hosts((port) => `127.0.0.1:${port}@127.0.0.1:${port}`));
test("an empty Host [attack host-empty]", () => hosts(() => ""));
test("no Host [attack host-missing]", () => attack(() => ({ Host: null }), 400, "bad_request"));

test("two Hosts, whichever comes first, and two that are the same [attack host-twice]", async () => {
  for (const names of [["evil.test", "own"], ["own", "evil.test"], ["own", "own"]]) {
    const fieldsOf: FieldsOf = ({ port }) => ({ Host: names.map((name) => name.replace("own", `127.0.0.1:${port}`)) });
    await attack(fieldsOf, 400, "duplicate_header");
  }
});

test("another site [attack origin-foreign]", () => origins(() => "http://evil.test"));
test("a sandboxed frame, a file [attack origin-null]", () => origins(() => "null"));
test("an empty Origin [attack origin-empty]", () => origins(() => ""));
test("another port here [attack origin-other-port]", () => origins((port) => `http://127.0.0.1:${port ^ 1}`));
test("another name of this machine [attack origin-other-name]", async () => {
  for (const name of ["localhost", "[::1]"]) await origins((port) => `http://${name}:${port}`);
});
test("codexd's own, and more [attack origin-suffix]", () => origins((port) => `http://127.0.0.1:${port}.evil.test`));
test("a scheme in capitals [attack origin-upper-case]", () => origins((port) => `HTTP://127.0.0.1:${port}`));
test("a slash at the end [attack origin-trailing-slash]", () => origins((port) => `http://127.0.0.1:${port}/`));

test("a browser that says that it comes from elsewhere [attack fetch-site]", async () => {
  for (const site of ["cross-site", "same-site", "", "none, cross-site"]) {
    await attack(() => ({ "Sec-Fetch-Site": site }), 403, "cross_site");
  }
});

test("two of a field of which there must be one [attack field-twice]", async () => {
  const own: FieldsOf = ({ port, token }) => ({
    Origin: [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}`], Authorization: [`Bearer ${token}`, "Bearer x"],
    "Content-Type": ["application/json", "application/json"], "Sec-Fetch-Site": ["none", "none"],
  });
  for (const name of ["Origin", "Authorization", "Content-Type", "Sec-Fetch-Site"]) {
    await attack((target) => ({ [name]: own(target)[name] ?? null }), 400, "duplicate_header");
  }
});

test("codexd's own page is no attack on TCP, and one on the Unix socket, which no page reaches", async () => {
  for (const { tcp, unix } of attacked) {
    const fields: Fields = { Origin: `http://127.0.0.1:${tcp.port}`, "Sec-Fetch-Site": "same-origin" };
    await taken(tcp, fields);
    await refusedByAll(unix, ALL, fields, 403, "origin_not_allowed");
  }
});

test("a page's preflight gets no permission [attack preflight]", async () => {
  for (const { tcp } of attacked) {
    const asks = { Origin: "http://evil.test", "Access-Control-Request-Method": "POST", Host: `localhost:${tcp.port}` };
    const head = Object.entries(asks).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const bytes = Buffer.from(`OPTIONS /v1/codexd/runs HTTP/1.1\r\n${head}\r\n`);
    await refused(tcp, bytes, 403, "origin_not_allowed");
  }
});

/** Sent with all that a program needs, the token too: what stops it is the type alone. */
async function bodies(type: string | null, body: string): Promise<void> {
  for (const { tcp, unix } of attacked) {
    for (const target of [tcp, unix]) {
      for (const expectation of [null, "100-continue"]) {
        const fields = { "Content-Type": type, "Content-Length": String(body.length), Expect: expectation };
        const bytes = requestTo(target, "POST /v1/codexd/runs HTTP/1.1", fields, expectation === null ? body : "");
        const reply = await refused(target, bytes, 415, "unsupported_media_type");
        assert.equal(JSON.parse(reply.body).detail.header, "Content-Type: application/json");
      }
    }
  }
}

test("a simple request of text [attack body-text-plain]", () => bodies("text/plain", '{"prompt":"TEXT=it ran;"}'));
test("a form [attack body-form]", () => bodies("application/x-www-form-urlencoded", "prompt=TEXT"));
test("a form with a file [attack body-multipart]", () => bodies("multipart/form-data; boundary=x", "--x--"));
test("a body without a type [attack body-untyped]", () => bodies(null, '{"prompt":"TEXT=it ran;"}'));

test("without an attack each way leads somewhere, and what runs is noticed", async () => {
  for (const { tcp, unix } of attacked) {
    for (const target of [tcp, unix]) {
      await taken(target, {});
      const upgraded = await exchange(target.place, WAYS.upgrade(target, {}));
      assert.equal(upgraded.status, 101);
      const asked = openRaw(target.place, WAYS.expect(target, {}));
      await asked.until((text) => text.startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
      asked.socket.destroy();
    }
  }
  const [{ tcp, daemon, nothingRan } = assert.fail(), ...rest] = attacked;
  assert.equal((await exchange(tcp.place, WAYS.post(tcp, {}))).status, 202);
  await eventsOf(daemon, "run.completed,run.failed", (events) => events.length === 1);
  await assert.rejects(nothingRan(), /headSeq/);
  attacked = rest;
});
