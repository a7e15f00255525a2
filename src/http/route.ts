// What a route is, and what a handler is given and gives back.
//
// Deliberately not the routes themselves: those are one table, in routes.ts. Routing, `Allow`, decoding and the
// description of the API all come from these fields, so none of them can differ from the others.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../base/clock.ts";
import { described, type Decoder } from "../base/decode.ts";
import type { JsonSchema } from "../base/json-schema.ts";
import type { Logger } from "../base/log.ts";
import { LIMITS } from "../core/limits.ts";
import { decodeNothing } from "../service/inputs.ts";
import type { Services } from "../service/services.ts";
import type { ProcessMetrics } from "../service/status/process-metrics.ts";
import type { RawBody, RawBodyRule, RequestBody } from "./body.ts";
import type { EdgeTally } from "./edge-tally.ts";
import type { Pass } from "./guard.ts";
import type { HeldBytes } from "./held-bytes.ts";
import type { EdgeLimits } from "./limits.ts";
import type { LoopShares } from "./loop-turns.ts";
import { createOnce, readKey, type Once } from "./once.ts";
import { decodeQuery, type QueryShape } from "./query.ts";
import type { Streams } from "./streams.ts";
import type { WsTicker } from "./ws-ticker.ts";

/** What all handlers of one edge share. */
export interface EdgeContext {
  readonly services: Services;
  readonly streams: Streams;
  readonly ticker: WsTicker;
  readonly held: HeldBytes;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: EdgeLimits;
  readonly loop: LoopShares;
  readonly tally: EdgeTally;
  readonly processMetrics: ProcessMetrics;
  /** How many are open, by what they came over. */
  readonly connections: () => Readonly<Record<string, number>>;
}

/** One request that has passed the guard, its body read but not decoded. */
export interface Call {
  readonly edge: EdgeContext;
  readonly pass: Pass;
  readonly body: RequestBody;
  /**
   * A signal that aborts when the client has gone: ends the wait for an answer, never the work. Made only when it is
   * asked for, because it costs more than most answers.
   */
  readonly hangUp: () => AbortSignal;
}

/** A call with its query and body decoded. */
export interface DecodedCall<Q, B> {
  readonly edge: EdgeContext;
  readonly services: Services;
  readonly params: Readonly<Record<string, string>>;
  readonly pass: Pass;
  readonly query: Q;
  readonly body: B;
  readonly hangUp: () => AbortSignal;
  /** Of a route that creates something: does it once for each key. */
  readonly once: Once;
}

/** Goes into the envelope, with the route's status unless it brings its own. */
export interface DataAnswer {
  readonly data: object;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Answer =
  | DataAnswer
  /** A document of its own form: JSON, unless it says otherwise. */
  | { readonly text: string; readonly status: number; readonly contentType?: string }
  /** Takes the response over; throws only before it has written anything. */
  | { readonly stream: (response: ServerResponse) => void };

/** A connection that asks to become another protocol; the handler throws while it can still be refused. */
export interface UpgradeCall {
  readonly edge: EdgeContext;
  readonly pass: Pass;
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** With `:params`. */
  readonly path: string;
  readonly summary: string;
  /** Of success, unless the answer brings its own. */
  readonly status: number;
  /** True where no token is needed; a wrong one is refused even so. */
  readonly open: boolean;
  readonly bodyBytesMax: number;
  /** What its body may be instead of JSON; null where it may be nothing else. */
  readonly raw: RawBodyRule | null;
  readonly query: QueryShape<object>;
  /** What its body may be, for the description of the API; null where there is no field to send. */
  readonly bodySchema: JsonSchema | null;
  /** @throws {DecodeError} or what the services throw. */
  answer(call: Call): Promise<Answer>;
  readonly upgrade: ((call: UpgradeCall) => void) | null;
  /** It looks at `Idempotency-Key`. */
  readonly creates: boolean;
}

/** `input` is for what carries a prompt, which may hold images, `upload` for one image; `small` for all else. */
const BODY_BYTES_MAX = {
  small: LIMITS.bodyBytesMax, input: LIMITS.inputBodyBytesMax, upload: LIMITS.uploadJsonBytesMax,
} as const;

/** The body and the path's params -> what the handler takes. */
export interface BodyDecoder<B> {
  (body: Record<string, unknown>, params: Readonly<Record<string, string>>): B;
  readonly schema?: JsonSchema;
}

/** The whole body is what `decode` takes. */
export function bodyOf<B>(decode: Decoder<B>): BodyDecoder<B> {
  return described((body: Record<string, unknown>) => decode(body, ""), decode.schema ?? {});
}

/** No fields at all. */
export const NO_BODY: BodyDecoder<Record<string, never>> = (body) => decodeNothing(body, "");

/** The value of `:id` in the path. */
export function idOf(params: Readonly<Record<string, string>>): string {
  return params["id"] ?? "";
}

export interface RouteSpec<Q extends object, B> {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly summary: string;
  readonly status?: number;
  readonly open?: boolean;
  readonly query: QueryShape<Q>;
  readonly body: BodyDecoder<B>;
  readonly bodySize?: keyof typeof BODY_BYTES_MAX;
  /** `decode` makes of the bytes what `body` makes of JSON. */
  readonly raw?: RawBodyRule & { readonly decode: (raw: RawBody) => B };
  readonly handle: (call: DecodedCall<Q, B>) => Answer | Promise<Answer>;
  readonly upgrade?: (call: UpgradeCall) => void;
  /** Its handler answers through `once`. */
  readonly creates?: true;
}

/** Forgets the types of query and body once they are tied to the handler that takes them. */
export function route<Q extends object, B>(spec: RouteSpec<Q, B>): Route {
  return {
    method: spec.method,
    path: spec.path,
    summary: spec.summary,
    status: spec.status ?? 200,
    open: spec.open ?? false,
    bodyBytesMax: BODY_BYTES_MAX[spec.bodySize ?? "small"],
    raw: spec.raw ?? null,
    query: spec.query,
    bodySchema: (spec.body as unknown) === NO_BODY ? null : spec.body.schema ?? { type: "object" },
    async answer({ edge, pass, body: { json, raw }, hangUp }) {
      const { params } = pass;
      const target = (): string => targetOf(spec, pass);
      const keyed = spec.creates === true ? readKey(pass.headers, target, { json, raw }) : null;
      return spec.handle({
        edge,
        services: edge.services,
        params,
        pass,
        query: decodeQuery(pass.query, spec.query),
        body: raw === null || spec.raw === undefined ? spec.body(json, params) : spec.raw.decode(raw),
        hangUp,
        once: createOnce(edge.services.idempotency, keyed),
      });
    },
    upgrade: spec.upgrade ?? null,
    creates: spec.creates ?? false,
  };
}

/** As the route has it, with the values in it: a slash more at the end is the same target. */
function targetOf({ method, path }: Pick<Route, "method" | "path">, { params, query }: Pass): string {
  const filled = path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  return `${method} ${filled}${query === "" ? "" : `?${query}`}`;
}
