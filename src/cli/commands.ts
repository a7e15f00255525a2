// The table of commands: help, parsing and running all come from it.
//
// A command's own row stands in the command's own file.

import { apiCommand } from "./api.ts";
import type { CommandName, CommandSpec } from "./command.ts";
import { configCommand, helpCommand, versionCommand } from "./print.ts";
import { shutdownCommand } from "./shutdown.ts";
import { startCommand } from "./start.ts";
import { statusCommand } from "./status.ts";
import { tokenCommand } from "./token.ts";

export const COMMANDS: { readonly [K in CommandName]: CommandSpec } = {
  start: startCommand,
  status: statusCommand,
  shutdown: shutdownCommand,
  config: configCommand,
  token: tokenCommand,
  api: apiCommand,
  help: helpCommand,
  version: versionCommand,
};
