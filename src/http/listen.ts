// Makes a server listen on its port or its socket file, or says in words why it cannot.
//
// Invariant: never another port and never another daemon's socket; what cannot be had ends the start.

import { chmodSync, lstatSync, unlinkSync, type Stats } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { isMainThread } from "node:worker_threads";
import { errorCode } from "../base/error-code.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { portHolder } from "./port-holder.ts";

export interface TcpPlace {
  /** As a URL has it: `127.0.0.1` or `[::1]`. */
  readonly hostname: string;
  /** 0 picks one. */
  readonly port: number;
}

/**
 * `localhost` is 127.0.0.1, here and in every URL that is printed: a client that resolves the name may ask ::1 first,
 * and whoever listens there would be handed the token.
 *
 * @param base an absolute `http://` URL with a loopback host; the configuration has checked it.
 */
export function tcpPlaceOf(base: string): TcpPlace {
  const { hostname, port } = new URL(base);
  return { hostname: hostname === "localhost" ? "127.0.0.1" : hostname, port: port === "" ? 80 : Number(port) };
}

/**
 * @returns the port.
 * @throws (rejects) {ExitError} `held` for a port in use, `config` for an address that cannot be listened on.
 */
export async function listenOnTcp(server: Server, { hostname, port }: TcpPlace): Promise<number> {
  const host = hostname === "[::1]" ? "::1" : "127.0.0.1";
  try {
    await listening(server, () => server.listen({ host, port }));
  } catch (error) {
    const code = codeOf(error);
    if (code === "EADDRINUSE") {
      const name = portHolder(port) ?? "another program";
      const who = `${name} ${(await connectFailure({ host, port })) === null ? "listens there" : "holds it"}`;
      throw new ExitError(EXIT.held, `port ${port} of ${host} is in use: ${who}`, { cause: error });
    }
    throw new ExitError(EXIT.config, `cannot listen on port ${port} of ${host} (${code})`, { cause: error });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

/**
 * The file is 0600, whatever the umask. A file left by a daemon that died is replaced: connections to it are refused.
 *
 * @throws (rejects) {ExitError} `held` where somebody answers or may be there, `config` where something else is in the
 * way.
 */
export async function listenOnUnixSocket(server: Server, path: string): Promise<void> {
  await clearStaleSocket(path);
  try {
    await listening(server, () => bindPrivately(() => server.listen({ path })));
    // Not without need, nor through a link: where others can write to the directory the name may be theirs by now.
    const made = lstatSync(path);
    if (made.isSocket() && (made.mode & 0o777) !== 0o600) chmodSync(path, 0o600);
  } catch (error) {
    throw new ExitError(EXIT.config, `cannot make the socket ${path} (${codeOf(error)})`, { cause: error });
  }
}

async function clearStaleSocket(path: string): Promise<void> {
  const found = lookAt(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw new ExitError(EXIT.config, `${path} is in the way of the socket, and is not a socket`);
  const failure = await connectFailure({ path });
  if (failure === null) throw new ExitError(EXIT.held, `another program listens on the socket ${path}`);
  // Anything else (it is somebody else's, its queue is full) is no proof that nobody is there.
  if (failure !== "ECONNREFUSED" && failure !== "ENOENT") {
    throw new ExitError(EXIT.held, `whether a program listens on the socket ${path} cannot be told (${failure})`);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw new ExitError(EXIT.config, `the socket ${path} that is left cannot be removed (${codeOf(error)})`, {
      cause: error,
    });
  }
}

/** Undefined where there is nothing. @throws {ExitError} `config` where that cannot be seen. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new ExitError(EXIT.config, `cannot look at the place of the socket ${path} (${codeOf(error)})`, {
      cause: error,
    });
  }
}

/**
 * Binds with 0600 from the first moment: between bind and chmod the socket would be open to whom the umask lets in.
 * Node binds before `listen` returns, so the umask has changed for nobody else.
 */
function bindPrivately(bind: () => void): void {
  // A worker thread may not change the umask of its process: chmod alone must do there.
  if (!isMainThread) return bind();
  const before = process.umask(0o177);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      server.off("error", settle).off("listening", settle);
      if (error === undefined) resolve();
      else reject(error);
    };
    server.on("error", settle).on("listening", settle);
    listen();
  });
}

/** The code of what a connection there fails with; null where somebody accepts it. */
function connectFailure(place: { host: string; port: number } | { path: string }): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = connect(place);
    const settle = (failure: string | null): void => {
      probe.destroy();
      resolve(failure);
    };
    probe.on("connect", () => settle(null)).on("error", (error) => settle(codeOf(error)));
  });
}

function codeOf(error: unknown): string {
  return errorCode(error) ?? "unknown";
}
