// Builds the supervisor of the app-server out of a configuration: a command, its environment and its logs, or the
// endpoint where it runs by itself; and where what it says goes. Part of the composition root, apart from daemon.ts so
// that each stays readable.

import { userInfo } from "node:os";
import path from "node:path";

import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import { connectAdapter } from "./child/adapter-connection.ts";
import type { AppServerClientFactory } from "./child/adapter.ts";
import { CodexAppServerClient } from "./child/app-server-client.ts";
import { startChildLife } from "./child/child-life.ts";
import { createChildOutput } from "./child/child-output.ts";
import { readChildSize } from "./child/child-size.ts";
import { bytesBelow, createCodexHomeSize } from "./child/codex-home.ts";
import type { ConnectionHandlers } from "./child/connection.ts";
import { resolveNativeCodex } from "./child/native-codex.ts";
import { startRemoteLife } from "./child/remote-life.ts";
import { resolveCommand } from "./child/resolve-command.ts";
import { createRotatingLog } from "./child/rotating-log.ts";
import { childEnvironment, type ChildHandle, type Spawner } from "./child/spawner.ts";
import { createSupervisor, type AppServer, type Supervisor } from "./child/supervisor.ts";
import { findThreadHolder } from "./child/thread-holder.ts";
import { createCodexAppServerWebSocketTransport } from "./child/transport-websocket.ts";
import type { CodexdConfig } from "./core/config.ts";
import { EMBEDDED_AGENT } from "./core/embedded-agent.ts";
import type { EventDraft } from "./core/event.ts";
import { LIMITS } from "./core/limits.ts";
import type { ChildSize, ThreadHolder } from "./core/processes.ts";
import type { Identity } from "./core/records.ts";
import { redact } from "./core/redact.ts";
import { createChildWatch, type ChildWatch, type ChildWatchOptions } from "./service/app-server/child-watch.ts";
import type { Ingest } from "./service/events/ingest.ts";
import type { LoginPlace } from "./service/explain.ts";
import type { CodexdStore } from "./service/tables.ts";

/** What is asked of the machine about the child; null where it cannot be told. */
export interface ChildFigures {
  size(): Promise<ChildSize | null>;
  codexHomeBytes(): Promise<number | null>;
  holderOf(threadId: string): Promise<ThreadHolder | null>;
}

export interface ChildCareOptions extends Omit<ChildWatchOptions, "maxRssBytes" | "size" | "restart"> {
  readonly config: CodexdConfig;
  readonly env: NodeJS.ProcessEnv;
  /** The child comes from a spawner of somebody else's: its pid may be no process of this machine. */
  readonly foreign: boolean;
  /** Undefined in `exec` mode. */
  readonly child: Pick<Supervisor, "restart"> | undefined;
}

/** What is known of the child's costs, and who acts on them. */
export function buildChildCare(options: ChildCareOptions): {
  readonly figures: ChildFigures;
  readonly restart: Supervisor["restart"] | undefined;
  readonly watch: ChildWatch;
} {
  const { config, child } = options;
  const figures = createChildFigures(options);
  const watch = createChildWatch({
    ...options, maxRssBytes: config.server.childMaxRssBytes, size: figures.size,
    restart: async (why) => child?.restart(why),
  });
  return { figures, restart: child?.restart.bind(child), watch };
}

function createChildFigures({ config, env, clock, foreign, appServer }: ChildCareOptions): ChildFigures {
  const codexHome = config.server.childStrategy === "external" ? null : codexHomeOf(env);
  const ownPid = (): number | null => (foreign ? null : appServer.state.pid);
  const homeSize = createCodexHomeSize({ clock, count: () => bytesBelow(codexHome ?? "") });
  // The embedded agent leaves it alone.
  const isUsed = (): boolean => codexHome !== null && appServer.version?.startsWith(`${EMBEDDED_AGENT}/`) !== true;
  return {
    async size() {
      const pid = ownPid();
      return pid === null ? null : readChildSize(pid);
    },
    codexHomeBytes: async () => (isUsed() ? homeSize() : null),
    holderOf: (threadId) => findThreadHolder(threadId, { codexHome, ownPid: ownPid() }),
  };
}

/** Null where the environment does not say. */
function codexHomeOf({ CODEX_HOME, HOME }: NodeJS.ProcessEnv): string | null {
  return CODEX_HOME ?? (HOME === undefined ? null : path.join(HOME, ".codex"));
}

