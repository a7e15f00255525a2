// The real process around the command line: its streams, signals and clock.
//
// Made only by the program itself; tests have a double. Invariant: output that nobody reads any more is dropped, it
// never ends a daemon; a terminal is given no control characters but lines, tabs and colours.

import { closeSync, fstatSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { systemClock } from "../base/clock.ts";
import { systemPlatform } from "../config.ts";
import { EXIT } from "../core/errors.ts";
import type { CliIo } from "./command.ts";
import { createInput } from "./input.ts";
import { terminalText } from "./terminal-text.ts";

/** Call it once: it takes over the errors of standard output and standard error. */
export function createSystemIo(): CliIo {
  // `codexd start | head -1` closes the pipe; without a listener the next line would end the daemon.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const stdout = writer(process.stdout);
  const stderr = writer(process.stderr);
  const input = createInput(() => process.stdin, stderr);
  return {
    env: process.env,
    platform: systemPlatform(),
    clock: systemClock,
    colours: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
    // Not `process.stdin.isTTY`: to look at that object opens it, which a daemon has no need of.
    stdinIsTerminal: isatty(0),
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
    stdout,
    stdoutReady,
    stderr,
    readStdin: () => input.readAll(),
    readLine: (signal, question) => input.readLine(signal, question),
    onSignal(signal, listener) {
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
    onOutputClosed(listener) {
      const closed = (error: NodeJS.ErrnoException): void => {
        if (error.code !== "EPIPE") tellUnwritten(error);
        listener();
      };
      process.stdout.on("error", closed);
      // What was printed last fails after this moment.
      return () => void setImmediate(() => process.stdout.off("error", closed));
    },
    isAlive,
    terminate: (pid) => void process.kill(pid, "SIGTERM"),
    hold() {
      const handle = setInterval(() => {}, 2 ** 30);
      return () => clearInterval(handle);
    },
  };
}

/** A pipe or a file has all as it is; a terminal what cannot do anything to it. */
function writer(stream: NodeJS.WriteStream): (text: string) => void {
  const made = stream.isTTY === true ? terminalText : (text: string) => text;
  return (text) => void stream.write(made(text));
}

/**
 * Node opens a debugger at SIGUSR1, on a port that every user of the machine can reach and without any token: whoever
 * sends it by habit (others reopen their logs at it) would hand this process over. `--inspect` still works.
 */
export function refuseDebugger(): void {
  process.on("SIGUSR1", () => undefined);
}

/** Such as a full disk: what was to be kept is not whole, which is no reader that has seen enough. */
function tellUnwritten(error: Error): void {
  if (process.exitCode === EXIT.diskFailed) return;
  process.exitCode = EXIT.diskFailed;
  process.stderr.write(`codexd: standard output cannot be written, so not all is there: ${error.message}\n`);
}

function stdoutReady(): Promise<void> {
  const { stdout } = process;
  if (!stdout.writableNeedDrain || stdout.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const ends = ["drain", "error", "close"] as const;
    const finish = (): void => {
      for (const end of ends) stdout.off(end, finish);
      resolve();
    };
    for (const end of ends) stdout.on(end, finish);
  });
}

/** Ends the process with `code` once what was printed has left it; with 74 where that could not be written. */
export function endProcess(code: number): void {
  process.stdout.write("", () => process.stderr.write("", () => {
    // An error of the last write is told some ticks later.
    setImmediate(() => {
      leaveClosedTerminal();
      process.exit(process.exitCode ?? code);
    });
  }));
}

/** Node 20 restores the modes of its terminals at exit, and crashes where one has been closed: so they are let go. */
function leaveClosedTerminal(): void {
  for (const fd of [0, 1, 2]) {
    try {
      if (fstatSync(fd).isCharacterDevice() && !isatty(fd)) closeSync(fd);
    } catch {
      // It was closed before, which is what is wanted.
      continue;
    }
  }
}

/** A zombie counts as gone: nobody may ever reap it, as in a container without an init. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // ESRCH, or EPERM for a process of somebody else's.
    return false;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // No procfs here, or the process went this moment, which the next look will tell.
    return false;
  }
  // The name in parentheses may hold anything; the state is the first field after it.
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

