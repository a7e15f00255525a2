// start: runs the daemon that is configured, in the foreground until a signal, and says how to reach it.
//
// How it is run and how it ends stands in serve.ts, what it prints in started-text.ts. Invariant: nothing is written
// before the configuration is right.

import { hasFlag, type CliContext, type CommandSpec } from "./command.ts";
import { JSON_FLAG } from "./print.ts";
import { RUN_ONCE_FLAG, serveInForeground } from "./serve.ts";
import { startedJson, startedText } from "./started-text.ts";

export const startCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "run the daemon in the foreground until SIGINT, SIGTERM or SIGHUP",
  notes: "--json prints one line once the daemon listens; the log goes to standard error.\n",
  flags: [
    { name: "accept-loss", takes: null, summary: "cut a damaged journal where it can no longer be read" },
    RUN_ONCE_FLAG,
    JSON_FLAG,
  ],
  config: "all",
  run: runStart,
};

async function runStart(context: CliContext): Promise<number> {
  const { request } = context;
  const { config } = context.resolveConfig();
  const describe = hasFlag(request, "json") ? startedJson : startedText;
  return serveInForeground(context, {
    config,
    acceptLoss: hasFlag(request, "accept-loss"),
    runOnce: hasFlag(request, "run-once"),
    describe: (started) => describe(started, config),
  });
}
