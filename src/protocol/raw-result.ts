// The result of a JSON-RPC answer as the text that it came as, found without parsing what may be megabytes.
//
// Deliberately narrow: exactly the form that app-servers write, `{"id":7,"result":…}` and nothing behind it; a line
// of any other form is parsed like all others. Invariant: what is given back is a whole JSON value. A line that was cut
// off never passes, because a value that has been cut has an open bracket or string left, and neither does one with
// anything behind it, because the value must end exactly before the line's last brace. What stands between the
// brackets is trusted to be the JSON that the app-server's own encoder has made.

export interface RawAnswer {
  readonly id: number;
  /** Where the result begins in the line. */
  readonly at: number;
}

const BEGINNING = /^\{"id":(0|[1-9][0-9]{0,15}),"result":/;
/** A value that is no string, array or object, and the end of the line. */
const SCALAR_END = /(?:null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\}$/y;
/** No number that anybody means is longer. */
const SCALAR_CHARS_MAX = 400;

/** Whose answer a line is, by its first characters; undefined for all that is written in any other way. */
export function readRawAnswer(line: string): RawAnswer | undefined {
  const match = BEGINNING.exec(line);
  return match === null ? undefined : { id: Number(match[1]), at: match[0].length };
}

/**
 * The result that begins at `at`, as it stands; undefined where it is not one whole value up to the end of the line.
 * One pass, in which strings are skipped by the search for their end.
 */
export function readRawResult(line: string, at: number): string | undefined {
  const end = line.length - 1;
  return line.charCodeAt(end) === CLOSE_BRACE && endOfValue(line, at) === end ? line.slice(at, end) : undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The place behind the value that begins at `at`; -1 where it has no end. */
function endOfValue(line: string, at: number): number {
  const first = line.charCodeAt(at);
  if (first === QUOTE) return endOfString(line, at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return endOfScalar(line, at);
  let depth = 0;
  for (let i = at; i < line.length; i += 1) {
    const code = line.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(line, i);
      if (end === -1) return -1;
      i = end - 1;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return -1;
}

/**
 * The place behind the string whose quote stands at `at`; -1 where it has no end. Each run of backslashes is counted
 * once, from the one quote behind it: long ones cost no more than they measure.
 */
export function endOfString(line: string, at: number): number {
  for (let quote = line.indexOf('"', at + 1); quote !== -1; quote = line.indexOf('"', quote + 1)) {
    let before = quote;
    while (line.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    if ((quote - before) % 2 === 0) return quote + 1;
  }
  return -1;
}

function endOfScalar(line: string, at: number): number {
  if (line.length - at > SCALAR_CHARS_MAX) return -1;
  SCALAR_END.lastIndex = at;
  return SCALAR_END.test(line) ? line.length - 1 : -1;
}
