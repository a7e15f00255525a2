// Values that may be too long for a record: whether they are, and what of them there is room for. Pure.
//
// Deliberately without a limit of its own: each table says what is long for it. Invariant: what is left over is as it
// was, or a beginning of it, never changed otherwise.

/** Whether the value takes more than so many bytes as JSON; most are known by their length alone. */
export function isLonger(value: unknown, bytes: number): boolean {
  const json = JSON.stringify(value) ?? "";
  return json.length > bytes / 3 && Buffer.byteLength(json) > bytes;
}

/** Those members that there is room for as JSON, in their order: `bytes` for all of them together. */
export function shortMembers(members: Readonly<Record<string, unknown>>, bytes: number): Record<string, unknown> {
  return Object.fromEntries(shortList(Object.entries(members), bytes));
}

/** The same of a list. */
export function shortList<T>(values: readonly T[], bytes: number): readonly T[] {
  let room = bytes;
  return values.filter((value) => {
    // As if each were in a list of its own: a little too much, and never too little.
    const length = Buffer.byteLength(JSON.stringify([value]));
    if (length > room) return false;
    room -= length;
    return true;
  });
}

/** The text up to `bytesMax` bytes of UTF-8, without a part of a character. */
export function cutText(text: string, bytesMax: number): string {
  if (text.length <= bytesMax / 3 || Buffer.byteLength(text) <= bytesMax) return text;
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytesMax), { stream: true });
}
