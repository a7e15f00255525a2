// The description of the API against the table it is made of.
//
// That real answers fit it is tested in openapi-answers.test.ts; that it is OpenAPI, with a public validator by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isObject } from "../../src/base/decode.ts";
import { ERROR_STATUS } from "../../src/core/errors.ts";
import { describeApi } from "../../src/http/openapi.ts";
import { describeOperations } from "../../src/http/openapi-operations.ts";
import { NO_BODY, route } from "../../src/http/route.ts";
import { createRoutes } from "../../src/http/routes.ts";
import { decodeUpload } from "../../src/service/codex-inputs.ts";
import { decodeCreateSession, decodeStartTurn } from "../../src/service/inputs.ts";
import { readVersion } from "../../src/version.ts";
import { startEdge } from "../support/edge-under-test.ts";
import { misfits } from "../support/schema-check.ts";

const EVENTS = "/v1/codexd/events";
const routes = createRoutes({ eventStreamPath: EVENTS });

interface Described {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security?: readonly object[];
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string; readonly schema: object }>;
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Readonly<Record<string, { readonly content?: object; readonly description?: string }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>>>>;
  readonly tags: ReadonlyArray<{ readonly name: string }>;
  readonly info: { readonly version: string };
}

const api = describeApi({ routes, eventStreamPath: EVENTS, version: "1.2.3" }) as unknown as Document;
const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods));

function operation(method: string, path: string): Described {
  const found = api.paths[path]?.[method];
  assert.ok(found !== undefined, `${method} ${path}`);
  return found;
}

