// A command line as Codex tells it -> the words of the one command that it runs, or null.
//
// Codex joins an argv by the quoting of a shell: `/bin/bash -lc 'git status'`. Deliberately not a shell's parser: a
// script is read only where every shell reads it alike, as one command without expansions; anything else is null, so
// that who compares words can never be shown less than what runs. Null is the answer to every doubt.

import { LIMITS } from "../core/limits.ts";

/**
 * The words as the program will have them. Null for pipes, lists, redirections, substitutions, variables, globs,
 * assignments, comments, and for what is longer than `LIMITS.approvalRuleCommandCharsMax`.
 */
export function commandWords(command: string): readonly string[] | null {
  if (command.length > LIMITS.approvalRuleCommandCharsMax) return null;
  const argv = splitWords(command);
  if (argv === null) return null;
  const script = scriptOf(argv);
  if (script === undefined) return argv;
  // The shell would take such a script for one of its own options.
  if (script.startsWith("-") || script.startsWith("+")) return null;
  const words = splitWords(script);
  return words === null || RESERVED.has(words[0] ?? "") ? null : words;
}

/** What a person wants to see of a command: the script without the shell around it. */
export function shownCommand(command: string): string {
  if (command.length > LIMITS.approvalRuleCommandCharsMax) return command;
  return scriptOf(splitWords(command) ?? []) ?? command;
}

/**
 * By name as the user's PATH has it, or where systems keep it. A model may name the shell too: one in a directory
 * that it can write to is no shell.
 */
const SHELLS: ReadonlySet<string> = new Set(
  ["", "/bin/", "/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"]
    .flatMap((directory) => ["bash", "sh", "zsh", "dash"].map((name) => directory + name)),
);

/** What does not run as a command of that name in bash or zsh. */
const RESERVED: ReadonlySet<string> = new Set([
  "if", "then", "else", "elif", "fi", "case", "in", "esac", "for", "select", "while", "until", "do", "done", "function",
  "time", "coproc", "foreach", "end", "repeat", "nocorrect", "noglob", "-",
]);

/** Undefined where `argv` is not exactly a shell, its option for a script, and the script. */
function scriptOf(argv: readonly string[]): string | undefined {
  const [shell, option, script] = argv;
  const isShell = argv.length === 3 && SHELLS.has(shell ?? "") && (option === "-c" || option === "-lc");
  return isShell ? script : undefined;
}

/** Outside quotes: what no shell treats specially, wherever in a word it stands but for `=` at the front (zsh). */
const PLAIN = /[A-Za-z0-9_@%+=:,./\]-]+/y;
const ESCAPED = /\\([ -~])/y;
/** Of control characters line feed and tab alone: shells have been known to use others for themselves. */
const SINGLE = /'([^'\0-\u0008\u000b-\u001f\u007f]*)'/y;
/** A dollar or a backquote is an expansion, a backslash at the end of a line joins lines. */
const DOUBLE = /"((?:[^"\\$`\0-\u0008\u000b-\u001f\u007f]|\\[ -~])*)"/y;
const BLANK = /[ \t]+/y;
/** Half a character reaches a program as another one. */
const HALF = /\p{Cs}/u;

/** Null unless all of `text` is words and blanks, the first word being no assignment. */
function splitWords(text: string): string[] | null {
  if (HALF.test(text)) return null;
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;
  while (at < text.length) {
    const blank = matchAt(BLANK, text, at);
    if (blank !== null) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += blank[0].length;
      continue;
    }
    const piece = pieceAt(text, at);
    if (piece === null || (piece.plain && piece.text.startsWith("=") && (word ?? "") === "")) return null;
    word = (word ?? "") + piece.text;
    at = piece.end;
  }
  if (word !== undefined) words.push(word);
  return words.length === 0 || words[0]?.includes("=") === true ? null : words;
}

/** One run of plain characters, one escaped character, or one quotation. */
function pieceAt(text: string, at: number): { text: string; end: number; plain: boolean } | null {
  const plain = matchAt(PLAIN, text, at);
  if (plain !== null) return { text: plain[0], end: at + plain[0].length, plain: true };
  const quoted = matchAt(ESCAPED, text, at) ?? matchAt(SINGLE, text, at);
  if (quoted !== null) return { text: quoted[1] ?? "", end: at + quoted[0].length, plain: false };
  const double = matchAt(DOUBLE, text, at);
  if (double === null) return null;
  // Between double quotes a backslash is one, but before what it takes the meaning from.
  const inner = (double[1] ?? "").replace(/\\(["\\$`])/g, "$1");
  return { text: inner, end: at + double[0].length, plain: false };
}

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at;
  return sticky.exec(text);
}
