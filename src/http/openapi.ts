// The API as an OpenAPI 3.1 document, made of the table that routes and validates.
//
// Pure. What the table does not know of itself stands in openapi-operations.ts and the schemas beside it.
// Invariant: every route is in it, whatever the table holds, with the very schemas of the decoders that validate.

import type { JsonSchema } from "../base/json-schema.ts";
import { ERROR_STATUS, type ErrorCode } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { TAGS, type AnswerDescription, type Operation, type Parameter } from "./openapi-answers.ts";
import { APPROVAL_SCHEMAS } from "./openapi-approvals.ts";
import { describeOperations, UNDESCRIBED } from "./openapi-operations.ts";
import { RECORD_SCHEMAS } from "./openapi-records.ts";
import { BYTES, ref } from "./openapi-schema.ts";
import { STATUS_SCHEMAS } from "./openapi-status.ts";
import { IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED } from "./once.ts";
import type { QueryField } from "./query.ts";
import type { Route } from "./route.ts";

export interface OpenApiOptions {
  readonly routes: readonly Route[];
  readonly eventStreamPath: string;
  /** codexd's own. */
  readonly version: string;
}

/** What the guard, the reading of a body and the server refuse, whatever the route. */
const GENERAL: readonly ErrorCode[] = [
  "bad_target", "bad_json", "bad_request", "duplicate_header", "unauthorized", "cross_site", "host_not_allowed",
  "origin_not_allowed", "request_timeout", "body_too_large", "target_too_long", "unsupported_media_type",
  "headers_too_large", "internal_error", "draining", "http_version_not_supported",
];

const DESCRIPTION = `One daemon per machine that turns the Codex CLI into a durable, observable local service.

Success is \`{"ok": true, "data": …}\`, a refusal \`{"ok": false, "error": "<code>", "message": "…"}\`. Unknown fields
and query parameters are refused by name; null means absent for every optional field. The token lies in the state
directory (\`codexd token\` says where); on the Unix socket none is needed.`;

export function describeApi({ routes, eventStreamPath, version }: OpenApiOptions): JsonSchema {
  const operations = describeOperations(eventStreamPath);
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([A-Za-z]+)/g, "{$1}");
    const operation = operations[`${route.method} ${route.path}`] ?? unknownOperation(route);
    (paths[path] ??= {})[route.method.toLowerCase()] = describeRoute(route, operation);
  }
  return {
    openapi: "3.1.0",
    info: { title: "codexd", version, description: DESCRIPTION, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/", description: "Where this document came from." }],
    security: [{ bearer: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "The token in its file." } },
      schemas: { ...RECORD_SCHEMAS, ...APPROVAL_SCHEMAS, ...STATUS_SCHEMAS },
      responses: Object.fromEntries(byStatus(GENERAL).map(([status, codes]) => [nameOf(status), refused(codes)])),
    },
  };
}

function unknownOperation({ method, path, status }: Route): Operation {
  const words = path.split(/[^A-Za-z]+/).filter((word) => word !== "");
  const name = words.map((word) => `${word[0]?.toUpperCase() ?? ""}${word.slice(1)}`).join("");
  return { operationId: `${method.toLowerCase()}${name}`, tag: "health", answers: { [status]: UNDESCRIBED } };
}

/** What a route that creates something takes, gives and refuses beside its own. */
const KEY_PARAMETER: Parameter = {
  name: IDEMPOTENCY_KEY, in: "header",
  description: "The same key with the same request gives the first answer again, for 24 hours and over restarts.",
  schema: { type: "string", pattern: "^[!-~]+$", minLength: 1, maxLength: LIMITS.idempotencyKeyCharsMax },
};
const KEY_ERRORS: readonly ErrorCode[] = ["in_progress", "idempotency_mismatch", "storage_full"];
const REPLAYED = {
  [IDEMPOTENCY_REPLAYED]: { description: "This was answered before.", schema: { const: "true" } },
};

function describeRoute(route: Route, operation: Operation): JsonSchema {
  const { operationId, tag, answers, refuses = [], parameters = [] } = operation;
  const keyed = route.creates ? { parameters: [KEY_PARAMETER], refuses: KEY_ERRORS, headers: REPLAYED } : null;
  const all = [
    ...pathParameters(route), ...queryParameters(route), ...parameters, ...(keyed?.parameters ?? []),
  ];
  const body = route.method === "POST" ? requestBody(route) : null;
  return {
    operationId,
    tags: [tag],
    summary: route.summary,
    // The empty one says that a token may be left out; a wrong one is refused even so.
    ...(route.open ? { security: [{}, { bearer: [] }] } : {}),
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(body === null ? {} : { requestBody: body }),
    responses: {
      ...describeAnswers(answers, keyed?.headers), ...describeRefusals([...refuses, ...(keyed?.refuses ?? [])]),
    },
  };
}

function pathParameters({ path }: Route): JsonSchema[] {
  return [...path.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => ({
    name, in: "path", required: true, schema: { type: "string", minLength: 1 },
  }));
}

function queryParameters({ query }: Route): JsonSchema[] {
  return Object.entries(query as Readonly<Record<string, QueryField<unknown>>>).map(([name, { takes, schema }]) => ({
    name, in: "query", description: takes, schema,
  }));
}

/** Null where nothing can be sent; a body whose fields are all optional may be left out. */
function requestBody({ bodySchema, raw }: Route): JsonSchema | null {
  if (bodySchema === null) return null;
  const rawForms = (raw?.types ?? []).map((type) => [type, { schema: BYTES }]);
  return {
    required: bodySchema["required"] !== undefined,
    content: { "application/json": { schema: bodySchema }, ...Object.fromEntries(rawForms) },
  };
}

function describeAnswers(
  answers: Readonly<Record<number, AnswerDescription>>, more?: AnswerDescription["headers"],
): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(answers).map(([status, { description, content, headers = more }]) => {
    const forms = Object.entries(content).map(([type, schema]) => [type, { schema }]);
    return [status, {
      description,
      ...(headers === undefined ? {} : { headers }),
      ...(forms.length === 0 ? {} : { content: Object.fromEntries(forms) }),
    }];
  }));
}

/** A status that only the general codes have is described once, in the components. */
function describeRefusals(own: readonly ErrorCode[]): Record<string, JsonSchema> {
  const statuses = byStatus([...new Set([...GENERAL, ...own])]);
  return Object.fromEntries(statuses.map(([status, codes]) => {
    const shared = codes.every((code) => GENERAL.includes(code));
    return [status, shared ? { $ref: `#/components/responses/${nameOf(status)}` } : refused(codes)];
  }));
}

function byStatus(codes: readonly ErrorCode[]): Array<[status: string, codes: ErrorCode[]]> {
  const statuses = [...new Set(codes.map((code) => ERROR_STATUS[code]))].sort((a, b) => a - b);
  return statuses.map((status) => [String(status), codes.filter((code) => ERROR_STATUS[code] === status)]);
}

function nameOf(status: string): string {
  return `Refused${status}`;
}

function refused(codes: readonly ErrorCode[]): JsonSchema {
  const words = codes.map((code) => `\`${code}\``).join(", ");
  return { description: `Refused: ${words}.`, content: { "application/json": { schema: ref("Error") } } };
}
