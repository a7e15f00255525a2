// The embedded agent as a program: its command line, its streams, and how it ends.
//
// Everything of the process comes as a parameter (main.ts hands in the real one). Invariants: the app-server ends with
// 0 at the end of its input and at SIGTERM, as Codex's does, and leaves no process behind; standard output carries
// nothing but the protocol.

import { homedir } from "node:os";
import path from "node:path";
import type { Clock } from "../base/clock.ts";
import type { UuidSource } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import { createLineSplitter } from "../protocol/lines.ts";
import { createAppServer } from "./app-server.ts";
import { AGENT_USAGE, parseAgentArguments } from "./arguments.ts";
import { HARMLESS_COMMAND } from "./command.ts";
import { runExec } from "./exec.ts";

export interface AgentIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Buffer>;
  readonly clock: Clock;
  readonly uuid: UuidSource;
  readonly version: () => string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Calls `listener` at each such signal in place of the system's default. */
  readonly onSignal: (signal: "SIGINT" | "SIGTERM", listener: () => void) => void;
}

const EXIT = { ok: 0, failed: 1, usage: 2, terminated: 143 } as const;

/** Gives the exit code; the process is to end with it at once. */
export async function runAgent(argv: readonly string[], io: AgentIo): Promise<number> {
  const command = parseAgentArguments(argv);
  switch (command.kind) {
    case "help":
      io.stdout(AGENT_USAGE);
      return EXIT.ok;
    case "version":
      io.stdout(`${io.version()}\n`);
      return EXIT.ok;
    case "misuse":
      io.stderr(`error: ${command.problem}\n\n${AGENT_USAGE}`);
      return EXIT.usage;
    case "app-server":
      return serve(io, command.home ?? defaultHome(io));
    case "exec": {
      const ending = new AbortController();
      io.onSignal("SIGINT", () => ending.abort());
      const terminated = new Promise<number>((resolve) => io.onSignal("SIGTERM", () => {
        ending.abort();
        resolve(EXIT.terminated);
      }));
      const { clock, uuid, stdout, stderr } = io;
      const home = command.home ?? defaultHome(io);
      return Promise.race([terminated, runExec({
        command, home, clock, uuid, stdout, stderr, line: HARMLESS_COMMAND, signal: ending.signal,
        readStdin: () => readAll(io.stdin),
      })]);
    }
  }
}

async function serve(io: AgentIo, home: string): Promise<number> {
  const { clock, uuid, stdout, stderr } = io;
  const log = (text: string): void => stderr(`codexd-agent: ${text}\n`);
  const server = createAppServer({
    version: io.version(), home, clock, uuid, line: HARMLESS_COMMAND, send: stdout, log,
  });
  let code: number = EXIT.ok;
  const lines = createLineSplitter({
    lineBytesMax: LIMITS.childLineBytesMax,
    onLine: (text) => server.line(text),
    onOverflow(bytes) {
      log(`a line of ${bytes} bytes and more is too long`);
      code = EXIT.failed;
    },
  });
  const read = async (): Promise<void> => {
    for await (const chunk of io.stdin) {
      lines.push(chunk);
      if (code !== EXIT.ok) return;
    }
    lines.end();
  };
  await Promise.race([read(), new Promise<void>((resolve) => io.onSignal("SIGTERM", resolve))]);
  server.close();
  return code;
}

/** Where codexd has not said it: a place of its own, beside other programs' state. */
function defaultHome({ env }: AgentIo): string {
  const stateHome = env["XDG_STATE_HOME"] ?? "";
  const base = path.isAbsolute(stateHome) ? stateHome : path.join(homedir(), ".local", "state");
  return env["CODEXD_AGENT_HOME"] ?? path.join(base, "codexd-agent");
}

async function readAll(stdin: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stdin) {
    parts.push(part);
    bytes += part.length;
    if (bytes > LIMITS.inputBodyBytesMax) throw new Error("standard input is too long for a prompt");
  }
  return Buffer.concat(parts);
}
