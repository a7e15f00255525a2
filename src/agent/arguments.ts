// The embedded agent's command line: `app-server` and `exec`, with the flags of Codex's that codexd passes.
//
// Pure. A flag of Codex's that means nothing here is taken and has no effect, any other is refused, as Codex does.
// Invariant: the prompt is never an argument.

import { parseArgs } from "node:util";
import { EMBEDDED_AGENT } from "../core/embedded-agent.ts";
import { errorMessage } from "../core/errors.ts";
import { SANDBOX_MODES } from "../core/records.ts";

export type AgentCommand =
  | { readonly kind: "app-server"; readonly home: string | null }
  | ExecCommand
  | { readonly kind: "version" | "help" }
  /** `problem` is for standard error. */
  | { readonly kind: "misuse"; readonly problem: string };

export interface ExecCommand {
  readonly kind: "exec";
  readonly home: string | null;
  /** One JSON object a line; otherwise the answer alone. */
  readonly json: boolean;
  /** The files and the directory that are named; relative to where the program runs. */
  readonly cwd: string | null;
  readonly outputSchema: string | null;
  readonly lastMessage: string | null;
}

const TEXT = { type: "string" } as const;
const SWITCH = { type: "boolean" } as const;

const EXEC_FLAGS = {
  json: SWITCH,
  model: { ...TEXT, short: "m" },
  profile: { ...TEXT, short: "p" },
  sandbox: { ...TEXT, short: "s" },
  cd: { ...TEXT, short: "C" },
  "add-dir": { ...TEXT, multiple: true },
  config: { ...TEXT, short: "c", multiple: true },
  image: { ...TEXT, short: "i", multiple: true },
  "output-schema": TEXT,
  "output-last-message": { ...TEXT, short: "o" },
  color: TEXT,
  "skip-git-repo-check": SWITCH,
  ephemeral: SWITCH,
} as const;

const FLAGS = {
  home: TEXT, help: { ...SWITCH, short: "h" }, version: { ...SWITCH, short: "V" }, ...EXEC_FLAGS,
} as const;

export const AGENT_USAGE = [
  `Usage: ${EMBEDDED_AGENT} [--home DIR] app-server\n`,
  `       ${EMBEDDED_AGENT} [--home DIR] exec [--json] [OPTIONS] -\n\n`,
  "codexd's embedded agent: speaks as Codex does, answers by rules, and is no model.\n",
  "exec reads the prompt from standard input; --output-schema=FILE gives a JSON answer.\n",
].join("");

export function parseAgentArguments(argv: readonly string[]): AgentCommand {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return misuse(errorMessage(error));
  }
  const { values, positionals: [command, ...rest] } = parsed;
  if (values.help === true) return { kind: "help" };
  if (values.version === true) return { kind: "version" };
  const home = values.home ?? null;
  if (command === "app-server") {
    const flag = Object.keys(values).find((name) => name !== "home");
    if (flag !== undefined) return misuse(`app-server takes no --${flag}`);
    return rest.length > 0 ? misuse("app-server takes no arguments") : { kind: "app-server", home };
  }
  if (command !== "exec") return misuse(command === undefined ? "a command is missing" : "there is no such command");
  if (rest.length > 1 || (rest[0] ?? "-") !== "-") return misuse("exec takes its prompt from standard input: -");
  const { sandbox } = values;
  if (sandbox !== undefined && !SANDBOX_MODES.some((mode) => mode === sandbox)) {
    return misuse(`--sandbox takes one of ${SANDBOX_MODES.join(", ")}`);
  }
  return {
    kind: "exec",
    home,
    json: values.json === true,
    cwd: values.cd ?? null,
    outputSchema: values["output-schema"] ?? null,
    lastMessage: values["output-last-message"] ?? null,
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: FLAGS, strict: true, allowPositionals: true });
}

function misuse(problem: string): AgentCommand {
  return { kind: "misuse", problem };
}
