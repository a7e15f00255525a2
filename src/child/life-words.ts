// What a supervisor says of its lives, for a child of codexd's own and for an app-server that runs elsewhere.
//
// Words and the details of events only. Invariant: an event of a remote app-server names its endpoint and never a
// command or a process, because codexd has neither.

import { EMBEDDED_AGENT } from "../core/embedded-agent.ts";
import type { ChildState } from "../core/records.ts";
import type { LifeEnd } from "./life.ts";

export interface LifeWords {
  /** The status of a life that has answered the handshake. */
  readonly up: "running" | "external";
  /** What events name where there is no process to name. */
  readonly target: Readonly<Record<string, unknown>>;
  readonly starting: string;
  readonly again: string;
  /** What an error says when there is no life and none is to be expected. */
  readonly cannot: string;
  /** One sentence on how a life ended, with its last words where it never got to work. */
  ended(end: LifeEnd, worked: boolean, stderr: readonly string[]): string;
}

export function ownedWords({ command, args }: Pick<ChildState, "command" | "args">): LifeWords {
  return {
    up: "running",
    target: { command, args },
    starting: `starting ${command}`,
    again: "starting again",
    cannot: "the app-server cannot be started",
    ended(end, worked, stderr) {
      if (end.spawnFailed) return `${command} could not be started: ${end.reason ?? "unknown"}`;
      const how = end.signal === null ? `exited with code ${end.exitCode}` : `was ended by ${end.signal}`;
      const why = end.reason === null ? "" : ` (${end.reason})`;
      const said = lastWords(stderr);
      const words = worked || said === "" ? "" : `; it said: ${said}`;
      return `the app-server ${how}${why}${words}`;
    },
  };
}

/** With RUST_BACKTRACE set, which many have, Codex says its frames behind its reason. */
const BACKTRACE = "Stack backtrace:";

/** The last three lines that say something; a backtrace does not. */
function lastWords(stderr: readonly string[]): string {
  const end = stderr.indexOf(BACKTRACE);
  const said = end === -1 ? stderr : stderr.slice(0, end);
  return said.filter((line) => line.trim() !== "").slice(-3).join(" | ");
}

export function remoteWords({ endpoint }: Pick<ChildState, "endpoint">): LifeWords {
  return {
    up: "external",
    target: { endpoint },
    starting: `connecting to ${endpoint}`,
    again: "connecting again",
    cannot: "the app-server cannot be reached",
    ended(end, worked) {
      if (!worked) return `no connection to ${endpoint}: ${end.reason ?? "it was closed"}`;
      return `the connection to ${endpoint} has ended: ${end.reason ?? "it was closed in order"}`;
    },
  };
}

/** Who has answered the handshake; `version` as the client has read it. */
export function peerName(version: string | null): string {
  if (version === null) return "Codex of unknown version";
  return version.startsWith(`${EMBEDDED_AGENT}/`) ? version : `Codex ${version}`;
}
