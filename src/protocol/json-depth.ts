// How deeply a JSON text is nested, as far as anybody needs to know.
//
// Deliberately on the text and not on the value: to look through an object of a million members takes seconds, its
// text milliseconds. Invariant: one pass without recursion, so that no text can end or hold the process by being
// looked at.

import { endOfString } from "./raw-result.ts";

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Of what `JSON.parse` has taken: whether objects and arrays stand within each other more than `depthMax` times. */
export function isDeeper(json: string, depthMax: number): boolean {
  // Each of them has two brackets: most texts are too short for it.
  if (json.length <= 2 * depthMax) return false;
  let depth = 0;
  for (let i = 0; i < json.length; i += 1) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(json, i);
      if (end === -1) return false;
      i = end - 1;
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
      depth -= 1;
    }
  }
  return false;
}
