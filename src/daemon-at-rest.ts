// What a daemon says of itself where nobody else can yet, and what must be there before it starts.
//
// Deliberately without reading the state directory: state-store.ts does that.

import { stat } from "node:fs/promises";

import { loadApprovalRules } from "./config-approval-rules.ts";
import type { ApprovalRuleList } from "./core/approval-rules.ts";
import type { CodexdConfig } from "./core/config.ts";
import { EXIT, ExitError } from "./core/errors.ts";
import type { DaemonState } from "./core/records.ts";
import type { ServiceStatus, StatusSnapshot } from "./core/status.ts";

/** Before the first start: nothing has been read, so that there is no `daemonId`, and the registries are empty. */
export function unstartedSnapshot(config: CodexdConfig, daemon: DaemonState): StatusSnapshot {
  const { nodeId, version, eventCacheSize } = config;
  return {
    config,
    identity: { daemonId: "", nodeId, version, createdAt: "" },
    daemon,
    sessionRegistry: { updatedAt: null, sessions: [], total: 0 },
    runRegistry: { updatedAt: null, runs: [], total: 0 },
    recentEvents: { maxEntries: eventCacheSize, updatedAt: null, events: [] },
  };
}

/** What daemon-state.json says to those who look for the daemon. */
export function whereItListens({ resolvedBaseUrl }: ServiceStatus, { service }: CodexdConfig): Record<string, unknown> {
  return { baseUrl: resolvedBaseUrl, socketPath: service.socketPath };
}

/** A daemon without an edge, or one that does not listen yet. */
export function noEdge(config: CodexdConfig): ServiceStatus {
  return {
    configuredBaseUrl: config.service.localApiBase,
    eventStreamPath: config.service.eventStreamPath,
    eventStreamUrl: null,
    listening: false,
    resolvedBaseUrl: null,
    websocketClients: 0,
  };
}

/** What is wrong is heard of before anything is written. @throws (rejects) {ExitError} 78. */
export async function checkBeforeStart({ server, approvals }: CodexdConfig): Promise<ApprovalRuleList> {
  if (server.childStrategy === "spawn") await requireDirectory("--server-cwd", server.childCwd);
  return loadApprovalRules(approvals.rulesPath);
}

/** A child in a directory that is not there fails with the words of a command that is not there. */
async function requireDirectory(flag: string, directory: string): Promise<void> {
  const isDirectory = await stat(directory).then((found) => found.isDirectory(), () => false);
  if (!isDirectory) throw new ExitError(EXIT.config, `${flag}: ${directory} is not a directory`);
}
