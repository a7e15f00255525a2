// What may reach a terminal: text, its lines and tabs, and the colours that the command line itself paints with.
//
// The last net under all that is printed, whatever has said it; a reader of a pipe gets everything as it is. Invariant:
// no other control character passes, so that nothing can move the cursor, answer a question, set a title or hide.

/** Those of screen.ts and event-text.ts, and the end of one. */
const PASSING = String.raw`\u001b\[(?:0|1|2|31|32|33|36)m`;
const NOT_FOR_TERMINALS = new RegExp(String.raw`${PASSING}|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]`, "g");

/** Control characters show as blanks, and the end of a line as the terminal has it. */
export function terminalText(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(NOT_FOR_TERMINALS, (found) => (found.length > 1 ? found : " "));
}
