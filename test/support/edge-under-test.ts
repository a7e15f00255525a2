// A whole edge on a free port and a Unix socket of its own, with fake services behind it.
//
// Everything that was opened is gone when the test is over; requests carry the token unless they bring their own.

import path from "node:path";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { createLogger, type Logger } from "../../src/base/log.ts";
import type { CodexdConfig } from "../../src/core/config.ts";
import { createHttpEdge, type HttpEdge } from "../../src/http/server.ts";
import type { EdgeLimits } from "../../src/http/limits.ts";
import { FakeServices } from "./fake-services.ts";
import {
  exchange, openRaw, requestBytes, type Place, type RawConnection, type RawReply, type RequestParts,
} from "./raw-http.ts";
import { makeTempDir, type Cleanup } from "./temp-dir.ts";

export const TOKEN = "a-token-for-tests_0123456789abcdefghijklmno";

export interface EdgeUnderTest {
  readonly edge: HttpEdge;
  readonly services: FakeServices;
  readonly config: CodexdConfig;
  readonly log: readonly string[];
  readonly port: number;
  readonly socketPath: string;
  readonly tcp: Place;
  readonly unix: Place;
  /** With the token, on TCP, unless the request has an Authorization of its own. */
  ask(request: RequestParts): Promise<RawReply>;
  /** The same, left open. */
  open(request: RequestParts): RawConnection;
  /** As given, without a token. */
  askPlain(request: RequestParts, place?: Place): Promise<RawReply>;
}

export interface EdgeTestOptions {
  readonly limits?: Partial<EdgeLimits>;
  readonly token?: string | null;
  readonly service?: Partial<CodexdConfig["service"]>;
  readonly clock?: Clock;
}

export async function startEdge(t: Cleanup, options: EdgeTestOptions = {}): Promise<EdgeUnderTest> {
  const config = makeConfig(makeTempDir(t), options.service);
  const services = new FakeServices(config);
  const log: string[] = [];
  const { token = TOKEN, clock = systemClock, limits = {} } = options;
  const edge = createHttpEdge({
    config, services, token, clock, log: logTo(log), limits: { edgeStopMs: 200, ...limits },
  });
  services.service = () => {
    return { ...serviceOf(config), resolvedBaseUrl: edge.baseUrl, websocketClients: edge.websocketClients };
  };
  await edge.listen();
  t.after(() => edge.stop());
  const port = Number(new URL(edge.baseUrl ?? "").port);
  const socketPath = config.service.socketPath ?? "";
  const host = `127.0.0.1:${port}`;
  const withToken = (request: RequestParts): Buffer => {
    const headers = request.headers ?? [];
    if (headers.some(([name]) => name.toLowerCase() === "authorization")) return requestBytes(host, request);
    return requestBytes(host, { ...request, headers: [["Authorization", `Bearer ${TOKEN}`], ...headers] });
  };
  const tcp: Place = { port };
  return {
    edge, services, config, log, port, socketPath, tcp,
    unix: { path: socketPath },
    ask: (request) => exchange(tcp, withToken(request)),
    open: (request) => openRaw(tcp, withToken(request)),
    askPlain: (request, place = tcp) => exchange(place, requestBytes(host, request)),
  };
}

export function makeConfig(dir: string, service: Partial<CodexdConfig["service"]> = {}): CodexdConfig {
  const file = (name: string): string => path.join(dir, name);
  return {
    nodeId: "node", version: "0.1.0", repoRoot: dir, eventCacheSize: 50, smokeLifetimeMs: 100, logLevel: "debug",
    paths: {
      stateDir: dir, logsDir: file("logs"), identityPath: file("identity.json"),
      daemonStatePath: file("daemon-state.json"), sessionRegistryPath: file("session-registry.json"),
      turnRegistryPath: file("turn-registry.json"), approvalRegistryPath: file("approval-registry.json"),
      answerRegistryPath: file("answer-registry.json"),
      markRegistryPath: file("mark-registry.json"),
      uploadsDir: file("uploads"), runRegistryPath: file("run-registry.json"),
      recentEventsPath: file("recent-events.json"), structuredEventLogPath: file("logs/events.jsonl"),
      stdoutLogPath: file("logs/stdout.log"), stderrLogPath: file("logs/stderr.log"), tokenPath: file("token"),
      curlHeaderPath: file("curl-header"),
    },
    service: {
      localApiBase: "http://127.0.0.1:0", eventStreamPath: "/v1/codexd/events", auth: "token",
      socketPath: file("codexd.sock"), ...service,
    },
    server: {
      mode: "app-server", endpoint: "stdio://", childStrategy: "spawn", childCommand: "codex",
      childArgs: ["app-server"], childCwd: dir, tokenFile: null, childMaxRssBytes: null,
    },
    store: { durability: "interval", journalMaxBytes: 2 ** 30, keepRecords: 10_000, keepDays: 365 },
    runs: { command: "codex", args: [], max: 4, maxQueued: 1000 },
    approvals: { default: "ask", timeoutMs: null, rulesPath: null },
    turns: { stallWarnMs: null, stallInterruptMs: null },
  };
}

function logTo(lines: string[]): Logger {
  return createLogger({ level: "debug", write: (line) => lines.push(line), now: () => 0 });
}

function serviceOf(config: CodexdConfig): ReturnType<FakeServices["service"]> {
  return {
    configuredBaseUrl: config.service.localApiBase, eventStreamPath: config.service.eventStreamPath,
    eventStreamUrl: null, listening: true, resolvedBaseUrl: null, websocketClients: 0,
  };
}