/** Who would have to log in, and where; a container's user may have no name. */
export function loginPlace(env: NodeJS.ProcessEnv): LoginPlace {
  const codexHome = codexHomeOf(env) ?? path.join("~", ".codex");
  try {
    return { user: userInfo().username, codexHome };
  } catch {
    // No entry for this uid: the number is all there is.
    return { user: `uid ${process.getuid?.() ?? "unknown"}`, codexHome };
  }
}

export interface ChildWiring {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  readonly store: CodexdStore;
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly spawner: Spawner;
  /** An embedding program's own way to talk to the app-server; undefined for codexd's. */
  readonly appServerClientFactory: AppServerClientFactory | undefined;
  readonly random: () => number;
  readonly secrets: () => readonly string[];
  readonly isStopping: () => boolean;
  /** The owned child has gone; what it owed is settled. */
  readonly onOwnedDown: () => void;
  /** Called with each new connection to an app-server that runs elsewhere, before anything else is asked of it. */
  readonly onConnected: (server: AppServer) => void;
  /** Called with each child of codexd's own that has answered the handshake. */
  readonly onBorn: () => void;
  /** Called with each call that the app-server refuses. */
  readonly onRefused: (method: string, message: string) => void;
}

export async function buildChild(wiring: ChildWiring): Promise<Supervisor> {
  const { config, identity, store, ingest, clock, env, log } = wiring;
  const { childCommand, childArgs, childCwd, endpoint } = config.server;
  const { stdoutLogPath, stderrLogPath } = config.paths;
  const owned = config.server.childStrategy === "spawn";
  const found = owned ? await resolveCommand(childCommand, env["PATH"], childCwd) : null;
  // A command that is not there is still tried: the error of the attempt is the child's state.
  const command = found === null ? childCommand : await resolveNativeCodex(found);
  let remoteToken = "";
  const secrets = (): readonly string[] => [...wiring.secrets(), remoteToken];
  const output = createChildOutput({
    clock,
    stdoutLog: createRotatingLog(stdoutLogPath, LIMITS.childLogBytesMax, log),
    stderrLog: createRotatingLog(stderrLogPath, LIMITS.childLogBytesMax, log),
    report: (draft) => void store.append(draft),
    secrets,
  });
  const handlers = {
    onLine: (text: string) => ingest.line(text),
    onNotification: ingest.notification,
    onRequest: ingest.request,
    onRefused: wiring.onRefused,
  };
  const factory = wiring.appServerClientFactory;
  const adapter = { config, clock, report: (draft: EventDraft) => void store.append(draft) };
  const connect = factory === undefined ? undefined : (child: ChildHandle | null, given: ConnectionHandlers) =>
    connectAdapter({ ...adapter, factory }, child, given);
  return createSupervisor({
    target: { command, args: childArgs, cwd: childCwd, endpoint },
    remote: !owned,
    startLife: (callbacks) => {
      if (!owned) {
        const noise = { onNoise: (text: string) => output.noise(text) };
        const life = { clock, handlers: { ...handlers, ...noise }, ...callbacks };
        const onToken = (token: string): void => void (remoteToken = token);
        const connectTo = (given: ConnectionHandlers) =>
          connect?.(null, given) ?? connectRemote(wiring, onToken, given);
        return startRemoteLife({ ...life, redact: (text) => redact(text, secrets()), connect: connectTo });
      }
      return startChildLife({
        ...callbacks,
        spawner: wiring.spawner,
        command,
        args: childArgs,
        spawnOptions: { cwd: childCwd, env: childEnvironment(env, { daemonId: identity.daemonId, endpoint }) },
        version: config.version,
        clock,
        output,
        handlers,
        ...(connect === undefined ? {} : { connect }),
      });
    },
    lastStderrLines: () => output.lastStderrLines(),
    clock,
    random: wiring.random,
    report: (draft) => void store.append(draft),
    onChange: () => store.touchDaemonState(),
    onConnected: (server) => {
      if (owned) wiring.onBorn();
      else wiring.onConnected(server);
    },
    onDown: (reason, replaced) => {
      const why = replaced ? "child_restarted" : "child_exited";
      if (!owned) return ingest.disconnected();
      ingest.down(reason, wiring.isStopping() ? "daemon_stopped" : why);
      wiring.onOwnedDown();
    },
  });
}

/** Each connection reads the token anew, so that one that was replaced counts. */
function connectRemote(
  { config, clock }: ChildWiring, onToken: (token: string) => void, handlers: ConnectionHandlers,
): CodexAppServerClient {
  const { endpoint, tokenFile } = config.server;
  const transport = createCodexAppServerWebSocketTransport({
    url: endpoint, clock, onToken, ...(tokenFile === null ? {} : { tokenFile }),
  });
  return new CodexAppServerClient({ clientInfo: { version: config.version }, transport, clock, handlers });
}
