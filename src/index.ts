#!/usr/bin/env node
// The library's face, and the program when it is run.
//
// Invariant: importing it does nothing; only as the program that Node was started with does it read argv and run.

import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";

import type { CliParts } from "./cli/command.ts";
import { runCodexdCli } from "./cli/run.ts";
import { createSystemIo, endProcess } from "./cli/system-io.ts";
import { resolveCommand } from "./child/resolve-command.ts";
import { CodexdLocalService } from "./local-service.ts";
import { nodeDisk } from "./store/disk.ts";
import { rotateToken } from "./store/token.ts";

export { CodexAppServerClient } from "./child/app-server-client.ts";
export type { ChildHandle, Spawner } from "./child/spawner.ts";
export type { Transport } from "./child/transport.ts";
export { createCodexdAppServerStdioTransport } from "./child/transport-stdio.ts";
export { parseCodexdCliRequest } from "./cli/parse.ts";
export { runCodexdCli } from "./cli/run.ts";
export { getCodexdUsageText } from "./cli/usage.ts";
export { createCodexAppServerTextInput } from "./codex/methods.ts";
export { formatCodexdConfigText, resolveCodexdConfig, type CodexdConfigInput } from "./config.ts";
export type { CodexdConfig } from "./core/config.ts";
export { CodexdError, ExitError, type ErrorCode } from "./core/errors.ts";
export type { CodexdEvent } from "./core/event.ts";
export type * from "./core/records.ts";
export { CodexdDaemon, type CodexdDaemonOptions } from "./daemon.ts";
export { CodexdLocalService, type LocalServiceStatus } from "./local-service.ts";
export type { CreateSessionInput, StartTurnInput } from "./service/inputs.ts";
export type { AcceptedTurn, StopOutcome } from "./service/services.ts";
export type { ServiceStatus, StatusSnapshot } from "./service/status.ts";

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

const parts: CliParts = {
  createService: (config, options) => new CodexdLocalService(config, options),
  resolveCommand,
  rotateToken: (stateDir) => rotateToken(nodeDisk, stateDir),
};

if (isProgram()) endProcess(await runCodexdCli(process.argv.slice(2), createSystemIo(), parts));
