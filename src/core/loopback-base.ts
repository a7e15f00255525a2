// The one kind of address that codexd listens on and that its clients send a token to: plain HTTP on this machine.
//
// Pure. Invariant: what is accepted names a loopback host and nothing but a port beside it.

import { mismatch } from "../base/decode.ts";

const LOOPBACK_HOSTS = ["127.0.0.1", "[::1]", "localhost"];
const BASE_EXAMPLE = "http://127.0.0.1:4319";

/**
 * Gives `http://host[:port]`, without a slash at the end. Each part that may not be there has its own message.
 *
 * @throws {DecodeError} that names `label`.
 */
export function decodeLoopbackBase(value: unknown, label: string): string {
  // Not the URL class: it turns 2130706433, tabs and full-width digits into 127.0.0.1 without a word.
  const match = typeof value === "string" ? /^http:\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(value) : null;
  if (match === null) throw mismatch(label, value, `an absolute http:// URL, such as ${BASE_EXAMPLE}`);
  const [, authority = "", urlPathname = "", query, fragment] = match;
  if (authority.includes("@")) throw mismatch(label, "http://…@…", "without a user name or password");
  if (query !== undefined) throw mismatch(label, value, "without a query");
  if (fragment !== undefined) throw mismatch(label, value, "without a fragment");
  if (urlPathname !== "" && urlPathname !== "/") throw mismatch(label, value, `without a path: ${BASE_EXAMPLE}`);
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority);
  const host = (parts?.[1] ?? "").toLowerCase();
  if (parts === null || Number(parts[2] ?? 0) > 65_535) throw mismatch(label, value, "with a port from 0 to 65535");
  if (!LOOPBACK_HOSTS.includes(host)) {
    throw mismatch(label, value, `on a loopback host (${LOOPBACK_HOSTS.join(", ")})`);
  }
  return `http://${host}${parts[2] === undefined ? "" : `:${Number(parts[2])}`}`;
}
