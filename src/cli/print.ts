// config, help, version: commands that print what is known without a daemon.
//
// Invariant: they read nothing but arguments, environment, codexd's own package.json, and the rules file that `config`
// checks.

import { formatCodexdConfigText } from "../config.ts";
import { loadApprovalRules } from "../config-approval-rules.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import { COMMAND_NAMES, hasFlag, type CommandSpec, type FlagSpec } from "./command.ts";
import { nearestWord } from "./nearest-word.ts";

/** The switch of every command that can give JSON. */
export const JSON_FLAG: FlagSpec = { name: "json", takes: null, summary: "one JSON document on standard output" };

/** As people and `jq` like it. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export const configCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "print the resolved configuration, each value with where it came from",
  notes: "",
  flags: [JSON_FLAG],
  config: "all",
  async run({ request, io, resolveConfig }) {
    const resolved = resolveConfig();
    // What `start` would refuse is refused here too.
    await loadApprovalRules(resolved.config.approvals.rulesPath);
    io.stdout(hasFlag(request, "json") ? jsonText(resolved) : formatCodexdConfigText(resolved));
    return EXIT.ok;
  },
};

export const helpCommand: CommandSpec = {
  positionals: "[COMMAND]",
  positionalsMin: 0,
  positionalsMax: 1,
  summary: "list the commands, or help with one",
  notes: "",
  flags: [],
  config: "none",
  run({ request, io, usage }) {
    const [topic] = request.positionals;
    const command = COMMAND_NAMES.find((name) => name === topic);
    if (topic !== undefined && command === undefined) {
      const near = nearestWord(topic, COMMAND_NAMES);
      const hint = near === null ? "codexd help lists them" : `did you mean ${near}?`;
      throw new ExitError(EXIT.usage, `there is no command ${JSON.stringify(topic)}; ${hint}`);
    }
    io.stdout(usage(command));
    return EXIT.ok;
  },
};

export const versionCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "print codexd's version",
  notes: "",
  flags: [],
  config: "none",
  run({ io, version }) {
    io.stdout(`${version()}\n`);
    return EXIT.ok;
  },
};
