// What a model or another program says, as one line that a person can decide by.
//
// Deliberately not a stripper of whole escape sequences: one that is never closed would take the rest of the text with
// it, and what is not shown is what somebody wants to hide. Invariant: no line break, no control character, nothing
// that changes the direction of writing, and where something was cut or made harmless one can see it.

/** Colours and their like (ECMA-48 §8.3.117) hide nothing: they go whole. */
const COLOURS = /\u001b\[[0-9;:]*m/g;
const LINE_BREAKS = /\s*[\n\r\v\f\u0085\p{Zl}\p{Zp}]\s*/gu;
/** Directions, joiners, soft hyphens, tags: nobody sees them. */
const UNSEEN = /\p{Cf}/gu;
const BLANKS = /[\t\p{Zs}]+/gu;
const CONTROLS = /[\p{Cc}\p{Cs}]/gu;

/** A text can be made of what is taken out; only so much of it is looked at. */
const LOOKED_AT = 8;

/** `charsMax` counts what JavaScript's `length` does; what was cut ends in `…`, a line break shows as `⏎`. */
export function oneLine(text: string, charsMax: number): string {
  const head = text.slice(0, charsMax * LOOKED_AT);
  const line = head
    .replace(COLOURS, "")
    .trim()
    .replace(LINE_BREAKS, " ⏎ ")
    .replace(UNSEEN, "")
    .replace(BLANKS, " ")
    .replace(CONTROLS, "\ufffd")
    .trim();
  if (line.length <= charsMax && head.length === text.length) return line;
  const cut = line.slice(0, charsMax - 1);
  // Half a character at the end would be none.
  return `${cut.replace(/[\ud800-\udbff]$/, "")}…`;
}
