// CodexdLocalService: a daemon with the HTTP edge on it, which is what `codexd start` runs.
//
// Invariant: the edge listens before the child is started, so that a port in use costs nothing, and it closes after
// the last event is in the journal, so that every client has heard how it ended.

import { systemClock, type Clock, type Timer } from "./base/clock.ts";
import { silentLogger, type Logger } from "./base/log.ts";
import type { CodexdConfig } from "./core/config.ts";
import { CodexdError, errorMessage } from "./core/errors.ts";
import { LIMITS } from "./core/limits.ts";
import type { ServiceStatus, StatusSnapshot } from "./core/status.ts";
import { CodexdDaemon } from "./daemon.ts";
import type { CodexdDaemonOptions } from "./daemon-options.ts";
import { createHttpEdge, type HttpEdge } from "./http/server.ts";
import { nodeDisk } from "./store/disk.ts";
import { orExitError } from "./store/open-failure.ts";
import { createTokenReader, loadOrCreateToken } from "./store/token.ts";

export interface LocalServiceStatus {
  readonly service: ServiceStatus;
  readonly snapshot: StatusSnapshot;
}

export class CodexdLocalService {
  readonly #config: CodexdConfig;
  readonly #daemon: CodexdDaemon;
  readonly #clock: Clock;
  readonly #log: Logger;
  #opening: Promise<void> | undefined;
  /** Somebody wants it stopped that has not opened yet. */
  #stopAsked = false;
  #edge: HttpEdge | undefined;
  #token: string | undefined;
  #tokenTimer: Timer | undefined;

  constructor(config: CodexdConfig, options: CodexdDaemonOptions = {}) {
    this.#config = config;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    const secrets = (): readonly string[] => (this.#token === undefined ? [] : [this.#token]);
    this.#daemon = new CodexdDaemon(config, { secrets, ...options });
  }

  /**
   * Of a service that runs it gives the status.
   *
   * @throws {ExitError} as CodexdDaemon.start, and 75 when the port is in use; {CodexdError} `draining` when it was
   *   stopped meanwhile. Nothing is left running then.
   */
  async start(): Promise<LocalServiceStatus> {
    this.#stopAsked = false;
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    try {
      // What waited would be started only to be ended at once.
      if (this.#stopAsked) throw new CodexdError("draining", "codexd was stopped while it started");
      await this.#daemon.begin();
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this.getStatus();
  }

  /** As CodexdDaemon.stop. */
  async stop(): Promise<StatusSnapshot> {
    this.#stopAsked = true;
    // What is being opened is closed when it is open; how that went is told to who asked for it.
    await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    this.#tokenTimer?.cancel();
    this.#tokenTimer = undefined;
    const edge = this.#edge;
    return this.#daemon.stop(async () => edge?.stop());
  }

  getStatus(): LocalServiceStatus {
    return { service: this.#daemon.getServiceStatus(), snapshot: this.#daemon.getStatusSnapshot() };
  }

  getDaemon(): CodexdDaemon {
    return this.#daemon;
  }

  /** Resolves with the reason when the disk has failed for good: the process must end. */
  get failed(): Promise<Error> {
    return this.#daemon.failed;
  }

  async #open(): Promise<void> {
    await this.#daemon.open();
    try {
      const { auth } = this.#config.service;
      if (auth === "token") this.#token = await orExitError(loadOrCreateToken(nodeDisk, this.#config.paths.stateDir));
      const edge = createHttpEdge({
        config: this.#config,
        services: this.#daemon.services,
        token: this.#token ?? null,
        clock: this.#clock,
        log: this.#log,
      });
      await edge.listen();
      this.#edge = edge;
      this.#daemon.attachEdge(() => this.#serviceStatus(edge));
      if (auth === "token") this.#watchToken(edge, createTokenReader(nodeDisk, this.#config.paths.stateDir));
    } catch (error) {
      await this.#daemon.stop();
      throw error;
    }
  }

  #serviceStatus(edge: HttpEdge): ServiceStatus {
    const { localApiBase, eventStreamPath } = this.#config.service;
    const { baseUrl } = edge;
    return {
      configuredBaseUrl: localApiBase,
      eventStreamPath,
      eventStreamUrl: baseUrl === null ? null : `${baseUrl.replace(/^http/, "ws")}${eventStreamPath}`,
      listening: baseUrl !== null,
      resolvedBaseUrl: baseUrl,
      websocketClients: edge.websocketClients,
    };
  }

  /** A rotated token is taken up from the file; polling needs no watch that a file system may not have. */
  #watchToken(edge: HttpEdge, read: () => Promise<string>, lastProblem: string | null = null): void {
    let problem: string | null = null;
    this.#tokenTimer = this.#clock.after(LIMITS.tokenPollMs, () => {
      read()
        .then((token) => {
          if (token === this.#token) return;
          this.#token = token;
          edge.rotateToken(token);
          this.#log.info("the token has been rotated");
        })
        // A file that is being replaced or is damaged changes nothing: the token in force stays.
        .catch((error: unknown) => {
          problem = errorMessage(error);
          if (problem !== lastProblem) this.#log.warn("the token cannot be read", { error: problem });
        })
        .finally(() => {
          if (this.#tokenTimer !== undefined) this.#watchToken(edge, read, problem);
        });
    });
  }
}
