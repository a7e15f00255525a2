// The guard's table, row by row, on TCP and on the Unix socket.
//
// Pure: no sockets; the same attacks over real ones are in connections.test.ts and upgrade.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createAuthenticator } from "../../src/http/auth.ts";
import { judge, type GuardRequest, type Pass, type Transport } from "../../src/http/guard.ts";
import type { Refusal } from "../../src/http/reply.ts";
import { createRouter } from "../../src/http/router.ts";
import { createRoutes } from "../../src/http/routes.ts";

const PORT = 4319;
const routes = createRoutes({ eventStreamPath: "/v1/codexd/events" });
const router = createRouter(routes);
const guard = { router, auth: createAuthenticator("right", systemClock, silentLogger) };
const HOST = ["Host", `127.0.0.1:${PORT}`];
const TOKEN = ["Authorization", "Bearer right"];
const STATUS = "/v1/codexd/status";

interface Asked {
  readonly method?: string;
  readonly url?: string;
  readonly version?: string;
  readonly headers?: readonly string[];
  readonly transport?: Transport;
  readonly port?: number;
}

function request({ method, url, version, headers, transport, port }: Asked): GuardRequest {
  return {
    method: method ?? "GET",
    url: url ?? STATUS,
    httpVersion: version ?? "1.1",
    rawHeaders: headers ?? [...HOST, ...TOKEN],
    transport: transport ?? "tcp",
    port: port ?? PORT,
    keeper: { proof: null },
  };
}

function refused(asked: Asked, status: number, code: string): Refusal {
  const verdict = judge(request(asked), guard);
  assert.ok(verdict.refused !== null, `passed: ${JSON.stringify(asked)}`);
  assert.deepEqual([verdict.refused.status, verdict.refused.code], [status, code], JSON.stringify(asked));
  return verdict.refused;
}

function passed(asked: Asked, context = guard as Parameters<typeof judge>[1]): Pass {
  const verdict = judge(request(asked), context);
  assert.ok(verdict.refused === null, `${JSON.stringify(asked)}: ${JSON.stringify(verdict.refused)}`);
  return verdict;
}

const TRANSPORTS = ["tcp", "unix"] as const;

test("a hundred header fields pass, one more does not, and is judged before all else", () => {
  const fill = (count: number): string[] => Array.from({ length: count }, () => ["a", "b"]).flat();
  for (const transport of TRANSPORTS) {
    passed({ transport, headers: [...HOST, ...TOKEN, ...fill(98)] });
    refused({ transport, headers: [...HOST, ...TOKEN, ...fill(99)] }, 431, "headers_too_large");
    refused({ transport, headers: [...fill(1100), "Origin", "http://evil.test"] }, 431, "headers_too_large");
  }
});

test("fields that decide something may not come twice, others may", () => {
  const names = ["Host", "Origin", "Authorization", "Content-Type", "Content-Length", "Sec-Fetch-Site"];
  for (const transport of TRANSPORTS) {
    for (const name of names) {
      const twice = [name, "x", name.toUpperCase(), "x"];
      refused({ transport, headers: [...HOST, ...TOKEN, ...twice] }, 400, "duplicate_header");
    }
    passed({ transport, headers: [...HOST, ...TOKEN, "Accept", "a", "accept", "b"] });
  }
});

test("only HTTP/1.1 passes", () => {
  for (const version of ["0.9", "1.0", "2.0"]) refused({ version }, 505, "http_version_not_supported");
});

test("a body comes plainly or in chunks, and in no other coding", () => {
  const coded = (codings: readonly string[]): string[] =>
    [...HOST, ...TOKEN, ...codings.flatMap((coding) => ["Transfer-Encoding", coding])];
  for (const transport of TRANSPORTS) {
    for (const coding of ["chunked", "Chunked"]) passed({ transport, headers: coded([coding]) });
    for (const codings of [["gzip, chunked"], ["chunked, chunked"], ["identity"], [""], ["chunked", "chunked"]]) {
      refused({ transport, headers: coded(codings) }, 400, "bad_request");
    }
  }
});

test("the target is a path in origin form with at most 8 KiB", () => {
  const wrong = ["http://127.0.0.1:4319/healthz", "//healthz", "//evil.test/x", "*", "", "x", "/a#b", "/%zz", "/%ff"];
  for (const url of wrong) refused({ url }, 400, "bad_target");
  refused({ method: "OPTIONS", url: "*" }, 400, "bad_target");
  refused({ url: `/${"a".repeat(8 * 1024 - 1)}` }, 404, "not_found");
  refused({ url: `/${"a".repeat(8 * 1024)}` }, 414, "target_too_long");
});

