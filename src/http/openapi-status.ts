// The schemas of what the daemon says of itself, and of its refusals.
//
// Written by hand, and held to the types by the compiler and to real answers by a test.

import { nullable, type JsonSchema } from "../base/json-schema.ts";
import {
  APPROVAL_DEFAULTS, AUTH_MODES, CHILD_STRATEGIES, DAEMON_MODES, DURABILITIES, type CodexdConfig, type CodexdPaths,
} from "../core/config.ts";
import { ERROR_STATUS } from "../core/errors.ts";
import { CHILD_STATUSES, type ChildState, type DaemonState, type Identity } from "../core/records.ts";
import { COMPAT_STATUSES, type CompatReport, type ServiceStatus, type StatusSnapshot } from "../core/status.ts";
import {
  ANY_OBJECT, FLAG, INTEGER, INTEGER_OR_NULL, listOf, record, ref, TEXT, TEXTS, TEXT_OR_NULL, TIME, TIME_OR_NULL, words,
} from "./openapi-schema.ts";

const PATHS: { readonly [K in keyof CodexdPaths]: JsonSchema } = {
  stateDir: TEXT,
  logsDir: TEXT,
  identityPath: TEXT,
  daemonStatePath: TEXT,
  sessionRegistryPath: TEXT,
  turnRegistryPath: TEXT,
  approvalRegistryPath: TEXT,
  answerRegistryPath: TEXT,
  markRegistryPath: TEXT,
  uploadsDir: TEXT,
  runRegistryPath: TEXT,
  recentEventsPath: TEXT,
  structuredEventLogPath: TEXT,
  stdoutLogPath: TEXT,
  stderrLogPath: TEXT,
  tokenPath: TEXT,
  curlHeaderPath: TEXT,
};

const CONFIG = record<CodexdConfig>("The configuration in force.", {
  nodeId: TEXT,
  version: TEXT,
  repoRoot: TEXT,
  eventCacheSize: INTEGER,
  smokeLifetimeMs: INTEGER,
  logLevel: words(["debug", "info", "warn", "error"]),
  paths: record<CodexdPaths>("Absolute paths of the state.", PATHS),
  service: record<CodexdConfig["service"]>("Where it listens.", {
    localApiBase: TEXT, eventStreamPath: TEXT, auth: words(AUTH_MODES), socketPath: TEXT_OR_NULL,
  }),
  server: record<CodexdConfig["server"]>("The app-server.", {
    mode: words(DAEMON_MODES),
    endpoint: TEXT,
    childStrategy: words(CHILD_STRATEGIES),
    childCommand: TEXT,
    childArgs: TEXTS,
    childCwd: TEXT,
    tokenFile: TEXT_OR_NULL,
    childMaxRssBytes: INTEGER_OR_NULL,
  }),
  store: record<CodexdConfig["store"]>("How state is kept.", {
    durability: words(DURABILITIES), journalMaxBytes: INTEGER, keepRecords: INTEGER, keepDays: INTEGER,
  }),
  runs: record<CodexdConfig["runs"]>("How runs are started.", {
    command: TEXT, args: TEXTS, max: INTEGER, maxQueued: INTEGER,
  }),
  approvals: record<CodexdConfig["approvals"]>("How questions are answered.", {
    default: words(APPROVAL_DEFAULTS), timeoutMs: INTEGER_OR_NULL, rulesPath: TEXT_OR_NULL,
  }),
  turns: record<CodexdConfig["turns"]>("When a quiet turn is looked after.", {
    stallWarnMs: INTEGER_OR_NULL, stallInterruptMs: INTEGER_OR_NULL,
  }),
});

const CHILD = record<ChildState>("The app-server, or why there is none.", {
  status: words(CHILD_STATUSES),
  pid: INTEGER_OR_NULL,
  command: TEXT,
  args: TEXTS,
  cwd: TEXT,
  endpoint: TEXT,
  startedAt: TIME_OR_NULL,
  exitedAt: TIME_OR_NULL,
  exitCode: INTEGER_OR_NULL,
  signal: TEXT_OR_NULL,
  restarts: INTEGER,
  lastError: TEXT_OR_NULL,
});

const SNAPSHOT = record<StatusSnapshot>("State of one moment; the registries hold the newest records only.", {
  config: ref("Config"),
  identity: record<Identity>("Which daemon this is.", { daemonId: TEXT, nodeId: TEXT, version: TEXT, createdAt: TIME }),
  daemon: record<DaemonState>("The daemon's life.", {
    started: FLAG,
    startedAt: TIME_OR_NULL,
    stoppedAt: TIME_OR_NULL,
    updatedAt: TIME,
    pid: INTEGER_OR_NULL,
    child: ref("ChildState"),
  }),
  sessionRegistry: record<StatusSnapshot["sessionRegistry"]>("The newest sessions.", {
    updatedAt: TIME_OR_NULL, sessions: listOf(ref("Session")), total: INTEGER,
  }),
  runRegistry: record<StatusSnapshot["runRegistry"]>("The newest runs.", {
    updatedAt: TIME_OR_NULL, runs: listOf(ref("RunSummary")), total: INTEGER,
  }),
  recentEvents: record<StatusSnapshot["recentEvents"]>("The newest events, without deltas.", {
    maxEntries: INTEGER, updatedAt: TIME_OR_NULL, events: listOf(ref("Event")),
  }),
});

interface Status {
  readonly service: unknown;
  readonly snapshot: unknown;
  readonly limits: unknown;
  readonly liveness: unknown;
  readonly compat: unknown;
}

interface Refusal {
  readonly ok: false;
  readonly error: string;
  readonly message: string;
}

const LIMIT = record<{ value: number | null; limit: number | null }>(
  "How much there is, null where that cannot be told; and may be, null for no limit.",
  { value: nullable({ type: "number" }), limit: nullable({ type: "number" }) },
);

/** By the names under which `ref` finds them. */
export const STATUS_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Error: withDetail(record<Refusal>("Every refusal.", {
    ok: { const: false },
    error: words(Object.keys(ERROR_STATUS)),
    message: { ...TEXT, description: "A sentence for people." },
  })),
  Config: CONFIG,
  ChildState: CHILD,
  ServiceStatus: record<ServiceStatus>("What the HTTP edge says of itself.", {
    configuredBaseUrl: TEXT,
    eventStreamPath: TEXT,
    eventStreamUrl: TEXT_OR_NULL,
    listening: FLAG,
    resolvedBaseUrl: TEXT_OR_NULL,
    websocketClients: INTEGER,
  }),
  Snapshot: SNAPSHOT,
  Status: record<Status>("The service, its snapshot, limits, liveness and compatibility.", {
    service: ref("ServiceStatus"),
    snapshot: ref("Snapshot"),
    limits: { type: "object", additionalProperties: LIMIT },
    liveness: { type: "object", description: "Why each open turn and run is quiet, and for how long." },
    compat: record<CompatReport>("Whether codexd was tried with this Codex, and what it lacks, by name.", {
      status: words(COMPAT_STATUSES), version: TEXT_OR_NULL, known: TEXTS, embeddedAgent: FLAG, missing: TEXTS,
    }),
  }),
};

/** The one member that is there only where it helps. */
function withDetail(schema: JsonSchema): JsonSchema {
  const detail = { ...ANY_OBJECT, description: "What a program needs to go on: ids, limits, Codex's own error." };
  return { ...schema, properties: { ...(schema["properties"] as object), detail } };
}
