// Standard output and standard error as one page: the answer on the one, all that is said about it on the other.
//
// Whoever prints here has made its text harmless before (event-text.ts). Invariant: where both are the same terminal a
// remark begins on a line of its own, and where they are not, nothing is added to the answer.

import type { CliIo } from "./command.ts";

export type Colour = "dim" | "bold" | "red" | "green" | "yellow" | "cyan";

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export interface Screen {
  /** More of the answer, on standard output. */
  answer(text: string): void;
  /** Ends the line of the answer that is open, if one is. */
  endAnswer(): void;
  /** Whole lines on standard error. */
  remark(text: string): void;
  /** The same, in codexd's name. */
  note(text: string): void;
  /** A question is shown on standard error whose line is open until it is answered. */
  asking(): void;
  answered(): void;
  /** As it is, where standard error is no terminal for colours. */
  paint(colour: Colour, text: string): string;
}

export function createScreen(io: CliIo): Screen {
  const coloured = io.stderrIsTerminal && (io.env["NO_COLOR"] ?? "") === "";
  let answerOpen = false;
  let questionOpen = false;
  const screen: Screen = {
    answer(text) {
      if (text === "") return;
      io.stdout(text);
      answerOpen = !text.endsWith("\n");
    },
    endAnswer() {
      if (answerOpen) screen.answer("\n");
    },
    remark(text) {
      if (io.stdoutIsTerminal && io.stderrIsTerminal) screen.endAnswer();
      io.stderr(questionOpen ? `\n${text}` : text);
      questionOpen = false;
    },
    note: (text) => screen.remark(`codexd: ${text}\n`),
    asking: () => void (questionOpen = true),
    answered: () => void (questionOpen = false),
    paint: painter(coloured),
  };
  return screen;
}

/** For text on standard output: as it is, where that is no terminal for colours. */
export function outputPaint(io: CliIo): Screen["paint"] {
  return painter(io.colours);
}

function painter(coloured: boolean): Screen["paint"] {
  return (colour, text) => (coloured ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
}
