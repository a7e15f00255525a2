// Takes secrets out of text before codexd writes it anywhere: logs, child.stderr events, errors.
//
// A net, not a wall: nothing here is a licence to log headers or environments.

const PATTERNS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b(bearer)\s+[A-Za-z0-9._~+/=-]{8,}/gi, "$1 [redacted]"],
  [/\bsk-[A-Za-z0-9_-]{8,}/g, "sk-[redacted]"],
];

/** Replaces bearer tokens, `sk-…` keys and every value in `secrets` (empty ones are ignored). */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = text;
  for (const secret of secrets) {
    if (secret !== "") result = result.replaceAll(secret, "[redacted]");
  }
  for (const [pattern, replacement] of PATTERNS) result = result.replace(pattern, replacement);
  return result;
}
