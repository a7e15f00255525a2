// How tests start the fake `codex app-server` (test/fixtures/fake-codex), and what it can be told to do.
//
// Not for judging what the real Codex does: that is for test/e2e. It is plain JavaScript so that it starts in some
// 40 ms, and it can be started with the daemon's own `--server-command` and `--server-arg`.

import { fileURLToPath } from "node:url";

/**
 * Tags in a prompt of a turn:
 *   DELTAS=n  RATE=n a second  TEXT=the answer;  GAP=ms between the answer and turn/started  HANG after the deltas
 *   FAIL (the model fails)  RETRY (a message breaks off and starts anew)  REQUEST=method (asks the client, answers with
 *   what it was told)  NOISE (not JSON on stdout)  STDERR=text;  BIGLINE=bytes  DIE (exit 7 in mid-turn)
 *   NEVER (no answer to turn/start)  TWICE (answers it twice)  ONECHUNK (answer and whole turn in one write)
 *   GARBAGE=characters of one line that is not JSON  FLOOD=blocks of 64 KiB in short lines on stderr
 *   MUTE (closes its stdout in mid-turn and lives on)
 *
 * As `exec` it takes TEXT, GAP=ms, FAIL, NOISE, STDERR, BIGLINE, HANG (with a command under way) as above, and:
 *   STUBBORN (the same, deaf to SIGINT)  ESCAPE (a command leaves its session, loses its parent, holds stdout open)
 *   BARE (that one also without its mark)  NOGIT  CUT (no turn.completed)  EXIT=code
 *   RESTRICTED (a command that leaves its session, with the mark of its thread alone)
 *   FLOOD=blocks of 64 KiB on both outputs  DUMP=file; (writes what it was given: args, env, cwd, stdin, schema)
 */
export const FAKE_CODEX_PATH = fileURLToPath(new URL("../fixtures/fake-codex/main.mjs", import.meta.url));

/** A command and its arguments, as `child_process.spawn` and codexd's options take them. */
export const fakeCodexCommand = { command: process.execPath, args: [FAKE_CODEX_PATH] } as const;

/** Flags for `codexd start` that make the fake its child. */
export const fakeCodexFlags = ["--server-command", process.execPath, "--server-arg", FAKE_CODEX_PATH] as const;

export interface FakeCodexOptions {
  /** A file that keeps threads over restarts; without it they are forgotten. */
  readonly statePath?: string;
  /** Every line that it gets is appended to this file. */
  readonly logPath?: string;
  /** Exits 1 before it answers anything, with this text on stderr. */
  readonly earlyExit?: string;
  readonly slowInitMs?: number;
  /** Every turn as with the tag ONECHUNK. */
  readonly oneChunk?: boolean;
  /** thread/resume is refused: `already has an active writer`. */
  readonly locked?: boolean;
  /** Ignores SIGTERM and the end of its stdin: only SIGKILL ends it. */
  readonly stubborn?: boolean;
  /** What it calls itself in `userAgent`, 0.169.0 by default. */
  readonly version?: string;
}

/** The environment variables for `options`, and no others. */
export function fakeCodexEnv(options: FakeCodexOptions): Record<string, string> {
  const variables: Array<readonly [string, string | undefined]> = [
    ["FAKE_CODEX_STATE", options.statePath],
    ["FAKE_CODEX_LOG", options.logPath],
    ["FAKE_CODEX_EARLY_EXIT", options.earlyExit],
    ["FAKE_CODEX_SLOW_INIT", options.slowInitMs === undefined ? undefined : String(options.slowInitMs)],
    ["FAKE_CODEX_ONECHUNK", options.oneChunk === true ? "1" : undefined],
    ["FAKE_CODEX_LOCKED", options.locked === true ? "1" : undefined],
    ["FAKE_CODEX_STUBBORN", options.stubborn === true ? "1" : undefined],
    ["FAKE_CODEX_VERSION", options.version],
  ];
  return Object.fromEntries(variables.filter((pair): pair is [string, string] => pair[1] !== undefined));
}
