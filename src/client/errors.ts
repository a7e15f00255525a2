// What a client throws: the daemon's refusals as it worded them, and what went wrong on the way to it.
//
// Invariant: `code` tells the two apart by name alone, also for a code that only a newer daemon knows.

/** Codes of the client's own; every other one is the daemon's. */
export const CLIENT_ERROR_CODES = [
  /** Nothing listens there. */
  "no_daemon",
  /** The connection could not be made or broke off; whether a POST was carried out is not known. */
  "request_failed",
  /** No answer in time; whether a POST was carried out is not known. */
  "reply_timeout",
  "reply_too_large",
  /** The answer is none of codexd's. */
  "bad_reply",
  /** The token, or its file, cannot be used. */
  "bad_token",
  "client_closed",
  /** What was asked for is no path. */
  "bad_path",
] as const;
export type ClientErrorCode = (typeof CLIENT_ERROR_CODES)[number];

export interface ClientErrorOptions extends ErrorOptions {
  readonly status?: number | null;
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
}

export class CodexdClientError extends Error {
  /** A `ClientErrorCode`, or the code of the daemon's refusal. */
  readonly code: string;
  /** The HTTP status; null where there was no answer. */
  readonly status: number | null;
  /** What the daemon adds for programs: ids, limits, Codex's own error. */
  readonly detail: Readonly<Record<string, unknown>> | undefined;

  constructor(code: string, message: string, { status = null, detail, ...options }: ClientErrorOptions = {}) {
    super(message, options);
    this.name = "CodexdClientError";
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}

/** Of the client's own making, so that a typing error in a code does not compile. */
export function clientError(code: ClientErrorCode, message: string, options?: ClientErrorOptions): CodexdClientError {
  return new CodexdClientError(code, message, options);
}
