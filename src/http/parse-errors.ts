// What Node's HTTP parser refuses by itself, in codexd's own words.
//
// Deliberately a table of its codes: the parser's sentence is put into ours, and nothing of what the peer sent is.

import type { ErrorCode } from "../core/errors.ts";
import { refusal, type Refusal } from "./reply.ts";

const CODES: { readonly [code: string]: readonly [ErrorCode, string] } = {
  HPE_HEADER_OVERFLOW: ["headers_too_large", "the request's headers are too large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ["body_too_large", "the body's chunk extensions are too large"],
  HPE_INVALID_VERSION: ["http_version_not_supported", "only HTTP/1.1 is spoken here"],
  HPE_PAUSED_H2_UPGRADE: ["http_version_not_supported", "only HTTP/1.1 is spoken here"],
  HPE_INVALID_URL: ["bad_target", "the request target is not a path"],
  ERR_HTTP_REQUEST_TIMEOUT: ["request_timeout", "the request did not come in time"],
};

/** The parser says both with one code. */
const DUPLICATE_LENGTH = "Duplicate Content-Length";

/** @param error as `clientError` has it: with a `code`, and the parser's with a `reason`. */
export function parseRefusal(error: Error & { readonly code?: string; readonly reason?: string }): Refusal {
  if (error.reason === DUPLICATE_LENGTH) {
    return refusal("duplicate_header", "content-length: must not come more than once");
  }
  const known = CODES[error.code ?? ""];
  if (known !== undefined) return refusal(known[0], known[1]);
  return refusal("bad_request", `this is not HTTP/1.1: ${error.reason ?? "the request could not be read"}`);
}
