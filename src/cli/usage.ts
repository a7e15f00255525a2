// Help, made from the table of commands and the table of options, so that it cannot lag behind them.
//
// Plain text, no colours: it is piped as often as it is read.

import { COMMAND_NAMES, type CommandName, type FlagSpec } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { configFlagsOf } from "./parse.ts";

const ENVIRONMENT_HEADING =
  "Configuration (each also by an environment variable, named by codexd config with the value that holds)";

/** Help on one command, or on all of them; lines of at most 100 characters or so, with a newline at the end. */
export function getCodexdUsageText(command?: CommandName): string {
  return command === undefined ? overview() : commandHelp(command);
}

function overview(): string {
  const rows = COMMAND_NAMES.map((name) => [
    `${name} ${COMMANDS[name].positionals}`.trim(),
    COMMANDS[name].summary,
  ] as const);
  return [
    "codexd: one daemon per machine that turns the Codex CLI into a durable local service.\n\n",
    "Usage: codexd COMMAND [FLAGS]\n\n",
    table(rows),
    "\nEvery command takes --help.\n",
    "Exit codes: 0; 1 a failed turn, run, check or request; 3 no daemon runs; 64 usage; 65 damaged state;\n",
    "69 Codex not found; 74 the disk failed; 75 port or state directory held; 78 configuration; 130 interrupted.\n",
  ].join("");
}

function commandHelp(command: CommandName): string {
  const spec = COMMANDS[command];
  const own = [...spec.flags, { name: "help", short: "h", takes: null, summary: "this text" }];
  const options = configFlagsOf(spec);
  const heading = spec.config === "flags" ? "Configuration (by flag alone)" : ENVIRONMENT_HEADING;
  return [
    `Usage: codexd ${[command, spec.positionals, "[FLAGS]"].filter((part) => part !== "").join(" ")}\n\n`,
    `${spec.summary}\n`,
    spec.notes === "" ? "" : `\n${spec.notes}`,
    "\nFlags:\n",
    table(own.map((flag) => [flagText(flag), flag.summary])),
    options.length === 0 ? "" : `\n${heading}:\n`,
    table(options.map(({ flag, takes, summary }) => [`${flag} ${takes}`, summary])),
  ].join("");
}

function flagText({ name, short, takes }: FlagSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return takes === null ? names : `${names} ${takes}`;
}

function table(rows: ReadonlyArray<readonly [string, string]>): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}
