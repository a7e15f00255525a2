// The guard: one pure function judges every request before anything else looks at it.
//
// Deliberately without sockets: `request`, `checkContinue`, `checkExpectation`, `upgrade` and `connect` all ask it,
// so that no way in has rules of its own. What a body or a service refuses comes after it.
// Invariant: the steps run in the order of the table below, and the first refusal wins.

import { LIMITS } from "../core/limits.ts";
import type { Authenticator, Credentials, ProofKeeper } from "./auth.ts";
import { readHeaders, type HeaderFields } from "./headers.ts";
import { refusal, type Refusal } from "./reply.ts";
import type { Route } from "./route.ts";
import type { PathMatch, Router } from "./router.ts";

/** A Unix socket is reached only by who may open its file, a TCP port by everybody on the machine. */
export type Transport = "tcp" | "unix";

export interface GuardRequest {
  readonly method: string;
  readonly httpVersion: string;
  /** The request target as it stood on the first line. */
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly transport: Transport;
  /** The port that the TCP listener has; not looked at on the Unix socket. */
  readonly port: number;
  /** The connection's. */
  readonly keeper: ProofKeeper;
}

export interface GuardContext {
  readonly router: Router;
  /** Null with `--auth none`: then no token is looked at, and all callers are trusted. */
  readonly auth: Authenticator | null;
}

export interface Pass {
  readonly refused: null;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  /** What follows the `?`, still encoded (valid percent-encoding); empty where nothing does. */
  readonly query: string;
  readonly headers: HeaderFields;
  /** False only where an open route was asked without a token. */
  readonly trusted: boolean;
  /** The caller proved itself by the token, so that its rotation ends what was opened with it. */
  readonly byToken: boolean;
}

export type Verdict = Pass | { readonly refused: Refusal };

/** What a server asks of every request. */
export type Judge = (request: GuardRequest, context: GuardContext) => Verdict;

/** What the steps look at: the request, taken apart once. */
interface Case extends GuardRequest {
  readonly headers: HeaderFields;
  readonly path: string;
  readonly targetIsValid: boolean;
  readonly match: PathMatch | null;
  readonly auth: Authenticator | null;
  /** Looked at by the step of the token only, so that what is refused before it is not logged as a wrong one. */
  credentials: Credentials;
}

type Step = (request: Case) => Refusal | null;

const STEPS: readonly Step[] = [
  fieldCount,
  duplicates,
  version,
  framing,
  target,
  host,
  origin,
  crossSite,
  method,
  token,
  route,
];

const UNREPEATABLE = ["host", "origin", "authorization", "content-type", "content-length", "sec-fetch-site"];
const LOOPBACK_NAMES = ["127.0.0.1", "[::1]", "localhost"];
const UNIX_NAMES = [...LOOPBACK_NAMES, "codexd"];
const ALL_METHODS = "GET, POST";
const NO_SUCH_ROUTE = "no such route: GET /openapi.json has them all";

export function judge(request: GuardRequest, context: GuardContext): Verdict {
  const { method: name, httpVersion, url, rawHeaders, transport, port, keeper } = request;
  const headers = readHeaders(rawHeaders);
  const { path, query } = splitTarget(url);
  const targetIsValid = validTarget(request);
  // Member by member: spreading costs more than all the steps together.
  const judged: Case = {
    method: name,
    httpVersion,
    url,
    rawHeaders,
    transport,
    port,
    keeper,
    headers,
    path,
    targetIsValid,
    match: targetIsValid ? context.router.match(path) : null,
    auth: context.auth,
    credentials: "none",
  };
  for (const step of STEPS) {
    const refused = step(judged);
    if (refused !== null) return { refused };
  }
  const found = judged.match?.routes.get(name);
  if (judged.match === null || found === undefined) return { refused: refusal("not_found", NO_SUCH_ROUTE) };
  const byToken = judged.credentials === "right";
  const trusted = byToken || context.auth === null || transport === "unix";
  return { refused: null, route: found, params: judged.match.params, query, headers, trusted, byToken };
}

/** Node 20 drops fields past about 1000 in silence, so that a trailing `Origin` could vanish: counted here instead. */
function fieldCount({ headers }: Case): Refusal | null {
  if (headers.count <= LIMITS.headerFieldsMax) return null;
  return refusal("headers_too_large", `a request has at most ${LIMITS.headerFieldsMax} header fields`);
}

function duplicates({ headers }: Case): Refusal | null {
  for (const name of UNREPEATABLE) {
    if (headers.times(name) > 1) return refusal("duplicate_header", `${name}: must not come more than once`);
  }
  return null;
}

