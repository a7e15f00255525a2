// Where the daemon is, as a client is told: a socket, a URL with its token, or a state directory.
//
// Invariant: a token goes only to the TCP address that was named together with it. A state directory leads to its
// socket alone: a port that its files name proves nothing, whoever listens there after the daemon's end would have it.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { isObject } from "../base/decode.ts";
import { errorCode } from "../base/error-code.ts";
import { errorMessage } from "../core/errors.ts";
import { decodeLoopbackBase } from "../core/loopback-base.ts";
import { clientError } from "./errors.ts";
import { strangerAt } from "./own-socket.ts";
import { isToken, readTokenFile } from "./token-file.ts";

export type DaemonTarget =
  | { readonly kind: "unix"; readonly socketPath: string }
  /** `baseUrl` as `localApiBase` has it; null for no token. */
  | { readonly kind: "tcp"; readonly baseUrl: string; readonly token: string | null };

/** Exactly one way to the daemon. */
export type TargetOptions =
  | { readonly socketPath: string }
  | {
    /** `http://` with a loopback host and a port. */
    readonly baseUrl: string;
    readonly token?: string | undefined;
    /** Read again for each connection, so that a new token is taken up. */
    readonly tokenFile?: string | undefined;
  }
  | { readonly stateDir: string }
  /** Asked before each request; who answers also answers for whom the token is given to. */
  | { readonly locate: () => Promise<DaemonTarget> };

export type Locate = () => Promise<DaemonTarget>;

/** How a message names the other end. */
export function targetName(target: DaemonTarget): string {
  return target.kind === "unix" ? target.socketPath : target.baseUrl;
}

/** @throws {DecodeError} for a URL that is not on this machine, {CodexdClientError} `bad_token`. */
export function createLocate(options: TargetOptions): Locate {
  if ("locate" in options) return options.locate;
  if ("stateDir" in options) return () => locateByState(options.stateDir);
  if ("socketPath" in options) {
    const { socketPath } = options;
    return async () => ({ kind: "unix", socketPath });
  }
  const { token, tokenFile } = options;
  const baseUrl = decodeLoopbackBase(options.baseUrl, "baseUrl");
  if (token !== undefined && !isToken(token)) throw clientError("bad_token", "token: takes visible ASCII characters");
  return async () => {
    if (token !== undefined || tokenFile === undefined) return { kind: "tcp", baseUrl, token: token ?? null };
    const read = await readTokenFile(tokenFile);
    if (read === null) throw clientError("bad_token", `tokenFile: there is no file ${tokenFile}`);
    return { kind: "tcp", baseUrl, token: read };
  };
}

/** Asked anew each time: a daemon may come back with another socket. */
async function locateByState(stateDir: string): Promise<DaemonTarget> {
  const socketPath = await readSocketPath(path.join(stateDir, "daemon-state.json"));
  if (socketPath !== null) return ownSocket(socketPath ?? path.join(stateDir, "codexd.sock"));
  throw clientError("no_daemon", `the daemon of ${stateDir} has no socket: name its baseUrl and tokenFile`);
}

async function ownSocket(socketPath: string): Promise<DaemonTarget> {
  const stranger = await strangerAt(socketPath);
  if (stranger === null) return { kind: "unix", socketPath };
  const whose = `${socketPath} belongs to the user with id ${stranger}`;
  throw clientError("no_daemon", `${whose}; name it as socketPath to ask it all the same`);
}

/** Null when the daemon has none, undefined where the file does not say. */
async function readSocketPath(file: string): Promise<string | null | undefined> {
  let state: unknown;
  try {
    state = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw clientError("no_daemon", `${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  const socketPath = isObject(state) ? state["socketPath"] : undefined;
  return typeof socketPath === "string" || socketPath === null ? socketPath : undefined;
}