test("Host on TCP is a loopback name with the listening port", () => {
  for (const host of ["127.0.0.1:4319", "[::1]:4319", "localhost:4319", "LOCALHOST:4319", "LocalHost:4319"]) {
    passed({ headers: ["Host", host, ...TOKEN] });
  }
  const wrong = [
    "evil.test:4319", "127.0.0.1.nip.io:4319", "127.0.0.1:4320", "127.0.0.1", "127.0.0.1:", "127.0.0.1:04319",
    "0.0.0.0:4319", "2130706433:4319", "localhost.:4319", "127.0.0.1.:4319", "user@127.0.0.1:4319", "", "::1:4319",
    "codexd:4319", "127.0.0.2:4319", "localhost:4319:4319", "localhost:004319", `${"a".repeat(9000)}:4319`,
  ];
  for (const host of wrong) refused({ headers: ["Host", host, ...TOKEN] }, 403, "host_not_allowed");
  refused({ headers: TOKEN }, 400, "bad_request");
  const { message } = refused({ headers: ["Host", "evil.test:1"] }, 403, "host_not_allowed");
  assert.match(message, /port 4319.*"evil.test:1"/);
});

test("a server on port 80 takes the Host and the Origin that leave it out", () => {
  passed({ port: 80, headers: ["Host", "localhost", ...TOKEN, "Origin", "http://localhost"] });
  passed({ port: 80, headers: ["Host", "localhost:80", ...TOKEN, "Origin", "http://localhost"] });
  passed({ port: 80, headers: ["Host", "[::1]", ...TOKEN, "Origin", "http://[::1]"] });
  refused({ port: 80, headers: ["Host", "localhost", "Origin", "http://localhost:80"] }, 403, "origin_not_allowed");
});

test("Host on the Unix socket may have any port, and be codexd", () => {
  const headers = (host: string): string[] => ["Host", host];
  for (const host of ["codexd", "CODEXD:1", "localhost", "127.0.0.1:80", "[::1]:65535"]) {
    passed({ transport: "unix", headers: headers(host) });
  }
  for (const host of ["evil.test", "", "codexd:123456", "codexd.", "0.0.0.0"]) {
    refused({ transport: "unix", headers: headers(host) }, 403, "host_not_allowed");
  }
  refused({ transport: "unix", headers: [] }, 400, "bad_request");
});

test("an Origin is codexd's own, letter by letter", () => {
  for (const name of ["127.0.0.1", "[::1]", "localhost"]) {
    const asked = (host: string): Asked => ({ headers: ["Host", host, ...TOKEN, "Origin", `http://${name}:${PORT}`] });
    passed(asked(`${name.toUpperCase()}:${PORT}`));
    // A page under another name is another's, who may listen on the other address.
    for (const other of ["127.0.0.1", "[::1]", "localhost"].filter((one) => one !== name)) {
      refused(asked(`${other}:${PORT}`), 403, "origin_not_allowed");
    }
  }
  const wrong = [
    "http://evil.test", "null", "", "http://127.0.0.1:5173", "http://localhost", "http://127.0.0.1:4319.evil.test",
    "HTTP://127.0.0.1:4319", "http://127.0.0.1:4319/", "https://127.0.0.1:4319", "http://LOCALHOST:4319",
    "http://user@127.0.0.1:4319",
  ];
  for (const origin of wrong) {
    refused({ headers: [...HOST, ...TOKEN, "Origin", origin] }, 403, "origin_not_allowed");
    refused({ url: "/healthz", headers: [...HOST, "Origin", origin] }, 403, "origin_not_allowed");
  }
});

test("no Origin at all passes on the Unix socket", () => {
  const headers = [...HOST, "Origin", `http://127.0.0.1:${PORT}`];
  refused({ transport: "unix", headers }, 403, "origin_not_allowed");
});

test("Sec-Fetch-Site is same-origin or none", () => {
  for (const transport of TRANSPORTS) {
    for (const site of ["same-origin", "none"]) {
      passed({ transport, headers: [...HOST, ...TOKEN, "Sec-Fetch-Site", site] });
    }
    for (const site of ["cross-site", "same-site", "", "None"]) {
      refused({ transport, headers: [...HOST, ...TOKEN, "Sec-Fetch-Site", site] }, 403, "cross_site");
    }
  }
});

test("a method that the path has not is 405 with what it has, before the token is looked at", () => {
  const allow = (asked: Asked): string | undefined => refused(asked, 405, "method_not_allowed").headers["Allow"];
  for (const transport of TRANSPORTS) {
    assert.equal(allow({ transport, method: "POST", headers: HOST }), "GET");
    assert.equal(allow({ transport, method: "GET", url: "/v1/codexd/turn", headers: HOST }), "POST");
    for (const method of ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"]) {
      assert.equal(allow({ transport, method, url: "/v1/codexd/sessions", headers: HOST }), "GET, POST");
    }
    assert.equal(allow({ transport, method: "TRACE", url: "/nowhere" }), "GET, POST");
    assert.equal(allow({ transport, method: "CONNECT", url: "evil.test:443" }), "GET, POST");
  }
});

