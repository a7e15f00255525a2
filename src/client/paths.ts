// Paths and queries of the API.
//
// Invariant: an id is one segment of a path, whatever is in it.

import { clientError } from "./errors.ts";

export const API = "/v1/codexd";

export type QueryValue = string | number | readonly string[] | null | undefined;

/**
 * The path of one record: `kind` is its list's name, `action` what stands behind the id.
 *
 * @throws {CodexdClientError} `bad_path`.
 */
export function recordPath(kind: string, id: string, action = ""): string {
  if (id === "") throw clientError("bad_path", "an id must not be empty: it would name the list");
  return `${API}/${kind}/${encodeURIComponent(id)}${action}`;
}

/** `path` with what of `query` is there; lists with commas between. */
export function withQuery(path: string, query: Readonly<Record<string, QueryValue>>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    params.append(name, typeof value === "object" ? value.join(",") : String(value));
  }
  const text = params.toString();
  return text === "" ? path : `${path}?${text}`;
}
