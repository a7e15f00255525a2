// Where the daemon is: what the user says, else the Unix socket of the state directory, else (socket off) TCP.
//
// Invariant: a token goes to a TCP port only when the user names the URL and the token's file, or when the state
// directory says that the daemon has no socket and its process holds the directory's lock. A port alone proves
// nothing: whoever listens on it after the daemon's end would be handed the token. Nor does a pid that is in use.

import net from "node:net";
import path from "node:path";
import { strangerAt } from "../client/own-socket.ts";
import type { DaemonTarget } from "../client/target.ts";
import { resolveClientUrl, type ResolvedConfig } from "../config.ts";
import type { CodexdConfig } from "../core/config.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { nodeDisk } from "../store/disk.ts";
import { readLockOwner } from "../store/lock.ts";
import { readToken } from "../store/token.ts";
import { flagValue, type CliContext, type FlagSpec } from "./command.ts";
import { readDaemonFile, readTokenFile } from "./state-files.ts";

/** The flags of every client command. */
export const CLIENT_FLAGS: readonly FlagSpec[] = [
  { name: "url", takes: "URL", summary: "the daemon's base URL, instead of its socket (CODEXD_URL)" },
  { name: "token-file", takes: "FILE", summary: "the token to send there (CODEXD_TOKEN_FILE)" },
];

/** @throws {ExitError} 3 when no daemon runs, 78 for a bad URL or token file. */
export async function findDaemon(context: CliContext): Promise<DaemonTarget> {
  return (await namedTarget(context)) ?? (await localTarget(context.resolveConfig()));
}

/** The URL that the user names, and where; a flag that names a state directory beats the environment's URL. */
export function namedUrl({ request, io }: CliContext): { url: string; label: string } | null {
  const flag = flagValue(request, "url");
  if (flag !== undefined) return { url: flag, label: "--url" };
  if (request.config.stateDir !== undefined || request.config.socketPath !== undefined) return null;
  const url = nonEmpty(io.env["CODEXD_URL"]);
  return url === undefined ? null : { url, label: "CODEXD_URL" };
}

async function namedTarget(context: CliContext): Promise<DaemonTarget | null> {
  const { request, io } = context;
  const named = namedUrl(context);
  if (named === null) return null;
  const baseUrl = resolveClientUrl(named.url, named.label);
  const file = flagValue(request, "token-file") ?? nonEmpty(io.env["CODEXD_TOKEN_FILE"]);
  if (file === undefined) return { kind: "tcp", baseUrl, token: null };
  const tokenFile = path.resolve(io.platform.cwd, file);
  const token = await readTokenFile(tokenFile);
  if (token === null) throw new ExitError(EXIT.config, `--token-file: there is no file ${tokenFile}`);
  return { kind: "tcp", baseUrl, token };
}

async function localTarget({ config, sources }: ResolvedConfig): Promise<DaemonTarget> {
  const file = await readDaemonFile(config.paths);
  const named = sources.some(({ name, source }) => name === "socketPath" && source !== "default");
  // Where the user names no socket, the daemon's own word: it may have been started with a --socket of its own.
  const socketPath = named || file?.socketPath === undefined ? config.service.socketPath : file.socketPath;
  if (socketPath !== null) {
    const stranger = named ? null : await strangerAt(socketPath);
    if (stranger !== null) throw foreignSocket(socketPath, stranger);
    if (await accepts(socketPath)) return { kind: "unix", socketPath };
    throw noDaemon(config, `nothing listens at ${socketPath}`);
  }
  if (file === null || file.pid === null || file.baseUrl === null) throw noDaemon(config, "its files name none");
  if ((await readLockOwner(nodeDisk, config.paths.stateDir)) !== file.pid) {
    throw noDaemon(config, `its last one, process ${file.pid}, does not hold the lock`);
  }
  const token = config.service.auth === "none" ? null : await ownToken(config);
  // The files are the user's own, but a URL that leads elsewhere would take the token with it.
  return { kind: "tcp", baseUrl: resolveClientUrl(file.baseUrl, config.paths.daemonStatePath), token };
}

/** Null where there is none: a daemon that was started with --auth none has made none. */
async function ownToken({ paths }: CodexdConfig): Promise<string | null> {
  return (await nodeDisk.stat(paths.tokenPath)) === undefined ? null : readToken(nodeDisk, paths.stateDir);
}

function noDaemon(config: CodexdConfig, why: string): ExitError {
  return new ExitError(
    EXIT.noDaemon,
    `no daemon runs on ${config.paths.stateDir} (${why}); codexd start starts one, --state-dir names another`,
  );
}

function foreignSocket(socketPath: string, owner: number): ExitError {
  const whose = `${socketPath} belongs to the user with id ${owner}, so nothing was sent there`;
  return new ExitError(EXIT.config, `${whose}; --socket names it all the same`);
}

/** Whether somebody listens on the socket: connecting is the only proof, a dead daemon leaves its file behind. */
function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(socketPath);
    const finish = (accepted: boolean) => () => {
      socket.destroy();
      resolve(accepted);
    };
    socket.setTimeout(LIMITS.clientConnectMs, finish(false));
    socket.once("connect", finish(true));
    socket.once("error", finish(false));
  });
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