function version({ httpVersion }: Case): Refusal | null {
  return httpVersion === "1.1" ? null : refusal("http_version_not_supported", "only HTTP/1.1 is spoken here");
}

/** Codings that Node lets pass and does not undo; whoever stands before codexd might see another body. */
function framing({ headers }: Case): Refusal | null {
  const sent = headers.get("transfer-encoding");
  if (sent === null || (headers.times("transfer-encoding") === 1 && sent.toLowerCase() === "chunked")) return null;
  return refusal("bad_request", "Transfer-Encoding: only chunked can be taken, once");
}

function target(request: Case): Refusal | null {
  if (request.url.length > LIMITS.targetBytesMax) {
    return refusal("target_too_long", `a request target has at most ${LIMITS.targetBytesMax} bytes`);
  }
  if (request.targetIsValid) return null;
  return refusal("bad_target", "the request target must be a path with one leading slash and valid percent-encoding");
}

function host({ headers, transport, port }: Case): Refusal | null {
  const sent = headers.get("host");
  if (sent === null) return refusal("bad_request", "Host: is required");
  const names = transport === "unix" ? UNIX_NAMES : LOOPBACK_NAMES;
  const name = transport === "unix" ? sent.replace(/:[0-9]{1,5}$/, "") : withoutPort(sent, port);
  if (name !== null && names.includes(name.toLowerCase())) return null;
  const wanted = transport === "unix"
    ? `${UNIX_NAMES.join(", ")}, with any port`
    : `${LOOPBACK_NAMES.join(", ")}, with port ${port} (a tunnel must keep the port number)`;
  return refusal("host_not_allowed", `Host: must be one of ${wanted}; got ${cut(sent)}`);
}

/** Null where the port is another. Clients leave out the one that HTTP has by default. */
function withoutPort(host: string, port: number): string | null {
  const end = `:${port}`;
  if (host.endsWith(end)) return host.slice(0, -end.length);
  return port === 80 ? host : null;
}

/**
 * A browser comes by TCP; an Origin on the Unix socket means that something forwards it to a port. A page of codexd's
 * own asks by the name that it has itself: under another of them stands whoever listens on the other address.
 */
function origin({ headers, transport, port }: Case): Refusal | null {
  const sent = headers.get("origin");
  if (sent === null) return null;
  const name = (headers.get("host") ?? "").toLowerCase().replace(/:[0-9]+$/, "");
  if (transport === "tcp" && sent === (port === 80 ? `http://${name}` : `http://${name}:${port}`)) return null;
  return refusal("origin_not_allowed", `Origin: only codexd's own pages may ask; got ${cut(sent)}`);
}

function crossSite({ headers }: Case): Refusal | null {
  const sent = headers.get("sec-fetch-site");
  if (sent === null || sent === "same-origin" || sent === "none") return null;
  return refusal("cross_site", "Sec-Fetch-Site: must be same-origin or none, where it is sent");
}

function method(request: Case): Refusal | null {
  const never = request.method === "TRACE" || request.method === "CONNECT";
  if (!never && (request.match === null || request.match.routes.has(request.method))) return null;
  const allow = request.match === null ? ALL_METHODS : [...request.match.routes.keys()].join(", ");
  return refusal("method_not_allowed", `this path takes ${allow}`, { Allow: allow });
}

function token(request: Case): Refusal | null {
  if (request.auth === null) return null;
  const credentials = request.auth.judge(request.headers.get("authorization"), request.keeper);
  request.credentials = credentials;
  const open = request.transport === "unix" || request.match?.routes.get(request.method)?.open === true;
  if (credentials === "right" || (credentials === "none" && open)) return null;
  const problem = credentials === "none" ? "a token is needed" : "the token is not the right one";
  return refusal("unauthorized", `${problem}: send Authorization: Bearer <token> (\`codexd token\` says where it is)`);
}

function route({ match }: Case): Refusal | null {
  return match === null ? refusal("not_found", NO_SUCH_ROUTE) : null;
}

/** CONNECT's target is an authority by definition; the method itself is refused further down. */
function validTarget({ method: name, url }: GuardRequest): boolean {
  if (name === "CONNECT") return true;
  if (!url.startsWith("/") || url.startsWith("//") || url.includes("#")) return false;
  if (!url.includes("%")) return true;
  try {
    decodeURIComponent(url);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

function splitTarget(url: string): { path: string; query: string } {
  const mark = url.indexOf("?");
  return mark === -1 ? { path: url, query: "" } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** What the caller sent, as JSON text, so that a message stays a line and says nothing by its own markup. */
function cut(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