test("without the token every route is 401, also those that there are not", () => {
  for (const headers of [HOST, [...HOST, "Authorization", "Bearer wrong"], [...HOST, "Authorization", "Basic right"]]) {
    for (const url of [STATUS, "/nowhere", "/v1/codexd/sessions/x", "/v1/codexd/status?token=right"]) {
      const { headers: sent } = refused({ url, headers }, 401, "unauthorized");
      assert.equal(sent["WWW-Authenticate"], 'Bearer realm="codexd"');
    }
  }
});

test("no row of the table gets past the guard: its methods, its token, its Host and its Origin", () => {
  for (const { method, path, open } of routes) {
    const asked = { method, url: path.replace(":id", "x") };
    passed(asked);
    passed({ ...asked, transport: "unix", headers: HOST });
    if (!open) refused({ ...asked, headers: HOST }, 401, "unauthorized");
    refused({ ...asked, headers: [...HOST, "Authorization", "Bearer wrong"] }, 401, "unauthorized");
    refused({ ...asked, headers: ["Host", "evil.test", ...TOKEN] }, 403, "host_not_allowed");
    refused({ ...asked, headers: [...HOST, ...TOKEN, "Origin", "http://evil.test"] }, 403, "origin_not_allowed");
    refused({ ...asked, method: "DELETE" }, 405, "method_not_allowed");
    refused({ ...asked, url: `${asked.url}/more/than/there/is` }, 404, "not_found");
  }
});

test("health needs no token, but a wrong one is refused there too", () => {
  for (const url of ["/healthz", "/readyz", "/healthz/"]) {
    assert.equal(passed({ url, headers: HOST }).trusted, false);
    assert.equal(passed({ url }).trusted, true);
    refused({ url, headers: [...HOST, "Authorization", "Bearer wrong"] }, 401, "unauthorized");
  }
  refused({ method: "POST", url: "/healthz", headers: HOST }, 405, "method_not_allowed");
});

test("the Unix socket needs no token, but a wrong one is refused there too", () => {
  const pass = passed({ transport: "unix", headers: HOST });
  assert.deepEqual([pass.trusted, pass.byToken], [true, false]);
  assert.equal(passed({ transport: "unix" }).byToken, true);
  refused({ transport: "unix", headers: [...HOST, "Authorization", "Bearer wrong"] }, 401, "unauthorized");
});

test("without auth nobody's token is looked at, and Host, Origin and Sec-Fetch-Site are as ever", () => {
  const open = { router, auth: null };
  const pass = passed({ headers: [...HOST, "Authorization", "Bearer wrong"] }, open);
  assert.deepEqual([pass.trusted, pass.byToken], [true, false]);
  for (const bad of [["Host", "evil.test"], [...HOST, "Origin", "null"], [...HOST, "Sec-Fetch-Site", "cross-site"]]) {
    assert.equal(judge(request({ headers: bad }), open).refused?.status, 403);
  }
});

test("what passes brings its route, params and query", () => {
  const pass = passed({ url: "/v1/codexd/turns/turn%201/?waitMs=5" });
  assert.equal(pass.route.path, "/v1/codexd/turns/:id");
  assert.deepEqual(pass.params, { id: "turn 1" });
  assert.equal(pass.query, "waitMs=5");
  assert.equal(passed({}).query, "");
  refused({ url: "/v1/codexd/turns//" }, 404, "not_found");
});

test("the first refusal wins", () => {
  const everything = { method: "TRACE", url: "//x", version: "1.0" };
  refused({ ...everything, headers: ["Host", "evil", "Host", "evil", "Origin", "null"] }, 400, "duplicate_header");
  refused({ ...everything, headers: ["Host", "evil", "Origin", "null"] }, 505, "http_version_not_supported");
  refused({ ...everything, version: "1.1", headers: ["Host", "evil", "Origin", "null"] }, 400, "bad_target");
  refused({ method: "TRACE", headers: ["Host", "evil", "Origin", "null"] }, 403, "host_not_allowed");
  refused({ method: "TRACE", headers: [...HOST, "Origin", "null", "Sec-Fetch-Site", "x"] }, 403, "origin_not_allowed");
  refused({ method: "TRACE", headers: [...HOST, "Sec-Fetch-Site", "x"] }, 403, "cross_site");
});
