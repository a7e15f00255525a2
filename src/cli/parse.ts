// Arguments -> a request, by the table of commands.
//
// Pure; what the values mean is judged by configuration and commands. Invariant: what is not in the table is refused
// with the nearest right word, so that a misspelt flag never becomes a default.

import { parseArgs } from "node:util";
import { configFlags, type CodexdConfigInput, type ConfigFlag } from "../config.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { COMMAND_NAMES, type CodexdCliRequest, type CommandName, type CommandSpec, type FlagSpec } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { nearestWord } from "./nearest-word.ts";

/** Configuration that says where the daemon is. */
const STATE_OPTIONS: ReadonlySet<string> = new Set(["stateDir", "socketPath"]);

/** @throws {ExitError} 64, with what was wrong and the nearest right word. */
export function parseCodexdCliRequest(argv: readonly string[]): CodexdCliRequest {
  const [first, ...rest] = argv;
  if (first === undefined) throw usageError("a command is missing", "codexd help lists them");
  if (first === "--help" || first === "-h") return emptyRequest("help");
  if (first === "--version" || first === "-V") return emptyRequest("version");
  if (first.startsWith("-")) {
    throw usageError(`${first} stands where a command should`, "a command comes first, as in codexd start --json");
  }
  const command = COMMAND_NAMES.find((name) => name === first);
  if (command === undefined) {
    throw usageError(`there is no command ${JSON.stringify(first)}`, suggestion(first, COMMAND_NAMES, "codexd help"));
  }
  return parseCommand(command, COMMANDS[command], rest);
}

/** The configuration flags that `spec` takes. */
export function configFlagsOf(spec: CommandSpec): ConfigFlag[] {
  if (spec.config === "none") return [];
  return configFlags().filter(({ name }) => spec.config !== "state" || STATE_OPTIONS.has(name));
}

type Token = Extract<NonNullable<ReturnType<typeof tokenize>>[number], { kind: "option" }>;

function parseCommand(command: CommandName, spec: CommandSpec, args: readonly string[]): CodexdCliRequest {
  const fromTable = configFlagsOf(spec);
  const tokens = tokenize(args, spec, fromTable);
  const options = tokens.filter((token): token is Token => token.kind === "option");
  // Who asks for help gets it, whatever else is on the line.
  if (options.some(({ name }) => name === "help")) return { ...emptyRequest(command), help: true };

  const config: Record<string, string | string[]> = {};
  const own: Array<readonly [string, string]> = [];
  for (const token of options) {
    const value = optionValue(command, token, spec, fromTable);
    const option = fromTable.find(({ flag }) => flag === `--${token.name}`);
    if (option === undefined) own.push([token.name, value]);
    else if (option.repeatable) config[option.name] = [...(config[option.name] ?? []), value];
    else config[option.name] = value;
  }
  const positionals = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  checkPositionals(command, spec, positionals);
  // The configuration's parsers judge the text; here it only has its names.
  return { command, help: false, config: config as CodexdConfigInput, options: own, positionals };
}

function tokenize(args: readonly string[], spec: CommandSpec, fromTable: readonly ConfigFlag[]) {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
  };
  for (const { flag } of fromTable) options[flag.slice(2)] = { type: "string" };
  for (const { name, short, takes } of spec.flags) {
    options[name] = { type: takes === null ? "boolean" : "string", ...(short === undefined ? {} : { short }) };
  }
  // Not strict: its messages know no nearest word.
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** The token's value as text. @throws {ExitError} 64 when the command has no such flag, or it has no such value. */
function optionValue(
  command: CommandName,
  token: Token,
  spec: CommandSpec,
  fromTable: readonly ConfigFlag[],
): string {
  const own: FlagSpec | undefined = spec.flags.find(({ name }) => name === token.name);
  const takes = own === undefined ? fromTable.find(({ flag }) => flag === `--${token.name}`)?.takes : own.takes;
  if (takes === undefined) {
    const known = [...fromTable.map(({ flag }) => flag), ...spec.flags.map(({ name }) => `--${name}`), "--help"];
    throw usageError(`${command} takes no ${token.rawName}`,
      suggestion(token.rawName, known, `codexd help ${command}`));
  }
  if (takes === null) {
    if (token.value !== undefined) throw usageError(`${token.rawName} takes no value`, `codexd help ${command}`);
    return "";
  }
  if (token.value === undefined) throw usageError(`${token.rawName} needs a value: ${token.rawName} ${takes}`);
  if (!token.inlineValue && /^-./.test(token.value)) {
    throw usageError(`${token.rawName} needs a value, and ${token.value} looks like a flag`,
      `if it is the value, write --${token.name}=${token.value}`);
  }
  return token.value;
}

function checkPositionals(command: CommandName, spec: CommandSpec, positionals: readonly string[]): void {
  const shape = `codexd ${[command, spec.positionals].join(" ").trim()}`;
  const extra = positionals[spec.positionalsMax];
  if (extra !== undefined) throw usageError(`${JSON.stringify(extra)} is one argument too many`, shape);
  if (positionals.length < spec.positionalsMin) throw usageError("an argument is missing", shape);
}

function suggestion(typed: string, words: readonly string[], otherwise: string): string {
  const word = nearestWord(typed, words);
  return word === null ? `${otherwise} lists what there is` : `did you mean ${word}?`;
}

function usageError(problem: string, hint?: string): ExitError {
  return new ExitError(EXIT.usage, hint === undefined ? problem : `${problem}; ${hint}`);
}

function emptyRequest(command: CommandName): CodexdCliRequest {
  return { command, help: false, config: {}, options: [], positionals: [] };
}
