#!/usr/bin/env node
// The library's face, and the program when it is run.
//
// Invariant: importing it does nothing; only as the program that Node was started with does it read argv and run.

import { realpathSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

import { killChildren } from "./child/kill-children.ts";
import { resolveCommand } from "./child/resolve-command.ts";
import type { AgentProgram, CliIo, CliParts } from "./cli/command.ts";
import { runCodexdCli as runCli } from "./cli/run.ts";
import { createSystemIo, endProcess, refuseDebugger } from "./cli/system-io.ts";
import { inspectDaemonFiles, readDaemonFiles } from "./daemon-files.ts";
import { CodexdLocalService } from "./local-service.ts";
import { nodeDisk } from "./store/disk.ts";
import { orExitError } from "./store/open-failure.ts";
import { rotateToken } from "./store/token.ts";

export type { Clock, Timer } from "./base/clock.ts";
export type { LogLevel, Logger } from "./base/log.ts";
export type {
  AdapterCall, AdapterRequest, AppServerClientAdapter, AppServerClientFactory, Subscription,
} from "./child/adapter.ts";
export {
  CodexAppServerClient, type CodexAppServerClientOptions, type InitializeOutcome,
} from "./child/app-server-client.ts";
export { runCodexExec, type CodexExecOptions } from "./child/exec-process.ts";
export type { CallOptions, RpcHandlers } from "./child/rpc-client.ts";
export type { ChildHandle, ChildReadable, ChildWritable, Spawner, SpawnOptions } from "./child/spawner.ts";
export type { Transport, TransportHandlers } from "./child/transport.ts";
export { createCodexdAppServerStdioTransport } from "./child/transport-stdio.ts";
export {
  createCodexAppServerWebSocketTransport, type WebSocketTransportOptions,
} from "./child/transport-websocket.ts";
export type { CliIo, CodexdCliRequest } from "./cli/command.ts";
export { parseCodexdCliRequest } from "./cli/parse.ts";
export {
  runCodexdSmoke, type CodexdSmokeCheck, type CodexdSmokeOptions, type CodexdSmokeResult,
} from "./cli/smoke.ts";
export { getCodexdUsageText } from "./cli/usage.ts";
export type * from "./client/api.ts";
export type { CallOptions as ClientCallOptions, CreateOptions, RequestOptions } from "./client/calls.ts";
export { createCodexdClient, type CodexdClientOptions } from "./client/client.ts";
export { CLIENT_ERROR_CODES, CodexdClientError, type ClientErrorCode } from "./client/errors.ts";
export type { EventFilterQuery, FollowNotice, FollowOptions } from "./client/event-follow.ts";
export type { FollowOutputOptions, OutputPart, OutputQuery } from "./client/run-output.ts";
export type { DaemonTarget, TargetOptions } from "./client/target.ts";
export type { WireReply } from "./client/wire.ts";
export type { AdapterTurn, AppServerAdapterEvent } from "./codex/adapter-events.ts";
export { createCodexAppServerTextInput, type InputItem } from "./codex/methods.ts";
export {
  formatCodexdConfigText, resolveCodexdConfig, type CodexdConfigInput, type ResolvedConfig,
} from "./config.ts";
export { APPROVAL_DECISIONS, APPROVAL_KINDS } from "./core/approvals.ts";
export type * from "./core/approvals.ts";
export type { CodexdConfig, CodexdPaths } from "./core/config.ts";
export { CodexdError, ExitError, type ErrorCode, type ExitCode } from "./core/errors.ts";
export type { CodexdEvent, EventDetail, EventDraft, EventLevel, EventType } from "./core/event.ts";
export type { UuidSource } from "./core/ids.ts";
export type * from "./core/processes.ts";
export { SANDBOX_MODES as CODEX_EXEC_SANDBOX_MODES } from "./core/records.ts";
export type * from "./core/records.ts";
export type * from "./core/requests.ts";
export { CODEX_EXEC_PURPOSES } from "./core/runs.ts";
export type * from "./core/runs.ts";
export type * from "./core/status.ts";
export { CodexdDaemon } from "./daemon.ts";
export type { CodexdDaemonOptions, EventListener } from "./daemon-options.ts";
export {
  CodexdWebSocketConnection, type CodexdWebSocketConnectionOptions, type UpgradeSocket,
} from "./http/websocket-connection.ts";
export { CodexdWebSocketServer, type CodexdWebSocketServerOptions } from "./http/websocket-server.ts";
export { CodexdLocalService, type LocalServiceStatus } from "./local-service.ts";
export { isCloseCode, WS_CLOSE } from "./protocol/ws-close.ts";
export {
  createUpgradeReader, judgeUpgradeResponse, upgradeRequest, type UpgradeAnswer, type UpgradeReader,
  type UpgradeRequestOptions,
} from "./protocol/ws-client-handshake.ts";
export {
  encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE, type EncodeOptions, type Opcode, type WsRole,
} from "./protocol/ws-frame.ts";
export { judgeUpgrade, upgradeResponse, type UpgradeJudgement, type UpgradeRequest } from "./protocol/ws-handshake.ts";
export { createMaskSource, type MaskSource } from "./protocol/ws-mask.ts";
export {
  createWsReceiver, type DataOpcode, type WsByteHandlers, type WsControlHandlers, type WsReceiver,
  type WsReceiverHandlers, type WsReceiverOptions, type WsValueHandlers,
} from "./protocol/ws-message.ts";
export { CodexdStateStore, type ChangedRecords, type CodexdStateStoreOptions } from "./state-store.ts";

function isProgram(): boolean {
  const program = process.argv[1];
  if (program === undefined) return false;
  try {
    return import.meta.url === pathToFileURL(realpathSync(program)).href;
  } catch {
    // What Node was started with is not a file (such as `-e`): it is not this one.
    return false;
  }
}

/** The sources are run by a loader, which Node was told of; what is built needs none. */
function agentProgram(): AgentProgram {
  const built = import.meta.url.endsWith(".js");
  const entry = fileURLToPath(new URL(built ? "./agent.js" : "./agent/main.ts", import.meta.url));
  return { command: process.execPath, args: built ? [entry] : [...process.execArgv, entry] };
}

const parts: CliParts = {
  createService: (config, options) => new CodexdLocalService(config, options),
  resolveCommand,
  agentProgram,
  rotateToken: (stateDir) => orExitError(rotateToken(nodeDisk, stateDir)),
  inspectFiles: inspectDaemonFiles,
  readFiles: readDaemonFiles,
  killChildren,
};

/**
 * The command line in this process: gives the exit code, and ends nothing. What `io` leaves out is this process's own.
 */
export function runCodexdCli(argv: readonly string[], io: Partial<CliIo> = {}): Promise<number> {
  return runCli(argv, { ...createSystemIo(), ...io }, parts);
}

// Without a top-level await, so that a CommonJS program can `require` this file too.
if (isProgram()) {
  refuseDebugger();
  void runCodexdCli(process.argv.slice(2)).then(endProcess);
}
