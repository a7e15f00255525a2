// Terminal control in the text of programs that print it even into a pipe: taken out, because it ends in records that
// people print on terminals of theirs.
//
// Escape sequences go whole (ECMA-48: CSI …, OSC … with its string), then what is left of control characters but tab
// and line feed. Deliberately no rendering: a carriage return overwrites nothing here.

/** CSI (§5.4), OSC to BEL or ST (§8.3.89), and other escapes of two characters. */
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function stripAnsi(text: string): string {
  return text.replace(SEQUENCES, "").replace(CONTROLS, "");
}
