// Where a WebSocket is opened: what a URL says of the socket, of TLS, and of the request on it.
//
// Pure: nothing is looked up or opened. Invariant: what is given back can be connected to as it stands; a URL that
// would lead elsewhere than it says is refused.

import { DecodeError } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";

export type WsEndpoint =
  | {
    readonly kind: "tcp";
    readonly tls: boolean;
    /** An IPv6 address stands without its brackets. */
    readonly host: string;
    readonly port: number;
    /** As the Host field has it: with the port, unless it is the scheme's own. */
    readonly hostHeader: string;
    /** In origin form, with its query. */
    readonly path: string;
  }
  | { readonly kind: "unix"; readonly socketPath: string };

const UNIX = "unix://";
const SCHEMES: ReadonlyMap<string, { readonly tls: boolean; readonly port: number }> = new Map([
  ["ws:", { tls: false, port: 80 }],
  ["http:", { tls: false, port: 80 }],
  ["wss:", { tls: true, port: 443 }],
  ["https:", { tls: true, port: 443 }],
]);

/**
 * @param label what a message calls the URL.
 * @throws {DecodeError} when it is no `ws://`, `wss://`, `http://` or `https://` URL, and no `unix:///path`.
 */
export function parseWsEndpoint(url: string, label = "url"): WsEndpoint {
  if (url.slice(0, UNIX.length).toLowerCase() === UNIX) return unixEndpoint(url.slice(UNIX.length), label);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = SCHEMES.get(parsed?.protocol ?? "");
  if (parsed === undefined || scheme === undefined) {
    throw new DecodeError(label, "takes a ws://, wss://, http:// or https:// URL, or unix:///path");
  }
  // Not told: what stands there is a secret.
  if (parsed.username !== "" || parsed.password !== "") {
    throw new DecodeError(label, "must be without a user name or password");
  }
  return {
    kind: "tcp",
    tls: scheme.tls,
    host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? scheme.port : Number(parsed.port),
    hostHeader: parsed.host,
    path: `${parsed.pathname}${parsed.search}`,
  };
}

/** Whether nobody but the two ends, and this machine's own users at most, can read along: a token may go there. */
export function isSheltered(endpoint: WsEndpoint): boolean {
  if (endpoint.kind === "unix" || endpoint.tls) return true;
  return endpoint.host === "localhost" || endpoint.host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(endpoint.host);
}

/** The rest of the URL is the path as it stands, as Codex itself reads one. */
function unixEndpoint(socketPath: string, label: string): WsEndpoint {
  const bytes = Buffer.byteLength(socketPath);
  if (!socketPath.startsWith("/") || bytes < 2 || socketPath.includes("\0")) {
    throw new DecodeError(label, "takes unix:// and the absolute path of a socket, such as unix:///run/codex.sock");
  }
  // Node 20 and 22 cut a longer one silently, and connect to another name.
  if (bytes > LIMITS.socketPathBytesMax) {
    throw new DecodeError(label, `has a path of ${bytes} bytes; a socket's takes ${LIMITS.socketPathBytesMax} at most`);
  }
  return { kind: "unix", socketPath };
}
