// Opens a WebSocket as a client: the socket, TLS, the request, and the answer judged; or says why it could not.
//
// Deliberately not: frames (transport-websocket.ts). Invariants: the token goes to the endpoint alone and stands in no
// error, not even where the server sends it back; what has not succeeded leaves no socket behind.

import { randomBytes } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { errorCode } from "../base/error-code.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { redact } from "../core/redact.ts";
import { createUpgradeReader, upgradeRequest, type UpgradeAnswer } from "../protocol/ws-client-handshake.ts";
import type { WsEndpoint } from "../protocol/ws-endpoint.ts";

/** There is no connection. */
export class DialError extends Error {
  /**
   * The server, or what it takes to talk to it, has said no (a wrong token, no such path, a certificate that is not
   * trusted): it will say no again until a person has changed something.
   */
  readonly refused: boolean;

  constructor(message: string, refused: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = "DialError";
    this.refused = refused;
  }
}

export interface DialOptions {
  readonly endpoint: WsEndpoint;
  readonly token: string | undefined;
  /** PEM; the system's own where undefined. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

export interface Dialled {
  /** Paused, and without listeners but the one that keeps an error from being thrown. */
  readonly socket: net.Socket;
  /** The first bytes behind the answer. */
  readonly rest: Buffer;
}

/** @throws (rejects) {DialError} within `LIMITS.remoteConnectMs` and the little that a refusal's body is waited for. */
export function dialWebSocket({ endpoint, token, ca, clock, signal }: DialOptions): Promise<Dialled> {
  const outcome = createDeferred<Dialled>();
  const key = randomBytes(16).toString("base64");
  const { hostHeader, path } = endpoint.kind === "tcp" ? endpoint : { hostHeader: "localhost", path: "/" };
  const request = upgradeRequest({ host: hostHeader, path, key, bearer: token });
  const socket = openSocket(endpoint, ca);
  const reader = createUpgradeReader(key);
  // Enough for a token that begins in what is told, so that it is known for one.
  const bodyCharsMax = LIMITS.remoteRefusalCharsMax + (token?.length ?? 0);
  let refusal: { readonly answer: UpgradeAnswer & { ok: false }; body: string } | undefined;
  let bodyTimer: Timer | undefined;
  let step = "connecting";

  const fail = (error: DialError): void => {
    limit.cancel();
    bodyTimer?.cancel();
    signal.removeEventListener("abort", onAbort);
    outcome.reject(error);
    socket.destroy();
  };
  const onAbort = (): void => fail(new DialError("the attempt was given up", false));
  const limit = clock.after(LIMITS.remoteConnectMs, () => {
    fail(new DialError(`${step} took more than ${LIMITS.remoteConnectMs} ms`, false));
  });
  const refuse = (): void => {
    if (refusal !== undefined) fail(refusalError(refusal.answer, refusal.body, token));
  };
  const onData = (bytes: Buffer): void => {
    if (refusal !== undefined) {
      refusal.body += bytes.toString("latin1", 0, bodyCharsMax);
      if (refusal.body.length >= bodyCharsMax) refuse();
      return;
    }
    const answer = reader.push(bytes);
    if (answer === null) return;
    if (!answer.ok) {
      refusal = { answer, body: answer.rest.toString("latin1", 0, bodyCharsMax) };
      // The body says why. A server that keeps the connection for more, or has said all, ends it or lets it be.
      bodyTimer = clock.after(LIMITS.remoteRefusalMs, refuse);
      return;
    }
    limit.cancel();
    signal.removeEventListener("abort", onAbort);
    socket.pause();
    socket.off("data", onData).off("close", onClose);
    outcome.resolve({ socket, rest: answer.rest });
  };
  const onClose = (): void => {
    refuse();
    fail(new DialError("the server ended the connection before it had answered the upgrade", false));
  };

  socket.on("error", (error) => fail(new DialError(wordsOf(error), needsPerson(error), { cause: error })));
  socket.on("data", onData);
  socket.on("close", onClose);
  socket.once(endpoint.kind === "tcp" && endpoint.tls ? "secureConnect" : "connect", () => {
    step = "the answer to the upgrade";
    socket.write(request);
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  return outcome.promise;
}

function openSocket(endpoint: WsEndpoint, ca: string | undefined): net.Socket {
  if (endpoint.kind === "unix") return net.connect({ path: endpoint.socketPath });
  const { host, port } = endpoint;
  if (!endpoint.tls) return net.connect({ host, port, noDelay: true });
  return tls.connect({
    host, port,
    ALPNProtocols: ["http/1.1"],
    // The name of a certificate is never an address (RFC 6066 §3).
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  }).setNoDelay(true);
}

/** Statuses that pass by themselves: too early, too often, or the server's own trouble. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

function refusalError(
  { status, message }: UpgradeAnswer & { ok: false }, body: string, token = "",
): DialError {
  const passing = status !== null && (status >= 500 || PASSING_STATUSES.has(status));
  const secrets = [token];
  // At the end of a body there may be the beginning of a token: left out where the cut may be codexd's own.
  const mayBeCut = body.length > LIMITS.remoteRefusalCharsMax;
  const told = redact(body, secrets);
  const why = firstLine(mayBeCut ? told.slice(0, told.length - token.length) : told);
  const said = firstLine(redact(message, secrets));
  return new DialError(why === "" ? said : `${said}: ${why}`, !passing);
}

/** A stranger's words: one line of visible characters. */
function firstLine(text: string): string {
  const [line = ""] = text.trim().split(/[\r\n]/, 1);
  return line.replace(/[^\x20-\x7e]/g, "?").slice(0, LIMITS.remoteRefusalCharsMax);
}

/** Node's and OpenSSL's words for a peer that is not trusted or speaks no TLS, and for what the system forbids. */
const REFUSED_CODES =
  /^(?:EACCES|EPERM|EPROTO|CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_|HOSTNAME_)/;

/** A name with several addresses fails with an error a piece, and no words of its own. */
function wordsOf(error: unknown): string {
  const each = error instanceof AggregateError ? error.errors : [error];
  return each.map(errorMessage).join(", ");
}

function needsPerson(error: unknown): boolean {
  return REFUSED_CODES.test(errorCode(error) ?? "");
}
