// Every error that a user can meet has a code here: one table, code -> HTTP status.
//
// The codes are public API. Anything thrown that is not a CodexdError is a bug and becomes `internal_error`.

/** code -> HTTP status. */
export const ERROR_STATUS = {
  bad_target: 400,
  bad_json: 400,
  bad_request: 400,
  duplicate_header: 400,
  unauthorized: 401,
  cross_site: 403,
  host_not_allowed: 403,
  origin_not_allowed: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  approval_orphaned: 409,
  approval_resolved: 409,
  cursor_ahead: 409,
  in_progress: 409,
  session_closed: 409,
  session_exists: 409,
  thread_locked: 409,
  turn_in_progress: 409,
  turn_mismatch: 409,
  wrong_mode: 409,
  cursor_expired: 410,
  body_too_large: 413,
  target_too_long: 414,
  unsupported_media_type: 415,
  idempotency_mismatch: 422,
  upgrade_required: 426,
  too_many_runs: 429,
  too_many_turns: 429,
  headers_too_large: 431,
  internal_error: 500,
  app_server_error: 502,
  child_failed: 503,
  child_restarted: 503,
  draining: 503,
  not_ready: 503,
  storage_full: 503,
  timeout: 504,
  http_version_not_supported: 505,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

export class CodexdError extends Error {
  readonly code: ErrorCode;
  /** What a program needs to go on, beside the sentence: ids, limits, Codex's own error. */
  readonly detail: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, detail?: Record<string, unknown>, options?: ErrorOptions) {
    super(message, options);
    this.name = "CodexdError";
    this.code = code;
    this.detail = detail;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }
}

/** The process ends with these (sysexits.h where one fits). */
export const EXIT = {
  ok: 0,
  failed: 1,
  noDaemon: 3,
  usage: 64,
  damagedState: 65,
  codexNotFound: 69,
  diskFailed: 74,
  held: 75,
  config: 78,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What ends a command with an exit code of its own; `message` is for the person at the terminal. */
export class ExitError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ExitError";
    this.exitCode = exitCode;
  }
}

/** A sentence for people out of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
