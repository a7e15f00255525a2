// The table of commands: help, parsing and running all come from it.
//
// A command's own row stands in the command's own file.

import { apiCommand } from "./api.ts";
import { approvalsCommand } from "./approvals.ts";
import type { CommandName, CommandSpec } from "./command.ts";
import { approveCommand, denyCommand } from "./decide.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { eventsCommand } from "./events.ts";
import { exportCommand } from "./export.ts";
import { logsCommand } from "./logs.ts";
import { configCommand, helpCommand, versionCommand } from "./print.ts";
import { runCommand } from "./prompt-run.ts";
import { psCommand } from "./ps.ts";
import { sendCommand } from "./send.ts";
import { shutdownCommand } from "./shutdown.ts";
import { smokeCommand } from "./smoke.ts";
import { startCommand } from "./start.ts";
import { statusCommand } from "./status.ts";
import { stopCommand } from "./stop.ts";
import { tokenCommand } from "./token.ts";

export const COMMANDS: { readonly [K in CommandName]: CommandSpec } = {
  start: startCommand,
  demo: demoCommand,
  status: statusCommand,
  smoke: smokeCommand,
  shutdown: shutdownCommand,
  config: configCommand,
  token: tokenCommand,
  api: apiCommand,
  events: eventsCommand,
  send: sendCommand,
  run: runCommand,
  ps: psCommand,
  logs: logsCommand,
  stop: stopCommand,
  approvals: approvalsCommand,
  approve: approveCommand,
  deny: denyCommand,
  doctor: doctorCommand,
  export: exportCommand,
  help: helpCommand,
  version: versionCommand,
};
