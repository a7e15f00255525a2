// Assertions: what must hold, or there is a bug in codexd.
//
// Not for bad input: what a caller, a file or the child gets wrong is a CodexdError or a decode error.

/** Throws when an invariant of codexd's own is broken. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** Ends a switch over a union: the compiler refuses the call while a member is not handled. */
export function assertNever(value: never): never {
  throw new Error(`invariant broken: unexpected value ${JSON.stringify(value)}`);
}
