// What a child says outside the protocol: its stderr, and lines on stdout that are no messages.
//
// All of it goes to the log files; events carry it at a bounded rate, and the last lines are kept to say why a child
// has died. Invariant: secrets are redacted before anything is kept, logged or told.

import { stripAnsi } from "../base/ansi.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { EventDraft } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { redact } from "../core/redact.ts";
import { createLineSplitter, type LineSplitter } from "../protocol/lines.ts";
import type { RotatingLog } from "./rotating-log.ts";

export interface ChildOutput {
  /** A new life: the lines kept so far are forgotten. */
  begin(pid: number | null): void;
  stderr(chunk: Buffer): void;
  noise(text: string): void;
  /** The newest lines of stderr, oldest first. */
  lastStderrLines(): readonly string[];
  /** Tells what is still held back. */
  flush(): void;
}

export interface ChildOutputOptions {
  readonly clock: Clock;
  readonly stdoutLog: RotatingLog;
  readonly stderrLog: RotatingLog;
  report(draft: EventDraft): void;
  readonly secrets: () => readonly string[];
}

export function createChildOutput({ clock, stdoutLog, stderrLog, report, secrets }: ChildOutputOptions): ChildOutput {
  let pid: number | null = null;
  let kept: string[] = [];
  const teller = (type: "child.stderr" | "child.stdout"): Coalescer => createCoalescer(clock, (texts, droppedLines) => {
    const detail = { pid, text: texts.join("\n"), lines: texts.length, droppedLines };
    report({ level: "warn", type, message: texts[0] ?? "", detail });
  });
  const stderrTeller = teller("child.stderr");
  const stdoutTeller = teller("child.stdout");
  let lines: LineSplitter = newSplitter();

  function newSplitter(): LineSplitter {
    return createLineSplitter({
      lineBytesMax: LIMITS.childLineBytesMax,
      onLine: onStderrLine,
      // The splitter has stopped: a new one takes what follows, so that one endless line does not silence the rest.
      onOverflow() {
        lines = newSplitter();
        stderrTeller.drop();
      },
    });
  }

  function onStderrLine(raw: string): void {
    const line = redact(stripAnsi(raw), secrets());
    stderrLog.append(`${line}\n`);
    const short = line.slice(0, LIMITS.childStderrLineBytesMax);
    kept.push(short);
    if (kept.length > LIMITS.childStderrLinesKept) kept.shift();
    stderrTeller.add(short);
  }

  return {
    begin(newPid) {
      pid = newPid;
      kept = [];
      lines = newSplitter();
    },
    stderr: (chunk) => lines.push(chunk),
    noise(text) {
      const line = redact(text, secrets());
      stdoutLog.append(`${line}\n`);
      stdoutTeller.add(line.slice(0, LIMITS.childNoiseCharsMax));
    },
    lastStderrLines: () => kept,
    flush() {
      lines.end();
      stderrTeller.flush();
      stdoutTeller.flush();
    },
  };
}

/** Joins what comes in a short while, so that a flood of lines is not a flood of events. */
interface Coalescer {
  add(text: string): void;
  /** Counts a line that is not told. */
  drop(): void;
  flush(): void;
}

function createCoalescer(clock: Clock, tell: (texts: readonly string[], dropped: number) => void): Coalescer {
  const intervalMs = 1000 / LIMITS.childStderrEventsPerSecond;
  let held: string[] = [];
  let heldChars = 0;
  let dropped = 0;
  let timer: Timer | undefined;

  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    if (held.length === 0) return;
    const texts = held;
    const count = dropped;
    held = [];
    heldChars = 0;
    dropped = 0;
    tell(texts, count);
  };

  return {
    add(text) {
      // What one event may hold is bounded; beyond it lines are counted, and whole in the log file.
      if (heldChars < LIMITS.childStderrLineBytesMax) {
        held.push(text);
        heldChars += text.length;
      } else {
        dropped += 1;
      }
      timer ??= clock.after(intervalMs, flush);
    },
    drop() {
      dropped += 1;
    },
    flush,
  };
}
