// Colours of a terminal in the text of programs that print them even into a pipe.
//
// Only colours and their like (CSI … m); other control sequences are left, because nobody here is known to send them.

const COLOURS = /\u001b\[[0-9;]*m/g;

export function stripAnsi(text: string): string {
  return text.replace(COLOURS, "");
}