test("every route is described, by a row of its own, and nothing else is", () => {
  const described = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`));
  const rows = routes.map(({ method, path }) => `${method} ${path}`).sort();
  assert.deepEqual(described.sort(), rows);
  assert.deepEqual(Object.keys(describeOperations(EVENTS)).sort(), rows);
});

test("names are unique, tags are known, and each says what it is for", () => {
  const names = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
  const tags = api.tags.map(({ name }) => name);
  for (const { operationId, tags: own, summary } of operations) {
    assert.ok(own.every((tag) => tags.includes(tag)) && summary !== "", operationId);
  }
});

test("what nobody has described is described all the same", () => {
  const row = route({
    method: "POST", path: "/v1/new/:id/thing-of-mine", query: {}, summary: "New", status: 201, body: (body) => body,
    handle: () => ({ data: {} }),
  });
  const { paths } = describeApi({ routes: [row], eventStreamPath: EVENTS, version: "1" }) as unknown as Document;
  const { operationId, responses, requestBody } = paths["/v1/new/{id}/thing-of-mine"]?.["post"] ?? operation("", "");
  assert.equal(operationId, "postVNewIdThingOfMine");
  assert.ok("201" in responses && "400" in responses);
  assert.deepEqual(requestBody, { required: false, content: { "application/json": { schema: { type: "object" } } } });
});

test("bodies are the schemas of the decoders that validate", () => {
  const bodyOf = (path: string): unknown => operation("post", path).requestBody?.content["application/json"]?.schema;
  assert.equal(bodyOf("/v1/codexd/sessions"), decodeCreateSession.schema);
  assert.equal(bodyOf("/v1/codexd/turn"), decodeStartTurn.schema);
  assert.equal(operation("post", "/v1/codexd/turn").requestBody?.required, true);
  assert.equal(operation("post", "/v1/codexd/sessions").requestBody?.required, false);
  const ofSession = bodyOf("/v1/codexd/sessions/{id}/turns") as object;
  assert.deepEqual(misfits({ prompt: "hi" }, ofSession as never), []);
  assert.equal(operation("post", "/v1/codexd/sessions/{id}/close").requestBody, undefined);
  const forms = Object.entries(operation("post", "/v1/codexd/uploads").requestBody?.content ?? {});
  const binary = { type: "string", format: "binary" };
  assert.deepEqual(forms.map(([type, { schema }]) => [type, schema]), [
    ["application/json", decodeUpload.schema], ["image/png", binary], ["image/jpeg", binary], ["image/gif", binary],
    ["image/webp", binary],
  ]);
  assert.equal(routes.every(({ method, bodySchema }) => method === "POST" || bodySchema === null), true);
});

test("no field and no parameter is left without a form", () => {
  const look = (value: unknown, at: string): void => {
    if (Array.isArray(value)) return value.forEach((item, i) => look(item, `${at}[${i}]`));
    if (!isObject(value)) return;
    assert.notEqual(Object.keys(value).length, 0, `${at} is described as anything`);
    for (const [name, member] of Object.entries(value)) look(member, `${at}.${name}`);
  };
  for (const { operationId, requestBody, parameters } of operations) {
    look(requestBody, operationId);
    for (const { name, schema } of parameters ?? []) look(schema, `${operationId} ${name}`);
  }
});

test("parameters are those of the path, of the query, and of the headers that are read", () => {
  const named = (method: string, path: string): string[] =>
    (operation(method, path).parameters ?? []).map((parameter) => `${parameter.in} ${parameter.name}`);
  assert.deepEqual(named("get", "/v1/codexd/turns/{id}"), ["path id", "query waitMs", "query waitFor"]);
  assert.deepEqual(named("get", "/healthz"), []);
  assert.deepEqual(named("get", EVENTS).sort(), [
    "header Last-Event-ID", "query after", "query format", "query limit", "query run", "query session",
    "query snapshot", "query thread", "query type",
  ]);
});

test("every refusal has the error's form, and says its codes; only the open routes need no token", () => {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
  const told = (method: string, path: string, status: number): string =>
    operation(method, path).responses[status]?.description ?? "";
  for (const { operationId, responses } of operations) {
    for (const [status, response] of Object.entries(responses)) {
      if (Number(status) < 400) continue;
      const name = "$ref" in response ? String(response.$ref).split("/").at(-1) ?? "" : null;
      const found = name === null ? response : api.components["responses"]?.[name];
      assert.deepEqual(found?.["content"], content, `${operationId} ${status}`);
    }
    assert.ok("401" in responses && "500" in responses, operationId);
  }
  for (const code of ["session_closed", "turn_in_progress", "turn_mismatch", "thread_locked", "wrong_mode"]) {
    assert.match(told("post", "/v1/codexd/turn", 409), new RegExp(`\`${code}\``));
  }
  assert.match(told("get", EVENTS, 410), /cursor_expired/);
  const errors = api.components["schemas"]?.["Error"]?.["properties"] as Record<string, { enum?: unknown }>;
  assert.deepEqual(errors["error"]?.enum, Object.keys(ERROR_STATUS));
  const open = Object.entries(api.paths).filter(([, { get }]) => get?.security !== undefined).map(([path]) => path);
  assert.deepEqual(open.sort(), ["/healthz", "/readyz"]);
});

test("every reference leads somewhere", () => {
  const text = JSON.stringify(api);
  for (const [, kind = "", name = ""] of text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)) {
    assert.ok(api.components[kind]?.[name] !== undefined, `${kind}/${name}`);
  }
});

test("the document is served at its path, with the token, made once", async (t) => {
  const edge = await startEdge(t, { service: { eventStreamPath: "/my/events" } });
  assert.equal((await edge.askPlain({ path: "/openapi.json" })).status, 401);
  const reply = await edge.ask({ path: "/openapi.json" });
  assert.deepEqual([reply.status, reply.headers["content-type"]], [200, "application/json; charset=utf-8"]);
  const served = JSON.parse(reply.body) as Document;
  assert.equal(served.info.version, readVersion());
  assert.equal(served.paths["/my/events"]?.["get"]?.operationId, "getEvents");
  assert.ok(reply.body.endsWith("}\n"));
  assert.equal((await edge.ask({ path: "/openapi.json" })).body, reply.body);
  assert.equal(NO_BODY.schema, undefined);
});
